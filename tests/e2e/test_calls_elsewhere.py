"""Calls through TLS libraries that lie where nobody looks, or that a program loads long after its start."""

import os
import pathlib
import shutil
import subprocess
import sys
import threading

from harness import Skip, wait
from moto import AUTHORIZATION
from tls_servers import Ec2
from watched_calls import start, state

LIBRARY = "libssl.so.3"
# Loads its TLS when it is asked to, and makes a call a line: the group's id.
LATE = """
import sys
for line in sys.stdin:
    import http.client, ssl, urllib.parse
    server = http.client.HTTPSConnection("localhost", int(sys.argv[1]), context=ssl.create_default_context(cafile=sys.argv[2]))
    form = urllib.parse.urlencode({"Action": "DeleteSecurityGroup", "Version": "2016-11-15", "GroupId": line.strip()})
    server.request("POST", "/", form, {"Authorization": sys.argv[3], "Content-Type": "application/x-www-form-urlencoded"})
    print(server.getresponse().status, flush=True)
    server.close()
"""


def elsewhere(stack):
    """The environment of a program that takes its libssl from a folder of an unusual name, and that copy."""
    installed = next((path for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/lib/x86_64-linux-gnu")
                      if (path := pathlib.Path(folder) / LIBRARY).exists()), None)
    if installed is None:
        raise Skip(f"{LIBRARY} is not installed")
    copy = stack.dir / "odd" / "place" / LIBRARY
    copy.parent.mkdir(parents=True)
    copy.write_bytes(installed.read_bytes())
    return {**os.environ, "LD_LIBRARY_PATH": str(copy.parent)}, copy


def begin(stack, *groups):
    """A server, and an agent that looks through a folder with nothing in it."""
    server = Ec2(stack)
    state(stack.dir / "net.tfstate", *[("aws_security_group", group, {"id": group, "name": group}) for group in groups])
    empty = stack.dir / "empty"
    empty.mkdir()
    start(stack, [empty])
    return server


def curl(server, environment, group):
    subprocess.run(["curl", "-sS", "--fail", "-o", "/dev/null", "--cacert", server.certificate, "-H", "Authorization: " + AUTHORIZATION,
                    "-d", f"Action=DeleteSecurityGroup&Version=2016-11-15&GroupId={group}", f"https://localhost:{server.port}/"],
                   env=environment, check=True, stdin=subprocess.DEVNULL)


def told(stack):
    return {d["resource"].rsplit(".", 1)[-1]: d for d in stack.drifts() if d["kind"] == "call"}


def calls(stack):
    return stack.api("/v1/status")["calls"]


def wait_hooked(stack, copy):
    wait(lambda: str(copy) in [file["path"] for file in calls(stack)["files"]], "the library to be hooked")


def test_what_lies_on_fuse_is_not_looked_at_which_is_said(stack):
    """Whoever serves it could let the agent wait for ever, and with it all others' programs."""
    if not shutil.which("bindfs"):
        raise Skip("bindfs is not installed")
    environment, copy = elsewhere(stack)
    server = begin(stack, "sg-served", "sg-other")
    mount = stack.dir / "mount"
    mount.mkdir()
    if subprocess.run(["bindfs", "--no-allow-other", copy.parent, mount], capture_output=True).returncode != 0:
        raise Skip("FUSE cannot be mounted here")
    stack.cleanup.callback(subprocess.run, ["umount", "-l", mount], check=True)
    curl(server, {**environment, "LD_LIBRARY_PATH": str(mount)}, "sg-served")
    wait(lambda: "tls_served_files" in [s["id"] for s in stack.all(stack.api, "/v1/blindspots")], "that it is said")
    curl(server, environment, "sg-other")  # the scanner goes on
    wait_hooked(stack, copy)
    assert [file["path"] for file in calls(stack)["files"] if str(mount) in file["path"]] == []
    assert "sg-served" not in told(stack)


def test_a_library_in_an_unusual_folder_is_missed_once(stack):
    environment, copy = elsewhere(stack)
    server = begin(stack, "sg-first", "sg-second", "sg-third")
    missed = calls(stack)["first_calls_maybe_missed"]
    curl(server, environment, "sg-first")
    wait_hooked(stack, copy)
    assert calls(stack)["first_calls_maybe_missed"] > missed, calls(stack)
    shown = stack.plumb("status").stdout
    assert "ran before what" in shown, shown
    for group in ("sg-second", "sg-third"):
        curl(server, environment, group)
    wait(lambda: {"sg-second", "sg-third"} <= set(told(stack)), "the calls of the processes after the first")
    assert server.refused == []


def test_a_library_that_is_loaded_long_after_the_start(stack):
    environment, copy = elsewhere(stack)
    server = begin(stack, "sg-first", "sg-second")
    with subprocess.Popen([sys.executable, "-c", LATE, str(server.port), server.certificate, AUTHORIZATION], env=environment, text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        def ask(group):
            client.stdin.write(group + "\n")
            client.stdin.flush()
            assert client.stdout.readline() == "200\n"
        executed = client.pid
        wait(lambda: pathlib.Path(f"/proc/{executed}/cmdline").read_bytes().startswith(sys.executable.encode()), "the program to run")
        assert str(copy) not in [file["path"] for file in calls(stack)["files"]]
        ask("sg-first")
        wait_hooked(stack, copy)
        ask("sg-second")
        wait(lambda: "sg-second" in told(stack), "the call of the next connection")
        assert told(stack)["sg-second"]["actor"]["process"]["pid"] == client.pid
        client.stdin.close()
    assert server.refused == []


def test_who_keeps_a_library_open_for_writing_hides_no_calls(stack):
    environment, copy = elsewhere(stack)
    server = begin(stack, "sg-first", "sg-second")
    curl(server, environment, "sg-first")
    wait_hooked(stack, copy)
    gaps = lambda: stack.api("/v1/status")["counters"]["gaps_total"]  # noqa: E731
    before = gaps()
    with open(copy, "r+b", buffering=0) as writer:
        done, byte = threading.Event(), copy.read_bytes()[:1]

        def write():
            while not done.wait(0.1):
                os.pwrite(writer.fileno(), byte, 0)
        writing = threading.Thread(target=write)
        writing.start()
        try:
            spot = wait(lambda: next((spot for spot in stack.all(stack.api, "/v1/blindspots") if "somebody writes into it" in spot["because"]),
                                     None), "the blind spot")
            assert (spot["id"], spot["scope"]) == ("tls_file_not_hooked", str(copy)), spot
            assert [file["path"] for file in calls(stack)["files_written_into"]] == [str(copy)]
            shown = stack.plumb("status").stdout
            assert f"{copy}: somebody writes into it" in shown, shown
        finally:
            done.set()
            writing.join()
        wait_hooked(stack, copy)  # it is open still
        assert calls(stack)["files_written_into"] == []
        curl(server, environment, "sg-second")
        wait(lambda: "sg-second" in told(stack), "the call")
    wait(lambda: gaps() > before, "the gap")
    assert server.refused == []
