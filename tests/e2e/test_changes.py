"""One change on this node, from the kernel to the webhook's door."""

import json
import os
import pathlib
import subprocess
import sys

import harness
from harness import sha256, wait


def attributes(drift):
    return {d["attribute"]: d for d in drift["diff"]}


def test_first_drift_and_back(stack):
    path = stack.file("nginx.conf")
    hook = stack.receiver()
    stack.start()
    assert stack.drifts() == []
    with subprocess.Popen(["/bin/sh", "-c", f"echo changed >> {path}"]) as shell:
        pid = shell.pid
    drift = stack.wait_open(path, lambda d: attributes(d)["content_sha256"]["live"] == sha256(path.read_bytes()))
    assert drift["verdict"] == "out_of_band" and drift["comparison"] == "mismatch" and drift["severity"] == "high"
    assert attributes(drift)["content_sha256"]["expected"] == sha256("as it should be\n")
    process = drift["actor"]["process"]
    assert process["pid"] == pid, drift["actor"]
    assert process["exe"] == os.path.realpath("/bin/sh")
    assert process["exe_sha256"] == sha256(open("/bin/sh", "rb").read())
    assert process["argv"] == ["/bin/sh", "-c", f"echo changed >> {path}"]
    assert process["user"] == "root"
    assert drift["actor"]["lineage"][0]["pid"] == os.getpid()
    assert drift["actor"]["lineage_complete"] and drift["actor"]["resolved"]
    assert drift["evidence"] and "approved run" in " ".join(drift["missing_evidence"])

    wait(lambda: [d for d in stack.ask_collector("/v1/drift")["items"] if d["id"] == drift["id"]], "the drift at the collector")
    wait(lambda: any(drift["id"] in str(e) for e in hook.events()), "the webhook")
    assert all(r["signed"] for r in hook.requests)
    health = wait(lambda: stack.ask_collector("/v1/nodes")["items"][0].get("health"), "the node's health at the collector")
    assert health["tier"] in ("ctime", "fentry") and health["resources"] == 1 and health["failing"] == {}, health

    path.write_text("as it should be\n")
    closed = stack.wait_closed(path)
    assert closed["id"] == drift["id"]
    wait(lambda: any("resolved" in str(e) for e in hook.events()), "the webhook of the end")
    wait(lambda: stack.ask_collector("/v1/drift?state=open")["items"] == [], "no open drift at the collector")


def test_every_attribute(stack):
    mode, owner, gone, replaced = (stack.file(n, owner="root", group="root") for n in ("mode", "owner", "gone", "replaced"))
    link = stack.managed / "link"
    link.symlink_to("mode")
    stack.declare(link, symlink="mode")
    unwanted = stack.managed / "unwanted"
    stack.declare(unwanted, absent=True)
    directory = stack.managed / "conf.d"
    directory.mkdir()
    stack.declare(directory, absent=["*.bak"])
    stack.start_agent()
    assert stack.drifts() == [], stack.drifts()

    mode.chmod(0o666)
    os.chown(owner, 1, 1)
    gone.unlink()
    temporary = stack.managed / "temporary"
    temporary.write_text("other\n")
    temporary.chmod(0o644)
    temporary.rename(replaced)
    other = stack.managed / "other_link"
    other.symlink_to("owner")
    other.rename(link)
    unwanted.write_text("here\n")
    (directory / "app.bak").write_text("x")

    assert attributes(stack.wait_open(mode))["mode"]["live"] == "0666"
    assert set(attributes(stack.wait_open(owner))) == {"owner", "group"}
    assert attributes(stack.wait_open(gone))["existence"]["live"] == "absent"
    assert attributes(stack.wait_open(replaced))["content_sha256"]["live"] == sha256("other\n")
    assert attributes(stack.wait_open(link))["symlink_target"]["live"] == "owner"
    assert attributes(stack.wait_open(unwanted))["existence"]["live"] == "present"
    assert attributes(stack.wait_open(directory))["absent"]["live"] == "app.bak"
    for drift in stack.drifts(state="open"):
        assert drift["actor"]["process"]["pid"] == os.getpid(), drift

    (directory / "app.bak").unlink()
    unwanted.unlink()
    gone.write_text("as it should be\n")
    gone.chmod(0o644)
    for path in (directory, unwanted, gone):
        stack.wait_closed(path)


def test_a_stranger_between_two_writes_of_a_known_writer(stack):
    """All three are merged, and first and last are one program: the count of handovers tells that it was not alone."""
    path = stack.file("app.conf")
    stack.rule({"exe_sha256": sha256(pathlib.Path(sys.executable).read_bytes())}, verdict="expected_runtime")
    stack.start_agent()
    with open(path, "a") as out:
        print("known", file=out, flush=True)
        finding = wait(lambda: stack.findings(path), "the finding of the known writer alone")[0]
        assert finding["verdict"] == "expected_runtime" and "handovers" not in finding, finding
        with stack.agent_paused():
            path.stat()  # as each reading does: without one, writes within a clock tick are one change to the kernel
            print("first", file=out, flush=True)
            path.stat()
            subprocess.run(["/bin/sh", "-c", f"echo between >> {path}"], check=True)
            path.stat()
            print("last", file=out, flush=True)
    finding = wait(lambda: [f for f in stack.findings(path) if f.get("handovers")], "the finding of the merged changes")[0]
    assert finding["actor"]["process"]["pid"] == os.getpid() and finding["handovers"] == 2, finding
    assert "first_actor" not in finding and finding["changes"] == 3, finding
    assert finding["verdict"] == "out_of_band" and "handovers" in " ".join(finding["missing_evidence"]), finding


def test_a_neighbour_makes_no_finding(stack):
    path = stack.file("app.conf")
    stack.start_agent()
    for i in range(50):
        (stack.managed / f"neighbour{i}").write_text("x")
    path.chmod(0o600)
    stack.wait_open(path)
    assert {f["where"]["path"] for f in stack.findings()} == {str(path)}


def test_hard_link_outside_the_tree(stack):
    path = stack.file("app.conf")
    alias = stack.dir / "elsewhere"
    os.link(path, alias)
    stack.start_agent()
    alias.write_text("through the other name\n")
    stack.wait_open(path, lambda d: attributes(d)["content_sha256"]["live"] == sha256("through the other name\n"))


def test_directory_moved_away_and_back(stack):
    path = stack.file("conf/app.conf")
    stack.start_agent()
    path.parent.rename(stack.managed / "away")
    stack.wait_open(path, lambda d: "existence" in attributes(d))
    (stack.managed / "away").rename(path.parent)
    stack.wait_closed(path)


def test_exchange_changes_both(stack):
    one, two = stack.file("one", "1\n"), stack.file("two", "2\n")
    stack.start_agent()
    stack.testprog("rename_exchange", one, two)
    assert attributes(stack.wait_open(one))["content_sha256"]["live"] == sha256("2\n")
    assert attributes(stack.wait_open(two))["content_sha256"]["live"] == sha256("1\n")


def test_configmap_swap(stack):
    """As kubelet's AtomicWriter does it: a new directory, and ..data renamed over."""
    volume = stack.managed / "volume"
    (volume / "..1").mkdir(parents=True)
    (volume / "..1/key").write_text("old\n")
    (volume / "..data").symlink_to("..1")
    (volume / "key").symlink_to("..data/key")
    stack.declare(volume / "key", sha256=sha256("old\n"))
    stack.start_agent()
    for number in (2, 3):
        (volume / f"..{number}").mkdir()
        (volume / f"..{number}/key").write_text(f"new {number}\n")
        (volume / "..data_tmp").symlink_to(f"..{number}")
        (volume / "..data_tmp").rename(volume / "..data")
        stack.wait_open(volume / "key", lambda d: attributes(d)["content_sha256"]["live"] == sha256(f"new {number}\n"))


def test_foreign_bytes_in_names(stack):
    path = stack.managed / "new\nline"
    path.write_text("x\n")
    stack.declare(path, sha256=sha256("x\n"))
    stack.start_agent()
    path.write_text("y\n")
    assert stack.wait_open(path)["where"]["path"] == str(path)
    table = stack.plumb("drift")
    assert table.returncode == 2 and "new\nline" not in table.stdout


def test_short_lived_grandchild_is_named(stack):
    path = stack.file("app.conf")
    stack.start_agent()
    truth = stack.testprog("grandchild", "write", path)
    drift = stack.wait_open(path, lambda d: d["actor"]["process"] and d["actor"]["process"]["pid"] == truth["pid"])
    assert drift["actor"]["process"]["exe"].endswith("plumb-testprog"), drift["actor"]
    assert drift["actor"]["process"]["argv"][1:3] == ["grandchild", "write"]
    assert drift["actor"]["lineage_complete"], drift["actor"]


def test_stopped_agent_loses_no_state_and_no_actor(stack):
    count = 2000
    paths = [stack.file(f"f{i}", f"{i}\n") for i in range(count)]
    stack.agent_extra = "limits: {recent_findings: 5000}\n"
    stack.start_agent()
    with stack.agent_paused():
        for i, path in enumerate(paths):
            for step in range(3):
                path.write_text(f"{i} step {step}\n")
    wait(lambda: stack.api("/v1/status")["drift"]["open"] == count, "every file's drift", 60)
    wait(lambda: stack.api("/v1/status")["counters"]["observations_total"] >= 2 * count, "every file to be read", 60)
    live = {d["where"]["path"]: d for d in stack.drifts(state="open")}
    for i, path in enumerate(paths):
        assert attributes(live[str(path)])["content_sha256"]["live"] == sha256(f"{i} step 2\n")
        assert live[str(path)]["actor"]["process"]["pid"] == os.getpid()
    assert any(f["changes"] > 1 for f in stack.findings())


def test_one_long_write_ends_with_the_right_hash(stack):
    path = stack.file("big")
    stack.agent_extra = "limits: {max_file_bytes: 512MiB}\n"
    stack.start_agent()
    block = bytes(range(256)) * (1 << 18)  # 64 MiB in one write
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.pwrite(fd, block, 0)
    os.close(fd)
    stack.wait_open(path, lambda d: attributes(d)["content_sha256"]["live"] == sha256(block))


def test_every_way_to_write(stack):
    """The triggers of tests/harness/testprogs: each must give a finding with its own pid."""
    listed = subprocess.run([harness.TESTPROG, "--list"], capture_output=True, text=True, check=True).stdout
    ways = [line.split() for line in listed.splitlines()]
    ways = [(way[0], way[2] == "OTHER") for way in ways if way[0] not in ("rename", "rename_exchange", "link")]
    other = stack.managed / "other"
    other.write_text("y" * 8192)
    paths = {way: stack.file(f"way-{way}", "x" * 8192) for way, _ in ways}
    paths["create"].unlink()
    stack.start_agent()
    for way, needs_other in ways:
        done = subprocess.run([harness.TESTPROG, way, paths[way], *([other] if needs_other else [])], capture_output=True,
                              text=True, timeout=60)
        if done.returncode == 95:
            print(f"SKIP e2e.changes.every_way_to_write.{way}: this file system cannot do it")
            continue
        truth = json.loads(done.stdout.splitlines()[-1])
        assert done.returncode == 0, f"{way}: {truth}"
        wait(lambda: any(f["actor"]["process"] and f["actor"]["process"]["pid"] == truth["pid"]
                         for f in stack.findings(paths[way])), f"the finding of {way}: {truth}")
