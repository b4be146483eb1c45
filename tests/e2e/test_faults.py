"""What goes wrong around the agent and the collector: told with its way out, and nothing else suffers."""

import json
import signal
import socket
import subprocess

import harness
from harness import fill, sha256, wait
from tls_servers import TlsFront


def test_a_hanging_sink_delays_no_other(stack):
    path = stack.file("a")
    hanging = socket.create_server(("127.0.0.1", 0))  # takes connections, never answers
    stack.cleanup.callback(hanging.close)
    stack.sinks.append(f"{{name: stuck, webhook: {{url: \"http://127.0.0.1:{hanging.getsockname()[1]}/\"}}}}")
    hook = stack.receiver()
    stack.start()
    for i in range(5):
        path.write_text(f"{i}\n")
        wait(lambda: any(sha256(f"{i}\n") in json.dumps(e) for e in hook.events()), f"change {i} at the good sink")
    sinks = {sink["name"]: sink for sink in stack.ask_collector("/v1/sinks")["items"]}
    assert sinks["stuck"]["lag_records"] >= 5 and sinks["stuck"]["dead_letters"] == 0, sinks
    wait(lambda: {s["name"]: s for s in stack.ask_collector("/v1/sinks")["items"]}["hook1"]["lag_records"] == 0, "no lag at the good sink")
    assert stack.kill(stack.collector, signal.SIGTERM) == 0, "an orderly end while a delivery hangs"


def test_without_btf_the_agent_says_so(stack):
    """As on a kernel that was built without it: /sys/kernel/btf is empty in the agent's own mount namespace."""
    done = subprocess.run(["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$0" --config "$1"',
                           harness.AGENT, stack.bare_config("nobtf", "{pin: false}")], capture_output=True, text=True, timeout=30)
    assert done.returncode == 69, done
    assert "BTF" in done.stderr and "CONFIG_DEBUG_INFO_BTF" in done.stderr, done.stderr


def test_paths_that_cannot_be_files(stack):
    good = stack.file("good")
    directory = stack.managed / "directory"
    directory.mkdir()
    loop = stack.managed / "loop"
    loop.symlink_to("loop2")
    (stack.managed / "loop2").symlink_to("loop")
    below_a_file = good / "child"
    deep = str(stack.managed) + "/d" * 10000
    for path in (directory, loop / "x", below_a_file, deep):
        stack.declare(path, sha256=sha256("never"))
    stack.start_agent()
    rows = {r["path"]: r for r in stack.all(stack.api, "/v1/resources")}
    assert len(rows) == 5
    assert rows[str(good)]["comparison"] == "match"
    assert rows[str(directory)]["comparison"] == "mismatch", rows[str(directory)]
    for path in (loop / "x", below_a_file, deep):
        row = rows[str(path)]
        assert row["comparison"] in ("mismatch", "not_comparable"), row
        assert row["comparison"] == "mismatch" or row["unwatched_reason"], row
    assert "40 symlinks" in rows[str(loop / "x")]["unwatched_reason"]
    assert "4,095 bytes" in rows[deep]["unwatched_reason"]
    good.write_text("changed\n")  # and all that harms nobody else
    stack.wait_open(good)


def test_a_mount_over_a_managed_file(stack):
    """A bind mount changes what stands at a path without changing an inode; found by the mount table's own event."""
    path, other = stack.file("a"), stack.dir / "other"
    other.write_text("something else\n")
    stack.start_agent()
    subprocess.run(["mount", "--bind", other, path], check=True)
    stack.cleanup.callback(subprocess.run, ["umount", "-q", path])  # where the test did not come to its own
    drift = stack.wait_open(path)
    assert {d["attribute"] for d in drift["diff"]} == {"content_sha256"}
    other.write_text("as it should be\n")  # through the file below: the agent watches what is there now
    stack.wait_closed(path)
    subprocess.run(["umount", path], check=True)
    path.write_text("again\n")
    stack.wait_open(path)


def test_states_that_cannot_be_read_name_the_way_out(stack):
    cases = {
        "cut": ('{"version": 4, "terraform_version": "1.6.0", "resources": [', "cut"),
        "text": ("not json at all", "JSON"),
        "old": ('{"version": 3, "serial": 1, "modules": []}', "version"),
        "encrypted": ('{"serial": 7, "lineage": "11111111-2222-3333-4444-555555555555", "encrypted_data": "AA==", '
                      '"encryption_version": "v0"}', "encrypted"),
    }
    for name, (text, _) in cases.items():
        (stack.dir / f"{name}.tfstate").write_text(text)
        stack.baselines.append(f"{{name: {name}, terraform_state: {stack.dir}/{name}.tfstate}}")
    path = stack.file("a")
    stack.start_agent(ready=False)
    wait(lambda: stack.try_api("/startupz"), "the first check")
    spots = {s["scope"]: s for s in stack.all(stack.api, "/v1/blindspots") if s["id"] == "baseline_missing"}
    assert set(spots) == set(cases), spots
    for name, (_, says) in cases.items():
        assert f"{name}.tfstate" in spots[name]["because"] and says in spots[name]["because"], spots[name]
    assert stack.plumb("doctor").returncode == 1
    path.write_text("changed\n")  # the baseline that can be read works all the same
    stack.wait_open(path)


def test_a_manifest_written_in_two_steps_is_read_once_it_is_whole(stack):
    paths = [stack.file(name) for name in ("a", "b", "c")]
    stack.start_agent()
    paths[2].write_text("changed\n")
    drift = stack.wait_open(paths[2])
    text = stack.manifest_path.read_text()
    lines = text.replace('revision: "1"', 'revision: "2"').splitlines(keepends=True)
    changes = stack.api("/v1/status")["counters"]["kernel_changes_total"]
    with open(stack.manifest_path, "w") as out:  # half of it is a manifest too
        out.writelines(lines[:5])
        out.flush()
        wait(lambda: stack.api("/v1/status")["counters"]["kernel_changes_total"] > changes, "the agent to hear of it")
        out.writelines(lines[5:])
    wait(lambda: stack.api("/v1/status")["baselines"][0]["revision"].get("revision") == "2", "the new revision")
    assert stack.open_drift(paths[2]) == drift, "its drift never closed"
    assert stack.api("/v1/status")["baselines"][0]["files"] == 3


def test_a_full_spool_keeps_the_author_of_a_replacement(stack):
    """A replaced file's old mark is the only one that knows: it stays until its finding is durable."""
    path = stack.file("a")
    stack.small_disk()
    stack.agent_extra = "spool: {max_bytes: 2MiB, segment_bytes: 64KiB}\n"
    stack.start_agent()
    for i in range(5000):  # nobody acknowledges, so the budget fills
        path.write_text(f"{i}\n")
        if stack.api("/v1/status")["counters"]["append_failures_total"] > 0:
            break
    else:
        raise AssertionError("the spool's budget never filled")
    wait(lambda: not stack.try_api("/readyz"), "readiness to tell")
    assert stack.findings(path)
    pid = stack.testprog("replace", path)["pid"]
    failed = stack.api("/v1/status")["counters"]["append_failures_total"]
    wait(lambda: stack.api("/v1/status")["counters"]["append_failures_total"] > failed, "another try")
    stack.start_collector()  # at a port that the agent does not know: only a restart with it empties the spool
    stack.kill(stack.agent, signal.SIGTERM)
    stack.start_agent()
    drift = stack.wait_open(path, lambda d: d["actor"]["process"] and d["actor"]["process"]["pid"] == pid)
    assert drift["actor"]["resolved"], drift


def test_a_pin_dir_that_is_none_is_left_alone(stack):
    path = stack.file("a")
    precious = stack.dir / "precious"
    (precious / "links").mkdir(parents=True)
    (precious / "links" / "on_purpose").write_text("mine")
    (precious / "marks").write_text("mine")
    stack.pins = precious
    stack.start_agent()
    assert "bpffs" in (stack.dir / "agent.log").read_text()
    stack.restart_agent()
    assert (precious / "marks").read_text() == "mine" and (precious / "links" / "on_purpose").read_text() == "mine"
    path.write_text("changed\n")
    stack.wait_open(path)


def test_an_agent_starts_on_a_full_disk(stack):
    path = stack.file("a")
    filler = stack.small_disk() / "filler"
    stack.agent_extra = "spool: {max_bytes: 64MiB, segment_bytes: 1MiB}\n"
    stack.start_agent()
    stack.kill(stack.agent, signal.SIGKILL)
    pid = stack.testprog("write", path)["pid"]
    fill(filler)
    stack.start_agent(ready=False)
    wait(lambda: stack.alive(stack.agent, "agent.log") and stack.try_api("/livez"), "the agent to live")
    filler.unlink()
    stack.wait_open(path, lambda d: d["actor"]["process"] and d["actor"]["process"]["pid"] == pid)
    wait(lambda: stack.try_api("/readyz"), "readiness to come back")
    wait(lambda: stack.api("/v1/status")["counters"]["gaps_total"] == 1, "the gap that found no room")


def test_a_damaged_spool_is_told(stack):
    path = stack.file("a")
    stack.start_collector()
    stack.kill(stack.collector)
    stack.start_agent()
    for i in range(5):
        path.write_text(f"{i}\n")
        stack.wait_content(path, f"{i}\n")
    stack.kill(stack.agent, signal.SIGTERM)
    segment, = (stack.state / "spool").glob("*.seg")
    damaged = bytearray(segment.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    segment.write_bytes(damaged)
    stack.start_collector()
    stack.start_agent()
    assert "event=spool_damaged" in (stack.dir / "agent.log").read_text()
    assert stack.api("/v1/status")["spool"]["corrupt_records"] > 0
    path.write_text("again\n")
    wait(lambda: any(sha256("again\n") == d["live"] for f in stack.all(stack.ask_collector, "/v1/findings") for d in f["diff"]),
         "later findings to arrive")


def test_a_second_agent_on_the_same_pins_is_refused(stack):
    path = stack.file("a")
    stack.start_agent()
    config = stack.bare_config("second", f"{{pin_dir: {stack.pins}}}")
    done = subprocess.run([harness.AGENT, "--config", config], capture_output=True, text=True, timeout=30)
    assert done.returncode == 69 and "another agent" in done.stderr and "pin_dir" in done.stderr, done
    path.write_text("changed\n")
    stack.wait_open(path)


def test_plumb_checks_the_certificate_of_a_collector(stack):
    path = stack.file("a")
    stack.start()
    path.write_text("changed\n")
    drift = stack.wait_open(path)
    wait(lambda: stack.ask_collector("/v1/drift?state=open")["items"], "the drift at the collector")
    front = TlsFront(stack)

    def ask(host, *arguments):
        return subprocess.run([harness.PLUMB, "--collector", f"https://{host}:{front.port}", *arguments, "drift", "-o", "json"],
                              capture_output=True, text=True, timeout=30)

    good = ask("localhost", "--ca-file", front.certificate)
    assert good.returncode == 2 and [d["id"] for d in json.loads(good.stdout)["items"]] == [drift["id"]], good
    for done in (ask("localhost"), ask("127.0.0.1", "--ca-file", front.certificate)):
        assert done.returncode == 69 and "certificate" in done.stderr, done
    missing = ask("localhost", "--ca-file", stack.dir / "none.pem")
    assert missing.returncode != 0 and "none.pem" in missing.stderr, missing
