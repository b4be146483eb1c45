"""What the tests of sinks share: a collector that is run for them, records as agents send them, and time limits."""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "docs"))

import pages  # noqa: E402

COLLECTOR = pathlib.Path(os.environ.get("BUILD_DIR", HERE.parents[1] / "build/release")) / "plumbline-collector"
NODE_ID = "3f9a1c2b00000000000000000000abcd"
START = 1_790_000_000


def end_with_parent():
    """In a child: it ends when the test does, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(77)


def wait(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime(seconds))


def harness(*command):
    """The directory that a script of tests/harness prints; skips where it cannot be had."""
    done = subprocess.run([HERE.parent / "harness" / command[0], *command[1:]], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        skip(f"{command[0]} cannot be had")
    return pathlib.Path(done.stdout.strip())


def typed(page, **variables):
    """What a sink's page says to try prints, with what its variables stand for here."""
    text = 'curl() { command curl --fail "$@"; }\n' + pages.block(page, "Try it", "sh")
    done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", text], env={**os.environ, **{k: str(v) for k, v in variables.items()}},
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout, (page, done.returncode, done.stdout, done.stderr)
    return done.stdout


class Records:
    """Makes records in a node's sequence."""

    def __init__(self, node_id=NODE_ID, node="web-1"):
        self.node_id, self.node, self.sequence = node_id, node, 0

    def next_id(self):
        self.sequence += 1
        return f"{self.node_id[:8]}-7d4e21aa-{self.sequence:020}"

    def judgement(self, resource, comparison, kind="file", **more):
        at = rfc3339(START + self.sequence)
        process = {"pid": 4242, "start_time": rfc3339(START - 5), "exe": "/usr/bin/vi", "exe_sha256": "ab" * 32, "comm": "vi",
                   "argv": ["vi", "/etc/app.conf", "it's"], "uid": 0, "user": "root", "login_uid": 1000, "login_user": "ann",
                   "tty": "pts/3"}
        parents = [{**process, "pid": 4000, "exe": "/bin/bash", "argv": ["-bash"]}, {"pid": 1, "comm": "systemd"}]
        return {"resource": resource, "kind": kind, "verdict": "out_of_band", "comparison": comparison, "severity": "high",
                "diff": [{"attribute": "mode", "expected": "0644", "live": "0666"},
                         {"attribute": "content_sha256", "expected": "hmac-sha256:aa", "live": "hmac-sha256:bb", "sensitive": True}],
                "where": {"node": self.node, "path": "/etc/app.conf", "aliases": []},
                "actor": {"resolved": True, "process": process, "lineage": parents, "lineage_complete": True},
                "evidence": [{"kind": "rule", "says": "no rule matched"}], "missing_evidence": ["no approved run"]}, at, more

    def finding(self, resource, drift=None, state="open", count=1, kind="file", **more):
        """A finding; `drift` is the id of the drift that it opens or moves, None for a change that matches."""
        record_id = self.next_id()
        comparison = "match" if drift is None or state != "open" else "mismatch"
        base, at, more = self.judgement(resource, comparison, kind, **more)
        finding = {"id": record_id, **base, **more, "at": at, "observed_at": at, "source": "kernel", "rule": "default",
                   "changes": 1, "baseline": {"name": "net", "revision": {"serial": "7"}}}
        body = {"finding": finding, "drift": None}
        if drift is not None:
            finding["drift_id"] = drift
            body["drift"] = {"id": drift, **base, **more, "baseline": "net", "state": state, "opened_at": rfc3339(START),
                             "updated_at": at, "count": count, "findings": [f"f{i}" for i in range(count)]}
            if state != "open":
                body["drift"].update(closed_at=at, closed_by="live equals baseline again")
        return {"sequence": self.sequence, "type": "finding", "id": record_id, "at": at, "body": body}

    def accepted(self, resource, drift):
        self.next_id()
        base, at, _ = self.judgement(resource, "mismatch")
        body = {"drift": {"id": drift, **base, "baseline": "net", "state": "accepted", "opened_at": rfc3339(START),
                          "updated_at": at, "closed_at": at, "closed_by": "baseline revision serial=8", "count": 2, "findings": ["f0", "f1"]}}
        return {"sequence": self.sequence, "type": "drift", "id": f"{drift}@{self.sequence}", "at": at, "body": body}

    def gap(self):
        record_id = "g-" + self.next_id()
        at = rfc3339(START + self.sequence)
        gap = {"id": record_id, "reason": "agent_stopped", "scope": "node", "from": at, "until": at, "checked": 3, "changed": 1}
        return {"sequence": self.sequence, "type": "gap", "id": record_id, "at": at, "body": {"gap": gap}}


class Collector:
    """A collector with these sinks (YAML flow mappings), which a test feeds and asks."""

    def __init__(self, *sinks, extra="", store="{sqlite: DIR/p.db}"):
        if not COLLECTOR.exists():
            skip(f"{COLLECTOR} is not built")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="plumbline-siem-"))
        self.port = free_port()
        self.sinks, self.extra, self.process = sinks, extra, None
        self.store = store.replace("DIR", str(self.dir))

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(True)
            raise
        return self

    def __exit__(self, failed, *_):
        self.kill()
        if failed:
            print((self.dir / "log").read_text()[-4000:], file=sys.stderr)
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        sinks = "".join("\n- " + sink.replace("DIR", str(self.dir)) for sink in self.sinks) or " []"
        (self.dir / "collector.yaml").write_text(
            f"listen: 127.0.0.1:{self.port}\nstore: {self.store}\n{self.extra}sinks:{sinks}\n")
        with open(self.dir / "log", "a") as log:
            self.process = subprocess.Popen([COLLECTOR, "--config", self.dir / "collector.yaml"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=end_with_parent)
        wait(lambda: self.process.poll() is None and self.try_get("/readyz"), "the collector to be ready")

    def kill(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Content-Type": "application/x-ndjson"} if body else {})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text.startswith((b"{", b"[")) else text

    def try_get(self, path):
        with contextlib.suppress(OSError, ValueError):
            status, body = self.request("GET", path)
            return status == 200 and (body or True)
        return None

    def post(self, records, node_id=NODE_ID, node="web-1"):
        head = {"node_id": node_id, "node": node, "labels": {}, "boot_id": "b0000000", "agent_version": "0.1.0",
                "sent_at": rfc3339(START), "records": len(records), "oldest_unsent": 0, "health": {}}
        lines = "".join(json.dumps(line) + "\n" for line in [head, *records])
        status, body = self.request("POST", "/v1/batches", lines.encode())
        assert status == 200, (status, body)
        assert all(item["status"] == "stored" for item in body["items"]), body

    def sink(self, name):
        return next(s for s in self.request("GET", "/v1/sinks")[1]["items"] if s["name"] == name)

    def wait_delivered(self, name, seconds=60):
        return wait(lambda: self.sink(name)["lag_records"] == 0, f"sink {name}: {self.sink(name)}", seconds)


def main(*tests):
    """Runs each; a failure is told and ends with 1."""
    failed = 0
    for test in tests:
        began = time.monotonic()
        try:
            test()
            print(f"PASS {test.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as error:  # the others are still run
            failed += 1
            print(f"FAIL {test.__name__}: {type(error).__name__} {error}", flush=True)
            import traceback
            traceback.print_exc()
    sys.exit(1 if failed else 0)
