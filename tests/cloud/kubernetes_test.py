#!/usr/bin/env python3
"""All of Kubernetes' API, as its own JavaScript client asks for it: each request must get verb, resource and kind of the operation
that made it.

    kubernetes_test.py [--write]      --write also makes Kubernetes' part of docs/coverage.md

The client's name of an operation, made of its OpenAPI document, says what is right: "patchNamespacedDeploymentScale". Prints figures.
Ends with 1 where one request is wrong or unnamed, or the page says something else than was found; 77 where the client cannot be had.
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys

import coverage_page

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLUMB = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/release")) / "plumb"
VERBS = {"list": "list", "read": "get", "create": "create", "replace": "update", "patch": "patch", "delete": "delete",
         "deleteCollection": "deletecollection"}
METHODS = {"get": "get", "head": "get", "post": "create", "put": "update", "patch": "patch", "delete": "delete"}
NAME = re.compile(r"^(deleteCollection|list|read|create|replace|patch|delete|connect(?:Get|Head|Post|Put|Patch|Delete|Options))(.*)$")


def expected(case):
    """(verb, resource and subresource, kind or None), or None for what is no resource."""
    parts = case["template"].split("#")[0].replace("{plural}", "the-plural")  # one has a fragment by mistake
    parts = parts.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:] if parts[0] == "apis" else []
    if not parts:
        return None
    if parts[:1] == ["namespaces"] and len(parts) > 2 and parts[2] not in ("status", "finalize"):
        parts = parts[2:]
    fixed = [part for part in parts if not part.startswith("{")][:2]
    if not NAME.match(case["operation"]):  # getAPIResources, and the general API of any custom resource
        return None
    operation, rest = NAME.match(case["operation"]).groups()
    verb = VERBS.get(operation) or METHODS.get(operation[len("connect"):].lower())
    rest = re.sub(r"^Collection", "", rest)
    rest = re.sub(r"^Namespaced|ForAllNamespaces$", "", rest) if rest != "Namespace" else rest
    kind = rest if len(fixed) == 1 and "CustomObject" not in rest else None
    return verb, "/".join(fixed), kind


def main():
    built = subprocess.run([ROOT / "tests/harness/kubernetes-client/build.sh"], capture_output=True, text=True)
    if built.returncode != 0:
        print(f"SKIP: Kubernetes' client cannot be had: {(built.stderr.strip().splitlines() or ['?'])[-1]}")
        return 77
    made = subprocess.run(["node", HERE / "kubernetes_requests.mjs", built.stdout.strip()], capture_output=True, text=True, check=True)
    cases = [json.loads(line) for line in made.stdout.splitlines()]
    asked = "".join(json.dumps(case["request"]) + "\n" for case in cases)
    done = subprocess.run([PLUMB, "decode"], input=asked, capture_output=True, text=True, timeout=600, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    counts, bad, kinds = collections.Counter(), [], collections.Counter()
    for case, answer in zip(cases, answers, strict=True):
        wanted = expected(case)
        if wanted is None:
            counts["discovery"] += 1
            continue
        got = answer.get("operation", "")
        # OPTIONS is no verb of a resource.
        if wanted[0] is None:
            counts["options"] += 1
            continue
        right = answer.get("provider") == "kubernetes" and got == f"{wanted[0]} {wanted[1]}"
        if right and answer.get("semantics") and wanted[2]:
            kind = answer["resources"][0]["type"].split("/")[-1]
            kinds[kind] += kind == wanted[2]
            right = kind == wanted[2]
        counts["right" if right else "wrong"] += 1
        if not right:
            bad.append((case["operation"], wanted, got, answer.get("resources", [{}])[0].get("type"), answer.get("why")))
    for line in bad[:int(os.environ.get("SHOW", "20"))]:
        print("wrong:", *line)
    page = f"""## Kubernetes

By `tests/cloud/kubernetes_test.py`: all of the API that the project's own JavaScript client is made of (`tests/harness/kubernetes-client`).

| Figure | |
| --- | --- |
| Requests of a resource, one of each operation | {counts['right'] + counts['wrong']} |
| … named rightly: verb, resource, subresource | {counts['right']} |
| Writes whose kind the client says, all of them right | {sum(kinds.values())} |
| Kinds of these | {len(kinds)} |
"""
    if "--write" in sys.argv[1:]:
        coverage_page.write("kubernetes", page)
    stale = coverage_page.told("kubernetes") != page.strip("\n")
    print(page)
    print(f"{counts['discovery']} of {len(cases)} requests ask for no resource, {counts['options']} are OPTIONS")
    if stale:
        print("docs/coverage.md says something else; run this with --write")
    return 1 if bad or stale or counts["right"] < 900 else 0


if __name__ == "__main__":
    sys.exit(main())
