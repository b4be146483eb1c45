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


def test_bytes_put_in_place_afterwards_prove_nothing(stack):
    """The impostor writes, ends, and puts the known tool's bytes into his own file before the agent looks."""
    known, impostor = program(stack, "tool", b"known"), program(stack, "other", b"impostor")
    digest = sha256(known.read_bytes())
    rules = stack.dir / "rules.yaml"
    rules.write_text(f"apiVersion: plumbline/v1\nkind: Rules\nrules:\n- {{name: tool, when: {{exe_sha256: {digest}}}, verdict: in_band}}\n")
    stack.rules.append(rules)
    by_known, by_impostor = stack.file("by_known"), stack.file("by_impostor")
    stack.start_agent()
    run(known, "write", by_known)
    drift = stack.wait_open(by_known)
    assert drift["actor"]["process"]["exe_sha256"] == digest and drift["verdict"] == "pending", drift

    stack.agent.send_signal(signal.SIGSTOP)
    pid = run(impostor, "write", by_impostor)["pid"]
    inode = os.stat(impostor).st_ino
    with open(impostor, "r+b") as out:
        out.write(known.read_bytes())
        out.truncate()
    assert os.stat(impostor).st_ino == inode and sha256(impostor.read_bytes()) == digest
    stack.agent.send_signal(signal.SIGCONT)
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
            by_pid[int(done.stdout)] = sha256(content)
    wait(lambda: stack.findings(path) and stack.api("/v1/status")["counters"]["kernel_changes_total"] >= 120, "the changes")
    last = by_pid[max(by_pid)]
    stack.wait_open(path, lambda d: any(x["live"] == last for x in d["diff"]))
    for finding in stack.findings(path):
        live = [d["live"] for d in finding["diff"] if d["attribute"] == "content_sha256"]
        assert by_pid[finding["actor"]["process"]["pid"]] == live[0], finding


def test_the_program_of_the_change_is_named_not_the_next(stack):
    path = stack.file("a")
    stack.start_agent()
    subprocess.run(["/bin/sh", "-c", f"echo x > {path}; exec sleep 0.3"], check=True)
    process = stack.wait_open(path)["actor"]["process"]
    assert process["argv"][0] == "/bin/sh" and process["exe"] == os.path.realpath("/bin/sh"), process


def test_a_tool_executed_after_the_fork_is_no_ancestor(stack):
    tool = program(stack, "tool", b"known")
    digest = sha256(tool.read_bytes())
    rules = stack.dir / "rules.yaml"
    rules.write_text(f"apiVersion: plumbline/v1\nkind: Rules\nrules:\n- {{name: tool, when: {{lineage_exe_sha256: {digest}}}, verdict: in_band}}\n")
    stack.rules.append(rules)
    path, other = stack.file("a"), stack.file("b")
    stack.start_agent()
    subprocess.run(["bash", "-c", f"(sleep 0.2; echo evil > {path}) & exec {tool} sleep 1"], capture_output=True, timeout=60)
    drift = stack.wait_open(path)
    assert drift["verdict"] == "out_of_band", drift
    run(tool, "grandchild", "write", other)
    assert stack.wait_open(other)["verdict"] == "pending"


def test_lineage_ends_at_the_init_of_a_pid_namespace(stack):
    path = stack.file("a")
    stack.start_agent()
    subprocess.run(["unshare", "--pid", "--fork", "sh", "-c", f"sh -c 'echo x > {path}'; true"], check=True, timeout=60)
    actor = stack.wait_open(path)["actor"]
    names = [os.path.basename(p.get("exe", "")) for p in actor["lineage"]]
    assert actor["lineage_complete"] and len(names) == 1 and names[0] == os.path.basename(os.path.realpath("/bin/sh")), actor
