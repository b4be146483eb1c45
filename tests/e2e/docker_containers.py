"""Containers as Docker has them on disk and in cgroups, without Docker, of which no engine can be had here: runc runs them in the folder where Docker
has it run, and config.v2.json is tests/fixtures/docker's, whose README says how moby writes it."""

import contextlib
import json
import pathlib
import secrets
import subprocess

import harness
from harness import Skip

CONFIG = harness.ROOT / "tests/fixtures/docker/config.v2.json"
TASK = "529630467358463ab6bbba4e73afe704"  # of its labels
SERVICE_ENDPOINT = "/v4/7d6b9a2e-5f0c-4c0e-9e58-3c1d2b3a4f5e/task"  # of its environment
CANARY = "plumbline-canary-secret"
BUNDLE = """set -euo pipefail
. tests/harness/containers.sh
containers_begin
trap 'rm -rf "$containers_work"' EXIT
busybox_rootfs "$1/rootfs"
container_mounts=("$2:/data") container_cgroup=$3
cp "$(runc_bundle docker rootfs sh -c "$4")/config.json" "$1/"
"""


@contextlib.contextmanager
def container(work, runc, containers, cgroup, mounted, script, config=None):
    """A container that runs a script with `mounted` at /data, in a cgroup ("ID" stands for its id in both); `config` is over the file's members.
    `runc` and `containers` are Docker's folders. The script has to end by itself; it is waited for."""
    id, text = secrets.token_hex(32), CONFIG.read_text()
    (containers / id).mkdir()
    (containers / id / "config.v2.json").write_text(json.dumps({**json.loads(text.replace(json.loads(text)["ID"], id)), **(config or {})}))
    bundle, cgroup = work / f"bundle-{id[:8]}", cgroup.replace("ID", id)
    bundle.mkdir()
    made = subprocess.run(["bash", "-c", BUNDLE, "bundle", bundle, mounted, cgroup, script.replace("ID", id)], cwd=harness.ROOT, capture_output=True, text=True)
    if made.returncode == 77:
        raise Skip(made.stdout.strip())
    assert made.returncode == 0, made.stderr
    command = ["runc", "--root", runc]
    with subprocess.Popen([*command, "run", "--bundle", bundle, id], stdin=subprocess.DEVNULL) as running:
        try:
            yield id
            assert running.wait(60) == 0, f"the container ended with {running.returncode}"
        finally:
            subprocess.run([*command, "delete", "--force", id], capture_output=True)
            remove_cgroups(cgroup)


def remove_cgroups(cgroup):
    """What Docker and ECS' agent make above the containers' own, where it is empty."""
    for root in pathlib.Path("/sys/fs/cgroup").iterdir():
        for parent in (root / cgroup.lstrip("/")).parents:
            if parent.name in ("ecs", "ecstasks.slice", "docker") or TASK in parent.name:
                with contextlib.suppress(OSError):
                    parent.rmdir()
