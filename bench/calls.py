"""What the capture of TLS plaintext costs those who are hooked, and how soon a call is told."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time

import harness
from harness import BUILD, Skip, wait

ROUNDS = 9
TRANSFER_ROUNDS = 3  # over the network, whose speed is all that a transfer takes
NETWORK = "1gbit"  # of one connection; what an instance of a cloud is given is between 1 and 5
THINKING_US = 1000  # a server far faster than a cloud's
REQUESTS = 10_000
BYTES = 1 << 30
FILES = 200
PACKETS = 500_000
CALLS = 1_000  # that change something, each awaited


def rss_mib(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def libssl():
    """The OpenSSL that the client is linked to."""
    for line in subprocess.run(["ldd", BUILD / "bench_tls_client"], capture_output=True, text=True, check=True).stdout.splitlines():
        if line.strip().startswith("libssl.so"):
            return pathlib.Path(line.split()[2]).resolve()
    raise Skip("bench_tls_client is not linked to a libssl.so")


def pinned(cpu):
    return lambda: os.sched_setaffinity(0, {cpu})


class Server:
    """Small requests go to and fro on one CPU: to wake another one costs more than all that is measured, and never the same. Of a
    transfer each end has its own."""

    def __init__(self, stack, folder, network=(), thinking_us=0):
        if not (BUILD / "bench_tls_server").exists():
            raise Skip("bench_tls_server is not built")
        self.network = network
        self.process = subprocess.Popen([*network, BUILD / "bench_tls_server", str(thinking_us)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.environment = {**os.environ, "LD_LIBRARY_PATH": str(folder)}
        self.cpus = sorted(os.sched_getaffinity(0))
        stack.cleanup.callback(self.process.kill)
        self.port = self.process.stdout.readline().strip()

    def client(self, what, *arguments, cgroup=None):
        if what in ("upload", "download"):
            os.sched_setaffinity(self.process.pid, {self.cpus[-1]})
        elif what == "requests":
            os.sched_setaffinity(self.process.pid, {self.cpus[0]})
        else:
            os.sched_setaffinity(self.process.pid, self.cpus)
        arguments = (what, *arguments)

        def before():
            if what != "calls":
                pinned(self.cpus[0])()
            if cgroup:
                cgroup.write_text(str(os.getpid()))
        done = subprocess.run([*self.network, BUILD / "bench_tls_client", self.port, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                              env=self.environment, preexec_fn=before)
        if done.returncode != 0:
            raise AssertionError(f"bench_tls_client {arguments}: {done.stderr}")
        return json.loads(done.stdout)


def configure(stack, folder, enabled=True, more=""):
    state = [{"mode": "managed", "type": "aws_security_group", "name": f"g{i}", "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
              "instances": [{"schema_version": 1, "attributes": {"id": f"sg-{i}", "name": f"g{i}"}}]} for i in range(CALLS)]
    (stack.dir / "net.tfstate").write_text(json.dumps({"version": 4, "serial": 1, "lineage": "a", "terraform_version": "1.11.4",
                                                       "outputs": {}, "resources": state}))
    stack.baselines = [f"{{name: net, terraform_state: {stack.dir}/net.tfstate}}"]
    stack.agent_extra = f"calls: {{enabled: {str(enabled).lower()}, folders: [{folder}]{more}}}\n"
    stack.pin = False


def calls_status(stack):
    return stack.api("/v1/status")["calls"]


def start_hooked(stack):
    stack.start_agent()
    wait(lambda: calls_status(stack).get("first_pass_done"), "the first look at all files", 120)


def spread(values):
    ordered = sorted(values)
    return f"{statistics.median(values):.3f} ({ordered[len(ordered) // 4]:.3f}–{ordered[len(ordered) * 3 // 4]:.3f})"


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def wait_idle(process, seconds=0.5):
    """Until what a start took is done."""
    def idle():
        before = cpu_seconds(process)
        time.sleep(seconds)
        return cpu_seconds(process) - before <= 0.01
    wait(idle, "the agent to be idle", 60)


def own_library(stack):
    """A copy of OpenSSL for the clients alone, in a folder that is looked through in no time."""
    folder = stack.dir / "library"
    folder.mkdir()
    shutil.copy(libssl(), folder / "libssl.so.3")
    return folder


def pair(stack, server, kind, cgroup=None):
    """The same client without an agent and with one, one right after the other: (without, hooked, CPU seconds of the agent)."""
    without = server.client(*kind, cgroup=cgroup)
    start_hooked(stack)
    server.client("requests", "other", 1)  # the first one of its root, which is then looked through
    wait_idle(stack.agent)
    try:
        before, calls_before = cpu_seconds(stack.agent), hooked_calls(stack, cgroup)
        hooked = server.client(*kind, cgroup=cgroup)
        own = cpu_seconds(stack.agent) - before
        wait(lambda: hooked_calls(stack, cgroup) - calls_before > 200, "the calls to be counted, or it was not hooked")
    finally:
        stack.kill(stack.agent, 15)
    return without, hooked, own


def hooked_calls(stack, cgroup=None):
    """Of all that are looked at, or of those that are left alone."""
    name = "plumbline_tls_excluded_total" if cgroup else "plumbline_tls_calls_total"
    return next(int(line.split()[1]) for line in stack.api("/metrics").splitlines() if line.startswith(name))


def shaped_network(stack):
    """A network namespace whose loopback is as slow as a network; the command that runs others in it."""
    if shutil.which("tc") is None:
        raise Skip("tc is not installed (package iproute2)")
    name = f"plumbline-bench-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    stack.cleanup.callback(subprocess.run, ["ip", "netns", "del", name], check=True)
    inside = ("nsenter", f"--net=/run/netns/{name}")
    subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
    subprocess.run([*inside, "tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", NETWORK, "burst", "256kb", "latency", "50ms"], check=True)
    return inside


def cost():
    print(f"### Cost to hooked clients over a network ({NETWORK}, a server that answers after {THINKING_US / 1000:g} ms, {ROUNDS} pairs each, of transfers {TRANSFER_ROUNDS})\n")
    with harness.Stack("calls-network") as stack:
        folder = own_library(stack)
        configure(stack, folder)
        table(stack, Server(stack, folder, shaped_network(stack), THINKING_US), TRANSFER_ROUNDS)
    print(f"### Cost to hooked clients at worst (loopback, {ROUNDS} pairs each)\n")
    with harness.Stack("calls") as stack:
        folder = own_library(stack)
        configure(stack, folder)
        path, cgroup = stack.cgroup()
        table(stack, Server(stack, folder), ROUNDS, lambda: exclude(stack, folder, path, cgroup))


def exclude(stack, folder, path, cgroup):
    """From now on clients are in a cgroup that is left alone."""
    configure(stack, folder, more=f", exclude_cgroups: [{path}]")
    return cgroup


def table(stack, server, transfer_rounds, left_alone=None):
    """`left_alone` makes what follows of clients in a cgroup that is not looked at, and gives it."""
    kinds = [("requests", host, REQUESTS) for host in ("cloud", "other")]
    kinds += [(way, host, BYTES) for way in ("upload", "download") for host in ("cloud", "other")]
    kinds = [(kind, None) for kind in kinds] + [(kind, left_alone) for kind in kinds if left_alone and kind[1] == "cloud"]
    print("Ratios are of each pair: median (quartiles); of the fastest: the least without to the least hooked.\n")
    print("| what | no agent, fastest | hooked, fastest | ratio of the fastest | wall, ratio | client's CPU, ratio | added CPU | the agent's own CPU |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind, exclusion in kinds:
        what, host, count = kind
        cgroup = exclusion() if exclusion else None
        if cgroup:
            host = "left alone"
        without, hooked, own = zip(*[pair(stack, server, kind, cgroup) for _ in range(ROUNDS if what == "requests" else transfer_rounds)])
        least = [min(r["wall_ns"] for r in rows) for rows in (without, hooked)]
        unit = 1 if what == "requests" else 16384  # bytes of a call
        added = statistics.median(h["cpu_ns"] - w["cpu_ns"] for h, w in zip(hooked, without)) * unit / 1000
        name, ways = ((f"a small request, {host}", [f"{ns / 1000:.1f} µs" for ns in least]) if what == "requests" else
                      (f"{what} of 1 GiB, {host}", [f"{1000 / ns:.0f} MB/s" for ns in least]))
        ratios = [spread([h[figure] / w[figure] for h, w in zip(hooked, without)]) for figure in ("wall_ns", "cpu_ns")]
        agent = statistics.median(own)
        print("| " + " | ".join([name, *ways, f"{least[1] / least[0]:.3f}", *ratios, f"{added:.2f} µs a {'request' if unit == 1 else 'call of 16 KiB'}",
                                 f"{agent / count * 1e6:.1f} µs a request" if unit == 1 else f"{agent:.2f} s"]) + " |", flush=True)
    print()


def files():
    """Memory of many hooked files, and how long they take to end."""
    with harness.Stack("calls-files") as stack:
        folder = stack.dir / "libraries"
        folder.mkdir()
        for i in range(FILES):
            shutil.copy(libssl(), folder / f"libssl-{i}.so")
        configure(stack, folder, enabled=False)
        stack.start_agent()
        config = stack.dir / "agent.yaml"

        def switch(on):
            config.write_text(config.read_text().replace(f"enabled: {str(not on).lower()}", f"enabled: {str(on).lower()}"))
            stack.agent.send_signal(harness.signal.SIGHUP)

        def ends():  # told once all have; the API says so as soon as it begins
            return (stack.dir / "agent.log").read_text().count("event=calls_not_watched")

        grown, ended = [], []
        for _ in range(5):
            before = rss_mib(stack.agent)
            switch(True)
            wait(lambda: calls_status(stack).get("first_pass_done"), "all files to be hooked", 120)
            hooked = sum(s["hooked"] for s in calls_status(stack)["stacks"].values())
            assert hooked >= FILES, hooked
            grown.append(rss_mib(stack.agent) - before)
            started = time.perf_counter()
            switch(False)
            wait(lambda: ends() == len(ended) + 1, "the hooks to end", 120)
            ended.append(time.perf_counter() - started)
    print(f"### {hooked} hooked files\n\n| figure | measured | goal |\n| --- | --- | --- |")
    print(f"| agent's RSS, grown by hooking them for the first time | {grown[0]:.1f} MiB | ≤ 15 MiB |")
    print(f"| all hooks ended, median of {len(ended)} (most) | {statistics.median(ended):.2f} s ({max(ended):.2f} s) | < 2 s |\n")


def latency():
    with harness.Stack("calls-latency") as stack:
        folder = own_library(stack)
        configure(stack, folder)
        server = Server(stack, folder)
        start_hooked(stack)
        server.client("requests", "other", 1)
        wait_idle(stack.agent)
        got = server.client("calls", stack.sock, CALLS)
    print("### Call to finding\n\n| figure | measured | goal |\n| --- | --- | --- |")
    print(f"| from sending a call to its finding in the agent's API, p50 of {got['calls']} | {got['p50_us'] / 1000:.2f} ms | |")
    print(f"| p99 | {got['p99_us'] / 1000:.2f} ms | < 20 ms |\n| the longest | {got['max_us'] / 1000:.2f} ms | |\n")


def packets():
    """What the hooks of plain HTTP cost packets of others."""
    def measure(kind):
        done = subprocess.run([BUILD / "bench_packets", kind, str(PACKETS)], capture_output=True, text=True, timeout=120, check=True,
                              preexec_fn=pinned(min(os.sched_getaffinity(0))))
        return json.loads(done.stdout)["cpu_ns"]

    if not (BUILD / "bench_packets").exists():
        raise Skip("bench_packets is not built")
    rows = {kind: [] for kind in ("udp", "tcp")}
    with harness.Stack("calls-packets") as stack:
        folder = stack.dir / "library"
        folder.mkdir()
        configure(stack, folder)
        stack.agent_extra = stack.agent_extra.replace("enabled: true", "enabled: true, metadata_services: true")
        for _ in range(ROUNDS):
            for kind, pairs in rows.items():
                without = measure(kind)
                start_hooked(stack)
                if not (heard := calls_status(stack)["plain_http"])["heard"]:
                    raise Skip(f"plain HTTP cannot be heard here: {heard['why']}")
                wait_idle(stack.agent)
                pairs.append((without, measure(kind)))
                stack.kill(stack.agent, 15)
    print(f"### Packets of others (loopback, 64 bytes, {ROUNDS} pairs of {PACKETS:,}; each passes both hooks)\n")
    print("| what | no agent, fastest | listened to, fastest | CPU, ratio | added to a packet and hook |\n| --- | --- | --- | --- | --- |")
    for kind, pairs in rows.items():
        without, heard = zip(*pairs)
        added = [(h - w) / 2 for w, h in pairs]
        print(f"| {kind.upper()} | {min(without):.0f} ns | {min(heard):.0f} ns | {spread([h / w for w, h in pairs])} | "
              f"{statistics.median(added):.0f} ns (fastest: {(min(heard) - min(without)) / 2:.0f} ns) |")
    print()


def calls():
    cost()
    packets()
    files()
    latency()
