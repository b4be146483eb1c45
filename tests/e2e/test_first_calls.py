"""The first call of each process of real clients: seen, and told with who made it.

PLUMBLINE_FIRST_CALL_RUNS says how many processes of each client there are (default 3).
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess

import harness
from cluster import Cluster
from harness import Skip, wait
from moto import AUTHORIZATION, CANARY, Moto
from tls_servers import Ec2
from watched_calls import go_program, start, state

RUNS = int(os.environ.get("PLUMBLINE_FIRST_CALL_RUNS", "3"))  # of each client
FOLDERS = ["/usr/lib", "/usr/bin", "/usr/local"]
# OpenSSL is linked into its libpython, which has no symbols.
GCLOUD_PYTHON = "/usr/lib/google-cloud-sdk/platform/bundledpythonunix/bin/python3"


@dataclasses.dataclass
class Run:
    """A process that makes one call which changes something: the resource that is then told of."""
    client: str
    resource: str
    command: list
    environment: dict = None


def built(script, *arguments):
    """What a build script of tests/harness prints, or why there is nothing."""
    done = subprocess.run([harness.ROOT / "tests/harness" / script, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[-1]
    return pathlib.Path(done.stdout.split()[0]), ""


def execute(stack, run):
    """Runs it to its end; returns its pid."""
    with open(stack.dir / "client.log", "w+b") as log, \
            subprocess.Popen(run.command, env=run.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as client:
        client.wait(120)
        log.seek(0)
        assert client.returncode == 0, (run.client, client.returncode, log.read()[-2000:])
    return client.pid


def report(runs, told):
    """Prints for each client how many of its calls were told; none of them may be missing, or one in a hundred."""
    too_many = {}
    for client in dict.fromkeys(run.client for run in runs):
        resources = [run.resource for run in runs if run.client == client]
        missed = [resource for resource in resources if resource not in told]
        print(f"first calls of {client}: {len(resources) - len(missed)} of {len(resources)} seen; missed: {missed}", flush=True)
        if len(missed) > 0.01 * len(resources):
            too_many[client] = missed
    assert not too_many, too_many


def check(stack, runs):
    """Makes the calls, one process after the other; returns the drift of each, which names that process."""
    pids = {run.resource: execute(stack, run) for run in runs}

    def told():
        return {d["resource"]: d for d in stack.drifts() if d["kind"] == "call"}
    with contextlib.suppress(AssertionError):  # which were missed is said below
        wait(lambda: len(told()) == len(runs), "the calls", 20)
    drifts = told()
    report(runs, drifts)
    for resource, drift in drifts.items():
        assert drift["actor"]["process"]["pid"] == pids[resource], (resource, drift["actor"], pids[resource])
        assert drift["call"]["outcome"] == "succeeded", drift
    leaks = sorted({run.client for run in runs if CANARY in json.dumps(drifts.get(run.resource))})
    assert not leaks and CANARY not in (stack.dir / "agent.log").read_text(), leaks
    return drifts


# Clients of one library each: $1 the URL, $2 the certificate, $3 Authorization, $4 the form.

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
AWSCRT = """
import io, sys, urllib.parse
from awscrt.http import HttpClientConnection, HttpHeaders, HttpRequest
from awscrt.io import ClientTlsContext, TlsContextOptions
url, ca, authorization, body = sys.argv[1:]
where = urllib.parse.urlsplit(url)
options = TlsContextOptions()
options.override_default_trust_store_from_path(ca_filepath=ca)
tls = ClientTlsContext(options).new_connection_options()
tls.set_server_name(where.hostname)
headers = HttpHeaders([("Host", where.netloc), ("Authorization", authorization), ("Content-Length", str(len(body))),
                       ("Content-Type", "application/x-www-form-urlencoded")])
connection = HttpClientConnection.new(where.hostname, where.port, tls_connection_options=tls).result(30)
answer = connection.request(HttpRequest("POST", "/", headers, io.BytesIO(body.encode())))
answer.activate()
sys.exit(answer.completion_future.result(30) != 200)
"""


def installed(program, *arguments):
    found = shutil.which(program)
    return ([found, *arguments], "") if found else (None, "not installed")


def go_client(stack):
    """A program of its own TLS, stripped."""
    if not shutil.which("go"):
        return None, "Go is not installed"
    source = stack.dir / "client.go"
    source.write_text(GO)
    return [go_program(stack, source), "$1", "$2", "$3", "$4"], ""


def openssl_inside(stack):
    """A program that OpenSSL is linked into, stripped."""
    program = stack.dir / "openssl-inside"
    done = subprocess.run(["gcc", "-O2", "-s", harness.ROOT / "tests/harness/tls_client/openssl_inside.c", "-o", program, "-Wl,-Bstatic",
                           "-lssl", "-lcrypto", "-Wl,-Bdynamic"], capture_output=True, text=True)
    return ([program, "$1", "$2", "$3", "$4"], "") if done.returncode == 0 else (None, done.stderr.strip().splitlines()[-1])


def awscrt_client():
    folder, why = built("awscrt/build.sh")
    return ([folder / "bin/python", "-c", AWSCRT, "$1", "$2", "$3", "$4"], "") if folder else (None, why)


def choose(clients):
    """Those of (command, why there is none) that are to be had; says which are not."""
    lacking = {name: why for name, (command, why) in clients.items() if command is None}
    for name, why in lacking.items():
        print(f"first calls of {name}: skipped, {why}", flush=True)
    if len(lacking) == len(clients):
        raise Skip("none of " + ", ".join(clients) + " is to be had")
    return {name: command for name, (command, _) in clients.items() if command is not None}


def test_the_first_call_of_each_library_is_seen(stack):
    server = Ec2(stack)
    clients = choose({
        "curl": installed("curl", "-fsS", "--cacert", "$2", "-H", "Authorization: $3", "-d", "$4", "$1"),
        "wget": installed("wget", "-qO-", "--ca-certificate=$2", "--header=Authorization: $3", "--post-data=$4", "$1"),
        "python3": installed("python3", "-c", PYTHON, "$1", "$2", "$3", "$4"),
        "node": installed("node", "-e", NODE, "$1", "$2", "$3", "$4"),
        "ruby": installed("ruby", "-e", RUBY, "$1", "$2", "$3", "$4"),
        "go": go_client(stack),
        "openssl-inside": openssl_inside(stack),
        "gcloud-python": installed(GCLOUD_PYTHON, "-c", PYTHON, "$1", "$2", "$3", "$4"),
        "awscrt": awscrt_client(),
    })
    runs, resources = [], []
    for name, command in clients.items():
        for i in range(RUNS):
            group = f"sg-{name}-{i}"
            values = {"$1": f"https://localhost:{server.port}/", "$2": str(server.certificate), "$3": AUTHORIZATION,
                      "$4": f"Action=DeleteSecurityGroup&Version=2016-11-15&GroupId={group}"}
            words = [str(word) for word in command]
            for key, value in values.items():
                words = [word if "\n" in word else word.replace(key, value) for word in words]  # a program's text is left alone
            runs.append(Run(name, f"tofu:net/aws_security_group.{name}_{i}", words))
            resources.append(("aws_security_group", f"{name}_{i}", {"id": group, "name": group}))
    state(stack.dir / "net.tfstate", *resources)
    # awscrt's s2n lies in a Python environment of the cache.
    environments = [pathlib.Path(clients["awscrt"][0]).parents[1] / "lib"] if "awscrt" in clients else []
    start(stack, [*FOLDERS, stack.dir, *environments])
    check(stack, runs)
    assert server.refused == []


# AWS' own clients against moto: a name and a number follow.

BOTO3 = """
import sys, boto3
boto3.client("cloudwatch").put_metric_alarm(AlarmName=sys.argv[1], MetricName="CPU", Namespace="n", Period=60, EvaluationPeriods=1,
  Statistic="Average", ComparisonOperator="GreaterThanThreshold", Threshold=float(sys.argv[2]))
"""
AWSCLI = ["cloudwatch", "put-metric-alarm", "--metric-name", "CPU", "--namespace", "n", "--period", "60", "--evaluation-periods", "1",
          "--statistic", "Average", "--comparison-operator", "GreaterThanThreshold"]
SDK_JS = """
const [name, threshold] = process.argv.slice(1);
const {CloudWatchClient, PutMetricAlarmCommand} = require("@aws-sdk/client-cloudwatch");
new CloudWatchClient({}).send(new PutMetricAlarmCommand({AlarmName: name, MetricName: "CPU", Namespace: "n", Period: 60,
  EvaluationPeriods: 1, Statistic: "Average", ComparisonOperator: "GreaterThanThreshold", Threshold: Number(threshold)}));
"""
GROUPS = """
import sys, boto3
for name in sys.argv[1:]: boto3.client("logs").create_log_group(logGroupName=name)
"""
# What they change: its attribute, what it should be and what it is then.
ALARM = "aws_cloudwatch_metric_alarm", "threshold", 80, 95
LOGS = "aws_cloudwatch_log_group", "retention_in_days", 30, 7


def test_the_first_call_of_each_sdk_is_seen(stack):
    moto = Moto(stack)
    sdk_js, why_no_js = built("aws-sdk-js/build.sh")
    sdk_go, why_no_go = built("aws-sdk-go/build.sh")
    clients = choose({
        "boto3": ([moto.bin / "python", "-c", BOTO3], ""),
        "awscli": ([moto.bin / "aws", *AWSCLI], ""),
        "aws-sdk-js": installed("node", "-e", SDK_JS) if sdk_js else (None, why_no_js),
        "aws-sdk-go": ([sdk_go / "put-retention"], "") if sdk_go else (None, why_no_go),
    })
    environment = {**moto.environment, "NODE_PATH": f"{sdk_js}/node_modules", "NODE_EXTRA_CA_CERTS": str(moto.certificate)}
    runs, resources, wanted = [], [], {}
    for name, command in clients.items():
        kind, attribute, before, after = LOGS if name == "aws-sdk-go" else ALARM
        for i in range(RUNS):
            thing, resource = f"{name}-{i}", f"tofu:net/{kind}.{name}-{i}"
            asked = ["--alarm-name", thing, "--threshold", after] if name == "awscli" else [thing, after]
            runs.append(Run(name, resource, [str(word) for word in (*command, *asked)], environment))
            resources.append((kind, thing, {"id": thing, "name" if kind == LOGS[0] else "alarm_name": thing, attribute: before}))
            wanted[resource] = {"attribute": attribute, "expected": str(before), "live": str(after)}
    subprocess.run([moto.bin / "python", "-c", GROUPS, *[name for kind, name, _ in resources if kind == LOGS[0]]], env=environment, check=True)
    state(stack.dir / "net.tfstate", *resources)
    start(stack, [*FOLDERS, moto.bin, *([sdk_go] if sdk_go else [])])
    for resource, drift in check(stack, runs).items():
        assert drift["call"]["provider"] == "aws" and wanted[resource] in drift["diff"], (resource, drift)


# OpenTofu with its state in S3.

TOFU = """
terraform {
  backend "s3" {
    bucket                      = "states"
    key                         = "net.tfstate"
    workspace_key_prefix        = "runs"
    use_path_style              = true
    use_lockfile                = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
  }
}
variable "content" { type = string }
resource "terraform_data" "kept" { input = var.content }
"""


def serials(stack):
    """Workspace → serial of the state that the agent has of it."""
    return {b["name"]: b["revision"].get("serial") for b in stack.api("/v1/status")["baselines"]}


def test_the_first_state_of_each_run_of_opentofu_is_seen(stack):
    """What it reads makes it a run of that baseline, what it writes brings the new revision at once. An apply each, of a workspace
    of its own."""
    tofu, why = built("tofu/build.sh", "--path")
    if not tofu:
        raise Skip(why)
    moto = Moto(stack)
    moto.aws("s3api", "create-bucket", "--bucket", "states", "--create-bucket-configuration", "LocationConstraint=eu-west-1")
    folder = stack.dir / "tofu"
    folder.mkdir()
    (folder / "main.tf").write_text(TOFU)
    environment = {**moto.environment, "TF_CLI_CONFIG_FILE": str(tofu / "tofurc"),
                   "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}

    def run(workspace, *command):
        """The workspace is named by the environment but to what makes it."""
        return Run("tofu", workspace, [tofu / "tofu", f"-chdir={folder}", *command],
                   environment if command[0] in ("init", "workspace") else {**environment, "TF_WORKSPACE": workspace})

    def apply(workspace, content):
        return run(workspace, "apply", "-auto-approve", f"-var=content={content}")

    workspaces = [f"run-{i}" for i in range(RUNS)]
    execute(stack, run("", "init"))
    for workspace in workspaces:
        execute(stack, run(workspace, "workspace", "new", workspace))
        execute(stack, apply(workspace, "one"))
    credentials = stack.dir / "credentials"
    credentials.write_text(f"[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {CANARY}\n")
    credentials.chmod(0o600)
    start(stack, [tofu], ", unowned: [\"aws:s3:PutObject\"]",  # what the state itself is, no baseline describes
          [f"{{name: {workspace}, terraform_state: \"s3://states/runs/{workspace}/net.tfstate\", region: eu-west-1, endpoint: \"{moto.url}\", "
           f"ca_file: {moto.certificate}, credentials_file: {credentials}, interval: 1h}}" for workspace in workspaces])
    wait(lambda: all(serials(stack).values()), "the states")
    before = serials(stack)
    runs = [apply(workspace, "two") for workspace in workspaces]
    pids = {each.resource: execute(stack, each) for each in runs}

    def told():
        """Who put a state after having read it, as the call's own finding says."""
        return {f["call"]["ids"][0].split("/")[-2]: f for f in stack.findings() if f["kind"] == "call"
                and f["call"]["ids"][0].endswith("/net.tfstate")
                and any(e["kind"] == "run" and "read this baseline's state" in e["says"] for e in f["evidence"])}

    def moved():
        return [name for name, serial in serials(stack).items() if serial != before[name]]
    with contextlib.suppress(AssertionError):  # which were missed is said below
        wait(lambda: len(told()) == len(runs) == len(moved()), "the states", 5)  # "at once"; each 10 s it looks anyway
    found, written = told(), moved()
    report([dataclasses.replace(each, client="tofu, reading its state") for each in runs], found)
    report([dataclasses.replace(each, client="tofu, writing its state") for each in runs], written)
    for workspace, finding in found.items():
        assert finding["actor"]["process"]["pid"] == pids[workspace], (workspace, finding["actor"])
        assert any(e["kind"] == "run" and f"({workspace})" in e["says"] for e in finding["evidence"]), finding["evidence"]


# kubectl against a real API server, over HTTP/2.

def deployment(name):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default", "annotations": {"team": "shop"}},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]}}}}


# The words for it, and what is to be told: the operation, the attribute, its live value.
CHANGES = {
    "annotate": (["annotate", "deployment", "NAME", "--overwrite", "team=other"], "patch deployments", "metadata.annotations.team", "other"),
    "scale": (["scale", "deployment", "NAME", "--replicas=5"], "patch deployments/scale", "spec.replicas", "5"),
    "set image": (["set", "image", "deployment/NAME", "web=registry.example/web:2"], "patch deployments",
                  "spec.template.spec.containers[name=web].image", "registry.example/web:2"),
    "delete": (["delete", "deployment", "NAME"], "delete deployments", "existence", "deleted"),
}


def test_the_first_call_of_kubectl_is_seen(stack):
    cluster = Cluster(stack)
    runs, objects, wanted = [], [], {}
    for change, (words, *told) in CHANGES.items():
        for i in range(RUNS):
            name = f"{change.replace(' ', '-')}-{i}"
            resource = f"k8s:shop/apps/v1/Deployment/default/{name}"
            # Each begins with an empty cache of its own, so that it asks what the server has first.
            command = cluster.command(f"--cache-dir={stack.dir}/cache-{name}", *[w.replace("NAME", name) for w in words])
            runs.append(Run(f"kubectl {change}", resource, command))
            wanted[resource] = told
            objects.append(deployment(name))
    cluster.apply(*objects)
    described = stack.dir / "shop.json"
    described.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    start(stack, [cluster.kubectl_path.parent], baselines=[f"{{name: shop, kubernetes: {described}}}"])
    for resource, drift in check(stack, runs).items():
        operation, attribute, live = wanted[resource]
        assert (drift["call"]["provider"], drift["call"]["operation"]) == ("kubernetes", operation), (resource, drift["call"])
        assert (drift["verdict"], drift["comparison"]) == ("out_of_band", "mismatch"), (resource, drift)
        assert [(d["attribute"], d["live"]) for d in drift["diff"]] == [(attribute, live)], (resource, drift["diff"])


# Clients of which no hook takes the plaintext.

def java_client():
    folder = harness.ROOT / "tests/harness/jsse"
    return installed("java", folder / "Client.java", "127.0.0.1", "$PORT")


def rustls_client():
    folder, why = built("rustls/build.sh")
    return ([folder / "rustls-client", "127.0.0.1:$PORT"], "") if folder else (None, why)


def test_a_client_whose_plaintext_cannot_be_seen_is_told_or_said_not_to_be(stack):
    """It asks for a cloud by name. Where the kernel takes no fentry program, even that is not seen, and the agent says so."""
    host = "ec2.eu-west-1.amazonaws.com"
    server = Ec2(stack, host=host)
    clients = choose({"java": java_client(), "rustls": rustls_client()})
    state(stack.dir / "net.tfstate", *[("aws_security_group", name, {"id": f"sg-{name}", "name": name}) for name in clients])
    folders = [pathlib.Path(command[0]).resolve().parent for command in clients.values()]
    start(stack, folders, ", unowned: [\"aws:ec2:*\"]")

    def spots(kind):
        return [s for s in stack.all(stack.api, "/v1/blindspots") if s["id"] == kind]
    pids = {}
    for name, command in clients.items():
        words = [str(word).replace("$PORT", str(server.port)) for word in command]
        pids[name] = execute(stack, Run(name, "", [*words, host, str(server.certificate), AUTHORIZATION,
                                                   f"Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=sg-{name}"]))
    assert server.refused == [], server.refused
    assert stack.drifts() == [], "or it belongs to the clients above"
    assert "rustls" in spots("tls_without_plaintext")[0]["says"] and "Java" in spots("tls_without_plaintext")[0]["says"]
    if not_told := spots("calls_unseen_not_told"):
        assert "fentry" in not_told[0]["remedy"] and not spots("calls_unseen"), not_told
        print("clients of unknown TLS:", *clients, "- not told on this kernel, which is said", flush=True)
        return

    def told():
        return {f["actor"]["process"]["pid"] for f in stack.findings() if f["kind"] == "call" and f["resource"] == "aws:ec2:eu-west-1:"}
    wait(lambda: told() >= set(pids.values()), f"the connections of {pids}")
    assert len(spots("calls_unseen")) == len(clients), spots("calls_unseen")
    print("clients of unknown TLS:", *clients, "- told by the name that they ask for", flush=True)
