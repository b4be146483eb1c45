"""One node and one collector of a test's own: own directories, sockets, ports and pins, ended with the test."""

import contextlib
import errno
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/release"))
AGENT = BUILD / "plumbline-agent"
COLLECTOR = BUILD / "plumbline-collector"
PLUMB = BUILD / "plumb"
TESTPROG = BUILD / "plumb-testprog"


class Skip(Exception):
    """The test's part is not to be had here; the reason is printed and counted."""


def sha256(content):
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()


def wait(condition, what, seconds=20):
    """Polls until the condition gives something true, and returns that. The bound is for a hang, not a measurement."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for: {what}")
        time.sleep(0.005)


def fill(path):
    """Writes a file until its disk is full."""
    with open(path, "wb", buffering=0) as out:
        try:
            while True:
                out.write(b"x" * 4096)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def refusing(error, *commands):
    """What goes before a program so that these bpf(2) commands fail in it (tests/harness/refuse_bpf.py)."""
    return [sys.executable, ROOT / "tests/harness/refuse_bpf.py", error, ",".join(commands)]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=10):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Receiver:
    """A webhook's receiving end: a real HTTP server that checks the signature and keeps what it got."""

    def __init__(self, key):
        self.requests = []
        self.answers = []  # statuses to give before going back to 204
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = receiver.answers.pop(0) if receiver.answers else 204
                entry = {"headers": dict(self.headers), "body": body, "status": status, "at": time.time()}
                entry["signed"] = receiver.signed(key, self.headers.get("Plumbline-Signature", ""), body)
                receiver.requests.append(entry)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @staticmethod
    def signed(key, header, body):
        parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
        expected = hmac.new(key, parts.get("t", "").encode() + b"." + body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, parts.get("v1", ""))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def events(self):
        return [json.loads(r["body"]) for r in self.requests if 200 <= r["status"] < 300]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Stack:
    counter = 0

    def __init__(self, name):
        Stack.counter += 1
        for binary in (AGENT, COLLECTOR, PLUMB, TESTPROG):
            if not binary.exists():
                raise Skip(f"{binary} is not built")
        if os.geteuid() != 0:
            raise Skip("needs root, to load the kernel side")
        self.name = name
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="plumbline-e2e-"))
        self.managed = self.dir / "managed"
        self.managed.mkdir()
        self.state = self.dir / "state"
        self.sock = self.dir / "agent.sock"
        self.pins = pathlib.Path(f"/sys/fs/bpf/plumbline-e2e-{os.getpid()}-{Stack.counter}")
        self.manifest_path = self.dir / "manifest.yaml"
        self.baselines = [f"{{name: files, manifest: {self.manifest_path}}}"]
        self.rules = []
        self.pin = True
        self.tier = "auto"
        self.agent_extra = ""
        self.cgroups = 0
        self.agent_within = []  # a command that executes the agent
        self.collector_extra = ""
        self.collector_key = ""  # more keys of the agent's `collector`
        self.api_keys = 'listen: "off"'  # of the agent's `api`, beside the socket
        self.collector_listen = "127.0.0.1"
        self.collector_ca = None  # its certificate's authority, where it is served by TLS
        self.collector_token = None  # to ask it with
        self.sinks = []
        self.agent = self.collector = None
        self.collector_port = None
        self.receivers = []
        self.cleanup = contextlib.ExitStack()
        self.files = []
        self.revision = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.agent, self.collector):
            if process and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        for receiver in self.receivers:
            receiver.stop()
        try:
            self.cleanup.close()
        finally:
            shutil.rmtree(self.pins, ignore_errors=True)
            shutil.rmtree(self.dir, ignore_errors=True)
        return False

    # What is managed.

    def file(self, name, content="as it should be\n", mode=0o644, **declared):
        """Makes a managed file and declares it in the manifest."""
        path = self.managed / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)
        self.declare(path, sha256=sha256(content), mode=f"{mode:04o}", **declared)
        return path

    def declare(self, path, **attributes):
        self.files.append({"path": str(path), "address": f"file:{path}", **attributes})

    def write_manifest(self):
        self.revision += 1
        text = f'apiVersion: plumbline/v1\nkind: Manifest\nrevision: "{self.revision}"\nfiles:\n'
        for file in self.files:
            text += "- " + json.dumps(file) + "\n"
        if not self.files:
            text = text.replace("files:\n", "files: []\n")
        fresh = self.manifest_path.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.manifest_path)

    def rule(self, when, verdict="in_band"):
        """A rules file with one rule, for the next start; `when` is its conditions."""
        path = self.dir / f"rules{len(self.rules)}.yaml"
        path.write_text("apiVersion: plumbline/v1\nkind: Rules\nrules:\n"
                        + json.dumps([{"name": "tool", "when": when, "verdict": verdict}]) + "\n")
        self.rules.append(path)

    def mount(self, kind, name, *options):
        """A file system of the test's own, with the agent's state on it; returns its folder."""
        folder = self.dir / name
        folder.mkdir()
        subprocess.run(["mount", "-t", kind, *options, kind, folder], check=True)
        self.cleanup.callback(subprocess.run, ["umount", folder], check=True)
        self.state = folder / "state"
        return folder

    def small_disk(self):
        """The agent's state on 4 MiB that a test can fill."""
        return self.mount("tmpfs", "small", "-o", "size=4m")

    # Running.

    def receiver(self):
        key = b"e2e-signing-key"
        (self.dir / "hmac.key").write_bytes(key)
        receiver = Receiver(key)
        self.receivers.append(receiver)
        self.sinks.append(f"{{name: hook{len(self.receivers)}, webhook: {{url: \"{receiver.url}\", hmac_key_file: {self.dir}/hmac.key}}}}")
        return receiver

    def start_collector(self):
        if self.collector_port is None:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.collector_port = probe.getsockname()[1]
        config = self.dir / "collector.yaml"
        sinks = "".join(f"\n- {sink}" for sink in self.sinks) or " []"
        config.write_text(f"listen: {self.collector_listen}:{self.collector_port}\nstore: {{sqlite: {self.dir}/collector.db}}\n"
                          f"{self.collector_extra}sinks:{sinks}\n")
        self.collector = self.spawn([COLLECTOR], config, "collector.log")
        wait(lambda: self.alive(self.collector, "collector.log") and self.try_collector("/readyz"), "the collector to be ready")

    def start_agent(self, ready=True):
        if not self.manifest_path.exists():
            self.write_manifest()
        config = self.dir / "agent.yaml"
        baselines = "".join(f"\n- {b}" for b in self.baselines) or " []"
        text = (f"node: {{name: e2e-node, labels: {{env: test}}}}\nstate_dir: {self.state}\n"
                f"api: {{socket: {self.sock}, {self.api_keys}}}\nbaselines:{baselines}\n"
                f"kernel: {{tier: {self.tier}, pin_dir: {self.pins}, pin: {str(self.pin).lower()}}}\n{self.agent_extra}")
        if "calls:" not in self.agent_extra:
            text += "calls: {enabled: false}\n"  # or each test would look through all files of this machine
        if self.rules:
            text += f"rules: [{', '.join(str(r) for r in self.rules)}]\n"
        if self.collector_port is not None:
            text += f"collector: {{url: \"{self.collector_url()}\"{self.collector_key}}}\n"
        config.write_text(text)
        self.agent = self.spawn([*self.agent_within, AGENT], config, "agent.log")
        if ready:
            wait(lambda: self.alive(self.agent, "agent.log") and self.try_api("/readyz") and self.try_api("/startupz"),
                 "the agent to be ready")

    def collector_url(self):
        return f"https://localhost:{self.collector_port}" if self.collector_ca else f"http://127.0.0.1:{self.collector_port}"

    def bare_config(self, name, kernel):
        """Configuration of an agent that manages nothing, for tests of how one starts; `kernel` is that key's value."""
        config = self.dir / f"{name}.yaml"
        config.write_text(f"state_dir: {self.dir}/{name}\napi: {{socket: {self.dir}/{name}.sock, listen: \"off\"}}\n"
                          f"kernel: {kernel}\n")
        return config

    def pinned(self):
        """Maps and links that are pinned below the agent's folder: "marks", "links/on_exec" and so on."""
        return sorted(str(p.relative_to(self.pins)) for p in self.pins.rglob("*") if not p.is_dir())

    def start(self):
        self.start_collector()
        self.start_agent()

    def spawn(self, program, config, log):
        with open(self.dir / log, "ab") as out:
            return subprocess.Popen([*program, "--config", config], stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def cgroup(self):
        """A cgroup of the v2 hierarchy of the test's own: its path there, and the file that takes pids."""
        mounted = next((line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
                        if " - cgroup2 " in line), None)
        if mounted is None:
            raise Skip("no cgroup v2 hierarchy is mounted")
        self.cgroups += 1
        name = f"plumbline-{self.name[:40]}-{os.getpid()}-{Stack.counter}-{self.cgroups}"
        folder = pathlib.Path(mounted) / name
        folder.mkdir()
        self.cleanup.callback(lambda: wait(lambda: self.try_rmdir(folder), f"{folder} to be empty"))
        return f"/{name}", folder / "cgroup.procs"

    @staticmethod
    def try_rmdir(folder):
        try:
            folder.rmdir()
        except OSError:
            return False
        return True

    def beside(self, *command):
        """A program that runs beside the test, and no longer than it."""
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.cleanup.callback(process.kill)
        return process

    def alive(self, process, log):
        if process.poll() is not None:
            raise AssertionError(f"{log}: ended with {process.returncode}")
        return True

    def kill(self, process, how=signal.SIGKILL):
        process.send_signal(how)
        return process.wait(20)

    @contextlib.contextmanager
    def agent_paused(self):
        """What changes meanwhile is merged: the agent reads none of it before the end."""
        self.agent.send_signal(signal.SIGSTOP)
        yield
        self.agent.send_signal(signal.SIGCONT)

    def restart_agent(self, how=signal.SIGTERM):
        self.kill(self.agent, how)
        self.start_agent()

    def print_logs(self):
        for log in ("agent.log", "collector.log"):
            path = self.dir / log
            if path.exists():
                print(f"--- {log}\n" + path.read_text(errors="replace")[-4000:], flush=True)

    # Asking.

    @staticmethod
    def request(connection, path, headers=None):
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer.status} {body[:400]!r}")
        return json.loads(body) if answer.getheader("Content-Type", "").startswith("application/json") else body.decode()

    def api(self, path):
        return self.request(UnixConnection(self.sock), path)

    def ask_collector(self, path):
        if self.collector_ca:
            context = ssl.create_default_context(cafile=self.collector_ca)
            connection = http.client.HTTPSConnection("localhost", self.collector_port, context=context, timeout=10)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.collector_port, timeout=10)
        return self.request(connection, path, {"Authorization": f"Bearer {self.collector_token}"} if self.collector_token else {})

    def try_api(self, path):
        try:
            return self.api(path) or True
        except (OSError, AssertionError, http.client.HTTPException):
            return False

    def try_collector(self, path):
        try:
            return self.ask_collector(path) or True
        except (OSError, AssertionError, http.client.HTTPException):
            return False

    def all(self, ask, path):
        """Every item of a list, over all its pages."""
        items, cursor = [], None
        while True:
            joint = "&" if "?" in path else "?"
            page = ask(path + (f"{joint}limit=1000" if cursor is None else f"{joint}limit=1000&cursor={urllib.parse.quote(cursor)}"))
            items += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return items

    def drifts(self, **filters):
        return self.all(self.api, "/v1/drift" + ("?" + urllib.parse.urlencode(filters) if filters else ""))

    def findings(self, path=None):
        items = self.all(self.api, "/v1/findings")
        return [f for f in items if path is None or f["where"]["path"] == str(path)]

    def wait_content(self, path, content):
        """Until a finding of the path tells of this content."""
        wait(lambda: any(d["live"] == sha256(content) for f in self.findings(path) for d in f["diff"]),
             f"a finding of {path} with {content!r}")

    def open_drift(self, path):
        return next((d for d in self.drifts(state="open") if d["where"]["path"] == str(path)), None)

    def wait_open(self, path, check=lambda drift: True):
        def found():
            drift = self.open_drift(path)
            return drift if drift and check(drift) else None
        return wait(found, f"an open drift of {path}")

    def wait_closed(self, path, state="resolved"):
        return wait(lambda: self.open_drift(path) is None and next(
            (d for d in self.drifts(state=state) if d["where"]["path"] == str(path)), None), f"{path} to be {state}")

    def plumb(self, *arguments, timeout=30):
        return subprocess.run([PLUMB, "--socket", self.sock, *arguments], capture_output=True, text=True, timeout=timeout)

    def testprog(self, *arguments):
        """Runs one trigger; returns what it says of itself."""
        done = subprocess.run([TESTPROG, *map(str, arguments)], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"plumb-testprog {arguments}: {done.returncode} {done.stdout} {done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])
