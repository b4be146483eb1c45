"""Calls without TLS: to an endpoint that the configuration names, and to the metadata service that hands out credentials."""

import json
import os
import subprocess
import sys

import harness
from harness import Skip, wait
from moto import CANARY, Moto
from watched_calls import state, wait_call

GROUP_RULE = ("ec2", "authorize-security-group-ingress", "--protocol", "tcp", "--cidr", "0.0.0.0/0")


def start(stack, *urls):
    nothing = stack.dir / "nothing"  # no file has to be hooked
    nothing.mkdir()
    stack.baselines = [f"{{name: net, terraform_state: {stack.dir}/net.tfstate}}"]
    stack.agent_extra = f"calls: {{enabled: true, folders: [{nothing}], metadata_services: true, plain_http: {json.dumps(urls)}}}\n"
    stack.start_agent()
    status = wait(lambda: stack.api("/v1/status")["calls"].get("plain_http"), "calls to be watched")
    if not status["heard"]:
        raise Skip(f"plain HTTP cannot be heard here: {status['why']}")


def group_of(moto, stack):
    vpc = moto.aws("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16")["Vpc"]["VpcId"]
    group = moto.aws("ec2", "create-security-group", "--group-name", "web", "--description", "d", "--vpc-id", vpc)["GroupId"]
    state(stack.dir / "net.tfstate", ("aws_security_group", "web", {"id": group, "vpc_id": vpc, "name": "web", "description": "d",
                                                                    "ingress": []}))
    return group


def said(stack):
    """All that the agent keeps and tells."""
    files = [p for p in stack.state.rglob("*") if p.is_file()] + [stack.dir / "agent.log"]
    kept = b"".join(p.read_bytes() for p in files).decode(errors="replace")
    return kept + json.dumps(stack.drifts()) + json.dumps(stack.findings()) + stack.api("/metrics") + json.dumps(stack.api("/v1/status"))


def test_a_call_to_an_endpoint_without_tls(stack):
    moto = Moto(stack, tls=False)
    group = group_of(moto, stack)
    start(stack, moto.url)
    assert stack.drifts() == []
    moto.aws("ec2", "describe-security-groups", "--group-ids", group)
    with subprocess.Popen([moto.bin / "aws", *GROUP_RULE, "--group-id", group, "--port", "22"], env=moto.environment,
                          stdout=subprocess.DEVNULL) as client:
        pass
    assert client.returncode == 0
    drift = wait_call(stack, "AuthorizeSecurityGroupIngress")
    call = drift["call"]
    assert drift["resource"] == "tofu:net/aws_security_group.web" and drift["state"] == "open", drift
    assert (call["provider"], call["service"], call["outcome"]) == ("aws", "ec2", "succeeded"), call
    assert (call["region"], call["principal"], call["principal_proof"]) == ("eu-west-1", "AKIAIOSFODNN7EXAMPLE", "claimed"), call
    assert call["host"] == moto.url.removeprefix("http://"), call
    assert drift["actor"]["process"]["pid"] == client.pid, drift["actor"]
    assert drift["comparison"] == "mismatch", drift
    assert [d["attribute"] for d in drift["diff"]] == ["ingress"] and "0.0.0.0/0" in drift["diff"][0]["live"], drift["diff"]
    assert len(stack.findings()) == 1, "what only reads is no finding"
    assert moto.url in stack.plumb("status").stdout, stack.plumb("status").stdout
    text = said(stack)
    assert CANARY not in text and "Signature=" not in text


def test_an_endpoint_comes_and_goes_with_the_configuration(stack):
    moto = Moto(stack, tls=False)
    state(stack.dir / "net.tfstate", ("aws_cloudwatch_metric_alarm", "cpu", {"id": "cpu", "alarm_name": "cpu", "threshold": 80}))

    def put(threshold):
        moto.aws("cloudwatch", "put-metric-alarm", "--alarm-name", "cpu", "--metric-name", "CPU", "--namespace", "n", "--period", "60",
                 "--evaluation-periods", "1", "--statistic", "Average", "--comparison-operator", "GreaterThanThreshold",
                 "--threshold", str(threshold))

    def configure(*urls):
        config = stack.dir / "agent.yaml"
        lines = config.read_text().splitlines()
        config.write_text("\n".join(f"calls: {{enabled: true, folders: [{stack.dir}/nothing], plain_http: {json.dumps(urls)}}}"
                                    if line.startswith("calls:") else line for line in lines) + "\n")
        stack.agent.send_signal(harness.signal.SIGHUP)

    def endpoints():
        return stack.api("/v1/status")["calls"]["plain_http"]["endpoints"]

    port = moto.url.rsplit(":", 1)[1]
    start(stack)
    put(91)
    configure(f"http://localhost:{port}", "http://nowhere.invalid:1")  # names, looked up
    wait(lambda: endpoints() and f"127.0.0.1:{port}" in endpoints()[0]["addresses"], "the name's address")
    put(92)
    drift = wait_call(stack, "PutMetricAlarm")
    assert drift["count"] == 1 and {"attribute": "threshold", "expected": "80", "live": "92"} in drift["diff"], drift
    wait(lambda: endpoints()[1]["why"].startswith("look up nowhere.invalid"), "the other's lack of one", 40)
    spots = {s["id"]: s for s in stack.all(stack.api, "/v1/blindspots")}
    assert spots["plain_http_no_address"]["scope"] == "http://nowhere.invalid:1", spots
    configure()
    wait(lambda: endpoints() == [], "the endpoints to be gone")
    put(93)
    configure(f"http://127.0.0.1:{port}")
    wait(endpoints, "the endpoint")
    put(94)
    wait(lambda: stack.drifts()[0]["count"] == 2, "the next call")
    refused = subprocess.run([harness.AGENT, "--check-config", "--config", stack.dir / "agent.yaml"], capture_output=True, text=True)
    assert refused.returncode == 0, refused
    configure("https://localhost:1")
    refused = subprocess.run([harness.AGENT, "--check-config", "--config", stack.dir / "agent.yaml"], capture_output=True, text=True)
    assert refused.returncode == 78 and "write http://HOST:PORT" in refused.stderr, refused


NETWORK = '''
import fcntl, http.server, json, socket, struct, sys

def interface(name, request, *fields):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, request, struct.pack("16s", name.encode()) + struct.pack(*fields).ljust(24, b"\\0"))

def serve(handler, address, port):
    if address.startswith("169.254."):  # in a network of this test's own
        interface("lo", 0x8914, "h", 0x41)  # SIOCSIFFLAGS: up, running
        name = "lo:" + "".join(address.split(".")[2:])
        interface(name, 0x8916, "hH4s", socket.AF_INET, 0, socket.inet_aton(address))  # SIOCSIFADDR
    server = http.server.ThreadingHTTPServer((address, int(port)), handler)
    print("ready", flush=True)
    server.serve_forever()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass
'''
METADATA = NETWORK + '''
role, key, secret, address, port = sys.argv[1:]

class Imds(Handler):
    """A double of IMDSv2: its token, the instance's role and the role's credentials, and nothing else."""
    token = "plumbline-canary-token"

    def do_PUT(self):
        good = self.path == "/latest/api/token" and self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "").isdigit()
        self.answer(200 if good else 400, self.token.encode() if good else b"")

    def do_GET(self):
        base = "/latest/meta-data/iam/security-credentials/"
        if self.headers.get("X-aws-ec2-metadata-token") != self.token:
            return self.answer(401, b"")
        if self.path == base:
            return self.answer(200, role.encode())
        if self.path == base + role:
            return self.answer(200, json.dumps({
                "Code": "Success", "LastUpdated": "2026-11-27T12:00:00Z", "Type": "AWS-HMAC", "AccessKeyId": key,
                "SecretAccessKey": secret, "Token": "plumbline-canary-token", "Expiration": "2099-11-27T18:00:00Z"}).encode())
        self.answer(404, b"")

serve(Imds, address, port)
'''
CONTAINER = NETWORK + '''
path, authorization, more, key, secret, address = sys.argv[1:]

class Container(Handler):
    """A double of what ECS' agent and EKS' Pod Identity agent have in common: credentials at one path, with one Authorization."""

    def do_GET(self):
        if self.path != path or self.headers.get("Authorization", "") != authorization:
            return self.answer(400, b"")
        self.answer(200, json.dumps({"AccessKeyId": key, "SecretAccessKey": secret, "Token": "plumbline-canary-token",
                                     "Expiration": "2099-11-27T18:00:00Z", **json.loads(more)}).encode())

serve(Container, address, 80)
'''


def double_of(stack, program, *arguments, within=()):
    """Runs it; returns its process."""
    double = subprocess.Popen([*within, sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    stack.cleanup.callback(double.kill)
    if double.stdout.readline() != "ready\n":
        raise Skip("no network of its own can be made here")
    return double


def without_keys(moto):
    """From now on its clients ask an endpoint for credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del moto.environment[name]
    moto.environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def test_whoever_uses_the_credentials_of_the_instance_is_its_role(stack):
    imds = double_of(stack, METADATA, "web", "ASIAIOSFODNN7EXAMPLE", CANARY, "169.254.169.254", "80", within=("unshare", "--net"))
    within = ("nsenter", "-t", str(imds.pid), "-n")
    # The same at an address that is nobody's: not believed.
    double_of(stack, METADATA, "admin", "ASIAIOSFODNN7EXAMPLF", CANARY, "127.0.0.1", "8169", within=within)
    moto = Moto(stack, tls=False, within=within)
    group = group_of(moto, stack)
    start(stack, moto.url, "http://127.0.0.1:8169")
    without_keys(moto)
    moto.environment["AWS_EC2_METADATA_DISABLED"] = "false"
    done = moto.run(*GROUP_RULE, "--group-id", group, "--port", "22")
    assert done.returncode == 0, done
    drift = wait_call(stack, "AuthorizeSecurityGroupIngress")
    call = drift["call"]
    assert (call["principal"], call["principal_proof"]) == ("ASIAIOSFODNN7EXAMPLE", "observed"), call
    assert call["principal_chain"] == ["role/web", "imds"], call
    assert "role/web < imds" in stack.plumb("show", drift["id"]).stdout

    done = moto.run(*GROUP_RULE, "--group-id", group, "--port", "23", AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:8169/")
    assert done.returncode == 0, done
    other = wait(lambda: next((f["call"] for f in stack.findings() if f["call"]["principal"] == "ASIAIOSFODNN7EXAMPLF"), None),
                 "the other's call")
    assert other["principal_proof"] == "claimed" and not other.get("principal_chain"), other
    assert stack.api("/v1/status")["calls"]["credentials_handed_out"] == 1
    text = said(stack)
    assert CANARY not in text and "plumbline-canary-token" not in text


def test_whoever_uses_the_credentials_of_a_task_or_a_pod_is_its_role(stack):
    role = "arn:aws:iam::123456789012:role/task"
    # {"sub": "system:serviceaccount:shop:deployer"}
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6c2hvcDpkZXBsb3llciJ9.plumbline-canary-token"
    (stack.dir / "token").write_text(token)
    ecs = double_of(stack, CONTAINER, "/v2/credentials/0d9b3c2a", "", json.dumps({"RoleArn": role}), "ASIAIOSFODNN7EXAMPLE", CANARY,
                    "169.254.170.2", within=("unshare", "--net"))
    within = ("nsenter", "-t", str(ecs.pid), "-n")
    double_of(stack, CONTAINER, "/v1/credentials", token, json.dumps({"AccountId": "123456789012"}), "ASIAIOSFODNN7EXAMPLF", CANARY,
              "169.254.170.23", within=within)
    moto = Moto(stack, tls=False, within=within)
    group = group_of(moto, stack)
    start(stack, moto.url)
    without_keys(moto)

    def call_with(key, port, **environment):
        done = moto.run(*GROUP_RULE, "--group-id", group, "--port", port, **environment)
        assert done.returncode == 0, done
        return wait(lambda: next((f["call"] for f in stack.findings() if f["call"]["principal"] == key), None), f"the call with {key}")

    task = call_with("ASIAIOSFODNN7EXAMPLE", "22", AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/v2/credentials/0d9b3c2a")
    assert (task["principal_arn"], task["principal_chain"], task["principal_proof"]) == (role, ["ecs"], "observed"), task
    pod = call_with("ASIAIOSFODNN7EXAMPLF", "23", AWS_CONTAINER_CREDENTIALS_FULL_URI="http://169.254.170.23/v1/credentials",
                    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(stack.dir / "token"))
    assert pod["principal_chain"] == ["system:serviceaccount:shop:deployer", "eks-pod-identity"], pod
    assert pod["principal_proof"] == "observed", pod
    text = said(stack)
    assert CANARY not in text and "plumbline-canary-token" not in text
