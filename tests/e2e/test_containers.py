"""Changes by real containers: the actor's container by runc and podman."""

import contextlib
import os
import pathlib
import subprocess

import harness
from harness import Skip, sha256, wait

# A short job that lives until the test has seen what it wanted of it.
JOB = 'sh -c "echo changed >/data/a; until [ -e /data/seen ]; do sleep 0.1; done"'


@contextlib.contextmanager
def in_containers(stack, script):
    """Runs `script` beside the test, with tests/harness/containers.sh sourced; its prints are in the list that this gives once
    the test lets the job end. 77 is its word for a skip."""
    path = stack.dir / "containers.sh"
    path.write_text("set -euo pipefail\n. tests/harness/containers.sh\ncontainers_begin\ntrap containers_end EXIT\n"
                    'busybox_rootfs "$containers_work/rootfs"\n'
                    f"container_mounts=({stack.managed}:/data)\n" + script)
    prints = []
    with subprocess.Popen(["bash", path], cwd=harness.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as job:
        try:
            wait(lambda: job.poll() is not None or (stack.managed / "a").read_text() == "changed\n", "the container's change", 120)
            if job.poll() is None:
                yield prints
        finally:
            (stack.managed / "seen").touch()
            prints += job.communicate(timeout=120)[0].splitlines()
    if job.returncode == 77:
        raise Skip(" ".join(prints))
    assert job.returncode == 0, prints


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
    with in_containers(stack, f'container_id runc web\nrunc_run web "$containers_work/rootfs" {JOB}\n') as prints:
        drift = stack.wait_open(path, lambda d: d["actor"].get("container"))
    container = drift["actor"]["container"]
    assert container["runtime"] == "runc" and container["id"] in prints, (drift["actor"], prints)
    assert_inside(drift)


def test_podman_container_is_named_with_its_image(stack):
    path = stack.file("a")
    stack.start_agent()
    with in_containers(stack, 'podman_image "$containers_work/rootfs" localhost/plumbline-e2e:1\n'
                              "podman_image_digest localhost/plumbline-e2e:1\n"
                              f"podman_run job localhost/plumbline-e2e:1 {JOB}\n") as prints:
        drift = stack.wait_open(path, lambda d: d["actor"].get("container"))
    container = drift["actor"]["container"]
    assert container["runtime"] == "podman", drift["actor"]
    assert container["image"] == "localhost/plumbline-e2e:1", container
    assert container["image_digest"] in prints, (container, prints)
    assert_inside(drift)
    assert drift["actor"]["resolved"], drift["actor"]
