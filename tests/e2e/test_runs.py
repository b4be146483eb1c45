"""The tool that a baseline belongs to changes its resources: pending until the state shows it, and drift where it does not."""

import json
import subprocess

import harness
from harness import wait
from moto import CANARY, Moto
from test_handout import hand_out
from watched_calls import start, state, wait_call

# A double of such a tool, strict in its order: it has the state, changes the cloud by a child (as a provider is one), and only
# then writes the state. What it says to S3 and EC2 goes through boto3 and the AWS command line.
TOOL = """
import json, os, subprocess, sys
where, bucket, aws, group, port, serial = sys.argv[1:]
lock = os.path.join(os.path.dirname(where), "." + os.path.basename(where) + ".lock.info")
if bucket:
    import boto3
    s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    text = s3.get_object(Bucket=bucket, Key=where)["Body"].read()
else:
    open(lock, "x").write("{}")
    text = open(where).read()
after = json.loads(text)
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

    def modify(password):
        moto.aws("rds", "modify-db-instance", "--db-instance-identifier", "shop", "--master-user-password", password)

    modify(right)
    same = wait(lambda: stack.findings(), "the call on record")
    assert same[0]["comparison"] == "match" and stack.drifts() == [], same
    modify(wrong)
    drift = wait_call(stack, "ModifyDBInstance")
    changed = next(d for d in drift["diff"] if d["attribute"] == "password")
    assert (drift["comparison"], drift["severity"]) == ("mismatch", "critical") and changed["sensitive"], drift
    assert changed["expected"] != changed["live"] and all(changed[k].startswith("siphash:") for k in ("expected", "live")), changed
    modify(right)
    stack_drift = wait(lambda: next((d for d in stack.drifts() if d["state"] == "resolved"), None), "it to be put back")
    assert stack_drift["id"] == drift["id"]
    wait(lambda: len(stack.all(stack.ask_collector, "/v1/findings")) == 3, "all findings at the collector")
    # The command line of the client holds it too, and is redacted.
    told = "".join(json.dumps(x) for x in (stack.findings(), stack.drifts(), stack.all(stack.ask_collector, "/v1/findings")))
    files = b"".join(p.read_bytes() for p in stack.dir.rglob("*") if p.is_file() and p.suffix not in (".tfstate",) and "moto" not in p.name)
    for secret in (right, wrong):
        assert secret not in told and secret.encode() not in files, secret
