"""Who a writer is, against those who pretend: executables are known by what ran, not by what lies there later."""

import json
import os
import shutil
import signal
import subprocess

import harness
from harness import sha256


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
