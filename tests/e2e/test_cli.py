"""What a person types, right and wrong."""

import json
import subprocess

import harness
from harness import wait


def run(binary, *arguments):
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=30)


def test_exit_codes_follow_drift(stack):
    path = stack.file("a")
    stack.start_agent()
    assert stack.plumb("drift").returncode == 0
    assert stack.plumb("status").returncode == 0
    path.write_text("x\n")
    drift = stack.wait_open(path)
    listed = stack.plumb("drift", "-o", "json")
    assert listed.returncode == 2, listed
    assert [d["id"] for d in json.loads(listed.stdout)["items"]] == [drift["id"]]
    lines = stack.plumb("drift", "-o", "ndjson").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [drift["id"]]
    shown = stack.plumb("show", drift["id"])
    assert shown.returncode == 2 and str(path) in shown.stdout and "out_of_band" in shown.stdout
    assert stack.plumb("resources", "-o", "json").returncode == 0
    assert "ctime" in stack.plumb("doctor").stdout or "fentry" in stack.plumb("doctor").stdout


def test_simulate_measures_the_way(stack):
    stack.file("a")
    stack.start_agent()
    done = stack.plumb("simulate")
    assert done.returncode == 0, done
    assert "ms" in done.stdout and "the collector has it" not in done.stdout
    alone = stack.plumb("simulate", "--reported", "5")
    assert alone.returncode == 64 and "reports to none" in alone.stderr, alone


def test_simulate_waits_for_the_report(stack):
    stack.file("a")
    stack.start()
    done = stack.plumb("simulate", "--reported", "30", "-o", "json")
    assert done.returncode == 0, done
    finding = json.loads(done.stdout)["finding"]
    assert finding in [f["id"] for f in stack.all(stack.ask_collector, "/v1/findings")], "it is there when plumb says so"
    stack.kill(stack.collector)
    late = stack.plumb("simulate", "--reported", "0.5")
    assert late.returncode == 1 and "nothing is lost" in late.stderr, late


def test_errors_say_what_to_do(stack):
    gone = run(harness.PLUMB, "--socket", stack.dir / "none.sock", "drift")
    assert gone.returncode == 69 and "none.sock" in gone.stderr
    assert run(harness.PLUMB, "drfit").returncode == 64
    assert run(harness.AGENT, "--no-such-flag").returncode == 64


def test_configurations_are_refused_with_place_and_way_out(stack):
    config = stack.dir / "bad.yaml"
    for binary, text, says in (
        (harness.AGENT, "stat_dir: /x\n", "did you mean `state_dir`?"),
        (harness.AGENT, "api: {listen: 0.0.0.0:9640}\n", "loopback"),
        (harness.AGENT, "limits: {max_marks: many}\n", "whole number"),
        (harness.COLLECTOR, "listn: 127.0.0.1:1\n", "did you mean `listen`?"),
        (harness.COLLECTOR, "listen: 0.0.0.0:9650\n", "listen on 127.0.0.1"),
    ):
        config.write_text(text)
        for arguments in (["--check-config"], []):
            done = run(binary, "--config", config, *arguments)
            assert done.returncode == 78, (text, done)
            assert says in done.stderr and "bad.yaml" in done.stderr, (text, done.stderr)
    missing = run(harness.AGENT, "--config", stack.dir / "none.yaml", "--check-config")
    assert missing.returncode == 78 and "none.yaml" in missing.stderr


def test_a_check_of_the_configuration_looks_at_its_files(stack):
    config, here = stack.dir / "files.yaml", stack.dir
    (here / "no.pem").write_text("no PEM\n")
    collector = "https://127.0.0.1:1"
    for text, says in (
        (f"state_dir: {here}/no.pem\n", "is not a directory"),
        (f"collector: {{url: '{collector}', ca_file: {here}/none.pem}}\n", "read the CA file"),
        (f"collector: {{url: '{collector}', ca_file: {here}/no.pem}}\n", "give PEM"),
        (f"collector: {{url: '{collector}', token_file: {here}/none}}\n", f"{here}/none"),
        (f"api: {{tls: {{certificate_file: {here}/no.pem, key_file: {here}/no.pem}}}}\n", "no.pem"),
        (f"api: {{access: [{{name: a, token_file: {here}/none}}]}}\n", f"{here}/none"),
        ("collector: {url: 'http://192.0.2.1:1', token_file: /t}\n", "unencrypted to 192.0.2.1"),
    ):
        config.write_text(text)
        done = run(harness.AGENT, "--config", config, "--check-config")
        assert done.returncode == 78 and says in done.stderr, (text, done)
    config.write_text(f"kernel: {{pin_dir: {here}/pins}}\nstate_dir: {here}/to_come\n")
    done = run(harness.AGENT, "--config", config, "--check-config")
    assert done.returncode == 0 and f"{here}/pins is no folder of its own on a bpffs" in done.stderr, done
    assert not (here / "to_come").exists() and not (here / "pins").exists(), "a check leaves no trace"


def test_a_refused_hook_is_named(stack):
    """The fentry tier on a kernel that refuses trampolines, or the ctime tier on one that has none."""
    stack.file("a")
    stack.pin = False
    works = []
    for stack.tier in ("ctime", "fentry"):
        stack.start_agent(ready=False)
        wait(lambda: stack.agent.poll() is not None or stack.try_api("/readyz"), "its end, or its readiness")
        if stack.agent.poll() is not None:
            errors = (stack.dir / "agent.log").read_text()
            assert stack.agent.returncode in (69, 77), stack.agent.returncode
            assert f"{stack.tier} tier" in errors and "doctor" in errors, errors
        else:
            works.append(stack.tier)
            stack.kill(stack.agent)
    assert works, "no tier works here: " + (stack.dir / "agent.log").read_text()
