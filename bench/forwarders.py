"""Findings on their way to destinations: three sinks at once, a backlog, and falcosidekick beside the collector."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

from harness import BUILD, Skip
from siem import Collector, end_with_parent, free_port, wait

FINDINGS = 100_000
PACE = 8_000  # findings a second that three sinks are to keep up with
BACKLOG = 1_000_000
SLOW_MS = 50  # what a slow destination takes for a request of 500
EVENTS = 30_000  # one a request, over as many connections as Falco's http_output and its siblings might have on a node:
CONNECTIONS = 16
DOWN_SECONDS, DOWN_PACE = 30, 1_000


class Tool:
    """A program that answers each line with a line."""

    def __init__(self, name, *arguments):
        if not (BUILD / name).exists():
            raise Skip(f"{name} is not built")
        self.process = subprocess.Popen([BUILD / name, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, preexec_fn=end_with_parent)
        self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def read(self):
        line = self.process.stdout.readline()
        assert line, f"{self.process.args[0].name} ended with {self.process.wait()}"
        return line

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def ask(self, command):
        self.say(command)
        return self.read()


class Receiver(Tool):
    def __init__(self, *kinds):
        self.ports = {kind: free_port() for kind in kinds}
        super().__init__("bench_receiver", *(f"{kind}={port}" for kind, port in self.ports.items()))

    def url(self, kind):
        return f"http://127.0.0.1:{self.ports[kind]}/"

    def distinct(self, kind):
        return json.loads(self.ask("count"))[kind]["distinct"]

    def ids(self):
        with tempfile.NamedTemporaryFile("r") as file:
            self.ask(f"ids {file.name}")
            return set(file.read().split())


class Load(Tool):
    def __init__(self, port, **options):
        self.acked = tempfile.NamedTemporaryFile("r")
        super().__init__("bench_send", "--port", port, "--acked", self.acked.name,
                         *(word for key, value in options.items() for word in (f"--{key}", value)))

    def start(self):
        self.began = time.monotonic()
        self.say("go")

    def result(self):
        got = json.loads(self.read())
        assert self.process.wait() == 0
        return got

    def run(self):
        self.start()
        return self.result()

    def ids(self):
        return set(self.acked.read().split())


def peak_mib(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


SINKS = {"webhook": "{{name: webhook, webhook: {{url: \"{}\"}}}}", "bulk": "{{name: bulk, elasticsearch: {{url: \"{}\", index: findings}}}}",
         "otlp": "{{name: otlp, otlp: {{url: \"{}v1/logs\"}}}}"}
NAMES = {"webhook": "webhook, one a request", "bulk": "Elasticsearch's _bulk", "otlp": "OTLP/HTTP"}


def collector_with(stack, receiver, *kinds):
    return stack.enter_context(Collector(*(SINKS[kind].format(receiver.url(kind)) for kind in kinds), extra="log: {level: warning}\n"))


def through(load, receiver, kinds, findings):
    """Runs a load; what it says, and after how many seconds each destination had all, or None where it had it before."""
    load.start()
    missing, done = set(kinds), {}
    sent = load.result()
    left = {kind: findings - receiver.distinct(kind) for kind in kinds}
    end = time.monotonic() + 300
    while missing and time.monotonic() < end:
        for kind in list(missing):
            if receiver.distinct(kind) >= findings:
                done[kind] = time.monotonic() - load.began
                missing.discard(kind)
        time.sleep(0.02)
    assert not missing, missing
    return sent, done, left


def sinks():
    kinds = tuple(SINKS)
    with contextlib.ExitStack() as stack:
        collector = collector_with(stack, None)
        alone = stack.enter_context(Load(collector.port, findings=FINDINGS)).run()
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(Receiver(*kinds))
        collector = collector_with(stack, receiver, *kinds)
        full, done, _ = through(stack.enter_context(Load(collector.port, findings=FINDINGS)), receiver, kinds, FINDINGS)
        full_mib = peak_mib(collector.process)
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(Receiver(*kinds))
        collector = collector_with(stack, receiver, *kinds)
        paced, _, left = through(stack.enter_context(Load(collector.port, findings=FINDINGS, rate=PACE)), receiver, kinds, FINDINGS)
    print(f"### Three sinks that take all ({FINDINGS:,} findings in batches of 500, over 4 connections)\n")
    print("| figure | measured | reference: no sinks | ratio |\n| --- | --- | --- | --- |")
    print(f"| saturated: acknowledged | {full['rate']:,}/s | {alone['rate']:,}/s | {full['rate'] / alone['rate']:.2f} |")
    for kind in kinds:
        print(f"| … delivered, {NAMES[kind]} | {FINDINGS / done[kind]:,.0f}/s | | |")
    print(f"| … ack p99 | {full['p99_ms']:.1f} ms | {alone['p99_ms']:.1f} ms | |\n| … collector's peak RSS | {full_mib:.1f} MiB | | |")
    print(f"| at {PACE:,}/s: ack p50, p99 | {paced['p50_ms']:.1f} ms, {paced['p99_ms']:.1f} ms | | |")
    behind = ", ".join(f"{NAMES[kind]} {left[kind]:,}" for kind in kinds)
    print(f"| … not delivered yet when the last was acknowledged | {behind} | | |\n")


def backlog():
    piece, agents = 200_000, 40
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(Receiver("bulk"))
        collector = collector_with(stack, receiver)
        for first in range(0, BACKLOG, piece):
            with Load(collector.port, findings=piece, agents=agents, first=first // agents + 1) as load:
                assert load.run()["acked"] == piece
        collector.kill(signal.SIGTERM)
        collector.sinks = (SINKS["bulk"].format(receiver.url("bulk")),)
        began = time.monotonic()
        collector.start()
        ready = time.monotonic() - began

        def speed(until):
            """Findings a second, from now to when so many have come in all."""
            before, at = receiver.distinct("bulk"), time.monotonic()
            wait(lambda: receiver.distinct("bulk") >= until, f"{until} findings to be delivered", 300)
            return (receiver.distinct("bulk") - before) / (time.monotonic() - at)

        fast = speed(BACKLOG * 6 // 10)
        receiver.ask(f"slow {SLOW_MS * 1000}")
        slow = speed(BACKLOG * 8 // 10)
        receiver.ask("slow 0")
        speed(BACKLOG)
        mib = peak_mib(collector.process)
    most = 500 * 1000 / SLOW_MS
    print(f"### A backlog of {BACKLOG:,} findings\n")
    print("| figure | measured | reference | ratio |\n| --- | --- | --- | --- |")
    print(f"| start to ready | {ready:.2f} s | goal: < 2 s | |")
    print(f"| drained to a destination that answers at once | {fast:,.0f}/s | | |")
    print(f"| to one that takes {SLOW_MS} ms for each request of 500 | {slow:,.0f}/s | no more can go there: {most:,.0f}/s | {slow / most:.2f} |")
    print(f"| collector's peak RSS | {mib:.1f} MiB | | |\n")


class Sidekick:
    """falcosidekick, with a webhook."""

    kind, batch = "falco", 1

    def __init__(self, stack, receiver):
        binary = os.environ.get("FALCOSIDEKICK") or shutil.which("falcosidekick")
        if not binary:
            raise Skip("falcosidekick is not installed; name its program in FALCOSIDEKICK")
        self.binary, self.port = binary, free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="plumbline-bench-"))
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "config.yaml").write_text(
            f"listenaddress: 127.0.0.1\nlistenport: {self.port}\nwebhook: {{address: \"{receiver.url('webhook')}\"}}\n")
        self.receiver, self.process = receiver, None
        self.start()
        stack.callback(self.kill)

    def start(self):
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen([self.binary, "-c", self.folder / "config.yaml"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=end_with_parent)
        wait(self.answers, "falcosidekick to answer")

    def answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ping", timeout=2).status == 200

    def kill(self):
        self.process.kill()
        self.process.wait()

    def settle(self):
        """It does not say what it still holds: until nothing has come for three seconds."""
        last, since = self.receiver.distinct("webhook"), time.monotonic()
        while time.monotonic() - since < 3:
            time.sleep(0.05)
            now = self.receiver.distinct("webhook")
            if now != last:
                last, since = now, time.monotonic()
        return since


class Ours:
    """The collector, sent to as agents do."""

    kind, batch = "plumbline", 500

    def __init__(self, stack, receiver):
        self.collector = collector_with(stack, receiver, "webhook")
        self.receiver, self.port = receiver, self.collector.port

    process = property(lambda self: self.collector.process)

    def start(self):
        self.collector.start()

    def kill(self):
        self.collector.kill()

    def settle(self):
        wait(lambda: self.collector.sink("webhook")["lag_records"] == 0, "all to be delivered", 300)
        return time.monotonic()


class OursOneByOne(Ours):
    """As falcosidekick is: each finding waits for a commit of its own, or of sixteen."""

    batch = 1


def events(forwarder, stack, **options):
    return stack.enter_context(Load(forwarder.port, kind=forwarder.kind, batch=forwarder.batch, agents=CONNECTIONS, connections=CONNECTIONS,
                                    **options))


def lost(load, receiver):
    return len(load.ids() - receiver.ids())


def at_full_speed(make, figures):
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(Receiver("webhook"))
        forwarder = make(stack, receiver)
        load = events(forwarder, stack, findings=EVENTS)
        sent = load.run()
        seconds = forwarder.settle() - load.began
        figures["acknowledged"] = f"{sent['rate']:,}/s"
        figures["delivered"] = f"{receiver.distinct('webhook') / seconds:,.0f}/s"
        figures["ack p50, p99"] = f"{sent['p50_ms']:.1f} ms, {sent['p99_ms']:.1f} ms"
        figures["peak RSS"] = f"{peak_mib(forwarder.process):.0f} MiB"
        figures["lost, nothing in the way"] = f"{lost(load, receiver):,} of {sent['acked']:,}"


def refused_for_2_s(make, figures):
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(Receiver("webhook"))
        forwarder = make(stack, receiver)
        load = events(forwarder, stack, findings=EVENTS)
        load.start()
        wait(lambda: receiver.distinct("webhook") >= 2_000, "the first to be delivered")
        receiver.ask("refuse")
        time.sleep(2)
        receiver.ask("accept")
        sent = load.result()
        forwarder.settle()
        figures["lost, a receiver that refuses (503) for 2 s"] = f"{lost(load, receiver):,} of {sent['acked']:,}"


def down_for_30_s(make, figures):
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(Receiver("webhook"))
        forwarder = make(stack, receiver)
        load = events(forwarder, stack, findings=DOWN_PACE * (DOWN_SECONDS + 10), rate=DOWN_PACE)
        load.start()
        wait(lambda: receiver.distinct("webhook") >= DOWN_PACE * 5, "the first to be delivered")
        receiver.ask("close")
        time.sleep(DOWN_SECONDS)
        receiver.ask("open")
        sent = load.result()
        forwarder.settle()
        figures[f"lost, a receiver that is down for {DOWN_SECONDS} s, at {DOWN_PACE:,}/s"] = f"{lost(load, receiver):,} of {sent['acked']:,}"


def killed(make, figures):
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(Receiver("webhook"))
        forwarder = make(stack, receiver)
        load = events(forwarder, stack, findings=EVENTS)
        load.start()
        wait(lambda: receiver.distinct("webhook") >= 2_000, "the first to be delivered")
        forwarder.kill()
        sent = load.result()
        forwarder.start()
        forwarder.settle()
        gone = lost(load, receiver)
        figures["lost, kill -9 of the forwarder"] = f"{gone:,} of {sent['acked']:,} ({gone / sent['acked']:.0%})"


def falcosidekick():
    """Falco and its siblings send one event a request; agents send batches, and the collector is measured with both."""
    columns = {"falcosidekick": Sidekick, "collector, one finding a request": OursOneByOne, "collector, 500 a request": Ours}
    figures = {name: {} for name in columns}
    for measure in (at_full_speed, refused_for_2_s, down_for_30_s, killed):
        for name, make in columns.items():
            measure(make, figures[name])
    print(f"### falcosidekick beside the collector ({EVENTS:,} events over {CONNECTIONS} connections, to one webhook)\n")
    print("| figure | " + " | ".join(columns) + " |\n| --- |" + " --- |" * len(columns))
    for figure in figures["falcosidekick"]:
        print(f"| {figure} | " + " | ".join(figures[name][figure] for name in columns) + " |")
    print("\nLost: acknowledged with 2xx, and never come to the receiver.\n")
