"""The collector behind its Service: who may ask it, who may report what, and how its certificate comes about."""

import json
import pathlib
import shutil
import ssl
import subprocess
import urllib.error

from kube import BUILD, COLLECTOR, MANAGED, NAMESPACE, PAGE, RELEASE, URL, run, wait
from test_2_drift import ensure_shop
from test_3_restart import settled


def test_who_may_asks_for_the_drift_of_the_node(kube):
    kube.ensure_installed()
    path = MANAGED / "app.conf"
    kept = path.read_text()
    path.write_text("for the auditor\n")
    drift = kube.wait_open(path, ask=kube.collected)
    status, page = kube.request("/v1/drift?state=open&node=node-1", kube.token())
    assert status == 200 and drift["id"] in [d["id"] for d in page["items"]], (status, page)
    status, text = kube.request("/metrics", kube.token())
    assert status == 200 and "plumbline_collector_nodes" in text
    path.write_text(kept)
    kube.wait_closed(path)


def test_who_is_bound_as_the_page_says_may_ask(kube):
    kube.ensure_installed()
    path = MANAGED / "app.conf"
    kept = path.read_text()
    path.write_text("for who reads the page\n")
    kube.wait_open(path, ask=kube.collected)
    assert str(path) in kube.type(PAGE, "Who may what")
    path.write_text(kept)
    kube.wait_closed(path)


def test_who_may_not_is_told_so(kube):
    kube.ensure_installed()
    for path in ("/v1/drift", "/metrics", "/v1/nodes"):
        status, problem = kube.request(path)
        assert status == 401 and "no credential" in problem["why"], (path, problem)
        status, problem = kube.request(path, kube.token("people/stranger"))
        assert status == 403 and f"does not let system:serviceaccount:people:stranger get {path}" in problem["why"], (path, problem)
        assert kube.request(path, kube.token(audience=None))[0] == 401, "a token for the API server is none for the collector"
        assert kube.request(path, kube.token(f"{NAMESPACE}/{RELEASE}"))[0] == 403, "nor may an agent read"
    assert kube.request("/livez")[0] == 200
    token = kube.node.work / "stranger.token"
    token.write_text(kube.token("people/stranger"))
    plumb = [BUILD / "plumb", "--collector", URL, "--token-file", token]
    refused = subprocess.run([*plumb, "--ca", kube.authority(), "drift"], capture_output=True, text=True)
    assert refused.returncode == 77 and "does not let" in refused.stderr, refused
    unknown = subprocess.run([*plumb, "drift"], capture_output=True, text=True)
    assert unknown.returncode == 69, f"the system's authorities are not the collector's: {unknown}"


def heartbeat(node):
    return json.dumps({"node_id": "f" * 32, "node": node, "labels": {}, "boot_id": "b0000000", "agent_version": "0", "records": 0,
                       "sent_at": "2026-01-01T00:00:00Z", "oldest_unsent": 0, "health": {}}) + "\n"


def test_a_node_reports_as_itself_alone(kube):
    kube.ensure_installed()
    ensure_shop(kube)
    account = f"{NAMESPACE}/{RELEASE}"
    pod = ("--bound-object-kind", "Pod", "--bound-object-name")
    own = kube.token(account, *pod, kube.pod()["metadata"]["name"])
    status, problem = kube.request("/v1/batches", own, heartbeat("node-2"))
    assert status == 403 and "on node-1 may not speak for the node node-2" in problem["why"], problem
    status, problem = kube.request("/v1/batches", kube.token(account), heartbeat("node-1"))
    assert status == 403 and "bound to no pod" in problem["why"], problem
    status, problem = kube.request("/v1/batches", kube.token("shop/default", *pod, "web"), heartbeat("node-1"))
    assert status == 403 and "system:serviceaccount:shop:default, which is no agent's account" in problem["why"], problem
    other_audience = kube.token(account, *pod, kube.pod()["metadata"]["name"], audience="https://elsewhere.example")
    assert kube.request("/v1/batches", other_audience, heartbeat("node-1"))[0] == 401
    assert kube.request("/v1/batches", None, heartbeat("node-1"))[0] == 401
    status, problem = kube.request("/v1/batches", kube.token(), heartbeat("node-1"))
    assert status == 403 and "no agent's account" in problem["why"], "a reader reports nothing"
    nodes = {node["node"] for node in kube.request("/v1/nodes", kube.token())[1]["items"]}
    assert nodes == {"node-1"}, nodes


def test_the_collector_may_no_more_than_it_has_to(kube):
    kube.ensure_installed()

    def may(verb, what, *more):
        return run(kube.node.tools / "kubectl", "--kubeconfig", kube.node.conf / "admin", "auth", "can-i", verb, what, *more,
                   f"--as=system:serviceaccount:{NAMESPACE}:{COLLECTOR}", check=False).stdout.strip() == "yes"
    assert may("create", "tokenreviews.authentication.k8s.io") and may("create", "subjectaccessreviews.authorization.k8s.io")
    assert may("patch", f"configmaps/{COLLECTOR}-ca", "-n", NAMESPACE)
    for verb, what in (("get", "secrets"), ("list", "pods"), ("get", "configmaps"), ("patch", f"configmaps/{COLLECTOR}"),
                       ("create", "configmaps"), ("update", f"configmaps/{COLLECTOR}-ca")):
        assert not may(verb, what, "-n", NAMESPACE), f"the collector may {verb} {what}"
    assert kube.type("docs/runbooks/PlumblineNobodyCanSay.md", "Look", 1) == "yes\nyes\n"


def believes(kube, ca):
    try:
        return kube.request("/livez", ca=ca)[0] == 200
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            return False
        raise


def changed_meanwhile(kube, what):
    """Of a change made while the collector's identity changes the collector has one drift, as the agent has."""
    path = MANAGED / "app.conf"
    kept = path.read_text()
    path.write_text("before\n")
    before = kube.wait_open(path, ask=kube.collected)
    what()
    path.write_text("after\n")
    assert settled(kube, path)["id"] == before["id"]
    store = json.loads(kube.ask_collector("status", "-o", "json"))["store"]
    assert store["sequence_gaps"] == 0 and store["conflicts"] == 0, store
    path.write_text(kept)
    kube.wait_closed(path)


def test_its_authority_is_rotated_and_agents_follow_by_themselves(kube):
    kube.ensure_installed()
    former = kube.node.work / "former-ca.crt"
    former.write_text(kube.authority().read_text())
    assert believes(kube, former)
    said = kube.type("docs/runbooks/PlumblineAuthorityNotTold.md", "Look", 1)
    assert "renewals=" in said and "Verify return code: 0 (ok)" in said and said.endswith("yes\n"), said
    agent = kube.pod()["metadata"]["uid"]

    def rotate():
        kube.install(collector={"tls": {"generation": 2}})
        wait(lambda: kube.authority().read_text() not in ("", former.read_text()), "another authority in the ConfigMap")
        wait(lambda: believes(kube, kube.authority()), "a certificate of it")
    changed_meanwhile(kube, rotate)
    assert not believes(kube, former), "the former authority is believed no more"
    assert kube.pod()["metadata"]["uid"] == agent and kube.pod()["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_certificate_of_somebody_else_is_taken(kube):
    """As cert-manager writes it."""
    kube.ensure_installed()
    folder = kube.node.work / "issued"
    folder.mkdir()
    openssl = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-x509"]
    run(*openssl, "-subj", "/CN=company", "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    run(*openssl, "-subj", "/CN=collector", "-addext", f"subjectAltName=DNS:{COLLECTOR}.{NAMESPACE}.svc", "-addext",
        "basicConstraints=critical,CA:FALSE", "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key",
        "-keyout", folder / "tls.key", "-out", folder / "tls.crt")
    kube.node.kubectl("-n", NAMESPACE, "create", "secret", "generic", "issued", *(f"--from-file={folder / name}" for name in ("ca.crt", "tls.crt", "tls.key")))

    def take():
        kube.install(collector={"tls": {"existingSecret": "issued"}})
        kube.authority = lambda: folder / "ca.crt"
    try:
        changed_meanwhile(kube, take)
        assert kube.node.kubectl("-n", NAMESPACE, "get", "configmap", f"{COLLECTOR}-ca", check=False).returncode != 0
        on_disk = pathlib.Path("/etc/plumbline")  # of the node, as the files of a collector that runs on a machine
        on_disk.mkdir(exist_ok=True)
        shutil.copy(folder / "tls.crt", on_disk)
        shutil.copy(folder / "ca.crt", kube.desk / "CA.pem")
        ends = [line for line in kube.type("docs/runbooks/PlumblineCertificateExpiring.md", "Look", 1).splitlines() if line.startswith("notAfter=")]
        assert len(ends) == 2 and ends[0] == ends[1], ends
    finally:
        vars(kube).pop("authority", None)  # the class's own again
        kube.install(collector={})
        kube.node.kubectl("-n", NAMESPACE, "delete", "secret", "issued")
    wait(lambda: kube.authority().read_text() and believes(kube, kube.authority()), "its own again")
