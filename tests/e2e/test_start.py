"""How an agent starts where a hook does not attach or does not fire: it says so, and leaves nothing behind that claims more."""

import errno
import os
import pathlib
import signal
import subprocess

import harness
from harness import Skip, refusing, wait


def without_multigrain_time(stack):
    """The agent's state, and so the self-test's canary, on a file system whose stat() the ctime tier cannot see."""
    if not pathlib.Path("/sys/kernel/tracing/events/timestamp/ctime_ns_xchg").exists():
        raise Skip("this kernel has no ctime tier (or no tracefs is mounted): no canary can fail after the pins were made")
    stack.mount("ramfs", "ramfs")


def test_a_tier_whose_canary_is_not_seen_gives_way_to_the_next(stack):
    path = stack.file("a")
    good = stack.state
    without_multigrain_time(stack)
    stack.start_agent(ready=False)
    wait(lambda: stack.agent.poll() is not None or stack.try_api("/readyz"), "its end, or its readiness")
    if stack.agent.poll() is None:  # the next tier, fentry, works here
        status = stack.api("/v1/status")["kernel"]
        refused, works = status["tiers"]
        assert refused["tier"] == "ctime" and not refused["works"] and "canary" in refused["why"], status
        assert works["tier"] == "fentry" and works["works"] and status["adopted"] is False, status
        assert "links/on_vfs_rename" in stack.pinned() and "links/on_ctime_ns_xchg" not in stack.pinned(), stack.pinned()
    else:
        said = (stack.dir / "agent.log").read_text()
        assert stack.agent.returncode in (69, 77), said
        assert "ctime tier: prove the hooks with a canary file" in said and "fentry tier: " in said and "doctor" in said, said
        assert stack.pinned() == []
        stack.state = good
        stack.start_agent()
        assert stack.api("/v1/status")["kernel"]["adopted"] is False, "nobody has watched before"
    path.write_text("changed\n")
    stack.wait_open(path)


def test_a_failed_start_keeps_what_an_earlier_agent_pinned(stack):
    """Those pins hold what happened since: only pins that the failed start made itself may go."""
    path = stack.file("a")
    stack.tier = "ctime"
    good = stack.state
    without_multigrain_time(stack)
    bad, stack.state = stack.state, good
    stack.start_agent()
    stack.kill(stack.agent, signal.SIGKILL)
    pid = stack.testprog("write", path)["pid"]
    pinned = stack.pinned()
    stack.state = bad
    stack.start_agent(ready=False)
    assert stack.agent.wait(20) == 69 and stack.pinned() == pinned
    stack.state = good
    stack.start_agent()
    assert stack.api("/v1/status")["kernel"]["adopted"] is True
    drift = stack.wait_open(path)
    assert drift["actor"]["process"] and drift["actor"]["process"]["pid"] == pid, drift["actor"]


def test_a_hook_that_cannot_be_attached_is_named_and_leaves_no_pins(stack):
    """Its maps were pinned before: left there, they would tell the next agent that somebody had been watching."""
    path = stack.file("a")
    config = stack.bare_config("refused", f"{{pin_dir: {stack.pins}}}")
    left = []
    # libbpf attaches by one of these commands or the other. The hooks, then only the walk over the processes that run already.
    for commands, says in ((("link_create", "raw_tracepoint_open"), "attach tp_btf/"), (("iter_create",), "run iter/task")):
        done = subprocess.run([*refusing("EBUSY", *commands), harness.AGENT, "--config", config], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode in (69, 77) and f"tier: {says}" in done.stderr and os.strerror(errno.EBUSY) in done.stderr, done
        assert "doctor" in done.stderr, done
        left += [f"after {says}: {pin}" for pin in stack.pinned()]
    assert left == [], left
    stack.start_agent()
    assert stack.api("/v1/status")["kernel"]["adopted"] is False
    path.write_text("changed\n")
    stack.wait_open(path)
