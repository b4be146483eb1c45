"""Baselines that come from elsewhere than a file of the node."""

import base64
import gzip
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

import harness
from harness import Skip, wait
from test_baselines import baseline, state


class Server:
    """A real HTTP server for one path, with ETags; keeps what it was asked."""

    def __init__(self, stack):
        self.body, self.etag, self.status, self.token = b"", '"0"', 200, None
        self.asked = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append((self.path, dict(self.headers)))
                answer = server.answer(self)
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        stack.cleanup.callback(self.server.server_close)
        stack.cleanup.callback(self.server.shutdown)

    def answer(self, request):
        if self.token and request.headers.get("Authorization") != "Bearer " + self.token:
            return 403, {}, b"no"
        if self.status != 200:
            return self.status, {}, b"later"
        if request.headers.get("If-None-Match") == self.etag:
            return 304, {"ETag": self.etag}, b""
        return 200, {"ETag": self.etag}, self.body

    def put(self, text):
        self.etag = f'"{int(self.etag.strip(chr(34))) + 1}"'
        self.body = text.encode()


def managed(stack, content="right\n"):
    path = stack.managed / "app.conf"
    path.write_text(content)
    path.chmod(0o644)
    return path


def test_a_state_behind_a_url(stack):
    path = managed(stack)
    server = Server(stack)
    server.token = "plumbline-canary-token"
    server.put(state(1, path, "right\n"))
    (stack.dir / "token").write_text(server.token + "\n")
    stack.baselines = [f"{{name: net, terraform_state: \"{server.url}/net.tfstate?sig=plumbline-canary-query\", "
                       f"token_file: {stack.dir}/token, interval: 200ms}}"]
    stack.start_agent()
    assert baseline(stack)["path"] == f"{server.url}/net.tfstate"
    wait(lambda: any("If-None-Match" in headers for _, headers in server.asked), "a conditional request")
    path.write_text("two\n")
    stack.wait_open(path)
    server.put(state(2, path, "two\n"))
    assert "serial=2" in stack.wait_closed(path, "accepted")["closed_by"]

    server.status = 503
    wait(lambda: "503" in baseline(stack).get("error", ""), "the error")
    stack.kill(stack.agent)
    path.write_text("three\n")
    stack.start_agent()  # with what the earlier agent took
    assert stack.open_drift(path) and baseline(stack)["from_disk"]
    server.status = 200
    wait(lambda: "error" not in baseline(stack), "the server to be back")
    server.put(state(1, path, "three\n"))
    wait(lambda: "went back" in baseline(stack).get("error", ""), "the step back to be told")
    assert stack.open_drift(path)
    said = (stack.dir / "agent.log").read_text() + json.dumps(stack.api("/v1/status")) + json.dumps(stack.api("/v1/blindspots"))
    assert "plumbline-canary" not in said


def test_a_state_that_a_command_prints(stack):
    path = managed(stack)
    source = stack.dir / "printed.json"
    source.write_text(state(1, path, "right\n"))
    stack.baselines = [f"{{name: net, command: [/bin/cat, printed.json], gives: terraform_state, directory: {stack.dir}, interval: 200ms}}"]
    stack.start_agent()
    path.write_text("two\n")
    stack.wait_open(path)
    source.write_text(state(2, path, "two\n"))
    stack.wait_closed(path, "accepted")
    source.unlink()
    wait(lambda: "exited with 1" in baseline(stack).get("error", ""), "the error")
    assert baseline(stack)["revision"]["serial"] == "2"


def test_no_source_holds_up_the_agents_end_or_outlives_it(stack):
    """A server that does not answer, and a command whose child leaves its process group."""
    silent = socket.create_server(("127.0.0.1", 0), backlog=8)
    stack.cleanup.callback(silent.close)
    script = stack.dir / "script"
    script.write_text(f"#!/bin/sh\nsetsid sleep 1000 &\necho $! >{stack.dir}/child.new\nmv {stack.dir}/child.new {stack.dir}/child\nwait\n")
    script.chmod(0o755)
    child = stack.dir / "child"
    stack.baselines += [f"{{name: silent, manifest: \"http://127.0.0.1:{silent.getsockname()[1]}/x\"}}",
                        f"{{name: slow, command: [{script}], gives: manifest}}"]
    stack.file("a")
    for way in (signal.SIGKILL, signal.SIGTERM):
        child.unlink(missing_ok=True)
        stack.start_agent(ready=False)
        wait(child.exists, "the command")
        connection, _ = silent.accept()
        pid = child.read_text().strip()
        began = time.monotonic()
        stack.agent.send_signal(way)
        stack.agent.wait(20)
        assert time.monotonic() - began < 5, "it waited for a source"
        wait(lambda: not pathlib.Path("/proc", pid).exists(), "the command's child to be gone")
        connection.close()


def test_a_state_in_a_secret_of_kubernetes(stack):
    """A strict double of the API server's two answers, as Terraform's kubernetes backend keeps its state."""
    path = managed(stack)
    server = Server(stack)
    server.token = "service-account"
    (stack.dir / "token").write_text(server.token)
    version, content = "17", state(1, path, "right\n")

    def answer(request):
        if request.headers.get("Authorization") != "Bearer " + server.token:
            return 401, {}, b"{}"
        if request.path != "/api/v1/namespaces/infra/secrets/tfstate-default-net":
            return 404, {}, b"{}"
        metadata = {"name": "tfstate-default-net", "namespace": "infra", "resourceVersion": version}
        if "as=PartialObjectMetadata" in request.headers["Accept"]:
            return 200, {}, json.dumps({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}).encode()
        data = {"tfstate": base64.b64encode(gzip.compress(content.encode())).decode()}
        return 200, {}, json.dumps({"kind": "Secret", "apiVersion": "v1", "metadata": metadata, "data": data}).encode()

    server.answer = answer
    stack.baselines = [f"{{name: net, terraform_state: \"kubernetes://infra/secrets/tfstate-default-net\", endpoint: \"{server.url}\", "
                       f"token_file: {stack.dir}/token, interval: 200ms}}"]
    stack.start_agent()
    path.write_text("two\n")
    stack.wait_open(path)
    wait(lambda: sum("PartialObjectMetadata" in headers["Accept"] for _, headers in server.asked) >= 2, "cheap looks")
    assert sum("PartialObjectMetadata" not in headers["Accept"] for _, headers in server.asked) == 1
    version, content = "18", state(2, path, "two\n")
    stack.wait_closed(path, "accepted")


def test_locations_that_make_no_sense_are_refused_at_start(stack):
    for source, says in (("terraform_state: \"ftp://x/y\"", "scheme"), ("terraform_state: \"kubernetes://a/pods/b\"", "configmaps"),
                         ("command: [cat], gives: manifest", "absolute"), ("command: [/bin/cat]", "gives"),
                         ("command: [/bin/cat], gives: nothing", "gives"),
                         ("terraform_state: \"http://10.0.0.1/x\", token_file: /etc/token", "unencrypted"),
                         ("manifest: \"https://user:plumbline-canary@h/x\"", "password"),
                         ("manifest: /a, interval: 1ms", "interval"), ("manifest: /a, gives: pulumi", "command"),
                         ("terraform_state: /a, region: eu-west-1", "is a path of this node"),
                         ("kubernetes: \"kubernetes://pods\", endpoint: \"https://127.0.0.1:1\"", "kubernetes:///pods"),
                         ("helm: \"kubernetes:///pods\"", "kubernetes:///pods"), ("kubernetes: /a, node_name: x", "pods of a node"),
                         ("kubernetes: \"kubernetes:///pods\", endpoint: \"https://127.0.0.1:1\", node_name: a/b", "node_name"),
                         ("manifest: /a, kubelet_dir: /x", "kind kubernetes"), ("kubernetes: /a, kubelet_dir: x", "absolute")):
        config = stack.dir / "bad.yaml"
        config.write_text(f"baselines: [{{name: net, {source}}}]\n")
        done = subprocess.run([harness.AGENT, "--config", config, "--check-config"], capture_output=True, text=True, timeout=30)
        assert done.returncode == 78 and says in done.stderr and "canary" not in done.stderr, (source, done)


def test_a_state_in_s3(stack):
    """Terraform's S3 backend against moto, which is a double of AWS behind AWS' own API; put there by the AWS command line."""
    built = subprocess.run([harness.ROOT / "tests/harness/moto/build.sh"], capture_output=True, text=True)
    if built.returncode != 0:
        raise Skip(f"moto cannot be installed here: {built.stderr.strip().splitlines()[-1:]}")
    moto = pathlib.Path(built.stdout.strip())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    stack.beside(moto / "bin/moto_server", "-H", "127.0.0.1", "-p", url.rsplit(":", 1)[1])
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "plumbline-canary-secret",
                   "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true"}

    def aws(*arguments):
        return subprocess.run([moto / "bin/aws", *arguments], env=environment, capture_output=True, text=True)

    wait(lambda: aws("s3", "mb", "s3://states").returncode == 0, "moto", 60)
    path = managed(stack)
    source = stack.dir / "net.tfstate"

    def put(serial, content):
        source.write_text(state(serial, path, content))
        done = aws("s3", "cp", str(source), "s3://states/infra/net.tfstate")
        assert done.returncode == 0, done

    put(1, "right\n")
    credentials = stack.dir / "credentials"
    credentials.write_text("[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = plumbline-canary-secret\n")
    stack.baselines = [f"{{name: net, terraform_state: \"s3://states/infra/net.tfstate\", region: eu-west-1, endpoint: \"{url}\", "
                       f"credentials_file: {credentials}, interval: 200ms}}"]
    stack.start_agent()
    path.write_text("two\n")
    stack.wait_open(path)
    put(2, "two\n")
    assert "serial=2" in stack.wait_closed(path, "accepted")["closed_by"]
    aws("s3", "rm", "s3://states/infra/net.tfstate")
    wait(lambda: "404" in baseline(stack).get("error", ""), "the error")
    assert "canary" not in (stack.dir / "agent.log").read_text() + json.dumps(stack.api("/v1/status"))
