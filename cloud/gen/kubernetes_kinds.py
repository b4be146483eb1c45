#!/usr/bin/env python3
"""Makes cloud/tables/kubernetes_*.tsv of what Kubernetes' own JavaScript client and Terraform's provider know.

    kubernetes_kinds.py --client FOLDER --provider FOLDER [--check]

--client: an unpacked @kubernetes/client-node, made from Kubernetes' OpenAPI document. --provider: an unpacked
@cdktf/provider-kubernetes. --check writes nothing and ends with 1 where a table would differ.
"""

import argparse
import pathlib
import re
import sys

TABLES = pathlib.Path(__file__).resolve().parents[1] / "tables"
# What was served before and is still asked for by old clients: group, plural, kind, scope.
RETIRED = """
    extensions daemonsets DaemonSet namespaced
    extensions deployments Deployment namespaced
    extensions ingresses Ingress namespaced
    extensions networkpolicies NetworkPolicy namespaced
    extensions podsecuritypolicies PodSecurityPolicy cluster
    extensions replicasets ReplicaSet namespaced
    policy podsecuritypolicies PodSecurityPolicy cluster
    settings.k8s.io podpresets PodPreset namespaced
    storage.k8s.io csistoragecapacities CSIStorageCapacity namespaced
""".split()
METHOD = re.compile(r"async (\w+)\([^)]*\) \{.*?const localVarPath = '([^']+)'", re.S)
VERB = re.compile(r"^(list|read|create|replace|patch|delete)(Namespaced)?(\w+)$")
GROUP = re.compile(r"^/(?:api/v1|apis/([^/]+)/v[^/]+)/(namespaces/\{namespace\}/)?([a-z]+)(/\{name\})?$")
# Types of the provider that are a part of an object, or none.
NO_OBJECT = {"annotations", "env", "labels", "manifest", "node_taint", "provider", "token_request_v1", "secret_v1_data",
             "config_map_v1_data", "default_service_account", "default_service_account_v1"}
OF_ANOTHER_NAME = {"daemonset": "DaemonSet"}


def kinds_of(client):
    kinds = {}
    for file in sorted((client / "dist/gen/apis").glob("*.js")):
        for operation, path in METHOD.findall(file.read_text()):
            verb, place = VERB.match(operation), GROUP.match(path)
            if verb and place and verb[1] in ("read", "create"):  # those of lists name no namespace, or "ForAllNamespaces"
                kinds[place[1] or "", place[3]] = verb[3], "namespaced" if place[2] else "cluster"
    for at in range(0, len(RETIRED), 4):
        group, plural, kind, scope = RETIRED[at:at + 4]
        kinds.setdefault((group, plural), (kind, scope))
    return kinds


def terraform_types(provider, kinds):
    known = {kind.lower(): kind for kind, _ in kinds.values()}
    for folder in sorted((provider / "lib").iterdir()):
        name = folder.name.replace("-", "_")
        if not folder.is_dir() or name.startswith("data_") or name in NO_OBJECT:
            continue
        bare = re.sub(r"_v\d+\w*$", "", name)
        kind = OF_ANOTHER_NAME.get(bare) or known.get(bare.replace("_", ""))
        if kind is None:
            sys.exit(f"kubernetes_{name}: no kind is called so")
        yield f"kubernetes_{name}", kind


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--client", type=pathlib.Path, required=True)
    arguments.add_argument("--provider", type=pathlib.Path, required=True)
    arguments.add_argument("--check", action="store_true")
    given = arguments.parse_args()
    kinds = kinds_of(given.client)
    tables = {
        "kubernetes_kinds.tsv": ["# group (empty: the core's)\tplural\tkind\tscope"] +
                                [f"{group}\t{plural}\t{kind}\t{scope}" for (group, plural), (kind, scope) in sorted(kinds.items())],
        "kubernetes_terraform_types.tsv": ["# terraform type\tkind"] +
                                          [f"{name}\t{kind}" for name, kind in terraform_types(given.provider, kinds)],
    }
    differs = False
    for name, lines in tables.items():
        text = "\n".join(lines) + "\n"
        if given.check:
            if not (TABLES / name).exists() or (TABLES / name).read_text() != text:
                print(f"{name} would differ")
                differs = True
        else:
            (TABLES / name).write_text(text)
            print(f"{name}: {len(lines) - 1} rows")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
