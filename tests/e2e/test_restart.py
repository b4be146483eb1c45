"""State over restarts, crashes and outages: nothing lost, nothing doubled, nothing wedged."""

import json
import os
import random
import signal
import subprocess
import threading
import time

import harness
from harness import fill, sha256, wait
from test_changes import attributes


def test_restart_changes_nothing(stack):
    path, healthy = stack.file("drifted"), stack.file("healthy")
    stack.start_agent()
    path.write_text("other\n")
    before = stack.wait_open(path)
    count = len(stack.findings())
    stack.restart_agent()
    assert [d["id"] for d in stack.drifts()] == [before["id"]]
    assert stack.open_drift(path) == before
    assert len(stack.findings()) == count
    assert stack.findings(healthy) == []


def test_changes_while_down_keep_their_actor(stack):
    paths = {how: stack.file(how) for how in ("written", "replaced", "gone", "untouched")}
    stack.start_agent()
    stack.kill(stack.agent, signal.SIGKILL)
    actors = {}
    with subprocess.Popen(["/bin/sh", "-c", f"echo x > {paths['written']}"]) as shell:
        actors["written"] = shell.pid
    done = stack.testprog("replace", paths["replaced"])
    actors["replaced"] = done["pid"]
    actors["gone"] = stack.testprog("unlink", paths["gone"])["pid"]
    stack.start_agent()
    for how, pid in actors.items():
        drift = stack.wait_open(paths[how])
        assert drift["actor"]["process"] and drift["actor"]["process"]["pid"] == pid, (how, pid, drift["actor"])
    assert stack.open_drift(paths["untouched"]) is None
    assert stack.findings(paths["untouched"]) == []


def test_without_pins_changes_while_down_are_found_without_actor(stack):
    path = stack.file("written")
    stack.pin = False
    stack.start_agent()
    stack.kill(stack.agent, signal.SIGKILL)
    path.write_text("other\n")
    stack.start_agent()
    drift = stack.wait_open(path)
    assert drift["actor"]["process"] is None and "down" in drift["actor"]["unknown_reason"]
    assert stack.api("/v1/status")["kernel"]["adopted"] is False


def test_found_at_first_start(stack):
    path = stack.file("wrong")
    path.write_text("changed before anybody watched\n")
    stack.start_agent()
    drift = stack.wait_open(path)
    assert drift["actor"]["process"] is None
    assert "before" in drift["actor"]["unknown_reason"]


def test_collector_down_the_whole_time(stack):
    path = stack.file("a")
    stack.start_collector()
    stack.kill(stack.collector)
    stack.start_agent()
    for i in range(20):
        path.write_text(f"{i}\n")
        stack.wait_content(path, f"{i}\n")
    ids = {f["id"] for f in stack.findings()}
    stack.kill(stack.agent, signal.SIGKILL)
    stack.start_collector()
    stack.start_agent()
    wait(lambda: ids <= {f["id"] for f in stack.all(stack.ask_collector, "/v1/findings")}, "every finding at the collector", 60)
    at_collector = [f["id"] for f in stack.all(stack.ask_collector, "/v1/findings")]
    assert len(at_collector) == len(set(at_collector))


def test_kill_9_rounds(stack):
    """Both are killed at random points under load; every change's finding is in the store exactly once."""
    rounds = int(os.environ.get("PLUMBLINE_KILL_ROUNDS", "100"))
    files = 40
    paths = [stack.file(f"f{i}", "start\n") for i in range(files)]
    stack.agent_extra = "limits: {recent_findings: 20000}\n"
    stack.start()
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    print(f"seed {seed}")
    written = []  # (path, content): each content once
    stop = threading.Event()

    def change():
        number = 0
        while not stop.is_set():
            path = paths[number % files]
            content = f"change {number}\n"
            fd = os.open(path, os.O_WRONLY)  # one write and no truncation: one content is one change
            os.pwrite(fd, content.ljust(32).encode(), 0)
            os.close(fd)
            written.append((str(path), sha256(content.ljust(32))))
            number += 1
            time.sleep(0.002)  # a load, not a wait: some 500 changes a second

    writer = threading.Thread(target=change)
    writer.start()
    try:
        for number in range(rounds):
            time.sleep(chance.random() * 0.05)  # the random point
            if chance.random() < 0.7:
                stack.kill(stack.agent, signal.SIGKILL)
                stack.start_agent(ready=chance.random() < 0.8)
            else:
                stack.kill(stack.collector, signal.SIGKILL)
                stack.start_collector()
    finally:
        stop.set()
        writer.join()
    if stack.agent.poll() is not None:
        stack.start_agent()
    wait(lambda: stack.try_api("/readyz") and stack.try_api("/startupz"), "the agent", 60)
    last = dict(written)
    assert len(last) == files, "the load never ran"
    wait(lambda: all(attributes(d).get("content_sha256", {}).get("live") == last[d["where"]["path"]]
                     for d in stack.drifts(state="open")) and len(stack.drifts(state="open")) == len(last),
         "the last content of every file", 60)
    wait(lambda: (s := stack.api("/v1/status")) and s["spool"]["acknowledged"] + 1 == s["spool"]["next_sequence"], "the export", 60)
    findings = stack.all(stack.ask_collector, "/v1/findings")
    ids = [f["id"] for f in findings]
    assert len(ids) == len(set(ids)), "a finding is stored twice"
    seen = [(f["where"]["path"], d["live"]) for f in findings for d in f["diff"] if d["attribute"] == "content_sha256"]
    for entry in last.items():
        assert seen.count(entry) == 1, f"the last change of {entry[0]} has {seen.count(entry)} findings"
    doubled = {entry for entry in seen if seen.count(entry) > 1}
    assert not doubled, f"{len(doubled)} contents have more than one finding"
    # What was written between two readings is merged and counted: each change is covered by exactly one finding.
    covered = sum(f["changes"] for f in findings)
    print(f"{len(written)} changes, {len(findings)} findings, {covered} kernel events covered")
    assert covered == len(written)
    gaps = stack.api("/v1/status")["counters"]
    assert gaps["actors_unknown_total"] == 0


def test_full_disk_under_the_spool(stack):
    path = stack.file("a")
    filler = stack.small_disk() / "filler"
    stack.agent_extra = "spool: {max_bytes: 64MiB, segment_bytes: 1MiB}\n"
    stack.start_agent()
    fill(filler)
    failed = stack.api("/v1/status")["counters"]["append_failures_total"]
    for i in range(5000):  # the reserve and the rest of a segment may still take some
        path.write_text(f"{i}\n")
        if stack.api("/v1/status")["counters"]["append_failures_total"] > failed:
            break
    else:
        raise AssertionError("the spool took 5000 changes on a full disk")
    wait(lambda: not stack.try_api("/readyz"), "readiness to tell")
    path.write_text("last\n")
    filler.unlink()
    stack.wait_open(path, lambda d: attributes(d)["content_sha256"]["live"] == sha256("last\n"))
    wait(lambda: stack.try_api("/readyz"), "readiness to come back")


def test_stream_resumes_without_a_gap(stack):
    path = stack.file("a")
    stack.start_agent()

    def read(connection_headers, count):
        connection = harness.UnixConnection(stack.sock)
        connection.request("GET", "/v1/stream", headers=connection_headers)
        answer = connection.getresponse()
        assert answer.status == 200
        events, current = [], {}
        while len(events) < count:
            line = answer.readline().decode()
            assert line, f"the stream ended after {events}"
            line = line.rstrip("\n")
            if line.startswith(("id:", "event:", "data:")):
                key, value = line.split(":", 1)
                current[key] = value.strip()
            elif not line and current.get("event"):
                events.append(current)
                current = {}
        connection.close()
        return events

    path.write_text("1\n")
    stack.wait_open(path)
    first = read({"Last-Event-ID": "0"}, 2)
    path.write_text("2\n")
    stack.wait_open(path, lambda d: d["count"] >= 2)
    findings = stack.findings()
    events = first + read({"Last-Event-ID": first[-1]["id"]}, 1 + 2 * len(findings) - len(first))
    kinds = [e["event"] for e in events]
    assert kinds == ["gap"] + ["finding", "drift"] * len(findings), kinds  # the gap is the time before the first start
    assert json.loads(events[0]["data"])["reason"] == "start", events[0]
    sent = [json.loads(e["data"])["id"] for e in events if e["event"] == "finding"]
    assert sorted(sent) == sorted(f["id"] for f in findings), sent
    ids = [e["id"] for e in events]
    assert len(ids) == len(set(ids)), ids


def test_all_marks_in_use(stack):
    for i in range(30):
        stack.file(f"file{i}")
    stack.agent_extra = "limits: {max_marks: 16}\n"
    stack.start_agent()
    spots = [s["id"] for s in stack.all(stack.api, "/v1/blindspots")]
    assert "path_not_watched" in spots, spots
    stack.restart_agent(signal.SIGKILL)
    watched = [r["path"] for r in stack.all(stack.api, "/v1/resources") if r["watched"]]
    assert watched
    stack.kill(stack.agent, signal.SIGKILL)
    pid = stack.testprog("truncate", watched[0])["pid"]
    # Maps of another size: what the earlier ones saw is carried over.
    stack.agent_extra = "limits: {max_marks: 300}\n"
    stack.start_agent()
    drift = stack.wait_open(watched[0])
    assert drift["actor"]["process"] and drift["actor"]["process"]["pid"] == pid, drift["actor"]
    spots = [s["id"] for s in stack.all(stack.api, "/v1/blindspots")]
    assert "path_not_watched" not in spots and "not_pinned" not in spots, spots
