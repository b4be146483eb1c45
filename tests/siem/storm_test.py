#!/usr/bin/env python3
"""One change on many nodes, and silences, against a strict double of PagerDuty's Events API v2 and one of a chat.

PagerDuty itself cannot be had: the double takes what its reference takes (https://developer.pagerduty.com/docs/events-api-v2),
refuses the rest, and keeps incidents as PagerDuty does, one at a time for each dedup_key.
"""

import http.server
import json
import os
import subprocess
import threading

from siem import COLLECTOR, Collector, Records, main, wait

SSHD = "file:/etc/ssh/sshd_config"


class Double:
    """An HTTP server that hands each JSON body to take(), which returns the status."""

    def __init__(self):
        self.lock, self.broken = threading.Lock(), None
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with double.lock:
                    try:
                        status = double.take(json.loads(body))
                    except (AssertionError, KeyError, ValueError) as error:
                        double.broken, status = f"{type(error).__name__} {error}: {body}", 400
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        assert self.broken is None, self.broken


class PagerDuty(Double):
    def __init__(self):
        super().__init__()
        self.down, self.events, self.open, self.opened = False, [], {}, []

    def take(self, event):
        assert set(event) <= {"routing_key", "event_action", "dedup_key", "payload", "client", "client_url", "links", "images"}
        assert event["routing_key"] == "R0UT1NG" and 0 < len(event["dedup_key"]) <= 255
        assert event["event_action"] in ("trigger", "resolve")
        if event["event_action"] == "trigger":
            payload = event["payload"]
            assert 0 < len(payload["summary"]) <= 1024 and payload["source"]
            assert payload["severity"] in ("critical", "error", "warning", "info")
        if self.down:
            return 503
        self.events.append(event)
        if event["event_action"] == "resolve":
            self.open.pop(event["dedup_key"], None)
        else:
            if event["dedup_key"] not in self.open:
                self.opened.append(event["dedup_key"])
            self.open[event["dedup_key"]] = event
        return 202


class Chat(Double):
    def __init__(self):
        super().__init__()
        self.lines = []

    def take(self, message):
        assert set(message) == {"text"}
        self.lines += message["text"].split("\n")[1:]
        return 200


def nodes(count):
    return [Records(f"{i:08x}" + "0" * 24, f"web-{i}") for i in range(1, count + 1)]


def drift(collector, node, resource=SSHD, **more):
    collector.post([node.finding(resource, f"d-{node.node_id[:8]}-{resource}", **more)], node.node_id, node.node)


def pager(double, folder="DIR"):
    return f"{{name: pager, pagerduty: {{url: \"{double.url}\", routing_key_file: {folder}/routing, group_wait: 100ms}}}}"


def plumb(collector, *arguments, code=0):
    done = subprocess.run([COLLECTOR.parent / "plumb", "--collector", f"http://127.0.0.1:{collector.port}", *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                          env={**os.environ, "USER": "ann"})
    assert done.returncode == code, (arguments, done.returncode, done.stdout)
    return done.stdout


def flush(collector, node):
    """What is delivered is remembered with the next commit: a heartbeat is one."""
    collector.post([], node.node_id, node.node)


def test_one_change_on_many_nodes_is_one_page_through_kills():
    fleet = nodes(200)
    with PagerDuty() as pagerduty:
        collector = Collector(pager(pagerduty))
        (collector.dir / "routing").write_text("R0UT1NG\n")
        with collector:
            pagerduty.down = True  # so that what comes in meanwhile is all told at once
            for i, node in enumerate(fleet):
                drift(collector, node)
                if i == 100:
                    collector.kill()
                    collector.start()
            collector.kill()
            collector.start()
            pagerduty.down = False
            collector.wait_delivered("pager")
            assert len(pagerduty.events) == 1, [e["event_action"] for e in pagerduty.events]
            event = pagerduty.events[0]
            assert "on 200 nodes (web-1, web-10, web-100, …)" in event["payload"]["summary"], event
            assert event["payload"]["custom_details"]["nodes"] == 200, event
            for node in fleet[:199]:
                drift(collector, node, state="resolved", count=2)
            collector.wait_delivered("pager")
            assert len(pagerduty.events) == 1, "the last node has it still"
            collector.kill()
            collector.start()
            drift(collector, fleet[199], state="resolved", count=2)
            collector.wait_delivered("pager")
            assert pagerduty.open == {} and len(pagerduty.opened) == 1, pagerduty.opened
            assert pagerduty.events[-1]["event_action"] == "resolve"


def test_a_silence_holds_back_and_tells_at_its_end():
    fleet = nodes(4)
    with PagerDuty() as pagerduty, Chat() as chat:
        collector = Collector(pager(pagerduty), "{name: chat, slack: {url_file: DIR/chat, digest_interval: 100ms}}",
                              "{name: file, ndjson: {path: DIR/out.ndjson}}")
        (collector.dir / "routing").write_text("R0UT1NG\n")
        (collector.dir / "chat").write_text(chat.url + "\n")

        def is_held(count):
            return all(collector.sink(name)["silenced"] == count and collector.sink(name)["lag_records"] == 0
                       for name in ("pager", "chat"))

        with collector:
            said = plumb(collector, "silence", "create", "--resource", "file:/etc/*", "--for", "8s", "--reason", "a rollout")
            assert said.startswith("silence 1 begins: file:/etc/*"), said
            for node in fleet[:3]:
                drift(collector, node)
            wait(lambda: is_held(3), f"3 records to be held back: {collector.request('GET', '/v1/sinks')}")
            assert not pagerduty.events and not chat.lines
            collector.kill()
            collector.start()
            drift(collector, fleet[0], state="resolved", count=2)  # an end is told; nobody is woken
            wait(lambda: pagerduty.open, "the page after the silence's end", 60)
            wait(lambda: any("on 2 nodes (web-2, web-3)" in line for line in chat.lines), f"the chat: {chat.lines}")
            for name in ("pager", "chat"):
                collector.wait_delivered(name)
            flush(collector, fleet[3])
            collector.kill()
            collector.start()
            for name in ("pager", "chat"):
                collector.wait_delivered(name)
            assert len(pagerduty.opened) == 1 and len(pagerduty.open) == 1, pagerduty.events
            assert "on 2 nodes (web-2, web-3)" in pagerduty.events[-1]["payload"]["summary"], pagerduty.events
            assert len([line for line in chat.lines if " open " in line]) == 1, chat.lines
            wait(lambda: collector.sink("file")["lag_records"] == 0, "the file")
            kept = [json.loads(line) for line in (collector.dir / "out.ndjson").read_text().splitlines()]
            states = [line["alert_silence"]["state"] for line in kept if line["type"] == "alert_silence"]
            assert states == ["created", "expired"], states
            assert len([line for line in kept if line["type"] == "finding"]) == 4, kept
            assert "no silence is active" in plumb(collector, "silence", "list")
            listed = plumb(collector, "silence", "list", "--ended")
            assert "ended: expiry" in listed and "(ann)" in listed and "a rollout" in listed, listed


def test_plumb_ends_a_silence_and_bad_ones_are_refused():
    node = nodes(1)[0]
    with PagerDuty() as pagerduty:
        collector = Collector(pager(pagerduty))
        (collector.dir / "routing").write_text("R0UT1NG\n")
        with collector:
            plumb(collector, "silence", "create", "--node", "web-*", "--until", "2020-01-01T00:00:00Z", "--reason", "r", code=64)
            assert "90 days" in plumb(collector, "silence", "create", "--node", "web-*", "--for", "91d", "--reason", "r", code=64)
            assert "all" in plumb(collector, "silence", "create", "--resource", "*", "--for", "1h", "--reason", "r", code=64)
            assert "one of --for and --until" in plumb(collector, "silence", "create", "--all", "--reason", "r", code=64)
            for body, says in ((b'{"until": "2099-01-01T00:00:00Z", "reason": "r", "resorce": "x"}', "did you mean resource?"),
                               (b'{"until": 7, "reason": "r", "node": "x"}', "/until"), (b"[]", "no JSON object"),
                               (b'{"reason": " ", "node": "x"}', "/reason")):
                status, problem = collector.request("POST", "/v1/silences", body)
                assert status == 400 and says in json.dumps(problem), (status, problem)
            plumb(collector, "silence", "create", "--all", "--for", "1h", "--reason", "an incident is open anyway")
            drift(collector, node)
            wait(lambda: collector.sink("pager")["silenced"] == 1, "it to be held back")
            assert not pagerduty.events
            assert "silence 1 has ended" in plumb(collector, "silence", "end", "1")
            wait(lambda: pagerduty.open, "the page after the silence's end")
            plumb(collector, "silence", "end", "77", code=1)
            plumb(collector, "silence", "end", "x", code=64)
            [silence] = collector.request("GET", "/v1/silences")[1]["items"]
            assert silence["state"] == "ended" and silence["ended_by"].endswith("(ann)"), silence


if __name__ == "__main__":
    main(test_one_change_on_many_nodes_is_one_page_through_kills, test_a_silence_holds_back_and_tells_at_its_end,
         test_plumb_ends_a_silence_and_bad_ones_are_refused)
