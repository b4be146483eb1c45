"""Files in the root file systems of containers, by real ones: podman's on overlayfs, runc's on a folder."""

import contextlib
import os
import pathlib
import signal
import subprocess

import harness
from harness import Skip, sha256, wait

CONF = "listen 80;\n"  # what busybox_rootfs puts into /etc/app.conf
PATH = "/etc/app.conf"


class Engine:
    """A shell beside the test with tests/harness/containers.sh in it: a line is a command, its prints the answer."""

    def __init__(self, stack):
        path = stack.dir / "containers.sh"
        path.write_text("set -uo pipefail\n. tests/harness/containers.sh\ncontainers_begin\ntrap containers_end EXIT\n"
                        'busybox_rootfs "$containers_work/rootfs"\necho "tag $containers_tag"\n'
                        'while read -r line; do ( set -e; eval "$line" ) 2>&1; echo "done $?"; done\n')
        self.job = subprocess.Popen(["bash", path], cwd=harness.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True)
        first = self.job.stdout.readline().split()
        if first[:1] != ["tag"]:
            raise Skip(" ".join(first))
        self.tag = first[1]

    def do(self, command, status=0):
        self.job.stdin.write(command + "\n")
        self.job.stdin.flush()
        lines = []
        while not (line := self.job.stdout.readline()).startswith("done "):
            assert line, lines
            lines.append(line.strip())
        assert status is None or int(line.split()[1]) == status, (command, lines)
        return lines

    def image(self):
        self.do('podman_image "$containers_work/rootfs" localhost/plumbline-e2e:1')
        return self.do("podman_image_digest localhost/plumbline-e2e:1")[-1]

    def start(self, name):
        """A podman container that waits; its first process's number on the host."""
        return int(self.do(f"podman_start {name} localhost/plumbline-e2e:1 sleep 600")[-1])

    def exec(self, name, script):
        self.do(f"podman_exec {name} sh -c '{script}'")

    def id(self, name):
        return self.do(f"container_id podman {name}")[-1]

    def end(self):
        self.job.communicate(timeout=120)


@contextlib.contextmanager
def engine(stack):
    it = Engine(stack)
    try:
        yield it
    finally:
        it.end()


def rows(stack, comparison="match"):
    """Ids of containers in which the path is so."""
    return {r["container"]["id"] for r in stack.all(stack.api, "/v1/resources") if r.get("container") and r["comparison"] == comparison}


def open_in(stack, container):
    return next((d for d in stack.drifts(state="open") if d["where"].get("container", {}).get("id") == container), None)


def wait_open_in(stack, container, check=lambda drift: True):
    def found():
        drift = open_in(stack, container)
        return drift if drift and check(drift) else None
    return wait(found, f"an open drift in {container}")


def wait_closed_in(stack, container, state="resolved"):
    return wait(lambda: open_in(stack, container) is None and next(
        (d for d in stack.drifts(state=state) if d["where"].get("container", {}).get("id") == container), None), f"drift in {container} to be {state}")


def declare(stack, engine, name="*", **expected):
    stack.declare(PATH, **(expected or {"image": True}), containers={"name": f"{engine.tag}-{name}"})
    del stack.files[-1]["address"]


def test_an_edit_of_one_replica_is_its_own_drift_until_it_is_put_back(stack):
    with engine(stack) as it:
        digest = it.image()
        declare(stack, it)
        stack.start_agent()
        host_pid = it.start("one")
        it.start("two")
        one, two = it.id("one"), it.id("two")
        wait(lambda: rows(stack) == {one, two}, "both to be as their image has it")

        it.exec("one", f"echo hacked >{PATH}")
        drift = wait_open_in(stack, one)
        assert drift["verdict"] == "out_of_band" and drift["where"]["path"] == PATH, drift
        assert {d["attribute"] for d in drift["diff"]} == {"content_sha256"}, drift["diff"]
        assert drift["diff"][0] == {"attribute": "content_sha256", "expected": sha256(CONF), "live": sha256("hacked\n")}, drift["diff"]
        place, actor = drift["where"]["container"], drift["actor"]
        assert place["name"] == f"{it.tag}-one" and place["runtime"] == "podman" and place["image_digest"] == digest, place
        assert actor["container"]["id"] == one and os.path.basename(actor["process"]["exe"]) == "busybox", actor
        assert drift["resource"] == f"file:[name={it.tag}-*]{PATH}", drift
        assert rows(stack) == {two} and open_in(stack, two) is None
        shown = stack.plumb("show", drift["id"]).stdout
        assert f"{it.tag}-one" in shown, shown

        it.exec("one", f"printf \"listen 80;\\n\" >{PATH}")
        assert wait_closed_in(stack, one)["id"] == drift["id"]
        assert rows(stack) == {one, two}

        changes = {"rename over": (f"echo other >/etc/new; mv /etc/new {PATH}", "content_sha256"), "chmod": (f"chmod 0666 {PATH}", "mode"),
                   "delete": (f"rm {PATH}", "existence")}
        back = f"printf \"listen 80;\\n\" >{PATH}; chmod 0644 {PATH}"
        for what, (script, attribute) in changes.items():
            it.exec("two", script)
            drift = wait_open_in(stack, two, lambda d: attribute in {x["attribute"] for x in d["diff"]})
            assert drift["actor"].get("container", {}).get("id") == two, (what, drift)
            it.exec("two", back)
            wait_closed_in(stack, two)

        pathlib.Path(f"/proc/{host_pid}/root{PATH}").write_text("from the host\n")
        drift = wait_open_in(stack, one)
        assert drift["actor"]["process"]["pid"] == os.getpid() and "container" not in drift["actor"], drift["actor"]
        assert drift["where"]["container"]["id"] == one, drift


def test_a_container_can_be_removed_while_it_is_watched(stack):
    with engine(stack) as it:
        it.image()
        declare(stack, it)
        stack.start_agent()
        it.start("one")
        one = it.id("one")
        wait(lambda: one in rows(stack), "it to be watched")
        it.exec("one", f"rm {PATH}")
        wait_open_in(stack, one)
        merged = it.do(f"podman_do inspect --format '{{{{.GraphDriver.Data.MergedDir}}}}' {one}")[-1]
        assert merged.startswith("/") and os.path.ismount(merged), merged
        it.do("podman_remove one")
        closed = wait_closed_in(stack, one, "accepted")
        assert "container is gone" in closed["closed_by"], closed
        assert not os.path.exists(merged), "nothing keeps it"
        wait(lambda: not rows(stack) and not rows(stack, "mismatch"), "nothing of it to be left")
        assert len([d for d in stack.drifts() if d["where"].get("container", {}).get("id") == one]) == 1, "its removal is no drift"


def test_what_changes_while_the_agent_is_down_is_told_once(stack):
    with engine(stack) as it:
        it.image()
        declare(stack, it)
        stack.start_agent()
        for name in ("one", "two", "three"):
            it.start(name)
        one, two, three = (it.id(name) for name in ("one", "two", "three"))
        wait(lambda: rows(stack) == {one, two, three}, "all to be watched")
        it.exec("one", f"echo before >{PATH}")
        before = wait_open_in(stack, one)
        it.exec("three", f"echo before >{PATH}")
        wait_open_in(stack, three)
        stack.kill(stack.agent, signal.SIGKILL)
        it.exec("two", f"echo meanwhile >{PATH}")
        it.do("podman_remove three")
        stack.start_agent()
        drift = wait_open_in(stack, two)
        assert drift["actor"].get("container", {}).get("id") == two, drift["actor"]
        assert open_in(stack, one)["id"] == before["id"] and open_in(stack, one)["count"] == before["count"]
        assert "container is gone" in wait_closed_in(stack, three, "accepted")["closed_by"]
        assert len(stack.drifts()) == 3 and drift["count"] == 1, stack.drifts()


def test_what_was_changed_before_the_agent_came_differs_from_the_image(stack):
    with engine(stack) as it:
        it.image()
        it.start("one")
        it.start("two")
        it.exec("one", f"echo early >{PATH}")
        it.exec("two", f"cat {PATH} >/etc/copy; cat /etc/copy >{PATH}; touch {PATH}")
        one, two = it.id("one"), it.id("two")
        declare(stack, it)
        stack.start_agent()
        drift = wait_open_in(stack, one)
        assert drift["diff"][0]["expected"] == sha256(CONF) and drift["actor"]["process"] is None, drift
        assert rows(stack) == {two}, "written, and still what the image has"


def test_traps_lead_nowhere_and_hold_nobody_up(stack):
    """What is expected is what the host's file holds: whoever is led there finds a match."""
    with engine(stack) as it:
        (stack.managed / "beside").write_text("as it should be\n")
        stack.declare(stack.managed / "beside", sha256=sha256("as it should be\n"))
        for path in ("/etc/app.conf", "/opt/x/app.conf"):
            stack.declare(path, sha256=sha256(pathlib.Path("/etc/passwd").read_bytes()), containers={"image": "localhost/plumbline-e2e:1", "name": f"{it.tag}-*"})
            stack.files[-1]["address"] = f"trap:{path}"
        it.image()
        stack.start_agent()
        it.start("one")
        one = it.id("one")
        wait(lambda: rows(stack, "mismatch") == {one}, "it to differ")
        traps = (f"rm -f {PATH}; ln -s /proc/1/root/etc/passwd {PATH}", f"rm -f {PATH}; ln -s ../../../../../../../etc/passwd {PATH}",
                 f"rm -f {PATH}; /bin/busybox mkfifo {PATH}", f"rm -f {PATH}; /bin/busybox mknod {PATH} c 1 5 || true",
                 f"rm -f {PATH}; mkdir {PATH}", f"rm -rf {PATH}; /bin/busybox truncate -s 1099511627776 {PATH}",
                 "rm -rf /opt; ln -s / /opt; rm -rf /x; ln -s /etc /x", "rm -rf /opt; ln -s ../../../../../.. /opt")
        for trap in traps:
            it.exec("one", trap)
            # Where the runtime lets nobody make a device, nothing stands there. What is read behind it is told; a host's file would match.
            (stack.managed / "beside").write_text(trap)
            stack.wait_open(stack.managed / "beside", lambda d: d["diff"][0]["live"] == sha256(trap))
            assert not [r for r in stack.all(stack.api, "/v1/resources") if r.get("container") and r["comparison"] == "match"], trap
            (stack.managed / "beside").write_text("as it should be\n")
            stack.wait_closed(stack.managed / "beside")
        it.do("podman_remove one")
        wait(lambda: not rows(stack, "mismatch") and not rows(stack, "not_comparable"), "it to be let go of")
