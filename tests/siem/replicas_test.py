#!/usr/bin/env python3
"""Three collectors that share a PostgreSQL: one is killed every few seconds under load, and the server crashes in the middle.
Nothing is lost or doubled in the ledger, and each finding comes to each sink."""

import contextlib
import http.server
import json
import pathlib
import random
import shutil
import tempfile
import threading

from postgres import Postgres
from siem import START, Collector, Records, main, rfc3339, wait

AGENTS, BATCH, ROUNDS = 6, 20, 8


class Hook:
    """A webhook that drops nothing that comes again: positions in the ledger and ids, in the order of their coming."""

    def __init__(self):
        self.got = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.got.append((int(event["ledgerseq"]), self.headers["Idempotency-Key"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


class Agent(threading.Thread):
    """Sends batches to any of the collectors, each until it is acknowledged."""

    def __init__(self, number, collectors):
        super().__init__(daemon=True)
        self.records = Records(f"{number:08x}" + "0" * 24, f"web-{number}")
        self.collectors, self.ids, self.refused, self.done = collectors, [], 0, threading.Event()

    def run(self):
        while not self.done.is_set():
            batch = [self.records.finding(f"file:/etc/{i}", f"d{i}-{self.records.node}") for i in range(BATCH)]
            head = {"node_id": self.records.node_id, "node": self.records.node, "labels": {}, "boot_id": "b0000000",
                    "agent_version": "0.1.0", "sent_at": rfc3339(START), "records": len(batch), "oldest_unsent": 0, "health": {}}
            text = "".join(json.dumps(line) + "\n" for line in [head, *batch]).encode()
            while not self.acknowledged(text, batch[-1]["sequence"]):
                self.refused += 1
                self.done.wait(0.05)  # as an agent rests before it sends again
            self.ids += [record["id"] for record in batch]
            self.done.wait(0.1)

    def acknowledged(self, text, last):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            status, body = random.choice(self.collectors).request("POST", "/v1/batches", text)
            return status == 200 and body["accepted_through"] == last
        return False


def test_three_collectors_lose_and_double_nothing():
    shared = pathlib.Path(tempfile.mkdtemp(prefix="plumbline-siem-"))
    hook = Hook()
    sinks = (f"{{name: hook, webhook: {{url: \"{hook.url}\"}}}}", f"{{name: file, ndjson: {{path: {shared}/out.ndjson}}}}")
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, shared, ignore_errors=True)
        postgres = stack.enter_context(Postgres())
        collectors = [stack.enter_context(Collector(*sinks, store=f"{{postgres: \"{postgres.uri}\"}}")) for _ in range(3)]
        agents = [Agent(i + 1, collectors) for i in range(AGENTS)]
        for agent in agents:
            agent.start()
        hands = 0
        for round_ in range(ROUNDS):
            before = sum(len(agent.ids) for agent in agents)
            wait(lambda: sum(len(agent.ids) for agent in agents) > before + 400, "findings between two kills")
            if round_ == ROUNDS // 2:
                postgres.crash()
                wait(lambda: any(not c.try_get("/readyz") for c in collectors), "a collector that says that its store is gone")
                postgres.start()
            else:
                victim = collectors[round_ % 3]
                victim.kill()
                victim.start()
            hands += 1
        for agent in agents:
            agent.done.set()
        for agent in agents:
            agent.join(30)
            assert not agent.is_alive(), "a batch is not acknowledged"
        ids = {record for agent in agents for record in agent.ids}
        assert len(ids) == sum(agent.records.sequence for agent in agents)

        assert postgres.ask("SELECT count(*), count(DISTINCT id), count(DISTINCT seq), max(seq) FROM ledger") == "|".join([str(len(ids))] * 4)
        assert postgres.ask("SELECT string_agg(DISTINCT type, ',') FROM ledger") == "finding", "no hole that was none"
        end = len(ids)
        for name in ("hook", "file"):
            wait(lambda: int(postgres.ask(f"SELECT coalesce(max(cursor), 0) FROM sinks WHERE name = '{name}'")) == end,
                 f"sink {name} to come to the end", 30)

        # The file itself says how far it got, so there each is once.
        lines = [json.loads(line)["ledger_seq"] for line in (shared / "out.ndjson").read_text().splitlines()]
        assert lines == list(range(1, end + 1)), "each once, in order"
        # A webhook has all, in order. What was sent and not yet confirmed when its collector died comes once more, with the
        # same key: each change of hands steps back once at most.
        missing = set(range(1, end + 1)) - {seq for seq, _ in hook.got}
        assert not missing and hook.got[-1][0] == end, (sorted(missing)[:20], len(missing), end, hook.got[-1])
        assert len({key for _, key in hook.got}) == end, "a repeat has the key that it had"
        steps_back = sum(1 for a, b in zip(hook.got, hook.got[1:]) if b[0] <= a[0])
        assert steps_back <= hands, (steps_back, hands)
        print(f"{end} findings, {hands - 1} kills and a crash of the server; {sum(a.refused for a in agents)} batches were sent again, "
              f"{len(hook.got) - end} events came twice")

        states = [c.sink("hook")["state"] for c in collectors]
        assert states.count("standby") == 2, states


def test_a_replay_that_one_is_asked_for_is_done_by_whose_turn_it_is():
    """Also: a collector that stops gives its sinks to another at once."""
    refused = threading.Event()
    refused.set()
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(418 if refused.is_set() else 204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sink = f"{{name: hook, webhook: {{url: \"http://127.0.0.1:{server.server_port}/\"}}}}"
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(Postgres())
        first, second = (stack.enter_context(Collector(sink, store=f"{{postgres: \"{postgres.uri}\"}}")) for _ in range(2))
        node = Records()
        second.post([node.finding("file:/etc/a", "d")])
        wait(lambda: second.sink("hook")["dead_letters"] == 1, "the record to be refused")
        refused.clear()
        leader = wait(lambda: next((c for c in (first, second) if c.sink("hook")["state"] == "idle"), None), "the one that delivers")
        other = second if leader is first else first
        status, _ = other.request("POST", "/v1/sinks/hook/replay")
        assert status == 202, status
        wait(lambda: other.sink("hook")["dead_letters"] == 0, "the replay")
        assert len(got) == 2, len(got)
        leader.kill(15)
        other.post([node.finding("file:/etc/b", "e")])
        wait(lambda: len(got) == 3, "the other to go on")
        assert other.sink("hook")["state"] != "standby"


main(test_three_collectors_lose_and_double_nothing, test_a_replay_that_one_is_asked_for_is_done_by_whose_turn_it_is)
