#!/usr/bin/env python3
"""Recorded requests of kubectl and gcloud (tests/fixtures/cloud): what each command did must be what `plumb decode` says of it.

    recorded_test.py
"""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLUMB = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/release")) / "plumb"
WEB, CONF = "apps/Deployment/shop/web", "ConfigMap/shop/conf"
SIDE = "spec.template.spec.containers[name=side]"
VM = "projects/shop/zones/europe-west1-b/instances/vm1"
# Command: operation, semantics, an id, what it sets; in the order of the file.
WANTED = {
    "kubectl-1.32.4.ndjson": [
        ("scale deployment web --replicas=5", "apps/v1:patch deployments/scale", "merge", WEB, {"spec.replicas": 5}),
        ("set image deployment/web side=busybox:2", "apps/v1:patch deployments", "merge", WEB,
         {f"{SIDE}.image": "busybox:2", f"{SIDE}.name": "side"}),
        ("patch --type=json", "apps/v1:patch deployments", "delta", WEB, {"spec.replicas": 3}),
        ("patch --type=merge", "apps/v1:patch deployments", "merge", WEB, {"spec.replicas": 4}),
        ("apply -f cm.json", "v1:patch configmaps", "merge", CONF, {"data.LEVEL": "debug"}),
        ("apply --server-side -f cm.json", "v1:patch configmaps", "merge", CONF, {"data.LEVEL": "debug"}),
        ("replace -f cm.json", "v1:update configmaps", "replace", CONF, {"data.LEVEL": "debug"}),
        ("delete configmap conf", "v1:delete configmaps", "remove", CONF, {}),
        ("create secret generic db --from-literal=password=canary-password", "v1:create secrets", "create", "Secret/shop/db", {}),
        ("exec p -- sh -c id", "v1:get pods/exec", None, "Pod/shop/p", {}),
        ("exec p -- sh -c id", "v1:create pods/exec", None, "Pod/shop/p", {}),
        ("label node n1 a=b", "v1:patch nodes", "merge", "Node/n1", {"metadata.labels.a": "b"}),
        ("create namespace shop --dry-run=server", "v1:create namespaces", "create", "Namespace/shop", {}),
        ("annotate deployment web a.b/c=d", "apps/v1:patch deployments", "merge", WEB, {"metadata.annotations.a\\.b/c": "d"}),
        ("rollout restart deployment/web", "apps/v1:patch deployments", "merge", WEB,
         {"spec.template.metadata.annotations.kubectl\\.kubernetes\\.io/restartedAt": None}),
    ],
    "gcloud-528.0.0.ndjson": [
        ("compute instances add-metadata vm1 --metadata a=b", "compute:instances.setMetadata", "replace", VM, {"metadata.a": "b"}),
        ("compute instances delete vm1", "compute:instances.delete", "remove", VM, {}),
        ("storage buckets update gs://logs --update-labels=env=prod", "storage:buckets.patch", "merge", "logs",
         {"labels.env": "prod", "name": "logs"}),
    ],
}
OUTCOMES = {"exec p -- sh -c id": "denied", "create namespace shop --dry-run=server": "dry_run"}


def main():
    bad = 0
    for name, wanted in WANTED.items():
        file = ROOT / "tests/fixtures/cloud" / name
        done = subprocess.run([PLUMB, "decode", file], capture_output=True, text=True, timeout=60, check=True)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if len(answers) != len(wanted) or "canary" in done.stdout:
            print(f"FAIL {name}: {len(answers)} answers to {len(wanted)} requests, or a secret among them")
            return 1
        for (command, operation, semantics, id_, settings), answer in zip(wanted, answers):
            touched = answer.get("resources", [{}])[0]
            got = {a["attribute"]: a.get("value") for a in (touched.get("iac_types") or [{}])[0].get("attributes", [])}
            same = got.keys() == settings.keys() and all(value in (None, got[key]) for key, value in settings.items())
            fine = (f"{answer.get('service')}:{answer.get('operation')}" == operation and answer.get("semantics") == semantics and
                    id_ in touched.get("ids", []) and same and answer["outcome"] == OUTCOMES.get(command, "succeeded"))
            if not fine:
                bad += 1
                print(f"FAIL {name}: {command}: {json.dumps(answer)[:700]}")
    print(f"{sum(map(len, WANTED.values()))} recorded requests, {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
