"""A host without Kubernetes gets its certificate from the collector, by a token that is used once."""

import json
import os
import subprocess
import sys

import harness
from certificates import Authority
from harness import wait
from test_access import ADMIN, READER, ask, batch, tokens

sys.path.insert(0, str(harness.ROOT / "tests/docs"))

import pages  # noqa: E402


def collector(stack, lasts="720h"):
    ca = Authority(stack.dir / "ca", "ca")
    ca.issue("collector", "DNS:localhost")
    stack.collector_listen, stack.collector_ca, stack.collector_token = "0.0.0.0", ca.certificate, READER
    stack.collector_extra = (f"tls: {{certificate_file: {ca.folder}/collector.pem, key_file: {ca.folder}/collector.key}}\n"
                             f"agents: {{enrolment: {{certificate_lasts: {lasts}}}}}\n" + tokens(stack))
    stack.start_collector()
    stack.collector_key = f", ca_file: {ca.certificate}, enrolment: {{token_file: {stack.dir}/enrol}}"
    return ca


def plumb(stack, ca, *arguments, role="admin"):
    return subprocess.run([harness.PLUMB, "--collector", stack.collector_url(), "--ca", ca.certificate, "--token-file",
                           stack.dir / role, *arguments], capture_output=True, text=True, timeout=30)


def token(stack, ca, node):
    made = plumb(stack, ca, "token", "create", "--node", node, "--for", "1h")
    assert made.returncode == 0, made
    return made.stdout.strip()


def token_as_the_page_says(stack, ca):
    """Of the node web-1."""
    desk = stack.dir / "desk"
    desk.mkdir()
    for name, file in (("plumb", harness.PLUMB), ("CA.pem", ca.certificate), ("ADMIN", stack.dir / "admin")):
        (desk / name).symlink_to(file)
    done = subprocess.run(["bash", "-e", "-c", pages.block("docs/reference/collector.md", "Enrolment", "sh")], cwd=desk, capture_output=True, text=True,
                          env={**os.environ, "PATH": f"{desk}:{os.environ['PATH']}", "COLLECTOR": stack.collector_url()}, timeout=30)
    assert done.returncode == 0, done
    return (desk / "web-1.token").read_text().strip()


def request(stack, name):
    """A signing request of a key of one's own."""
    key, out = stack.dir / f"{name}.key", stack.dir / f"{name}.csr"
    done = subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=anything",
                           "-keyout", key, "-out", out], capture_output=True, text=True)
    assert done.returncode == 0, done
    return json.dumps({"request": out.read_text()})


def test_a_node_enrols_once_and_renews_by_itself(stack):
    ca = collector(stack)
    (stack.dir / "enrol").write_text("0" * 64 + "\n")
    path = stack.file("a")
    stack.start_agent()
    wait(lambda: "none of this collector's" in (stack.dir / "agent.log").read_text(), "the agent to say that its token is none")
    path.write_text("changed\n")
    stack.wait_open(path)
    assert plumb(stack, ca, "token", "create", "--node", "e2e-node", role="reader").returncode == 77, "who reads makes none"
    made = token(stack, ca, "e2e-node")
    (stack.dir / "enrol").write_text(made + "\n")
    wait(lambda: stack.all(stack.ask_collector, "/v1/drift?state=open"), "what was kept to be reported", 40)
    identity = stack.state / "identity"
    assert (identity / "key.pem").stat().st_mode & 0o777 == 0o600

    # The same token in other hands.
    thief = request(stack, "thief")
    status, problem = ask(stack, "/v1/enroll", made, method="POST", body=thief)
    assert status == 401 and "used already" in problem["why"], problem
    status, problem = ask(stack, "/v1/enroll", "1" * 64, method="POST", body=thief)
    assert status == 401 and "none of this collector's" in problem["why"], problem
    other = token_as_the_page_says(stack, ca)
    status, answer = ask(stack, "/v1/enroll", other, method="POST", body=thief)
    assert status == 201, answer
    (stack.dir / "thief.pem").write_text(answer["certificate"])
    own = (stack.dir / "thief.pem", stack.dir / "thief.key")

    def report(node):
        return ask(stack, "/v1/batches", own=own, method="POST", body=batch("f" * 32, node), headers={"Content-Type": "application/x-ndjson"})[0]
    assert (report("web-1"), report("e2e-node")) == (200, 403)
    assert ask(stack, "/v1/enroll/renew", own=own, method="POST", body=thief)[0] == 201
    assert ask(stack, "/v1/enroll/renew", ADMIN, method="POST", body=thief)[0] == 401, "not without a certificate"
    told = stack.ask_collector("/v1/status")["enrolment"]
    assert (told["used"], told["replayed"], told["renewed"]) == (2, 1, 1) and told["unknown"] >= 2, told
    listed = plumb(stack, ca, "token", "list", "-o", "json").stdout
    assert {t["node"]: t["state"] for t in json.loads(listed)["items"]} == {"e2e-node": "used", "web-1": "used"}
    everything = listed + (stack.dir / "collector.log").read_text() + (stack.dir / "agent.log").read_text()
    for folder in (stack.dir / "enrolment", stack.dir):
        everything += "".join(f.read_text(errors="replace") for f in folder.iterdir() if f.is_file() and f.name not in ("enrol",))
    assert made not in everything and other not in everything, "a token at rest"

    # A restart of both keeps who is who; a token that was taken back opens nothing.
    stack.kill(stack.collector)
    stack.start_collector()
    path.write_text("again\n")
    wait(lambda: stack.api("/v1/status")["exporter"]["lag_records"] == 0, "the rest to be reported", 40)
    revoked = token(stack, ca, "web-3")
    made = json.loads(plumb(stack, ca, "token", "list", "-o", "json").stdout)["items"]
    assert plumb(stack, ca, "token", "revoke", next(t["id"] for t in made if t["node"] == "web-3")).returncode == 0
    assert ask(stack, "/v1/enroll", revoked, method="POST", body=request(stack, "late"))[0] == 401
