"""Cloud API calls, seen in the plaintext of real clients' TLS connections to a real server."""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import urllib.parse

import harness
from harness import Skip, wait

CANARY = "plumbline-canary-secret"


class Moto:
    """moto: a double of AWS that keeps real state behind AWS' own API. Its clients are AWS' own. `within`: a command that runs one in
    a network of its own."""

    def __init__(self, stack, tls=True, within=()):
        built = subprocess.run([harness.ROOT / "tests/harness/moto/build.sh"], capture_output=True, text=True)
        if built.returncode != 0:
            raise Skip(f"moto cannot be installed here: {built.stderr.strip().splitlines()[-1:]}")
        self.bin = pathlib.Path(built.stdout.strip()) / "bin"
        self.within = within
        key, self.certificate = stack.dir / "tls.key", stack.dir / "tls.pem"
        if tls:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", self.certificate, "-days", "2",
                            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        stack.beside(*within, self.bin / "moto_server", "-H", "127.0.0.1", "-p", str(port),
                     *(("-s", "-c", self.certificate, "-k", key) if tls else ()))
        self.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        self.environment = {**os.environ, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": CANARY,
                            "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL": self.url, **({"AWS_CA_BUNDLE": str(self.certificate)} if tls else {}),
                            "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}
        wait(lambda: self.run("sts", "get-caller-identity").returncode == 0, "moto", 60)

    def run(self, *arguments, **environment):
        return subprocess.run([*self.within, self.bin / "aws", *arguments], env={**self.environment, **environment}, capture_output=True,
                              text=True)

    def aws(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, done
        return json.loads(done.stdout or "null")


def state(path, *resources, serial=1):
    """Terraform state of (type, name, attributes)."""
    provider = 'provider["registry.terraform.io/hashicorp/aws"]'
    path.write_text(json.dumps({
        "version": 4, "serial": serial, "lineage": "a", "terraform_version": "1.11.4", "outputs": {},
        "resources": [{"mode": "managed", "type": kind, "name": name, "provider": provider,
                       "instances": [{"schema_version": 1, "attributes": attributes}]} for kind, name, attributes in resources]}))


def start(stack, folders, more=""):
    stack.baselines = [f"{{name: net, terraform_state: {stack.dir}/net.tfstate}}"]
    stack.agent_extra = f"calls: {{enabled: true, folders: [{', '.join(map(str, folders))}]{more}}}\n"
    stack.start_agent()
    wait(lambda: stack.api("/v1/status")["calls"].get("first_pass_done"), "the first look at all files", 120)


def wait_call(stack, operation):
    def found():
        return next((d for d in stack.drifts() if d["kind"] == "call" and d["call"]["operation"] == operation), None)
    return wait(found, operation)


def test_a_call_that_changes_a_managed_resource(stack):
    moto = Moto(stack)
    vpc = moto.aws("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16")["Vpc"]["VpcId"]
    group = moto.aws("ec2", "create-security-group", "--group-name", "web", "--description", "d", "--vpc-id", vpc)["GroupId"]
    state(stack.dir / "net.tfstate", ("aws_security_group", "web", {"id": group, "vpc_id": vpc, "name": "web", "description": "d",
                                                                    "ingress": []}))
    start(stack, ["/usr/lib", "/usr/local/lib", moto.bin])
    assert stack.drifts() == []

    moto.aws("ec2", "describe-security-groups", "--group-ids", group)
    with subprocess.Popen([moto.bin / "aws", "ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp",
                           "--port", "22", "--cidr", "0.0.0.0/0"], env=moto.environment, stdout=subprocess.DEVNULL) as client:
        pass
    assert client.returncode == 0
    drift = wait_call(stack, "AuthorizeSecurityGroupIngress")
    call = drift["call"]
    assert drift["resource"] == "tofu:net/aws_security_group.web" and drift["state"] == "open", drift
    assert (call["provider"], call["service"], call["outcome"]) == ("aws", "ec2", "succeeded"), call
    assert (call["region"], call["principal"]) == ("eu-west-1", "AKIAIOSFODNN7EXAMPLE"), call
    assert drift["actor"]["process"]["pid"] == client.pid, drift["actor"]
    assert drift["comparison"] == "mismatch" and call["semantics"] == "delta", drift
    assert [d["attribute"] for d in drift["diff"]] == ["ingress"] and "0.0.0.0/0" in drift["diff"][0]["live"], drift["diff"]
    assert len(stack.findings()) == 1, "what only reads is no finding"

    # Who may not, and what only asks, changes nothing.
    assert moto.run("ec2", "revoke-security-group-ingress", "--dry-run", "--group-id", group, "--protocol", "tcp", "--port", "22",
                    "--cidr", "0.0.0.0/0").returncode != 0
    wait(lambda: len(stack.findings()) == 2, "the dry run on record")
    assert stack.drifts()[0]["count"] == 1, stack.drifts()
    shown = stack.plumb("drift").stdout
    assert "ec2:AuthorizeSecurityGroupIngress" in shown, shown
    seen = (stack.dir / "agent.log").read_text() + json.dumps(stack.drifts()) + json.dumps(stack.findings())
    assert CANARY not in seen and "Signature" not in seen


def test_calls_can_be_switched_off(stack):
    moto = Moto(stack)
    state(stack.dir / "net.tfstate", ("aws_cloudwatch_metric_alarm", "cpu", {"id": "cpu", "alarm_name": "cpu", "threshold": 80}))

    def put(threshold):
        moto.aws("cloudwatch", "put-metric-alarm", "--alarm-name", "cpu", "--metric-name", "CPU", "--namespace", "n", "--period", "60",
                 "--evaluation-periods", "1", "--statistic", "Average", "--comparison-operator", "GreaterThanThreshold",
                 "--threshold", str(threshold))

    start(stack, ["/usr/lib", "/usr/local/lib", moto.bin])
    put(95)
    first = wait_call(stack, "PutMetricAlarm")
    assert {"attribute": "threshold", "expected": "80", "live": "95"} in first["diff"], first["diff"]
    config = stack.dir / "agent.yaml"
    config.write_text(config.read_text().replace("enabled: true", "enabled: false"))
    stack.agent.send_signal(harness.signal.SIGHUP)
    wait(lambda: stack.api("/v1/status")["calls"]["enabled"] is False, "the hooks to end")
    assert "calls_not_seen" in [s["id"] for s in stack.all(stack.api, "/v1/blindspots")]
    put(96)
    config.write_text(config.read_text().replace("enabled: false", "enabled: true"))
    stack.agent.send_signal(harness.signal.SIGHUP)
    wait(lambda: stack.api("/v1/status")["calls"].get("first_pass_done"), "the hooks to be there again", 120)
    put(97)
    wait(lambda: stack.drifts()[0]["count"] == 2, "the next call")
    assert stack.drifts()[0]["id"] == first["id"]


class Ec2:
    """A double of EC2 for clients that speak HTTPS and nothing of AWS: it takes DeleteSecurityGroup of a group that it has not been
    asked for before, signed for EC2, and refuses all else. It listens on a port, or on a socket file."""

    def __init__(self, stack, socket_file=None):
        key, self.certificate = stack.dir / "ec2.key", stack.dir / "ec2.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", self.certificate, "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        known, self.refused = set(), []
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), strict_parsing=True)
                group = form.get("GroupId", [""])[0]
                good = (self.path == "/" and form.get("Action") == ["DeleteSecurityGroup"] and form.get("Version") == ["2016-11-15"]
                        and "/ec2/aws4_request" in self.headers.get("Authorization", "") and group and group not in known)
                known.add(group)
                if not good:
                    double.refused.append((self.path, form))
                body = (b"<DeleteSecurityGroupResponse><requestId>r-1</requestId><return>true</return></DeleteSecurityGroupResponse>"
                        if good else b"<Response><Errors><Error><Code>InvalidParameterValue</Code></Error></Errors></Response>")
                self.send_response(200 if good else 400)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        class SocketFileServer(http.server.ThreadingHTTPServer):
            address_family = socket.AF_UNIX
            server_bind = socketserver.TCPServer.server_bind  # HTTPServer's asks for the host's name

        self.server = (SocketFileServer(str(socket_file), Handler) if socket_file else
                       http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        stack.cleanup.callback(self.server.shutdown)
        self.port = None if socket_file else self.server.server_port


AUTHORIZATION = ("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261127/eu-west-1/ec2/aws4_request, SignedHeaders=host, "
                 "Signature=plumbline-canary-secret")
PYTHON = """
import ssl, sys, urllib.request
url, ca, authorization, body = sys.argv[1:]
request = urllib.request.Request(url, body.encode(), {"Authorization": authorization})
urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ca)).read()
"""
NODE = """
const [url, ca, authorization, body] = process.argv.slice(1);
const request = require("https").request(url, {method: "POST", ca: require("fs").readFileSync(ca), headers: {authorization,
  "content-type": "application/x-www-form-urlencoded", "content-length": body.length}}, answer => answer.resume());
request.end(body);
"""
RUBY = """
require "net/http"; require "openssl"
url, ca, authorization, body = ARGV
uri = URI(url)
Net::HTTP.start(uri.host, uri.port, use_ssl: true, ca_file: ca) { |h| h.post("/", body, "Authorization" => authorization) }
"""
GO = """
package main
import ("crypto/tls"; "crypto/x509"; "net/http"; "os"; "strings"; "io")
func main() {
  ca, _ := os.ReadFile(os.Args[2]); pool := x509.NewCertPool(); pool.AppendCertsFromPEM(ca)
  client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: false, TLSClientConfig: &tls.Config{RootCAs: pool}}}
  request, _ := http.NewRequest("POST", os.Args[1], strings.NewReader(os.Args[4]))
  request.Header.Set("Authorization", os.Args[3]); request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
  answer, err := client.Do(request); if err != nil { panic(err) }
  io.ReadAll(answer.Body); if answer.StatusCode != 200 { panic(answer.Status) }
}
"""


def go_client(stack):
    """A program of its own TLS, stripped."""
    folder = stack.dir / "go"
    folder.mkdir()
    (folder / "main.go").write_text(GO)
    built = subprocess.run(["go", "build", "-ldflags", "-s -w", "-o", folder / "client", folder / "main.go"], capture_output=True, text=True,
                           env={**os.environ, "GO111MODULE": "off", "CGO_ENABLED": "0"})
    assert built.returncode == 0, built
    return folder / "client"


# Client: what has to be installed, and its command; $1 the URL, $2 the certificate, $3 Authorization, $4 the form.
CLIENTS = {
    "curl": lambda stack: ["curl", "-fsS", "--cacert", "$2", "-H", "Authorization: $3", "-d", "$4", "$1"],
    "wget": lambda stack: ["wget", "-qO-", "--ca-certificate=$2", "--header=Authorization: $3", "--post-data=$4", "$1"],
    "python3": lambda stack: ["python3", "-c", PYTHON, "$1", "$2", "$3", "$4"],
    "node": lambda stack: ["node", "-e", NODE, "$1", "$2", "$3", "$4"],
    "ruby": lambda stack: ["ruby", "-e", RUBY, "$1", "$2", "$3", "$4"],
    "go": lambda stack: [str(go_client(stack)), "$1", "$2", "$3", "$4"],
}
RUNS = int(os.environ.get("PLUMBLINE_CALL_RUNS", "5"))  # of each client


def test_the_first_call_of_each_client_is_seen(stack):
    """Each run is a process of its own, whose first and only call has to be told, with the process that made it."""
    server = Ec2(stack)
    clients = {name: make(stack) for name, make in CLIENTS.items() if shutil.which(name)}
    if not clients:
        raise Skip("none of " + ", ".join(CLIENTS) + " is installed")
    print("clients:", ", ".join(clients), "- not installed:", ", ".join(CLIENTS.keys() - clients.keys()) or "none", flush=True)
    groups = {f"sg-{name}-{run}": name for name in clients for run in range(RUNS)}
    state(stack.dir / "net.tfstate", *[("aws_security_group", group.replace("-", "_"), {"id": group, "name": group}) for group in groups])
    start(stack, ["/usr/lib", "/usr/bin", "/usr/local", stack.dir])
    pids = {}
    for group, name in groups.items():
        values = {"$1": f"https://localhost:{server.port}/", "$2": str(server.certificate), "$3": AUTHORIZATION,
                  "$4": f"Action=DeleteSecurityGroup&Version=2016-11-15&GroupId={group}"}
        command = clients[name]
        for key, value in values.items():
            command = [word.replace(key, value) if word is not PYTHON and word is not RUBY else word for word in command]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as client:
            pass
        assert client.returncode == 0, (name, client.returncode)
        pids[group] = client.pid
    assert server.refused == []

    def seen():
        return {d["call"]["ids"][0]: d for d in stack.drifts() if d["kind"] == "call"}
    with contextlib.suppress(AssertionError):  # which were missed is said below
        wait(lambda: len(seen()) == len(groups), "the calls", 20)
    missed = [group for group in groups if group not in seen()]
    print(f"first calls: {len(groups) - len(missed)} of {len(groups)} seen; missed: {missed}", flush=True)
    assert len(missed) <= 0.01 * len(groups), missed
    for group, drift in seen().items():
        assert drift["actor"]["process"]["pid"] == pids[group], (group, drift["actor"], pids[group])
    said = {group: json.dumps(drift) for group, drift in seen().items()}
    leaks = sorted({groups[group] for group, text in said.items() if "plumbline-canary-secret" in text})
    assert not leaks and "plumbline-canary-secret" not in (stack.dir / "agent.log").read_text(), leaks
