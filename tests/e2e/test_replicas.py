"""Two collectors that share a PostgreSQL, and a real agent: it enrols at one, and moves to the other as if it were the same."""

import http.client
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys

import harness
from harness import wait
from test_access import ADMIN, batch, tokens
from test_enrolment import request
from test_handout import row, tofu

sys.path.append(str(harness.ROOT / "tests/siem"))


def postgres_of(stack):
    if not list(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        raise harness.Skip("no PostgreSQL server is installed (postgresql-15)")
    import postgres
    return stack.cleanup.enter_context(postgres.Postgres())


def make_keys(folder):
    done = subprocess.run([harness.COLLECTOR, "--make-keys", folder], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done
    return folder


class Replica:
    """One of the collectors, with a folder, a port and a copy of the keys of its own."""

    def __init__(self, stack, name, uri, keys, baselines):
        self.stack, self.name, self.process = stack, name, None
        self.dir = stack.dir / name
        self.dir.mkdir()
        self.keys = self.dir / "keys"
        shutil.copytree(keys, self.keys)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config = self.dir / "collector.yaml"
        self.config.write_text(
            f"listen: 127.0.0.1:{self.port}\nstore: {{postgres: \"{uri}\"}}\nkeys_dir: {self.keys}\nbaselines_dir: {self.dir}/baselines\n"
            f"tls: {{own: {{names: [localhost], folder: {self.dir}/tls}}}}\nagents: {{enrolment: {{}}}}\n{tokens(stack)}"
            f"baselines: {baselines}\nsinks: []\n")
        stack.cleanup.callback(self.kill)

    def run(self, *more):
        return subprocess.run([harness.COLLECTOR, "--config", self.config, *more], capture_output=True, text=True, timeout=30)

    def start(self):
        self.process = self.stack.spawn([harness.COLLECTOR], self.config, f"{self.name}.log")

        def ready():
            assert self.process.poll() is None, (self.stack.dir / f"{self.name}.log").read_text()[-2000:]
            try:
                return self.ask("/readyz")[0] == 200
            except OSError:
                return False
        wait(ready, f"collector {self.name} to be ready")

    def kill(self):
        if self.process and self.process.poll() is None:
            self.stack.kill(self.process)

    def ask(self, path, token=None, own=None, method="GET", body=None, headers=None):
        """Status, headers and body."""
        context = ssl.create_default_context(cafile=self.stack.collector_ca)
        if own:
            context.load_cert_chain(*own)
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=20)
        connection.request(method, path, body, {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def plumb(self, *arguments):
        done = subprocess.run([harness.PLUMB, "--collector", f"https://localhost:{self.port}", "--ca", self.stack.collector_ca,
                               "--token-file", self.stack.dir / "admin", *arguments], capture_output=True, text=True, timeout=30)
        assert done.returncode in (0, 2), done
        return done.stdout


def two(stack, baselines="[]"):
    keys = make_keys(stack.dir / "keys")
    uri = postgres_of(stack).uri
    stack.collector_ca = keys / "server-ca.pem"
    replicas = [Replica(stack, name, uri, keys, baselines) for name in ("one", "two")]
    for replica in replicas:
        replica.start()
    return [*replicas, uri, keys]


def point_agent_at(stack, replica, more=""):
    stack.collector_port = replica.port
    stack.collector_key = f", ca_file: {stack.collector_ca}, enrolment: {{token_file: {stack.dir}/enrol}}{more}"


def enrol_at(replica, token, signing):
    status, _, body = replica.ask("/v1/enroll", token, method="POST", body=signing)
    return status, json.loads(body)


def test_a_token_of_one_collector_is_taken_by_another_once(stack):
    one, other, uri, keys = two(stack)
    token = one.plumb("token", "create", "--node", "e2e-node", "--for", "1h").strip()
    (stack.dir / "enrol").write_text(token + "\n")
    path = stack.file("a")
    point_agent_at(stack, other)
    stack.start_agent()
    path.write_text("changed\n")
    stack.wait_open(path)
    wait(lambda: json.loads(one.plumb("drift", "-o", "json"))["items"], "what one was told to be shown by the other", 40)
    for replica in (one, other):
        assert [(t["node"], t["state"]) for t in json.loads(replica.plumb("token", "list", "-o", "json"))["items"]] == [("e2e-node", "used")]
        status, problem = enrol_at(replica, token, request(stack, "thief"))
        assert status == 401 and "used already" in problem["why"], problem

    # Its certificate is as good at the other, also for another one.
    own = (stack.state / "identity/certificate.pem", stack.state / "identity/key.pem")
    assert one.ask("/v1/enroll/renew", own=own, method="POST", body=request(stack, "next"))[0] == 201
    point_agent_at(stack, one)
    other.kill()
    path.write_text("again\n")
    stack.restart_agent()
    wait(lambda: stack.api("/v1/status")["exporter"]["lag_records"] == 0, "the rest to be reported to the first", 40)
    other.start()

    # Taken back at one, it opens nothing at the other. None of them lies anywhere in clear.
    revoked = one.plumb("token", "create", "--node", "web-2", "--for", "1h").strip()
    listed = json.loads(other.plumb("token", "list", "-o", "json"))["items"]
    other.plumb("token", "revoke", next(t["id"] for t in listed if t["node"] == "web-2"))
    assert enrol_at(one, revoked, request(stack, "late"))[0] == 401
    dump = subprocess.run(["pg_dump", "--inserts", uri], capture_output=True, text=True, timeout=60).stdout
    assert "enrolment_tokens" in dump, "the dump has what we look through"
    for secret in (token, revoked, "PRIVATE KEY", (keys / "hash.key").read_bytes().hex(), (keys / "signing.key").read_bytes().hex()):
        assert secret not in dump and secret not in "".join((stack.dir / f"{r.name}.log").read_text() for r in (one, other))


def test_a_certificate_that_was_stolen_is_refused_by_all_until_the_node_enrols_anew(stack):
    one, other, _, _ = two(stack)
    (stack.dir / "enrol").write_text(one.plumb("token", "create", "--node", "e2e-node", "--for", "1h"))
    path = stack.file("a")
    point_agent_at(stack, other)
    stack.start_agent()
    identity = stack.state / "identity"
    wait(lambda: (identity / "certificate.pem").exists(), "the node to enrol")
    stolen = stack.dir / "stolen"
    shutil.copytree(identity, stolen)
    own = (stolen / "certificate.pem", stolen / "key.pem")
    used = (stack.dir / "enrol").read_text().strip()

    def report(replica):
        return replica.ask("/v1/batches", own=own, method="POST", body=batch("f" * 32, "e2e-node"), headers={"Content-Type": "application/x-ndjson"})
    assert report(one)[0] == report(other)[0] == 200
    told = one.plumb("nodes", "revoke", "e2e-node", "--reason", "its disk was stolen")
    assert "are refused" in told, told
    status, _, body = report(one)
    assert status == 403 and "were revoked" in json.loads(body)["why"], body
    wait(lambda: report(other)[0] == 403, "the other to know of it")
    for replica in (one, other):
        assert replica.ask("/v1/enroll/renew", own=own, method="POST", body=request(stack, "more"))[0] == 403
        assert enrol_at(replica, used, request(stack, "more"))[0] == 401, "nor by the token that it was got with"
        metrics = replica.ask("/metrics", ADMIN)[2]
        assert any(line.startswith("plumbline_collector_access_revoked_total ") and not line.endswith(" 0") for line in metrics.splitlines())
    path.write_text("changed\n")
    stack.wait_open(path)
    wait(lambda: "were revoked" in stack.api("/v1/status")["exporter"].get("last_error", ""), "the agent to be told", 40)

    # A key of its own, and another token: what was kept meanwhile is reported.
    (stack.dir / "enrol").write_text(other.plumb("token", "create", "--node", "e2e-node", "--for", "1h"))
    stack.kill(stack.agent)
    shutil.rmtree(identity)
    stack.start_agent()
    wait(lambda: json.loads(one.plumb("drift", "-o", "json"))["items"], "what was kept to be reported", 60)
    assert report(one)[0] == report(other)[0] == 403, "the stolen one opens nothing again"


def test_one_with_other_keys_does_not_start(stack):
    one, other, _, _ = two(stack)
    other.kill()
    shutil.rmtree(other.keys)
    missing = other.run()
    assert missing.returncode == 78 and "--make-keys" in missing.stderr, missing
    make_keys(other.keys)
    refused = other.run()
    assert refused.returncode == 78 and "nodes-ca" in refused.stderr and "--adopt-keys" in refused.stderr, refused
    assert one.ask("/readyz")[0] == 200
    one.kill()
    adopted = other.run("--adopt-keys")
    assert adopted.returncode == 0, adopted
    stack.collector_ca = other.keys / "server-ca.pem"
    other.start()
    assert one.run().returncode == 78, "they are the others' now"


def test_baselines_are_the_same_at_each_collector(stack):
    path, file = tofu(stack, 1, "one\n")
    one, other, _, keys = two(stack, f"[{{name: net, terraform_state: {file}}}]")
    (stack.dir / "enrol").write_text(one.plumb("token", "create", "--node", "e2e-node", "--for", "1h"))
    baselines = f", baselines: {{key_file: {keys}/node.key, interval: 200ms}}"
    stack.baselines = []
    point_agent_at(stack, one, baselines)
    stack.start_agent()
    own = (stack.state / "identity/certificate.pem", stack.state / "identity/key.pem")

    def handed(replica):
        status, headers, body = replica.ask("/v1/baselines/for/e2e-node", own=own)
        return (headers["ETag"], body) if status == 200 else None

    def same(serial):
        """Both have it; the list is signed anew every ten minutes, which may be just now."""
        shown = [json.loads(r.ask("/v1/baselines", ADMIN)[2])["items"] for r in (one, other)]
        return all(items[0].get("revision", {}).get("serial") == serial for items in shown) and handed(one) == handed(other)

    wait(lambda: own[0].exists() and same("1"), "both to hand out the same", 40)
    wait(lambda: (r := row(stack)) and not r.get("error"), "the agent to have it")
    for serial, replica in ((2, other), (3, one)):
        point_agent_at(stack, replica, baselines)
        stack.restart_agent()
        tofu(stack, serial, f"content {serial}\n")
        wait(lambda: same(str(serial)), "both to hand out the same anew", 40)
        path.write_text(f"drift {serial}\n")
        stack.wait_content(path, f"drift {serial}\n")
        assert "is older" not in (stack.dir / "agent.log").read_text(), "no list of one is older than one of the other"

    # One that starts with nothing but the keys gives what the others gave.
    etag = handed(one)[0].split("-")[0]
    other.kill()
    shutil.rmtree(other.dir / "baselines")
    other.start()
    wait(lambda: same("3"), "both to hand out the same after that", 40)
    assert int(handed(other)[0].split("-")[0][1:]) >= int(etag[1:])
    wait(lambda: "is older" not in (row(stack) or {}).get("error", ""), "the agent to go on")
