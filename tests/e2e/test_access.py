"""Who may what: TLS, certificates and tokens between agents, collector and people, with real ones of each."""

import http.client
import json
import signal
import socket
import ssl
import subprocess

import harness
from certificates import Authority
from cluster import Cluster
from harness import wait

READER = "a-token-of-a-reader-0123456789"
ADMIN = "a-token-of-an-admin-0123456789"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tokens(stack):
    for name, token in (("reader", READER), ("admin", ADMIN)):
        (stack.dir / name).write_text(token + "\n")
    return (f"access:\n- {{name: scraper, token_file: {stack.dir}/reader}}\n"
            f"- {{name: ops, role: admin, token_file: {stack.dir}/admin}}\n")


def secure(stack, agents=True, more=""):
    """A collector on all addresses, by TLS, and an agent with a certificate for it."""
    ca = Authority(stack.dir / "ca", "ca")
    ca.issue("collector", "DNS:localhost")
    if agents:
        ca.issue("e2e-node", "DNS:e2e-node")
        stack.collector_key = (f", ca_file: {ca.certificate}, certificate_file: {ca.folder}/e2e-node.pem, "
                               f"key_file: {ca.folder}/e2e-node.key")
    stack.collector_listen = "0.0.0.0"
    stack.collector_ca, stack.collector_token = ca.certificate, READER
    stack.collector_extra = (f"tls: {{certificate_file: {ca.folder}/collector.pem, key_file: {ca.folder}/collector.key"
                             + (f", client_ca_file: {ca.certificate}" if agents else "") + "}\n" + tokens(stack) + more)
    return ca


def ask(stack, path, token=None, own=None, method="GET", body=None, headers=None):
    """Status and problem (or body) of one request by TLS; `own`: certificate and key to show."""
    context = ssl.create_default_context(cafile=stack.collector_ca)
    if own:
        context.load_cert_chain(*own)
    connection = http.client.HTTPSConnection("localhost", stack.collector_port, context=context, timeout=20)
    connection.request(method, path, body, {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})})
    answer = connection.getresponse()
    text = answer.read().decode()
    return answer.status, json.loads(text) if text.startswith("{") else text


def batch(node_id, node):
    """A heartbeat."""
    return json.dumps({"node_id": node_id, "node": node, "labels": {}, "boot_id": "b0000000", "agent_version": "0", "records": 0,
                       "sent_at": "2026-01-01T00:00:00Z", "oldest_unsent": 0, "health": {}}) + "\n"


def report(stack, own, node_id, node):
    return ask(stack, "/v1/batches", own=own, method="POST", body=batch(node_id, node), headers={"Content-Type": "application/x-ndjson"})


def metric(stack, name):
    text = ask(stack, "/metrics", READER)[1]
    return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(f"plumbline_collector_{name} ")))


def test_a_node_reports_only_as_itself_and_people_by_what_they_have(stack):
    path = stack.file("a")
    ca = secure(stack)
    stack.start()
    path.write_text("changed\n")
    stack.wait_open(path)
    wait(lambda: stack.all(stack.ask_collector, "/v1/drift?state=open"), "the drift at the collector")

    # People and scrapers.
    assert ask(stack, "/livez")[0] == 200
    status, problem = ask(stack, "/v1/drift")
    assert status == 401 and "no credential" in problem["why"], problem
    own = (ca.folder / "e2e-node.pem", ca.folder / "e2e-node.key")
    assert ask(stack, "/v1/drift", own=own)[0] == 401, "an agent reads nothing"
    assert ask(stack, "/v1/sinks/x/replay", READER, method="POST")[0] == 403
    assert ask(stack, "/v1/sinks/x/replay", ADMIN, method="POST")[0] == 404
    plumb = [harness.PLUMB, "--collector", f"https://localhost:{stack.collector_port}", "--ca", ca.certificate]
    assert subprocess.run([*plumb, "--token-file", stack.dir / "reader", "drift"], capture_output=True).returncode == 2
    refused = subprocess.run([*plumb, "drift"], capture_output=True, text=True)
    assert refused.returncode == 77 and "--token-file" in refused.stderr, refused

    # Another node, with a certificate of its own.
    other = ca.issue("other-node", "DNS:other-node")
    node_id = stack.ask_collector("/v1/nodes")["items"][0]["node_id"]
    status, problem = report(stack, other, "f" * 32, "e2e-node")
    assert status == 403 and "other-node may not speak for the node e2e-node" in problem["why"], problem
    status, problem = report(stack, other, node_id, "other-node")
    assert status == 403 and f"the node id {node_id} is that of e2e-node" in problem["why"], problem
    assert report(stack, other, "f" * 32, "other-node")[0] == 200
    assert report(stack, None, "f" * 32, "other-node")[0] == 401, "without a certificate"
    for node, expected in (("e2e-node", 403), ("other-node", 404)):
        assert ask(stack, f"/v1/baselines/for/{node}", own=other)[0] == expected, node
    told = stack.ask_collector("/v1/status")
    assert told["access"]["wrong_node"] == 3 and "may not speak for the node e2e-node" in told["access"]["last_refusal"]["why"], told
    assert told["batches"]["wrong_node"] == 2 and metric(stack, "access_wrong_node_total") == 3, told
    assert {n["node"] for n in stack.ask_collector("/v1/nodes")["items"]} == {"e2e-node", "other-node"}

    # Certificates that are none.
    theirs = Authority(stack.dir / "theirs", "ca").issue("e2e-node", "DNS:e2e-node")
    over = ca.issue("e2e-node", "DNS:e2e-node", days=-1, into="over")
    for own, why in ((theirs, "unknown ca"), (over, "certificate expired")):
        try:
            report(stack, own, node_id, "e2e-node")
            raise AssertionError(f"{own} was taken")
        except ssl.SSLError as error:
            assert why in str(error).lower().replace("_", " "), error
    wait(lambda: metric(stack, "http_tls_untrusted_certificates_total") == 1 and metric(stack, "http_tls_expired_certificates_total") == 1,
         "both to be counted")


def test_certificates_are_replaced_while_both_run_and_nothing_is_lost(stack):
    path = stack.file("a")
    ca = secure(stack)
    ca.issue("e2e-node", "DNS:e2e-node", days=-1)
    stack.start()

    def told():
        return stack.api("/v1/status")["exporter"]
    wait(lambda: "certificate expired" in told()["last_error"], "the agent to say why the collector does not take it")
    path.write_text("one\n")
    stack.wait_open(path)
    ca.issue("e2e-node", "DNS:e2e-node")
    wait(lambda: told()["lag_records"] == 0 and stack.all(stack.ask_collector, "/v1/drift"), "what was kept to be reported")

    # Another authority takes over, with nobody restarted: first both are believed, then the new one alone.
    fresh = Authority(stack.dir / "fresh", "ca of next year")
    both = stack.dir / "both.pem"

    def replace(file, *texts):
        both.write_text("".join(t.read_text() for t in texts))
        both.rename(file)
    replace(ca.certificate, ca.certificate, fresh.certificate)
    fresh.issue("collector", "DNS:localhost")
    for name in ("collector.key", "collector.pem"):
        replace(ca.folder / name, fresh.folder / name)

    def issuer():
        context = ssl.create_default_context(cafile=fresh.certificate)
        try:
            with context.wrap_socket(socket.create_connection(("localhost", stack.collector_port)), server_hostname="localhost"):
                return True
        except ssl.SSLError:
            return False
    wait(issuer, "the collector's new certificate")
    fresh.issue("e2e-node", "DNS:e2e-node")
    for name in ("e2e-node.key", "e2e-node.pem"):
        replace(ca.folder / name, fresh.folder / name)
    replace(ca.certificate, fresh.certificate)
    for content in ("two\n", "three\n"):
        path.write_text(content)
        stack.wait_content(path, content)
    wait(lambda: told()["lag_records"] == 0, "all to be reported")
    seen = [f["id"] for f in stack.all(stack.ask_collector, "/v1/findings")]
    assert sorted(seen) == sorted({f["id"] for f in stack.findings()}), "each once"
    assert stack.ask_collector("/v1/status")["tls"]["reloads"] >= 1


def test_a_collector_that_makes_its_own_certificate(stack):
    """An agent that starts before there is any watches all the same, and believes it once it is there; over a restart, too."""
    path = stack.file("a")
    ca = Authority(stack.dir / "ca", "ca")
    ca.issue("e2e-node", "DNS:e2e-node")
    stack.collector_listen, stack.collector_port = "0.0.0.0", free_port()
    stack.collector_ca, stack.collector_token = stack.dir / "tls/ca.pem", READER
    stack.collector_extra = f"tls: {{own: {{names: [localhost]}}, client_ca_file: {ca.certificate}}}\n" + tokens(stack)
    stack.collector_key = (f", ca_file: {stack.collector_ca}, certificate_file: {ca.folder}/e2e-node.pem, key_file: {ca.folder}/e2e-node.key")
    stack.start_agent()
    path.write_text("changed\n")
    drift = stack.wait_open(path)
    assert not stack.collector_ca.exists()
    stack.start_collector()

    def there():
        return [d["id"] for d in stack.all(stack.ask_collector, "/v1/drift?state=open")]
    wait(lambda: there() == [drift["id"]], "the drift at the collector")
    told = stack.ask_collector("/v1/status")["tls"]
    assert told["own"] == {"renewals": 0, "failures": 0, "why": ""} and told["expires_at"], told
    authority = stack.collector_ca.read_text()
    assert {f.name: oct(f.stat().st_mode & 0o777) for f in (stack.dir / "tls").iterdir()} == dict.fromkeys(
        ("ca.key", "ca.pem", "server.key", "server.pem"), "0o600")
    stack.kill(stack.collector, signal.SIGTERM)
    path.write_text("changed again\n")
    stack.start_collector()
    assert stack.collector_ca.read_text() == authority, "another certificate, by the same authority"
    wait(lambda: stack.api("/v1/status")["exporter"]["lag_records"] == 0 and there() == [drift["id"]], "the rest")


def test_nothing_listens_for_others_without_tls_and_a_way_to_know_them(stack):
    ca = Authority(stack.dir / "ca", "ca")
    ca.issue("server", "DNS:localhost")
    (stack.dir / "token").write_text("t0ken\n")
    tls = f"certificate_file: {ca.folder}/server.pem, key_file: {ca.folder}/server.key"

    def why(binary, text):
        config = stack.dir / "refused.yaml"
        config.write_text(text)
        done = subprocess.run([binary, "--config", config, "--check-config"], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stderr
    for text, says in ((f"listen: 0.0.0.0:9650\n{tokens(stack)}", "there is no `tls`"),
                       (f"listen: 0.0.0.0:9650\ntls: {{{tls}}}\n{tokens(stack)}", "tls.client_ca_file"),
                       (f"listen: 0.0.0.0:9650\ntls: {{{tls}}}\ntoken_file: {stack.dir}/token\n", "tells none of them apart")):
        code, said = why(harness.COLLECTOR, text)
        assert code == 78 and says in said and "refused.yaml:" in said, (text, code, said)
    assert why(harness.COLLECTOR, f"listen: 0.0.0.0:9650\ntls: {{{tls}, client_ca_file: {ca.certificate}}}\n")[0] == 0
    for text, says in (("api: {listen: 0.0.0.0:9640}\n", "there is no `tls`"),
                       (f"api: {{listen: 0.0.0.0:9640, tls: {{{tls}}}}}\n", "there is no `access`")):
        code, said = why(harness.AGENT, text)
        assert code == 78 and says in said, (text, code, said)


def test_the_agents_api_by_tls(stack):
    path = stack.file("a")
    ca = Authority(stack.dir / "ca", "ca")
    ca.issue("node", "DNS:localhost")
    ca.issue("jo@audit.example")
    port = free_port()
    access = tokens(stack).replace("access:\n", "").replace("\n- ", ", ").removeprefix("- ").strip()
    stack.api_keys = (f"listen: \"0.0.0.0:{port}\", tls: {{certificate_file: {ca.folder}/node.pem, key_file: {ca.folder}/node.key, "
                      f"client_ca_file: {ca.certificate}}}, access: [{access}, {{name: auditors, certificates: [\"*@audit.example\"]}}]")
    stack.start_agent()
    path.write_text("changed\n")
    stack.wait_open(path)

    def plumb(*arguments):
        return subprocess.run([harness.PLUMB, "--url", f"https://localhost:{port}", "--ca", ca.certificate, *map(str, arguments)],
                              capture_output=True, text=True, timeout=30)
    assert plumb("--token-file", stack.dir / "reader", "drift").returncode == 2
    own = (ca.folder / "jo@audit.example.pem", ca.folder / "jo@audit.example.key")
    assert plumb("--cert", own[0], "--key", own[1], "drift").returncode == 2
    refused = plumb("drift")
    assert refused.returncode == 77 and "no credential" in refused.stderr, refused
    assert plumb("probe", "livez").returncode == 0
    assert stack.api("/v1/status")["access"]["unauthenticated"] == 1, "the socket needs none of it"


ROLES = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "plumbline"}},
    *({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "plumbline"}}
      for name in ("agent", "reader", "other")),
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "plumbline-read"},
     "rules": [{"nonResourceURLs": ["/v1/*", "/metrics"], "verbs": ["get"]}]},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "plumbline-read"},
     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "plumbline-read"},
     "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "plumbline"}]},
]


def agent_pod(name, node):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "plumbline"},
            "spec": {"serviceAccountName": "agent", "nodeName": node, "containers": [{"name": "agent", "image": "registry.example/a:1"}]}}


def test_a_real_cluster_says_whose_token_it_is(stack):
    cluster = Cluster(stack)
    cluster.apply(*ROLES, *({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}} for name in ("e2e-node", "web-2")),
                  agent_pod("agent-1", "e2e-node"), agent_pod("agent-2", "web-2"))

    def token(name, *bound):
        return cluster.kubectl("-n", "plumbline", "create", "token", name, "--audience", "plumbline", *bound).strip()

    def of_pod(name):
        return token("agent", "--bound-object-kind", "Pod", "--bound-object-name", name)
    (stack.dir / "ours").write_text("fixture\n")
    api = f"endpoint: \"{cluster.url}\", token_file: {stack.dir}/ours, ca_file: {cluster.folder}/apiserver.crt"
    ca = secure(stack, agents=False)
    stack.collector_extra += (f"- {{name: cluster, kubernetes: {{{api}}}}}\n"
                              f"agents: {{kubernetes: {{{api}, service_accounts: [plumbline/agent]}}}}\n")
    agents_token = stack.dir / "projected"
    agents_token.write_text(of_pod("agent-1"))
    stack.collector_key = f", ca_file: {ca.certificate}, token_file: {agents_token}"
    path = stack.file("a")
    stack.start()
    path.write_text("changed\n")
    stack.wait_open(path)
    wait(lambda: stack.all(stack.ask_collector, "/v1/drift?state=open"), "the drift at the collector")

    def post(own):
        return ask(stack, "/v1/batches", own, method="POST", body=batch("f" * 32, "e2e-node"), headers={"Content-Type": "application/x-ndjson"})
    status, problem = post(of_pod("agent-2"))
    assert status == 403 and "pod agent-2 on web-2 may not speak for the node e2e-node" in problem["why"], problem
    status, problem = post(token("agent"))
    assert status == 403 and "bound to no pod" in problem["why"], problem
    status, problem = post(token("reader"))
    assert status == 403 and "no agent's account" in problem["why"], problem
    deleted = of_pod("agent-2")
    cluster.kubectl("-n", "plumbline", "delete", "pod", "agent-2", "--force", "--grace-period=0")
    status, problem = post(deleted)
    assert status == 401 and "the cluster knows no such token" in problem["why"], problem
    assert post(cluster.kubectl("-n", "plumbline", "create", "token", "agent").strip())[0] == 401, "for the API server's audience"

    assert ask(stack, "/v1/drift", token("reader"))[0] == 200
    status, problem = ask(stack, "/v1/drift", token("other"))
    assert status == 403 and "does not let system:serviceaccount:plumbline:other get /v1/drift" in problem["why"], problem
    assert ask(stack, "/v1/sinks/x/replay", token("reader"), method="POST")[0] == 403
    everything = json.dumps([stack.ask_collector("/v1/status"), stack.api("/v1/status")]) + (stack.dir / "collector.log").read_text()
    assert deleted not in everything and agents_token.read_text() not in everything
