"""Secrets of every source stay where they are: not in the index, the log, the API, the spool, the collector, nor in memory."""

import base64
import pathlib
import re
import shutil
import subprocess

from harness import PLUMB, ROOT, wait

FIXTURES = ROOT / "tests/fixtures"
SOURCES = {  # real output of the real tools; those that hold a planted "canary" where a secret can hide
    "terraform_json": ["terraform_json/show-state.json", "terraform_json/show-plan.json"],
    "pulumi": ["pulumi/pulumi-3.260.0/show-secrets.json", "pulumi/pulumi-3.260.0/checkpoint.json"],
    "cloudformation": ["cloudformation/moto-5.2.5/stack.json"],
    "ecs": ["ecs/moto-5.2.5/describe-task-definition.json"],
    "kubernetes": ["kubernetes/live/live.yaml", "kubernetes/kustomize/shop.yaml"],
    "helm": ["helm/releases.yaml"],
    "puppet_catalog": ["puppet/catalog.json", "puppet/static-catalog.json"],
    "cloud_init": ["cloud_init/archive.txt"],
    "systemd": ["systemd/odd/odd.service"],
}
CANARY = re.compile(rb"[A-Za-z0-9_-]*canary[A-Za-z0-9_-]*")
STATE = """{"version": 4, "terraform_version": "1.10.6", "serial": 1, "lineage": "e2e", "outputs":
  {"password": {"value": "plumbline-canary-output", "type": "string", "sensitive": true}}, "resources": [
  {"mode": "managed", "type": "local_sensitive_file", "name": "key", "provider": "provider[\\"registry.opentofu.org/hashicorp/local\\"]",
   "instances": [{"schema_version": 0, "attributes": {"filename": "%s", "content": "plumbline-canary-content", "file_permission": "0600"}}]},
  {"mode": "managed", "type": "aws_db_instance", "name": "db", "provider": "provider[\\"registry.opentofu.org/hashicorp/aws\\"]",
   "instances": [{"schema_version": 0, "attributes": {"id": "db-1", "password": "plumbline-canary-password",
     "username": "admin"}, "sensitive_attributes": [[{"type": "get_attr", "value": "password"}]]}]},
  {"mode": "managed", "type": "aws_instance", "name": "web", "provider": "provider[\\"registry.opentofu.org/hashicorp/aws\\"]",
   "instances": [{"schema_version": 0, "attributes": {"id": "i-1", "user_data": "#!/bin/sh\\necho plumbline-canary-user-data"}}]},
  {"mode": "managed", "type": "aws_ecs_task_definition", "name": "web", "provider": "provider[\\"registry.opentofu.org/hashicorp/aws\\"]",
   "instances": [{"schema_version": 0, "attributes": {"id": "web", "container_definitions":
     "[{\\"name\\":\\"web\\",\\"command\\":[\\"--password\\",\\"plumbline-canary-word\\"]}]"}}]},
  {"mode": "managed", "type": "aws_s3_bucket_policy", "name": "web", "provider": "provider[\\"registry.opentofu.org/hashicorp/aws\\"]",
   "instances": [{"schema_version": 0, "attributes": {"id": "web", "policy":
     "{\\"Statement\\":[{\\"Effect\\":\\"Allow\\",\\"Condition\\":{\\"StringLike\\":{\\"aws:Referer\\":\\"ghp_plumbline-canary-referer\\"}}}]}"}}]},
  {"mode": "managed", "type": "terraform_data", "name": "env", "provider": "provider[\\"terraform.io/builtin/terraform\\"]",
   "instances": [{"schema_version": 0, "attributes": {"id": "1", "input": {"type": "dynamic",
     "value": [{"name": "DB_PASSWORD", "value": "plumbline-canary-dynamic"}]}}}]}]}"""
CONFIG_MAP = """{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "env", "namespace": "shop"},
  "data": {"env": "[[{\\"key\\":\\"DB_PASSWORD\\",\\"value\\":\\"plumbline-canary-list\\"}]]"}}"""


def canaries(texts):
    """The planted words, and how they look in base64 at each of its three alignments."""
    words = {word for text in texts for word in CANARY.findall(text) if len(word) >= 12}
    encoded = {base64.b64encode(b"\0" * shift + word)[4 if shift else 0:-4] for word in words for shift in range(3)}
    return words | {word for word in encoded if len(word) >= 12}


def found_in(secrets, data):
    return sorted({word.decode() for word in secrets if word in data})


def memory_of(pid):
    """What the process can write to: its heap, stacks and data."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            where, mode = line.split()[:2]
            begin, end = (int(part, 16) for part in where.split("-"))
            if not mode.startswith("rw") or end - begin > 1 << 28:
                continue
            try:
                memory.seek(begin)
                yield memory.read(end - begin)
            except OSError:
                continue


def test_no_secret_of_any_source_gets_anywhere(stack):
    folder = stack.dir / "sources"
    folder.mkdir()
    sensitive = stack.managed / "sensitive"
    sensitive.write_text("plumbline-canary-content")
    sensitive.chmod(0o600)
    (folder / "state.tfstate").write_text(STATE % sensitive)
    (folder / "env.json").write_text(CONFIG_MAP)
    sources = [("terraform_state", folder / "state.tfstate"), ("kubernetes", folder / "env.json")]
    for kind, files in SOURCES.items():
        for file in files:
            copy = folder / file.replace("/", "-")
            shutil.copy(FIXTURES / file, copy)
            sources.append((kind, copy))
    secrets = canaries(path.read_bytes() for _, path in sources)
    assert len(secrets) > 40, secrets
    stack.baselines = [f"{{name: source{i}, {kind}: {path}}}" for i, (kind, path) in enumerate(sources)]
    stack.start()
    sensitive.write_text("plumbline-canary-live")
    stack.wait_open(sensitive)
    wait(lambda: stack.ask_collector("/v1/drift?state=open")["items"], "the drift at the collector")
    said = {path: repr(stack.all(stack.api, path)).encode() for path in ("/v1/drift", "/v1/findings", "/v1/resources", "/v1/blindspots")}
    said |= {path: str(stack.api(path)).encode() for path in ("/v1/status", "/metrics", "/v1/owners?of=db-1", "/v1/owners?of=i-1")}
    assert b"aws_db_instance.db" in said["/v1/owners?of=db-1"]

    for kind, path in sources:
        for form in ("table", "json"):
            done = subprocess.run([PLUMB, "baseline", "inspect", path, "--source", kind, "-o", form], capture_output=True, timeout=60)
            assert done.returncode == 0, (path, done)
            said[f"inspect {path.name} {form}"] = done.stdout + done.stderr
        index = stack.dir / "one.index"
        subprocess.run([PLUMB, "baseline", "compile", path, "--source", kind, "--out", index], capture_output=True, check=True, timeout=60)
        said[f"index of {path.name}"] = index.read_bytes()
        half = folder / "half"
        half.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        done = subprocess.run([PLUMB, "baseline", "inspect", half, "--source", kind], capture_output=True, timeout=60)
        said[f"half of {path.name}"] = done.stdout + done.stderr

    for root in (stack.state, stack.dir):
        for path in root.rglob("*"):
            if path.is_file() and folder not in path.parents and stack.managed not in path.parents:
                said[str(path)] = path.read_bytes()
    for number, piece in enumerate(memory_of(stack.agent.pid)):
        said[f"memory of the agent {number}"] = piece
    assert any(b"aws_db_instance.db" in data for where, data in said.items() if "memory" in where), "the memory was not read"
    told = {where: found_in(secrets, data) for where, data in said.items()}
    assert not any(told.values()), {where: words for where, words in told.items() if words}

    limits = pathlib.Path(f"/proc/{stack.agent.pid}/limits").read_text()
    assert re.search(r"Max core file size\s+0\s+0", limits), limits
