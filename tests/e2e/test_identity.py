"""Who a writer is, against those who pretend: executables are known by what ran, not by what lies there later."""

import json
import os
import shutil
import signal
import subprocess

import harness
from harness import sha256, wait


def program(stack, name, mark):
    """A copy of the trigger program with a digest of its own."""
    path = stack.dir / name
    shutil.copy(harness.TESTPROG, path)
    with open(path, "ab") as out:
        out.write(mark)
    return path


def run(path, *arguments):
    return json.loads(subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=60).stdout)


def fifo(stack):
    """A named pipe: what opens it waits until the test opens the other end."""
    path = stack.dir / "hold"
    os.mkfifo(path)
    return path


def test_bytes_put_in_place_afterwards_prove_nothing(stack):
    """The impostor writes, ends, and puts the known tool's bytes into his own file before the agent looks."""
    known, impostor = program(stack, "tool", b"known"), program(stack, "other", b"impostor")
    digest = sha256(known.read_bytes())
    stack.rule({"exe_sha256": digest})
    by_known, by_impostor = stack.file("by_known"), stack.file("by_impostor")
    stack.start_agent()
    run(known, "write", by_known)
    drift = stack.wait_open(by_known)
    assert drift["actor"]["process"]["exe_sha256"] == digest and drift["verdict"] == "pending", drift

    with stack.agent_paused():
        pid = run(impostor, "write", by_impostor)["pid"]
        inode = os.stat(impostor).st_ino
        with open(impostor, "r+b") as out:
            out.write(known.read_bytes())
            out.truncate()
        assert os.stat(impostor).st_ino == inode and sha256(impostor.read_bytes()) == digest
    drift = stack.wait_open(by_impostor)
    assert drift["actor"]["process"]["pid"] == pid and drift["verdict"] == "out_of_band", drift
    assert "exe_sha256" not in drift["actor"]["process"], drift["actor"]
    assert any("digest" in text for text in drift["missing_evidence"]), drift["missing_evidence"]


def test_two_writers_in_a_row_are_not_mixed_up(stack):
    """The content that a finding tells of is its actor's, however close the next writer follows."""
    path = stack.file("a", "start" + " " * 59)
    stack.start_agent()
    by_pid = {}
    for number in range(60):
        for letter in "ab":
            content = f"{letter} {number}".ljust(64)
            script = 'import os, sys; fd = os.open(sys.argv[1], os.O_WRONLY); os.pwrite(fd, sys.argv[2].encode(), 0); print(os.getpid())'
            done = subprocess.run(["python3", "-S", "-c", script, path, content], capture_output=True, text=True, check=True)
            last = by_pid[int(done.stdout)] = sha256(content)
    wait(lambda: stack.findings(path) and stack.api("/v1/status")["counters"]["kernel_changes_total"] >= 120, "the changes")
    stack.wait_open(path, lambda d: any(x["live"] == last for x in d["diff"]))
    for finding in stack.findings(path):
        live = [d["live"] for d in finding["diff"] if d["attribute"] == "content_sha256"]
        assert by_pid[finding["actor"]["process"]["pid"]] == live[0], finding


def test_the_program_of_the_change_is_named_not_the_next(stack):
    path, hold = stack.file("a"), fifo(stack)
    stack.start_agent()
    shell = stack.beside("/bin/sh", "-c", f"echo x > {path}; exec cat {hold}")
    process = stack.wait_open(path)["actor"]["process"]
    hold.write_text("")
    assert shell.wait(20) == 0
    assert process["pid"] == shell.pid and process["argv"][0] == "/bin/sh" and process["exe"] == os.path.realpath("/bin/sh"), process


def test_a_tool_executed_after_the_fork_is_no_ancestor(stack):
    tool = program(stack, "tool", b"known")
    stack.rule({"lineage_exe_sha256": sha256(tool.read_bytes())})
    path, other, hold = stack.file("a"), stack.file("b"), fifo(stack)
    stack.start_agent()
    # The child writes once its parent is the tool, which waits for a reader of the pipe.
    script = f"(until [ /proc/$$/exe -ef {tool} ]; do :; done; echo evil > {path}) & exec {tool} write {hold}"
    shell = stack.beside("bash", "-c", script)
    drift = stack.wait_open(path)
    hold.read_bytes()
    assert shell.wait(20) == 0
    assert drift["verdict"] == "out_of_band", drift
    assert shell.pid in [process["pid"] for process in drift["actor"]["lineage"]], drift
    run(tool, "grandchild", "write", other)
    assert stack.wait_open(other)["verdict"] == "pending"


def test_a_process_made_with_clone_parent_has_its_forker_in_the_lineage(stack):
    """CLONE_PARENT gives a process its forker's parent as its own: getppid() does not name who made it."""
    path = stack.file("a")
    stack.start_agent()
    truth = stack.testprog("sibling", "write", path)
    os.waitpid(truth["pid"], 0)  # it is this process's child
    assert truth["parent"] == os.getpid() and truth["forker"] not in (truth["pid"], os.getpid()), truth
    actor = stack.wait_open(path)["actor"]
    assert actor["process"]["pid"] == truth["pid"] and actor["process"]["exe"].endswith("plumb-testprog"), actor
    assert [process["pid"] for process in actor["lineage"][:2]] == [truth["forker"], os.getpid()], actor
    assert actor["lineage_complete"], actor


def test_lineage_ends_at_the_init_of_a_pid_namespace(stack):
    path = stack.file("a")
    stack.start_agent()
    subprocess.run(["unshare", "--pid", "--fork", "sh", "-c", f"sh -c 'echo x > {path}'; true"], check=True, timeout=60)
    actor = stack.wait_open(path)["actor"]
    names = [os.path.basename(p.get("exe", "")) for p in actor["lineage"]]
    assert actor["lineage_complete"] and len(names) == 1 and names[0] == os.path.basename(os.path.realpath("/bin/sh")), actor
