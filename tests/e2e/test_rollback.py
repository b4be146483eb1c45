"""Files that are put back: by rules and by people, and every reason not to."""

import http.client
import json
import os
import pathlib
import subprocess
import sys

import harness
from harness import UnixConnection, sha256, wait

sys.path.insert(0, str(harness.ROOT / "tests/docs"))

import pages  # noqa: E402

LOOSE = "file_count: 100, file_window: 1s, node_count: 1000, node_window: 1s"
WRITE = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"  # arguments are told, and what is written may be a secret


def rollback_rule(stack, path="**", mode="auto", limits="", **more):
    """A file of rules with one for rollbacks, and the node's bounds, for the next start."""
    rules = stack.dir / "rollback.yaml"
    rule = {"name": "heal", "when": {"path": str(path)}, "mode": mode, **more}
    rules.write_text("apiVersion: plumbline/v1\nkind: Rules\nrollback: " + json.dumps([rule]) + "\n")
    if rules not in stack.rules:
        stack.rules.append(rules)
    stack.agent_extra = f"rollback: {{{limits}}}\n" if limits else ""


def by_somebody(path, content):
    """Another program writes it; its name."""
    subprocess.run(["/usr/bin/python3", "-c", WRITE, path], input=content, text=True, check=True)
    return os.path.realpath("/usr/bin/python3")


def kept(stack, count=1):
    """Until so many files are kept while they are right."""
    wait(lambda: len(list((stack.state / "rollback" / "matched").glob("*"))) >= count, f"{count} files to be kept")


def drift_of(stack, path, state):
    """Its latest drift, once the rollback is that far."""
    def found():
        all_of_it = [d for d in stack.drifts() if d["where"]["path"] == str(path)]
        return next((d for d in all_of_it if d.get("rollback", {}).get("state") == state), None)
    return wait(found, f"a drift of {path} whose rollback is {state}")


def post(stack, target):
    connection = UnixConnection(stack.sock)
    connection.request("POST", target)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_auto_puts_back_and_tells_who_it_was(stack):
    path = stack.file("nginx.conf", mode=0o640, owner="root", group="daemon")
    os.chown(path, 0, 1)
    os.setxattr(path, "user.note", b"mine")
    rollback_rule(stack)
    hook = stack.receiver()
    stack.start()
    kept(stack)
    program = by_somebody(path, "eve was here\n")
    drift = drift_of(stack, path, "reverted")
    assert path.read_text() == "as it should be\n"
    assert path.stat().st_mode & 0o7777 == 0o640 and path.stat().st_gid == 1
    assert os.getxattr(path, "user.note") == b"mine"
    assert drift["state"] == "resolved" and drift["closed_by"] == "put back by plumbline, rule heal", drift
    assert drift["verdict"] == "out_of_band" and drift["actor"]["process"]["exe"] == program, drift["actor"]
    assert drift["rollback"]["mode"] == "auto" and drift["rollback"]["can_be_undone"], drift["rollback"]
    ours = next(f for f in stack.findings(path) if f["comparison"] == "match")
    assert ours["verdict"] == "in_band" and ours["rule"] == "rollback", ours
    assert any(e["kind"] == "rollback" and drift["id"] in e["says"] for e in ours["evidence"]), ours["evidence"]
    assert stack.drifts(state="open") == []
    assert sorted(os.listdir(stack.managed)) == ["nginx.conf"], "nothing is left beside it"
    wait(lambda: any("reverted" in str(e) for e in hook.events()), "the webhook to tell of it")
    shown = stack.plumb("show", drift["id"])
    assert "reverted, rule heal (auto), by plumbline" in shown.stdout, shown.stdout

    # What was overwritten can be brought back, and stays then.
    undone = stack.plumb("rollback", "--undo", drift["id"])
    assert undone.returncode == 0, undone
    assert path.read_text() == "eve was here\n"
    left = drift_of(stack, path, "undone")
    stays = wait(lambda: next((d for d in stack.drifts(state="open") if d.get("rollback", {}).get("state") == "undone"), None),
                 "the drift that a person wanted")
    assert stays["rollback"]["by"] == "uid 0" and left, stays
    back = stack.plumb("rollback", str(path))
    assert back.returncode == 0 and "reverted" in back.stdout, back
    assert path.read_text() == "as it should be\n"


def test_what_was_removed_replaced_and_made_comes_right(stack):
    gone, replaced, mode = (stack.file(name) for name in ("gone", "replaced", "mode"))
    unwanted = stack.managed / "unwanted"
    stack.declare(unwanted, absent=True)
    link = stack.managed / "link"
    link.symlink_to("mode")
    stack.declare(link, symlink="mode")
    rollback_rule(stack, limits=LOOSE)
    stack.start_agent()
    kept(stack, 5)
    gone.unlink()
    other = stack.managed / "other"
    other.write_text("other\n")
    other.rename(replaced)
    mode.chmod(0o777)
    unwanted.write_text("here\n")
    link.unlink()
    link.symlink_to("/etc/passwd")
    for path in (gone, replaced, mode, unwanted, link):
        drift_of(stack, path, "reverted")
    assert gone.read_text() == replaced.read_text() == "as it should be\n"
    assert mode.stat().st_mode & 0o7777 == 0o644
    assert not unwanted.exists() and os.readlink(link) == "mode"


def test_the_ladder(stack):
    path = stack.file("app.conf", content="a\nright\nz\n")
    rollback_rule(stack, mode="observe")
    stack.start_agent()
    by_somebody(path, "a\nwrong\nz\n")
    drift = drift_of(stack, path, "observed")
    refused = stack.plumb("rollback", str(path))
    assert refused.returncode == 77 and "only looks on" in refused.stderr, refused
    rollback_rule(stack, mode="propose")
    stack.agent.send_signal(1)
    drift_of(stack, path, "proposed")
    path.write_text("a\nright\nz\n")
    stack.wait_closed(path)

    rollback_rule(stack, mode="approve")
    stack.agent.send_signal(1)
    kept(stack)
    by_somebody(path, "a\nwrong\nz\n")
    drift = drift_of(stack, path, "awaiting_approval")
    dry = stack.plumb("rollback", "--dry-run", str(path))
    assert dry.returncode == 0 and "-wrong" in dry.stdout and "+right" in dry.stdout and "nothing was changed" in dry.stdout, dry
    assert path.read_text() == "a\nwrong\nz\n"
    status, answer = post(stack, f"/v1/drift/{drift['id']}/rollback?dry_run=maybe")
    assert status == 400 and "dry_run" in answer["what"], answer
    done = stack.plumb("rollback", drift["id"], "-o", "json")
    assert done.returncode == 0 and json.loads(done.stdout)["rollback"]["by"] == "uid 0", done
    assert path.read_text() == "a\nright\nz\n"
    again = stack.plumb("rollback", drift["id"])
    assert again.returncode == 1 and "not open any more" in again.stderr, again
    assert stack.plumb("rollback", "d-nobody").returncode == 1


def test_the_commands_of_the_page(stack):
    """As they stand there, but for the path and the agent that plumb asks."""
    path = stack.file("nginx.conf")
    rollback_rule(stack, mode="approve")
    stack.start_agent()
    kept(stack)
    by_somebody(path, "theirs\n")
    drift_of(stack, path, "awaiting_approval")
    text = pages.block("docs/reference/rollback.md", "By hand", "sh").replace("/etc/nginx/nginx.conf", str(path))
    text = text.replace("plumb ", f"{harness.PLUMB} --socket {stack.sock} ")
    contents = []
    for line in text.splitlines():
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (line, done)
        contents.append(path.read_text())
    assert contents == ["theirs\n", "as it should be\n", "theirs\n"], contents


def test_nothing_is_put_back_unnamed_nor_over_tcp(stack):
    path, other = stack.file("named"), stack.file("other")
    with harness.socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stack.api_keys = f"listen: 127.0.0.1:{port}"
    rollback_rule(stack, path=path)
    stack.start_agent()
    kept(stack)
    by_somebody(other, "wrong\n")
    drift = stack.wait_open(other)
    refused = stack.plumb("rollback", drift["id"])
    assert refused.returncode == 77 and "no rule names it" in refused.stderr, refused
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", f"/v1/drift/{drift['id']}/rollback")
    answer = connection.getresponse()
    assert answer.status == 403 and b"Unix socket" in answer.read()
    assert other.read_text() == "wrong\n" and "rollback" not in stack.open_drift(other)


def test_healer_fight(stack):
    path = stack.file("fought-over")
    rollback_rule(stack, limits=LOOSE + ", loop_count: 3")
    hook = stack.receiver()
    stack.start()
    kept(stack)
    for fight in range(3):
        by_somebody(path, f"theirs {fight}\n")
        wait(lambda: path.read_text() == "as it should be\n", "it to be put back")
        wait(lambda: stack.open_drift(path) is None, "the drift to close")
    program = by_somebody(path, "theirs, again\n")
    drift = drift_of(stack, path, "contested")
    assert drift["state"] == "contested", drift
    assert program in drift["rollback"]["why"] and "Plumbline by rule heal" in drift["rollback"]["why"], drift["rollback"]
    wait(lambda: any("contested" in str(e) for e in hook.events()), "the webhook to tell of the fight")
    told = len([e for e in hook.events() if "contested" in str(e)])
    for fight in range(3):
        by_somebody(path, f"theirs, still {fight}\n")
        stack.wait_content(path, f"theirs, still {fight}\n")
    assert path.read_text() == "theirs, still 2\n", "nobody writes until a person says so"
    assert stack.plumb("drift").returncode == 2

    # Nor does the next agent.
    stack.restart_agent(harness.signal.SIGKILL)
    by_somebody(path, "theirs, after a restart\n")
    stack.wait_content(path, "theirs, after a restart\n")
    assert path.read_text() == "theirs, after a restart\n"
    assert [d["state"] for d in stack.drifts() if d["id"] == drift["id"]] == ["contested"]
    assert told >= 1
    done = stack.plumb("rollback", str(path))
    assert done.returncode == 0, done
    assert path.read_text() == "as it should be\n"
    assert next(d for d in stack.drifts() if d["id"] == drift["id"])["state"] == "resolved"


def test_a_rollback_that_did_not_last_says_so(stack):
    path = stack.file("a")
    rollback_rule(stack, limits=LOOSE)
    stack.start_agent()
    kept(stack)
    by_somebody(path, "first\n")
    first = drift_of(stack, path, "reverted")
    by_somebody(path, "second\n")
    again = wait(lambda: next((d for d in stack.drifts() if d["id"] == first["id"] and d["rollback"]["state"] == "re_drifted"), None),
                 "the first one to be told of")
    assert "it changed again, by " in again["rollback"]["why"], again["rollback"]


def test_budgets_hold_it_back(stack):
    path = stack.file("a")
    rollback_rule(stack)  # once in ten minutes
    stack.start_agent()
    kept(stack)
    by_somebody(path, "first\n")
    drift_of(stack, path, "reverted")
    by_somebody(path, "second\n")
    waiting = drift_of(stack, path, "waiting")
    assert "this file's budget is used" in waiting["rollback"]["why"], waiting["rollback"]
    assert path.read_text() == "second\n"
    assert stack.plumb("rollback", str(path)).returncode == 0, "a person has no budget"
    assert path.read_text() == "as it should be\n"


def test_other_names_are_not_written_through(stack):
    path = stack.file("linked")
    victim = stack.dir / "victim"
    rollback_rule(stack)
    stack.start_agent()
    kept(stack)
    with stack.agent_paused():
        by_somebody(path, "theirs\n")
        os.link(path, victim)
    drift = drift_of(stack, path, "rollback_unsafe")
    assert "hard links" in drift["rollback"]["why"] and drift["state"] == "open", drift["rollback"]
    assert victim.read_text() == "theirs\n" and os.path.samefile(path, victim)


def test_a_path_that_leads_elsewhere_is_not_followed(stack):
    folder = stack.managed / "conf"
    folder.mkdir()
    path = stack.file("conf/app")
    mode = stack.managed / "conf" / "mode"
    mode.write_text("x\n")
    stack.declare(mode, mode="0600")
    mode.chmod(0o600)
    host = stack.dir / "host"
    host.mkdir()
    (host / "app").write_text("the host's\n")
    (host / "mode").write_text("the host's\n")
    (host / "mode").chmod(0o755)
    rollback_rule(stack, limits=LOOSE)
    stack.start_agent()
    kept(stack, 2)
    folder.rename(stack.managed / "away")
    folder.symlink_to(host)
    for each in (path, mode):
        drift = drift_of(stack, each, "revert_failed")
        assert "the path leads elsewhere now" in drift["rollback"]["why"], drift["rollback"]
    assert (host / "app").read_text() == "the host's\n" and (host / "mode").stat().st_mode & 0o777 == 0o755


def test_known_writers_and_switches(stack):
    tool = stack.dir / "tool"
    tool.write_bytes(pathlib.Path("/bin/cp").read_bytes())
    tool.chmod(0o755)
    stack.rule({"exe_sha256": sha256(tool.read_bytes())})
    path = stack.file("a")
    rollback_rule(stack, limits=LOOSE)
    stack.start_agent()
    kept(stack)
    (stack.dir / "newer").write_text("newer, by its own tool\n")
    subprocess.run([tool, stack.dir / "newer", path], check=True)
    waiting = drift_of(stack, path, "waiting")
    assert waiting["verdict"] == "pending" and "its own tool" in waiting["rollback"]["why"], waiting
    path.write_text("as it should be\n")
    stack.wait_closed(path)

    config = stack.dir / "agent.yaml"
    config.write_text(config.read_text().replace("rollback: {", "rollback: {enabled: false, "))
    stack.agent.send_signal(1)
    wait(lambda: "event=reloaded" in (stack.dir / "agent.log").read_text(), "the configuration to be taken")
    by_somebody(path, "theirs\n")
    waiting = stack.wait_open(path, lambda d: "rollback" in d)
    assert "switched off" in waiting["rollback"]["why"], waiting["rollback"]
    assert stack.plumb("rollback", str(path)).returncode == 77
    assert path.read_text() == "theirs\n"


def test_secrets_come_back_and_show_nowhere(stack):
    path = stack.managed / "password"
    path.write_text("correct-horse-battery\n")
    path.chmod(0o600)
    state = {"version": 4, "serial": 1, "lineage": "a", "terraform_version": "1.11.4", "outputs": {}, "resources": [
        {"mode": "managed", "type": "local_sensitive_file", "name": "password", "provider": 'provider["registry.terraform.io/hashicorp/local"]',
         "instances": [{"schema_version": 0, "attributes": {"content": "correct-horse-battery\n", "filename": str(path), "file_permission": "0600",
                                                            "directory_permission": "0700", "id": "x"},
                        "sensitive_attributes": []}]}]}
    (stack.dir / "s.tfstate").write_text(json.dumps(state))
    stack.baselines = [f"{{name: net, terraform_state: {stack.dir}/s.tfstate}}"]
    rollback_rule(stack, path=path)
    hook = stack.receiver()
    stack.start()
    kept(stack)
    by_somebody(path, "stolen-by-eve\n")
    drift = drift_of(stack, path, "reverted")
    assert path.read_text() == "correct-horse-battery\n" and path.stat().st_mode & 0o7777 == 0o600
    wait(lambda: any(drift["id"] in str(e) for e in hook.events()), "the webhook")
    told = json.dumps(stack.drifts()) + json.dumps(stack.findings()) + str(hook.requests) + stack.plumb("show", drift["id"]).stdout
    told += (stack.dir / "agent.log").read_text() + (stack.dir / "collector.log").read_text()
    for secret in ("correct-horse", "stolen-by", sha256("correct-horse-battery\n"), sha256("stolen-by-eve\n")):
        assert secret not in told, secret
        for file in stack.state.rglob("*"):
            if file.is_file():
                assert secret.encode() not in file.read_bytes(), (secret, file)


def test_kill_in_the_middle_leaves_one_or_the_other(stack):
    path = stack.file("a")
    rollback_rule(stack, limits=LOOSE + ", loop_count: 1000")
    stack.start_agent()
    kept(stack)
    for turn in range(5):
        by_somebody(path, f"theirs {turn}\n")
        stack.restart_agent(harness.signal.SIGKILL)
        wait(lambda: path.read_text() == "as it should be\n", "it to be put back")
        wait(lambda: stack.open_drift(path) is None, "the drift to close")
        wait(lambda: os.listdir(stack.managed) == ["a"], "nothing to be left beside it")
        wait(lambda: all(d["rollback"]["state"] in ("reverted", "re_drifted") and d["rollback"]["by"] == "plumbline" for d in stack.drifts()),
             f"all to be told of: {[(d['state'], d.get('rollback')) for d in stack.drifts()]}")


def test_without_room_for_what_is_overwritten_nothing_is(stack):
    folder = stack.small_disk()
    path = stack.file("a")
    rollback_rule(stack)
    stack.start_agent()
    kept(stack)
    stored = stack.state / "rollback" / "overwritten"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=2", "none", stored], check=True)
    stack.cleanup.callback(subprocess.run, ["umount", stored], check=True)
    (stored / "full").write_bytes(b"x" * 4096)
    by_somebody(path, "theirs\n")
    drift = drift_of(stack, path, "revert_failed")
    assert "No space left" in drift["rollback"]["why"], drift["rollback"]
    assert path.read_text() == "theirs\n" and folder


def test_a_validator_has_a_word(stack):
    path = stack.file("a.json", content='{"right": true}\n')
    rollback_rule(stack, limits=LOOSE, validate=["/usr/bin/python3", "-m", "json.tool", "{}"])
    stack.start_agent()
    kept(stack)
    by_somebody(path, "not json\n")
    drift_of(stack, path, "reverted")
    rollback_rule(stack, limits=LOOSE, validate=["/bin/false", "{}"])
    stack.agent.send_signal(1)
    wait(lambda: "event=reloaded" in (stack.dir / "agent.log").read_text(), "the rules to be taken")
    by_somebody(path, "not json either\n")
    drift = drift_of(stack, path, "revert_failed")
    assert "it says no: exit code 1" in drift["rollback"]["why"], drift["rollback"]
    assert path.read_text() == "not json either\n"
