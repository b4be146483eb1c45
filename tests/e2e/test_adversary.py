"""What somebody would do to hide a change, to have it judged harmless, or to stop the agent from seeing others."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

from harness import TESTPROG, sha256, wait
from test_baselines import baseline
from test_changes import attributes


def manifest(stack, name, entry):
    path = stack.dir / f"{name}.yaml"
    path.write_text(f'apiVersion: plumbline/v1\nkind: Manifest\nrevision: "1"\nfiles:\n- {json.dumps(entry)}\n')
    stack.baselines.append(f"{{name: {name}, manifest: {path}}}")


def test_two_baselines_of_one_file_have_a_drift_each(stack):
    path = stack.managed / "a"
    path.write_text("right\n")
    path.chmod(0o644)
    manifest(stack, "content", {"path": str(path), "sha256": sha256("right\n")})
    manifest(stack, "mode", {"path": str(path), "mode": "0644"})
    stack.start_agent()
    with open(path, "a") as out:
        out.write("evil\n")
    drift = stack.wait_open(path)
    assert drift["baseline"] == "content"
    # The second reading, a second later, accepts nothing either.
    wait(lambda: stack.api("/v1/status")["counters"]["observations_total"] >= 4, "the settling read")
    assert [d["id"] for d in stack.drifts(state="open")] == [drift["id"]]
    path.chmod(0o600)
    wait(lambda: len(stack.drifts(state="open")) == 2, "both drifts")
    stack.restart_agent()
    assert len(stack.drifts(state="open")) == 2
    path.write_text("right\n")
    path.chmod(0o644)
    wait(lambda: stack.drifts(state="open") == [], "both to be closed")


def test_a_huge_executable_or_file_holds_nothing_up(stack):
    path, other, grows = stack.file("a"), stack.file("b"), stack.file("c")
    stack.start_agent()
    huge = stack.dir / "huge"
    shutil.copy(TESTPROG, huge)
    os.truncate(huge, 40 << 30)  # sparse: some KB on the disk
    wait(lambda: time.time() - os.stat(huge).st_ctime > 0.1, "it to be no fresh file, which gets no digest anyway")
    ran = subprocess.run([huge, "write", path], capture_output=True, text=True, check=True)
    drift = stack.wait_open(path)
    assert drift["actor"]["process"]["pid"] == json.loads(ran.stdout.splitlines()[-1])["pid"]
    assert "exe_sha256" not in drift["actor"]["process"]
    assert any("digest" in text for text in drift["missing_evidence"]), drift["missing_evidence"]
    os.truncate(grows, 200 << 30)
    assert "larger than" in " ".join(stack.wait_open(grows)["missing_evidence"])
    other.write_text("x\n")
    stack.wait_open(other)


def test_a_directory_full_of_what_must_not_be_there_is_one_finding(stack):
    folder = stack.managed / "conf.d"
    folder.mkdir()
    stack.declare(folder, absent=["*.bak"])
    other = stack.file("b")
    stack.start()
    with stack.agent_paused():
        for i in range(20000):
            (folder / (f"{i:05}" + "n" * 180 + ".bak")).touch()
    drift = stack.wait_open(folder, lambda d: d["diff"][-1]["live"] == "and 19980 more")
    assert len(drift["diff"]) == 21
    assert "×21" in stack.plumb("drift").stdout
    other.write_text("x\n")
    stack.wait_open(other)
    shutil.rmtree(folder)
    folder.mkdir()
    stack.wait_closed(folder)
    wait(lambda: [d["state"] for d in stack.ask_collector("/v1/drift")["items"] if d["where"]["path"] == str(folder)] == ["resolved"],
         "the collector to know")


def test_a_file_that_keeps_changing_is_told(stack):
    path = stack.file("a", "x" * (8 << 20))
    stack.start_agent()
    before = os.stat(path).st_ctime_ns
    toucher = stack.beside(sys.executable, "-c", f"import os\nwhile True: os.utime({str(path)!r})")
    wait(lambda: os.stat(path).st_ctime_ns != before, "the first touch")
    with open(path, "r+") as out:
        out.write("evil")
    drift = stack.wait_open(path)
    if drift["comparison"] == "not_comparable":  # else a reading came between two of its touches
        assert "kept changing" in " ".join(drift["missing_evidence"])
    toucher.kill()
    toucher.wait()
    stack.wait_open(path, lambda d: d["comparison"] == "mismatch" and "content_sha256" in attributes(d))


def test_a_known_writer_does_not_launder_a_strangers_drift(stack):
    path = stack.file("a")
    stack.rule({"exe_sha256": sha256(pathlib.Path(sys.executable).read_bytes())})
    stack.start_agent()
    subprocess.run(["/bin/sh", "-c", f"echo evil >> {path}"], check=True)
    drift = stack.wait_open(path)
    assert drift["verdict"] == "out_of_band" and drift["severity"] == "high"
    with open(path, "a") as out:
        out.write("# a comment of the known writer\n")
    os.rename(path, stack.managed / "away")
    os.rename(stack.managed / "away", path)
    now = stack.wait_open(path, lambda d: d["count"] > drift["count"] and "content_sha256" in attributes(d))
    assert (now["verdict"], now["severity"], now["actor"]["process"]["argv"]) == ("out_of_band", "high", drift["actor"]["process"]["argv"])


def test_nobody_puts_a_look_off_for_ever(stack):
    """Mounts elsewhere, and a manifest that is touched again and again."""
    path = stack.file("a")
    stack.start_agent()
    stop = threading.Event()
    churn = stack.dir / "churn"
    churn.mkdir()

    def churning():
        while not stop.is_set():
            subprocess.run(["mount", "-t", "tmpfs", "none", churn], check=True)
            subprocess.run(["umount", churn], check=True)
            os.utime(stack.manifest_path)

    fake = stack.dir / "fake"
    fake.write_text("evil\n")
    worker = threading.Thread(target=churning)
    worker.start()
    try:
        subprocess.run(["mount", "--bind", fake, path], check=True)
        stack.cleanup.callback(subprocess.run, ["umount", path])
        stack.wait_open(path, lambda d: attributes(d)["content_sha256"]["live"] == sha256("evil\n"))
        stack.files = []
        stack.write_manifest()
        wait(lambda: baseline(stack, "files")["revision"]["revision"] == str(stack.revision), "the new revision")
    finally:
        stop.set()
        worker.join()


def test_the_agents_own_files_are_no_files_to_watch(stack):
    """Each record of a change would be another one."""
    other = stack.file("b")
    spool = stack.state / "spool"
    stack.declare(spool, absent=["*.bak"])
    stack.declare(stack.state / "alive", mode="0600")
    stack.start_agent()
    other.write_text("x\n")
    stack.wait_open(other)
    assert {f["where"]["path"] for f in stack.findings()} == {str(other)}
    spots = {s["scope"] for s in stack.all(stack.api, "/v1/blindspots") if "state_dir" in s["because"]}
    assert spots == {str(spool), str(stack.state / "alive")}, spots
    # … nor is a managed file that somebody makes one of them.
    segment = next(spool.glob("*.seg"))
    for trick in ("symlink", "bind mount"):
        fake = stack.file("fake " + trick.split()[0])
        stack.write_manifest()
        wait(lambda: baseline(stack, "files")["revision"]["revision"] == str(stack.revision), "the new revision")
        if trick == "symlink":
            fake.unlink()
            fake.symlink_to(segment)
        else:
            subprocess.run(["mount", "--bind", segment, fake], check=True)
            stack.cleanup.callback(subprocess.run, ["umount", fake])
        wait(lambda: any(s["scope"] == str(fake) for s in stack.all(stack.api, "/v1/blindspots")), "the blind spot of the " + trick)
        assert len(stack.findings(fake)) <= 2, stack.findings(fake)
