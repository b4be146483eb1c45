"""What a person tells a collector of a node: that it is gone for good, and that somebody has looked at its holes."""

import os
import shutil
import subprocess

import harness
from harness import wait

SILENT = "silence_after: 3s\n"
HEARTBEAT = ", heartbeat: 200ms"


def plumb(stack, *arguments):
    return subprocess.run([harness.PLUMB, "--collector", stack.collector_url(), "nodes", *arguments], capture_output=True, text=True,
                          timeout=60, env={**os.environ, "USER": "ann"})


def node(stack):
    """As the collector shows it; None where it is not one of its nodes."""
    return next(iter(stack.ask_collector("/v1/nodes")["items"]), None)  # whole: no list of pages


def at_collector(stack, state):
    return {d["where"]["path"]: d for d in stack.all(stack.ask_collector, f"/v1/drift?state={state}")}


def told(receiver, kind):
    """What a sink was told of this kind, each uid once."""
    once = {e["id"]: e for e in receiver.events() if e["type"] == f"dev.plumbline.{kind}"}
    return list(once.values())


def all_reported(stack):
    wait(lambda: (s := stack.try_api("/v1/status")) and s["exporter"]["lag_records"] == 0, "all to be reported", 40)


def test_a_node_that_is_gone_is_forgotten_and_begins_anew_where_it_comes_back(stack):
    stack.collector_extra, stack.collector_key = SILENT, HEARTBEAT
    receiver = stack.receiver()
    first, second = stack.file("first"), stack.file("second")
    stack.start()
    first.write_text("changed\n")
    stack.wait_open(first)
    wait(lambda: (n := node(stack)) and n["open_drifts"] == 1, "the collector to have the drift")
    seen = node(stack)["first_seen"]
    refused = plumb(stack, "forget", "e2e-node", "--reason", "its rack was sold")
    assert refused.returncode != 0 and "its agent is heard" in refused.stderr, refused

    all_reported(stack)
    stack.kill(stack.agent)
    wait(lambda: node(stack)["silent_since"], "the node to be silent")
    done = plumb(stack, "forget", "e2e-node", "--reason", "its rack was sold")
    assert done.returncode == 0 and "is forgotten: 1 drifts" in done.stdout, done
    assert node(stack) is None
    assert not at_collector(stack, "open") and not at_collector(stack, "resolved"), "nobody knows what became of it"
    ended = at_collector(stack, "forgotten")[str(first)]
    assert "ann" in ended["closed_by"] and "its rack was sold" in ended["closed_by"], ended
    again = plumb(stack, "forget", "e2e-node", "--reason", "again")
    assert again.returncode != 0 and "none that reports" in again.stderr, again
    wait(lambda: told(receiver, "node"), "the sink to hear of it")
    assert [e["data"]["node"]["state"] for e in told(receiver, "node")] == ["forgotten"]

    # It was only off: what changed meanwhile, and what was out before, is told.
    second.write_text("changed\n")
    stack.start_agent()
    stack.wait_open(second)
    wait(lambda: set(at_collector(stack, "open")) == {str(first), str(second)}, "what is open to be open again", 40)
    assert not at_collector(stack, "forgotten")
    back = node(stack)
    assert back["first_seen"] > seen and back["sequence_gaps"] == 0 and not back["silent_since"], back
    all_reported(stack)
    ids = sorted(f["id"] for f in stack.all(stack.ask_collector, "/v1/findings"))
    assert ids == sorted(f["id"] for f in stack.findings()) and len(ids) == len(set(ids)), "nothing lost, nothing doubled"
    first.write_text("as it should be\n")
    stack.wait_closed(first)
    wait(lambda: str(first) in at_collector(stack, "resolved"), "its end to be the collector's, too")
    wait(lambda: [e["data"]["node"]["state"] for e in told(receiver, "node")] == ["forgotten", "returned"], "the sink to hear of the return")


def test_a_hole_stands_until_somebody_says_that_he_looked(stack):
    """The collector's disk is set back to a copy, so what it acknowledged since is missing."""
    stack.collector_extra, stack.collector_key = SILENT, HEARTBEAT
    receiver = stack.receiver()
    files = [stack.file(name) for name in "abc"]
    stack.start()
    store = [stack.dir / f"collector.db{end}" for end in ("", "-wal", "-shm")]

    def change(path):
        path.write_text("changed\n")
        stack.wait_open(path)
        wait(lambda: str(path) in at_collector(stack, "open"), f"the collector to have {path}")
        all_reported(stack)

    change(files[0])
    stack.kill(stack.collector)
    for file in store:
        if file.exists():
            shutil.copy(file, f"{file}.copy")
    stack.start_collector()
    change(files[1])
    stack.kill(stack.collector)
    for file in store:
        file.unlink(missing_ok=True)
        if (copy := file.with_name(file.name + ".copy")).exists():
            copy.rename(file)
    stack.start_collector()
    change(files[2])
    found = node(stack)
    assert found["sequence_gaps"] == 1 and found["gap_since"], found
    assert str(files[1]) not in at_collector(stack, "open"), "it is what is missing"
    done = plumb(stack, "acknowledge", "e2e-node", "--reason", "its disk was set back")
    assert done.returncode == 0 and "is acknowledged: 1 conditions" in done.stdout, done
    found = node(stack)
    assert not found["gap_since"] and found["sequence_gaps"] == 1, "counts stay"
    done = plumb(stack, "acknowledge", "e2e-node", "--reason", "again")
    assert done.returncode == 0 and "0 conditions" in done.stdout, done
    wait(lambda: any(e["data"]["sequence_gap"].get("state") == "acknowledged" for e in told(receiver, "sequence_gap")), "the sink to hear of it")
