"""Approved runs: a tool that nobody approved is told, an approved one covers what it names and whom it starts, and nobody else."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import time

import harness
from harness import Skip, sha256, wait
from moto import Moto
from test_runs import Tool, folders, group_of
from watched_calls import start, state

REQUIRED = "verdicts: {approval: {required: true}}\n"


class OpenTofu:
    """The real one, with one managed file, and a rule that proves it by its digest."""

    def __init__(self, stack):
        if shutil.which("go") is None:
            raise Skip("OpenTofu is built from its Go module, and Go is not installed")
        built = subprocess.run([harness.ROOT / "tests/harness/tofu/build.sh"], capture_output=True, text=True)
        if built.returncode != 0:
            raise Skip(f"OpenTofu cannot be built here: {built.stderr.strip().splitlines()[-1:]}")
        tofu = pathlib.Path(built.stdout.strip())
        self.program, self.folder, self.target = tofu / "tofu", stack.dir / "tofu", stack.managed / "app.conf"
        self.folder.mkdir()
        (self.folder / "main.tf").write_text(
            'terraform {\n required_providers {\n  local = { source = "hashicorp/local", version = "1.4.0" }\n }\n}\nvariable "content" {}\n'
            f'resource "local_file" "app" {{\n filename = "{self.target}"\n content = var.content\n file_permission = "0644"\n}}\n')
        self.environment = {**os.environ, "TF_CLI_CONFIG_FILE": str(tofu / "tofurc"), "CHECKPOINT_DISABLE": "1"}
        self.run("init")
        self.apply("one")
        stack.rule({"lineage_exe_sha256": sha256(self.program.read_bytes())})
        stack.baselines = [f"{{name: net, terraform_state: {self.folder}/terraform.tfstate}}"]

    def run(self, *arguments, before=()):
        return subprocess.run([*before, self.program, *arguments, "-no-color"], cwd=self.folder, env=self.environment, check=True,
                              capture_output=True)

    def apply(self, content, before=()):
        self.run("apply", "-auto-approve", "-var", f"content={content}", before=before)


def plumb_run(stack, *options):
    return [harness.PLUMB, "--socket", stack.sock, "run", *map(str, options), "--"]


def has(finding, kind, says):
    return any(e["kind"] == kind and says in e["says"] for e in finding["evidence"])


def taken_over(stack, content):
    """The state shows it, and no drift is left of it."""
    def done():
        rows = stack.api("/v1/resources")["items"]
        return rows and rows[0]["expected"].get("content_sha256") == sha256(content) and stack.drifts(state="open") == []
    wait(done, f"the state to show {content!r}")


def test_laptop_apply_is_an_unapproved_run_and_the_same_within_plumb_run_is_not(stack):
    """Scenario 6: the genuine tool and code, and no approval; whether or not the state shows it later."""
    tofu = OpenTofu(stack)
    stack.agent_extra = REQUIRED
    stack.start_agent()
    assert stack.drifts() == []
    tofu.apply("two")
    taken_over(stack, "two")
    findings = stack.findings(tofu.target)
    assert findings and all((f["verdict"], f["severity"]) == ("unapproved_run", "medium") for f in findings), findings
    assert all("approved run" in f["missing_evidence"] and f["rule"] == "tool" for f in findings), findings
    laptop = [d for d in stack.drifts() if d["verdict"] == "unapproved_run"]
    assert laptop and all(d["state"] == "accepted" for d in laptop), laptop

    known = {f["id"] for f in findings}
    tofu.apply("three", before=plumb_run(stack, "--id", "ci/42"))
    taken_over(stack, "three")
    approved = [f for f in stack.findings(tofu.target) if f["id"] not in known]
    assert approved and {f["verdict"] for f in approved} <= {"pending", "in_band"}, approved
    assert all(has(f, "approval", "run ci/42 of uid 0 (claimed) until ") and "approved run" not in f["missing_evidence"] for f in approved), approved
    assert [d for d in stack.drifts() if d["verdict"] == "unapproved_run"] == laptop

    # What the tool's run has to do with, and the rest of that node: by hand is by hand.
    tofu.target.write_text("by hand")
    assert stack.wait_open(tofu.target)["verdict"] == "out_of_band"


def test_window_rider_an_approved_run_excuses_its_own_paths_and_its_own_processes(stack):
    """Scenario 8: six paths are approved, a seventh is edited by a descendant and one of the six by a stranger."""
    six = [stack.file(f"{i}.conf", "old\n") for i in range(1, 7)]
    seventh = stack.file("7.conf", "old\n")
    stack.agent_extra = REQUIRED
    stack.start_agent()
    script = ('read go; for i in 1 2 3 4 5 6; do echo new >$i.conf; done; sh -c "echo rider >7.conf"; echo done; '
              'read go; sh -c "echo new >2.conf"; echo again; read go; exit 7')
    options = ["--id", "window"] + [word for path in six for word in ("--path", path)]
    run = stack.cleanup.enter_context(subprocess.Popen([*plumb_run(stack, *options), "sh", "-c", script], cwd=stack.managed,
                                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    def step(word):
        run.stdin.write("go\n")
        run.stdin.flush()
        assert run.stdout.readline() == word + "\n"

    wait(lambda: stack.api("/v1/runs")["items"], "the run to be approved")
    step("done")
    for path in six:
        drift = stack.wait_open(path)
        assert (drift["verdict"], drift["severity"]) == ("pending", "info"), drift
        assert has(drift, "approval", "run window of uid 0 (claimed)"), drift
    rider = stack.wait_open(seventh)
    assert (rider["verdict"], rider["severity"]) == ("out_of_band", "high") and "approved run" in rider["missing_evidence"], rider

    # Within the window, of an approved path, by somebody else.
    six[0].write_text("stranger\n")
    stranger = stack.wait_open(six[0], lambda d: d["verdict"] != "pending")
    assert stranger["verdict"] == "out_of_band" and "approved run" in stranger["missing_evidence"], stranger

    # The baseline moves to what was approved; what the stranger and the rider did stays.
    for file in stack.files[:6]:
        file["sha256"] = sha256("new\n")
    stack.write_manifest()
    for path in six[1:]:
        stack.wait_closed(path, "accepted")
    assert {d["where"]["path"] for d in stack.drifts(state="open")} == {str(six[0]), str(seventh)}

    # It is approved after a restart of the agent, too.
    stack.restart_agent()
    assert [r["id"] for r in stack.api("/v1/runs")["items"]] == ["window"]
    before = len(stack.findings(six[1]))
    step("again")
    wait(lambda: len(stack.findings(six[1])) > before, "the change of the approved run")
    assert stack.findings(six[1])[0]["verdict"] == "in_band" and stack.findings(six[1])[0]["rule"] == "approval"

    # Its exit code is the command's; then it is ended by hand, since what it may have left running has the grace.
    run.stdin.write("go\n")
    run.stdin.flush()
    assert run.wait(20) == 7
    request = harness.UnixConnection(stack.sock)
    request.request("DELETE", "/v1/runs/window")
    assert request.getresponse().status == 200
    assert stack.api("/v1/runs")["items"] == []


def test_where_approvals_are_not_required_all_is_as_before(stack):
    path = stack.file("a.conf", "old\n")
    stack.start_agent()
    subprocess.run([*plumb_run(stack, "--path", path), "sh", "-c", f"echo new >{path}"], check=True)
    drift = stack.wait_open(path)
    assert drift["verdict"] == "out_of_band" and has(drift, "approval", " of uid 0 (claimed)"), drift


def test_without_an_agent_nothing_runs(stack):
    touched = stack.dir / "touched"
    done = subprocess.run([*plumb_run(stack), "touch", touched], capture_output=True, text=True)
    assert done.returncode == 69 and "start the agent" in done.stderr and not touched.exists(), done
    done = subprocess.run([*plumb_run(stack, "--best-effort"), "sh", "-c", f"touch {touched}; exit 3"], capture_output=True, text=True)
    assert done.returncode == 3 and "without an approval" in done.stderr and touched.exists(), done


def test_calls_of_a_run_that_nobody_approved_are_told_as_such(stack):
    """As the laptop's, with a lock and in the cloud: a run of its baseline, with the same credentials, with and without an approval."""
    moto = Moto(stack)
    group, port = group_of(moto, "approved-run"), 443
    where = stack.dir / "net" / "terraform.tfstate"
    where.parent.mkdir()
    state(where, ("aws_security_group", "approved", {"id": group, "name": "approved-run", "description": "d", "ingress": []}))
    start(stack, folders(moto), baselines=[f"{{name: net, terraform_state: {where}}}"], more=REQUIRED)
    for before, verdict in (((), "unapproved_run"), (plumb_run(stack, "--id", "ci/43"), "pending")):
        tool = Tool(stack, moto, where, "", group, port, serial=port, before=before)
        tool.change()
        drift = wait(lambda: next(iter(stack.drifts(state="open")), None), "the call")
        assert (drift["verdict"], drift["severity"]) == (verdict, "medium" if verdict == "unapproved_run" else "info"), drift
        assert has(drift, "run", "holds the lock") and has(drift, "approval", "run ci/43 ") == (verdict == "pending"), drift
        tool.write_state()
        wait(lambda: stack.drifts(state="open") == [], "the state to show it")
        closed = next(d for d in stack.drifts() if d["id"] == drift["id"])
        assert (closed["state"], closed["verdict"]) == ("accepted", verdict), closed
        port += 1


class Issuer:
    """Of JSON web tokens, by openssl(1): an RSA key, its public half as a JWK set, and what it signs."""

    def __init__(self, folder):
        self.key, self.jwks = folder / "issuer.pem", folder / "jwks.json"
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        text = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
        self.jwks.write_text(json.dumps({"keys": [{"kty": "RSA", "kid": "1", "e": "AQAB", "n": self.encode(bytes.fromhex(text.strip().split("=")[1]))}]}))

    @staticmethod
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    def token(self, **claims):
        claims = {"aud": "plumbline", "sub": "repo:acme/infra:ref:refs/heads/main", "exp": int(time.time()) + 300, **claims}
        said = self.encode(b'{"alg":"RS256","kid":"1"}') + "." + self.encode(json.dumps(claims).encode())
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=said.encode(), check=True, capture_output=True).stdout
        return said + "." + self.encode(signature)


def test_a_token_approves_once_what_it_allows(stack):
    issuer = Issuer(stack.dir)
    path, other = stack.file("a.conf", "old\n"), stack.file("b.conf", "old\n")
    stack.agent_extra = (f"verdicts: {{approval: {{required: true, keys: [{{from: {issuer.jwks}}}], subjects: [\"repo:acme/*\"]}}}}\n")
    stack.start_agent()
    file = stack.dir / "token"

    def run(token, command):
        file.write_text(token + "\n")
        return subprocess.run([*plumb_run(stack, "--id", "7", "--token-file", file), "sh", "-c", command], capture_output=True, text=True)

    token = issuer.token(jti="1", paths=[str(path)])
    wait(lambda: b"event=token_keys " in (stack.dir / "agent.log").read_bytes(), "the keys")
    for wrong in (issuer.token(aud="sts"), issuer.token(exp=int(time.time()) - 300), issuer.token(sub="repo:evil/infra:x"), token[:-8] + "AAAAAAAA"):
        done = run(wrong, f"echo wrong >{path}")
        assert done.returncode == 77 and wrong not in done.stderr, done
    done = subprocess.run([*plumb_run(stack), "true"], capture_output=True, text=True)
    assert done.returncode == 77 and "--token-file" in done.stderr, done
    assert stack.drifts() == []

    assert run(token, f"echo new >{path}; echo new >{other}").returncode == 0
    drift = stack.wait_open(path)
    assert drift["verdict"] == "pending" and has(drift, "approval", "run 7 of repo:acme/infra:ref:refs/heads/main (verified) until "), drift
    assert stack.wait_open(other)["verdict"] == "out_of_band", "its token does not allow that"
    replayed = run(token, f"echo again >{path}")
    assert replayed.returncode == 77 and "used before" in replayed.stderr, replayed
    counters = stack.api("/v1/status")["counters"]
    assert (counters["runs_approved_total"], counters["run_tokens_replayed_total"]) == (1, 1), counters
    kept = b"".join(p.read_bytes() for p in [*stack.state.rglob("*"), stack.dir / "agent.log"] if p.is_file())
    assert token.rsplit(".", 1)[1].encode() not in kept and token.split(".")[1].encode() not in kept
