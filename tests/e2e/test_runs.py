"""The tool that a baseline belongs to changes its resources: pending until the state shows it, and drift where it does not."""

import base64
import json
import os
import pathlib
import signal
import subprocess

import harness
from cluster import Cluster
from harness import Skip, wait
from moto import CANARY, Moto
from test_handout import hand_out
from watched_calls import start, state, wait_call

# A double of such a tool, strict in its order: it has the state, changes the cloud by a child (as a provider is one), and only
# then writes the state. What it says to S3 and EC2 goes through boto3 and the AWS command line.
TOOL = """
import fcntl, json, os, subprocess, sys
where, bucket, aws, group, port, serial = sys.argv[1:]
lock = os.path.join(os.path.dirname(where), "." + os.path.basename(where) + ".lock.info")
if bucket:
    import boto3
    s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    text = s3.get_object(Bucket=bucket, Key=where)["Body"].read()
else:
    held = open(where, "r+")
    fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open(lock, "x") as info: info.write("{}")
    text = held.read()
after = json.loads(text)
print("begun", flush=True)
sys.stdin.readline()
subprocess.run([aws, "ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", port,
                "--cidr", "10.0.0.0/8"], check=True, stdout=subprocess.DEVNULL)
print("changed", flush=True)
sys.stdin.readline()
after["serial"] = int(serial)
after["resources"][0]["instances"][0]["attributes"]["description"] = port
if bucket:
    s3.put_object(Bucket=bucket, Key=where, Body=json.dumps(after).encode())
else:
    open(where, "w").write(json.dumps(after))
    os.remove(lock)
"""


class Tool:
    """One run of it; it waits for a word before each step."""

    def __init__(self, stack, moto, where, bucket, group, port, serial=2, before=()):
        python = moto.bin / "python"
        self.process = stack.cleanup.enter_context(subprocess.Popen(
            [*before, python, "-c", TOOL, str(where), bucket, str(moto.bin / "aws"), group, str(port), str(serial)], env=moto.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert self.process.stdout.readline() == "begun\n"

    def change(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "changed\n"

    def write_state(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.wait(30) == 0


def group_of(moto, name):
    vpc = moto.aws("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16")["Vpc"]["VpcId"]
    return moto.aws("ec2", "create-security-group", "--group-name", name, "--description", "d", "--vpc-id", vpc)["GroupId"]


def folders(moto):
    return ["/usr/lib", "/usr/local/lib", moto.bin]


def approved(stack, baseline):
    """Before a command: its run is approved."""
    return [harness.PLUMB, "--socket", stack.sock, "run", "--baseline", baseline, "--"]


def resource(group):
    return ("aws_security_group", "web", {"id": group, "name": "web", "description": "d", "ingress": []})


def state_in_s3(stack, moto, interval):
    """Two groups whose state lies in a bucket: their ids, and the baseline that reads it."""
    group, other = group_of(moto, "web"), group_of(moto, "db")
    moto.aws("s3api", "create-bucket", "--bucket", "states", "--create-bucket-configuration", "LocationConstraint=eu-west-1")
    before = stack.dir / "before.tfstate"
    state(before, resource(group), ("aws_security_group", "db", {"id": other, "name": "db", "description": "d", "ingress": []}))
    moto.aws("s3api", "put-object", "--bucket", "states", "--key", "infra/net.tfstate", "--body", str(before))
    credentials = stack.dir / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {CANARY}\n")
    credentials.chmod(0o600)
    return group, other, (f"{{name: net, terraform_state: \"s3://states/infra/net.tfstate\", region: eu-west-1, endpoint: \"{moto.url}\", "
                          f"ca_file: {moto.certificate}, credentials_file: {credentials}, interval: {interval}}}")


def test_an_apply_of_a_baseline_that_the_collector_hands_out(stack):
    """The node learns from the collector where the state is and which version its baseline was made of."""
    moto = Moto(stack)
    group, other, entry = state_in_s3(stack, moto, "500ms")
    hand_out(stack, entry)
    start(stack, folders(moto), baselines=[])
    wait(lambda: stack.api("/v1/owners?of=" + group)["items"], "the state")
    tool = Tool(stack, moto, "infra/net.tfstate", "states", group, 443)
    tool.change()
    drift = wait_call(stack, "AuthorizeSecurityGroupIngress")
    assert (drift["verdict"], drift["severity"]) == ("pending", "info"), drift
    moto.aws("ec2", "authorize-security-group-ingress", "--group-id", other, "--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0")
    stranger = wait(lambda: next((d for d in stack.drifts() if d["resource"] == "tofu:net/aws_security_group.db"), None), "the other's call")
    assert stranger["verdict"] == "out_of_band", stranger
    tool.write_state()
    closed = wait(lambda: next((d for d in stack.drifts() if d["id"] == drift["id"] and d["state"] == "accepted"), None), "the state to show it")
    assert "serial=2" in closed["closed_by"], closed
    assert next(d for d in stack.drifts() if d["id"] == stranger["id"])["state"] == "open"


def test_an_apply_with_the_state_in_s3(stack):
    moto = Moto(stack)
    group, other, entry = state_in_s3(stack, moto, "1h")
    start(stack, folders(moto), baselines=[entry])
    wait(lambda: stack.api("/v1/owners?of=" + group)["items"], "the state")

    tool = Tool(stack, moto, "infra/net.tfstate", "states", group, 443)
    tool.change()
    drift = wait_call(stack, "AuthorizeSecurityGroupIngress")
    assert (drift["verdict"], drift["severity"]) == ("pending", "info"), drift
    assert any(e["kind"] == "run" and "read this baseline's state" in e["says"] for e in drift["evidence"]), drift["evidence"]
    # The same call in the same moment, with the same credentials, by somebody else.
    moto.aws("ec2", "authorize-security-group-ingress", "--group-id", other, "--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0")
    wait(lambda: len(stack.drifts()) == 2, "the other's call")
    stranger = next(d for d in stack.drifts() if d["resource"] == "tofu:net/aws_security_group.db")
    assert (stranger["verdict"], stranger["severity"]) == ("out_of_band", "high"), stranger

    # The baseline is looked at each hour; the upload brings it at once.
    tool.write_state()
    closed = wait(lambda: next((d for d in stack.drifts() if d["id"] == drift["id"] and d["state"] == "accepted"), None), "the state to show it")
    assert "serial=2" in closed["closed_by"], closed
    assert next(d for d in stack.drifts() if d["id"] == stranger["id"])["state"] == "open"


def test_an_apply_with_a_local_state(stack):
    moto = Moto(stack)
    group = group_of(moto, "web")
    where = stack.dir / "net" / "terraform.tfstate"
    where.parent.mkdir()
    state(where, resource(group))
    start(stack, folders(moto), baselines=[f"{{name: net, terraform_state: {where}}}"], more="verdicts: {pending_grace: 3s}\n")
    tool = Tool(stack, moto, where, "", group, 443)
    tool.change()
    drift = wait_call(stack, "AuthorizeSecurityGroupIngress")
    assert drift["verdict"] == "pending" and any("holds the lock" in e["says"] for e in drift["evidence"]), drift
    tool.write_state()
    wait(lambda: stack.drifts()[0]["state"] == "accepted", "the state to show it")

    # The next one ends before it has written its state.
    tool = Tool(stack, moto, where, "", group, 8443, 3)
    tool.change()
    wait(lambda: [d["verdict"] for d in stack.drifts(state="open")] == ["pending"], "the next call")
    tool.process.kill()
    late = wait(lambda: next((d for d in stack.drifts(state="open") if d["verdict"] == "out_of_band"), None), "the end of its grace", 60)
    assert late["severity"] == "high" and late["evidence"][-1]["kind"] == "grace", late
    assert "pending_grace" in stack.plumb("show", late["id"]).stdout


def test_an_apply_that_began_before_the_agent(stack):
    """Whoever has the lock is known by the kernel's own table of locks; somebody else's call in the meantime is not excused."""
    moto = Moto(stack)
    group, other = group_of(moto, "web"), group_of(moto, "db")
    where = stack.dir / "net" / "terraform.tfstate"
    where.parent.mkdir()
    state(where, resource(group), ("aws_security_group", "db", {"id": other, "name": "db", "description": "d", "ingress": []}))
    tool = Tool(stack, moto, where, "", group, 443)
    start(stack, folders(moto), baselines=[f"{{name: net, terraform_state: {where}}}"])
    tool.change()
    drift = wait_call(stack, "AuthorizeSecurityGroupIngress")
    assert drift["verdict"] == "pending" and any("holds the lock" in e["says"] for e in drift["evidence"]), drift
    moto.aws("ec2", "authorize-security-group-ingress", "--group-id", other, "--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0")
    stranger = wait(lambda: next((d for d in stack.drifts() if d["resource"] == "tofu:net/aws_security_group.db"), None), "the other's call")
    assert stranger["verdict"] == "out_of_band", stranger
    tool.write_state()
    wait(lambda: any(d["id"] == drift["id"] and d["state"] == "accepted" for d in stack.drifts()), "the state to show it")


def test_an_apply_with_the_state_in_s3_over_a_restart_of_the_agent(stack):
    moto = Moto(stack)
    group, other, entry = state_in_s3(stack, moto, "1h")
    start(stack, folders(moto), baselines=[entry])
    wait(lambda: stack.api("/v1/owners?of=" + group)["items"], "the state")
    tool = Tool(stack, moto, "infra/net.tfstate", "states", group, 443)
    kept = stack.state / "runs.json"
    wait(lambda: kept.exists() and json.loads(kept.read_text())["runs"], "the run to be kept")
    assert kept.stat().st_mode & 0o77 == 0 and CANARY not in kept.read_text()
    stack.restart_agent(signal.SIGKILL)
    wait(lambda: stack.api("/v1/status")["calls"].get("first_pass_done"), "the first look at all files", 120)
    tool.change()
    drift = wait_call(stack, "AuthorizeSecurityGroupIngress")
    assert drift["verdict"] == "pending" and any("read this baseline's state" in e["says"] for e in drift["evidence"]), drift
    moto.aws("ec2", "authorize-security-group-ingress", "--group-id", other, "--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0")
    stranger = wait(lambda: next((d for d in stack.drifts() if d["resource"] == "tofu:net/aws_security_group.db"), None), "the other's call")
    assert stranger["verdict"] == "out_of_band", stranger
    tool.write_state()
    wait(lambda: any(d["id"] == drift["id"] and d["state"] == "accepted" for d in stack.drifts()), "the state to show it")


SECRET_BACKEND = """
terraform {
  backend "kubernetes" {
    secret_suffix = "net"
    namespace     = "default"
  }
}
variable "content" { type = string }
resource "terraform_data" "kept" {
  input            = var.content
  triggers_replace = var.content
  provisioner "local-exec" { command = var.command }
}
variable "command" { type = string }
"""


def test_an_apply_of_opentofu_with_the_state_in_a_secret(stack):
    """Real OpenTofu and a real API server: the Lease that locks the state makes it a run, with the kubectl that it starts, until it lets
    go; and the new state is fetched at once. What the state describes has no resource of a cloud: the run is told as evidence."""
    built = subprocess.run([harness.ROOT / "tests/harness/tofu/build.sh", "--path"], capture_output=True, text=True)
    if built.returncode != 0:
        raise Skip(built.stderr.strip())
    tofu, cluster = pathlib.Path(built.stdout.strip()), Cluster(stack)
    folder = stack.dir / "tofu"
    folder.mkdir()
    (folder / "main.tf").write_text(SECRET_BACKEND)
    certificate = cluster.folder / "apiserver.crt"
    config = stack.dir / "kubeconfig"
    config.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": cluster.url, "certificate-authority": str(certificate)}}],
        "users": [{"name": "x", "user": {"token": "fixture"}}]}))
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": str(tofu / "tofurc"), "TF_IN_AUTOMATION": "1", "TF_INPUT": "0",
                   "CHECKPOINT_DISABLE": "1", "KUBE_CONFIG_PATH": str(config)}
    cluster.apply(*({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}} for name in ("web", "db")))

    def annotate(name, value):
        return f"{cluster.kubectl_path} --kubeconfig {config} annotate --overwrite configmap {name} team={value}"

    def run(*command):
        done = subprocess.run([tofu / "tofu", f"-chdir={folder}", *command], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done

    def apply(content):
        run("apply", "-auto-approve", f"-var=content={content}", f"-var=command={annotate('web', content)}")

    def revision():
        return stack.api("/v1/status")["baselines"][0]["revision"].get("serial")

    def told(name):
        return [f for f in stack.findings() if f["kind"] == "call" and any(i.endswith("/" + name) for i in f["call"]["ids"])]

    run("init")
    apply("canary-of-the-state-one")
    token = stack.dir / "token"
    token.write_text("fixture\n")
    token.chmod(0o600)
    start(stack, [tofu, cluster.kubectl_path.parent], ", unowned: [\"kubernetes:v1:patch configmaps\"]",
          [f"{{name: net, terraform_state: \"kubernetes://default/secrets/tfstate-default-net\", endpoint: \"{cluster.url}\", "
           f"ca_file: {certificate}, token_file: {token}, interval: 1h}}"])
    before = wait(revision, "the state")
    apply("canary-of-the-state-two")
    by_run = wait(lambda: told("web"), "the call of the run")[0]
    evidence = [e["says"] for e in by_run["evidence"] if e["kind"] == "run"]
    assert len(evidence) == 1 and "tofu" in evidence[0] and "holds the lock of this baseline's state (net)" in evidence[0], by_run["evidence"]
    assert any(p["comm"] == "tofu" for p in by_run["actor"]["lineage"]), by_run["actor"]
    wait(lambda: revision() != before, "the new state, which is looked at each hour", 8)
    subprocess.run(annotate("db", "me").split(), check=True, stdout=subprocess.DEVNULL)
    by_hand = wait(lambda: told("db"), "the call by hand")[0]
    assert not [e for e in by_hand["evidence"] if e["kind"] == "run"], by_hand["evidence"]
    kept = b"".join(p.read_bytes() for p in stack.state.rglob("*") if p.is_file())
    assert b"H4sI" not in kept and b"fixture" not in kept, "the state there is gzip in base64, and that is the token's name"


PULUMI = """
name: shop
runtime: yaml
resources:
  eu: {type: "pulumi:providers:aws", properties: {region: eu-west-1}}
  assets:
    type: aws:s3/bucket:Bucket
    properties: {bucket: shop-assets, tags: {stage: STAGE}}
    options: {provider: "${eu}"}
"""
# The provider is a double that changes nothing: what a real one would say to AWS is said where it starts.
PROVIDER = """#!/bin/sh
[ -z "$PLUMBLINE_STAGE" ] || {aws} s3api put-bucket-tagging --bucket shop-assets --tagging "TagSet=[{{Key=stage,Value=$PLUMBLINE_STAGE}}]"
exec {double} "$@"
"""


class Pulumi:
    """Real Pulumi with the provider's double of tests/harness/pulumi, its states in `backend`."""

    def __init__(self, stack, moto, backend):
        built = subprocess.run([harness.ROOT / "tests/harness/pulumi/build.sh", "--path"], capture_output=True, text=True)
        if built.returncode != 0:
            raise Skip(built.stderr.strip())
        self.tools, self.folder = pathlib.Path(built.stdout.strip()), stack.dir / "pulumi"
        plugins = self.folder / "plugins"
        plugins.mkdir(parents=True)
        plugin = plugins / "pulumi-resource-aws"
        plugin.write_text(PROVIDER.format(aws=moto.bin / "aws", double=self.tools / "pulumi-resource-aws"))
        plugin.chmod(0o755)
        self.environment = {**moto.environment, "PATH": f"{plugins}:{self.tools}:{os.environ['PATH']}", "HOME": str(self.folder),
                            "PULUMI_HOME": str(self.folder / "home"), "PULUMI_BACKEND_URL": backend, "NO_COLOR": "1",
                            "PULUMI_CONFIG_PASSPHRASE": CANARY, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        self.run("a", "stack", "init", "dev")

    def run(self, stage, *command, call=False):
        (self.folder / "Pulumi.yaml").write_text(PULUMI.replace("STAGE", stage))
        done = subprocess.run([self.tools / "pulumi", "--non-interactive", *command], cwd=self.folder, text=True, capture_output=True, timeout=120,
                              env={**self.environment, **({"PLUMBLINE_STAGE": stage} if call else {})})
        assert done.returncode == 0, done

    def up(self, stage, call=False):
        self.run(stage, "up", "--yes", "--skip-preview", call=call)


def check_pulumi(stack, moto, pulumi, sign, checkpoint):
    """`checkpoint` reads it. What an update does by its provider is pending and then accepted, what somebody else does is drift."""
    pulumi.up("b", call=True)
    drift = wait_call(stack, "PutBucketTagging")
    assert drift["resource"].endswith("aws:s3/bucket:Bucket::assets"), drift
    assert any(e["kind"] == "run" and "pulumi" in e["says"] and sign in e["says"] for e in drift["evidence"]), drift["evidence"]
    wait(lambda: stack.drifts()[0]["state"] == "accepted", "the state to show it")
    time = json.loads(checkpoint())["checkpoint"]["latest"]["manifest"]["time"]  # Pulumi writes several, the last one has all
    wait(lambda: stack.api("/v1/status")["baselines"][0]["revision"]["time"] == time, "the last checkpoint of the update")
    moto.aws("s3api", "put-bucket-tagging", "--bucket", "shop-assets", "--tagging", "TagSet=[{Key=stage,Value=c}]")
    stranger = wait(lambda: next((d for d in stack.drifts() if d["state"] == "open"), None), "the other's call")
    assert stranger["verdict"] == "out_of_band", stranger
    assert [(d["attribute"], d["expected"], d["live"]) for d in stranger["diff"]] == [("tags.stage", "b", "c")], stranger["diff"]


def bucket_for_pulumi(moto):
    moto.aws("s3api", "create-bucket", "--bucket", "shop-assets", "--create-bucket-configuration", "LocationConstraint=eu-west-1")


def test_an_update_of_pulumi_with_the_state_in_a_folder(stack):
    moto = Moto(stack)
    bucket_for_pulumi(moto)
    backend = stack.dir / "backend"
    backend.mkdir()
    pulumi = Pulumi(stack, moto, f"file://{backend}")
    pulumi.up("a")
    start(stack, folders(moto), baselines=[f"{{name: shop, pulumi: {backend}/.pulumi/stacks/shop/dev.json}}"])
    check_pulumi(stack, moto, pulumi, "holds the lock of this baseline's state", (backend / ".pulumi/stacks/shop/dev.json").read_text)


def test_an_update_of_pulumi_with_the_state_in_s3(stack):
    moto = Moto(stack)
    bucket_for_pulumi(moto)
    moto.aws("s3api", "create-bucket", "--bucket", "states", "--create-bucket-configuration", "LocationConstraint=eu-west-1")
    pulumi = Pulumi(stack, moto, f"s3://states?endpoint={moto.url}&s3ForcePathStyle=true&region=eu-west-1")
    pulumi.up("a")
    credentials = stack.dir / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {CANARY}\n")
    credentials.chmod(0o600)
    start(stack, [*folders(moto), pulumi.tools], baselines=[
        f"{{name: shop, pulumi: \"s3://states/.pulumi/stacks/shop/dev.json\", region: eu-west-1, endpoint: \"{moto.url}\", "
        f"ca_file: {moto.certificate}, credentials_file: {credentials}, interval: 1h}}"])
    wait(lambda: stack.api("/v1/owners?of=shop-assets")["items"], "the state")
    check_pulumi(stack, moto, pulumi, "this baseline's state",
                 lambda: moto.run("s3", "cp", "s3://states/.pulumi/stacks/shop/dev.json", "-").stdout)


def test_calls_on_what_nobody_describes_are_told_where_that_is_asked_for(stack):
    moto = Moto(stack)
    group, other = group_of(moto, "web"), group_of(moto, "other")
    state(stack.dir / "net.tfstate", resource(group))
    stack.start_collector()
    start(stack, folders(moto), ", unowned: [\"aws:ec2:Delete*\"]")
    moto.aws("ec2", "create-volume", "--availability-zone", "eu-west-1a", "--size", "1")
    moto.aws("ec2", "delete-security-group", "--group-id", other)
    told = wait(lambda: stack.all(stack.ask_collector, "/v1/findings"), "the finding at the collector")
    assert [(f["resource"], f["verdict"], bool(f.get("drift_id"))) for f in told] == [(f"aws:ec2:eu-west-1:{other}", "out_of_band", False)], told
    assert told[0]["call"]["operation"] == "DeleteSecurityGroup" and "baseline" not in told[0], told
    assert stack.drifts() == []
    bad = stack.dir / "bad.yaml"
    bad.write_text("calls: {unowned: [\"ec2\"]}\n")
    done = subprocess.run([harness.AGENT, "--config", bad, "--check-config"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 78 and "PROVIDER:SERVICE:OPERATION" in done.stderr, done


def test_a_secret_is_compared_by_its_keyed_hash_and_never_told(stack):
    moto = Moto(stack)
    right, wrong = "correct-horse-battery", "plumbline-canary-new-password"
    moto.aws("rds", "create-db-instance", "--db-instance-identifier", "shop", "--db-instance-class", "db.t3.micro", "--engine", "postgres",
             "--master-username", "app", "--master-user-password", right, "--allocated-storage", "20")
    state(stack.dir / "net.tfstate", ("aws_db_instance", "shop", {"id": "shop", "identifier": "shop", "password": right}))
    stack.start_collector()
    start(stack, folders(moto))

    words = ["rds", "modify-db-instance", "--db-instance-identifier", "shop", "--master-user-password"]

    def modify(password):
        moto.aws(*words, password)

    modify(right)
    same = wait(lambda: stack.findings(), "the call on record")
    assert same[0]["comparison"] == "match" and stack.drifts() == [], same
    modify(wrong)
    drift = wait_call(stack, "ModifyDBInstance")
    changed = next(d for d in drift["diff"] if d["attribute"] == "password")
    assert (drift["comparison"], drift["severity"]) == ("mismatch", "critical") and changed["sensitive"], drift
    assert changed["expected"] != changed["live"] and all(changed[k].startswith("siphash:") for k in ("expected", "live")), changed
    # Only whom somebody vouches for puts it right.
    subprocess.run([*approved(stack, "net"), moto.bin / "aws", *words, right], env=moto.environment, check=True, stdout=subprocess.DEVNULL)
    stack_drift = wait(lambda: next((d for d in stack.drifts() if d["state"] == "resolved"), None), "it to be put back")
    assert stack_drift["id"] == drift["id"]
    wait(lambda: len(stack.all(stack.ask_collector, "/v1/findings")) == 3, "all findings at the collector")
    # The command line of the client holds it too, and is redacted.
    told = "".join(json.dumps(x) for x in (stack.findings(), stack.drifts(), stack.all(stack.ask_collector, "/v1/findings")))
    files = b"".join(p.read_bytes() for p in stack.dir.rglob("*") if p.is_file() and p.suffix not in (".tfstate",) and "moto" not in p.name)
    for secret in (right, wrong):
        assert secret not in told and secret.encode() not in files, secret


def test_data_of_a_secret_of_kubernetes_is_compared_by_its_keyed_hash_and_never_told(stack):
    """A real API server, kubectl's own spellings of the same: base64 in `data`, and text in `stringData`."""
    cluster = Cluster(stack)
    right, wrong = "correct-horse-battery", "plumbline-canary-new-password"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "default"},
              "data": {"password": base64.b64encode(right.encode()).decode()}}
    cluster.apply(secret)
    described = stack.dir / "shop.json"
    described.write_text(json.dumps(secret))
    start(stack, [cluster.kubectl_path.parent], baselines=[f"{{name: shop, kubernetes: {described}}}"])

    def patch(before=(), **member):
        file = stack.dir / "patch.json"  # not on the command line
        file.write_text(json.dumps(member))
        subprocess.run([*before, *cluster.command("patch", "secret", "db", "--patch-file", str(file))], check=True,
                       stdout=subprocess.DEVNULL)

    def encoded(text):
        return {"password": base64.b64encode(text.encode()).decode()}

    patch(data=encoded(right))
    same = wait(lambda: [f for f in stack.findings() if f["kind"] == "call"], "the call on record")
    assert same[0]["comparison"] == "match" and stack.drifts() == [], same
    patch(stringData={"password": wrong})
    drift = wait_call(stack, "patch secrets")
    changed = next(d for d in drift["diff"] if d["attribute"] == "data.password")
    assert drift["comparison"] == "mismatch" and changed["sensitive"] and changed["expected"] != changed["live"], drift
    patch(approved(stack, "shop"), data=encoded(right))
    wait(lambda: any(d["state"] == "resolved" and d["id"] == drift["id"] for d in stack.drifts()), "it to be put back")
    kept = b"".join(p.read_bytes() for p in stack.state.rglob("*") if p.is_file()) + json.dumps([stack.findings(), stack.drifts()]).encode()
    for text in (right, wrong, *encoded(right).values(), *encoded(wrong).values()):
        assert text.encode() not in kept and text.encode() not in (stack.dir / "agent.log").read_bytes(), text
