#!/usr/bin/env python3
"""All of Google's APIs, as its own Python client asks for them: each request must get API and method of what made it.

    google_test.py [--write]      --write also makes Google's part of docs/coverage.md

Names of one wire: a verb and a path, version aside, that several methods have. Prints figures. Ends with 1 where one request is wrong
or unnamed, or the page says something else than was found; 77 where the client cannot be had.
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import coverage_page

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLUMB = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/release")) / "plumb"


# Values that the documents do not say enough of to make a request as a user does: each with its reason.
CANNOT = {
    ("compute", "reservationSubBlocks"): "a label of several segments, of which the document does not say which",
    ("displayvideo", "media.download"): "its path may be anything",
    ("recaptchaenterprise", "projects.keys.retrieveLegacySecretKey"): "its pattern gives no value",
}


# APIs of one wire.
SAME = {"webmasters": "searchconsole"}


def cannot(case):
    return (case["api"], case["method"]) in CANNOT or (case["api"], case["method"].split(".")[0]) in CANNOT


def wire_of(case):
    path = re.sub(r"\{[^}]*\}", "{}", case["template"])
    versions = {case["version"], case["version"].split("_")[-1]}
    return case["verb"], "/".join("{v}" if part in versions else part for part in path.split("/"))


def main():
    built = subprocess.run([ROOT / "tests/harness/google-client/build.sh"], capture_output=True, text=True)
    if built.returncode != 0:
        print(f"SKIP: Google's client cannot be had: {(built.stderr.strip().splitlines() or ['?'])[-1]}")
        return 77
    with tempfile.TemporaryDirectory(prefix="plumbline-google-") as folder:
        file = pathlib.Path(os.environ.get("REQUESTS", pathlib.Path(folder) / "requests"))
        if not file.exists():
            made = file.with_suffix(".part")
            subprocess.run([pathlib.Path(built.stdout.strip()) / "bin/python", HERE / "google_requests.py", made], check=True)
            made.rename(file)
        cases = [json.loads(line) for line in file.read_text().splitlines()]
    asked = "".join(json.dumps(case["request"]) + "\n" for case in cases)
    done = subprocess.run([PLUMB, "decode"], input=asked, capture_output=True, text=True, timeout=900, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    names = collections.defaultdict(set)
    for case in cases:
        names[case["request"]["host"], wire_of(case)].add((case["api"], case["method"]))
    counts, bad = collections.Counter(), []
    for case, answer in zip(cases, answers, strict=True):
        got = answer.get("service"), answer.get("operation")
        word = ("right" if got == (case["api"], case["method"]) else
                "alike" if got == (SAME.get(case["api"]), case["method"]) or got in names[case["request"]["host"], wire_of(case)] else
                "unnamed" if answer["unmapped"] else "wrong")
        if word == "unnamed" and cannot(case):
            word = "excused"
        counts[word] += 1
        if word in ("wrong", "unnamed"):
            bad.append((word, case["api"], case["version"], case["method"], got, case["request"]["method"], case["request"]["path"][:150]))
        for touched in answer.get("resources", ()):
            counts["writes"] += 1
            counts["with an id"] += bool(touched.get("ids"))
            counts["with a type"] += any(t["type"].startswith("google_") for t in touched.get("iac_types", ()))
    for line in bad[:int(os.environ.get("SHOW", "20"))]:
        print(*line)
    apis = len({(case["api"], case["version"]) for case in cases})
    table = [line for line in (ROOT / "cloud/tables/gcp_terraform_types.tsv").read_text().splitlines() if not line.startswith("#")]
    page = f"""## Google Cloud

By `tests/cloud/google_test.py`: {apis} versions of Google's APIs, Workspace's too, as Google's own Python client asks them
(`tests/harness/google-client`).

| Figure | |
| --- | --- |
| Requests, one of each method | {len(cases)} |
| … named rightly: API and method | {counts['right']} |
| … named as another method with the same verb and path | {counts['alike']} |
| … for which the documents give no path that a user could send | {counts['excused']} |
| Writes / of these with an id in the request | {counts['writes']} / {counts['with an id']} |
| … with a type of terraform-provider-google (Cloud's own alone can have one) | {counts['with a type']} |
| Types of Terraform that the table has a path of | {len({line.split(chr(9))[0] for line in table})} |
"""
    if "--write" in sys.argv[1:]:
        coverage_page.write("google", page)
    stale = coverage_page.told("google") != page.strip("\n")
    print(page)
    if stale:
        print("docs/coverage.md says something else; run this with --write")
    return 1 if bad or stale or counts["right"] < 25000 else 0


if __name__ == "__main__":
    sys.exit(main())
