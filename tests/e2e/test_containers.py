"""Changes by real containers: the actor's container by runc and podman."""

import os
import pathlib
import subprocess

import harness
from harness import Skip, sha256


def in_containers(stack, script):
    """Runs `script` with tests/harness/containers.sh sourced; prints of it come back. 77 is its word for a skip."""
    path = stack.dir / "containers.sh"
    path.write_text("set -euo pipefail\n. tests/harness/containers.sh\ncontainers_begin\ntrap containers_end EXIT\n"
                    'busybox_rootfs "$containers_work/rootfs"\n' + script)
    done = subprocess.run(["bash", path], cwd=harness.ROOT, capture_output=True, text=True, timeout=180)
    if done.returncode == 77:
        raise Skip(done.stdout.strip())
    assert done.returncode == 0, done
    return done.stdout


def assert_inside(drift):
    """The process is the container's own, proven by its digest, and lineage ends at the container's init."""
    process = drift["actor"]["process"]
    assert os.path.basename(process["exe"]) == "busybox" and process["uid"] == 0, process
    assert process.get("exe_sha256") == sha256(pathlib.Path("/bin/busybox").read_bytes()), drift
    assert drift["actor"]["lineage_complete"], drift["actor"]
    assert all(os.path.basename(p.get("exe", "")) == "busybox" for p in drift["actor"]["lineage"]), drift["actor"]["lineage"]


def test_runc_container_is_named(stack):
    path = stack.file("a")
    stack.start_agent()
    out = in_containers(stack, f'container_mounts=({stack.managed}:/data)\n'
                               'runc_run web "$containers_work/rootfs" sh -c "echo changed >/data/a; sleep 1"\ncontainer_id runc web || true\n')
    drift = stack.wait_open(path, lambda d: d["actor"].get("container"))
    container = drift["actor"]["container"]
    assert container["runtime"] == "runc" and container["id"], (drift["actor"], out)
    assert_inside(drift)


def test_podman_container_is_named_with_its_image(stack):
    path = stack.file("a")
    stack.start_agent()
    out = in_containers(stack, f'container_mounts=({stack.managed}:/data)\n'
                               'podman_image "$containers_work/rootfs" localhost/plumbline-e2e:1\n'
                               'podman_run job localhost/plumbline-e2e:1 sh -c "echo changed >/data/a; sleep 1"\n'
                               'echo "digest $(podman_image_digest localhost/plumbline-e2e:1)"\n')
    drift = stack.wait_open(path, lambda d: d["actor"].get("container"))
    container = drift["actor"]["container"]
    assert container["runtime"] == "podman", drift["actor"]
    assert container["image"] == "localhost/plumbline-e2e:1", container
    assert container["image_digest"] and container["image_digest"] in out, (container, out)
    assert_inside(drift)
    assert drift["actor"]["resolved"], drift["actor"]
