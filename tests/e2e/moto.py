"""A double of AWS for tests, and AWS' own command line."""

import json
import os
import pathlib
import socket
import subprocess

import harness
import tls_servers
from harness import Skip, wait

CANARY = "plumbline-canary-secret"
# For clients that know nothing of AWS: signed for EC2, by what nobody checks.
AUTHORIZATION = ("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261127/eu-west-1/ec2/aws4_request, SignedHeaders=host, "
                 f"Signature={CANARY}")


class Moto:
    """moto: a double of AWS that keeps real state behind AWS' own API. Its clients are AWS' own. `within`: a command that runs one in
    a network of its own."""

    def __init__(self, stack, tls=True, within=()):
        built = subprocess.run([harness.ROOT / "tests/harness/moto/build.sh"], capture_output=True, text=True)
        if built.returncode != 0:
            raise Skip(f"moto cannot be installed here: {built.stderr.strip().splitlines()[-1:]}")
        self.bin = pathlib.Path(built.stdout.strip()) / "bin"
        self.within = within
        if tls:
            key, self.certificate = tls_servers.certificate(stack, "moto")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        stack.beside(*within, self.bin / "moto_server", "-H", "127.0.0.1", "-p", str(port),
                     *(("-s", "-c", self.certificate, "-k", key) if tls else ()))
        self.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        self.environment = {**os.environ, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": CANARY,
                            "AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": self.url,
                            **({"AWS_CA_BUNDLE": str(self.certificate)} if tls else {}),
                            "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}
        wait(lambda: self.run("sts", "get-caller-identity").returncode == 0, "moto", 60)

    def run(self, *arguments, **environment):
        return subprocess.run([*self.within, self.bin / "aws", *arguments], env={**self.environment, **environment}, capture_output=True,
                              text=True)

    def aws(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, done
        return json.loads(done.stdout or "null")
