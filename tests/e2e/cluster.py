"""An API server of a test's own, by tests/harness/kubernetes."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess

import harness
from harness import Skip, wait

TOOLS = harness.ROOT / "tests/harness/kubernetes"


def three_free_ports():
    """The first of three in a row, as the API server and its etcd want them: below those that others get by themselves."""
    for first in range(20000 + os.getpid() % 10000, 32000, 3):
        with contextlib.ExitStack() as probes:
            try:
                for port in range(first, first + 3):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
                return first
            except OSError:
                continue
    raise Skip("no three free ports in a row")


class Cluster:
    """An API server of the test's own, and the part of kubelet that makes volumes."""

    def __init__(self, stack):
        built = subprocess.run([TOOLS / "build.sh", "--path"], capture_output=True, text=True)
        if built.returncode != 0:
            raise Skip(built.stderr.strip())
        cache = pathlib.Path(built.stdout.strip())
        self.kubectl_path, self.volumes = cache / "kubectl", cache / "volumes"
        self.folder = stack.dir / "cluster"
        self.folder.mkdir()
        self.kubelet = stack.dir / "kubelet"
        self.kubelet.mkdir()
        port = three_free_ports()
        self.url = f"https://127.0.0.1:{port}"
        with open(self.folder / "serve.log", "wb") as log:
            server = subprocess.Popen([TOOLS / "serve.sh", cache, str(port)], cwd=self.folder, stdout=log, stderr=log,
                                      stdin=subprocess.DEVNULL)
        stack.cleanup.callback(server.wait)
        stack.cleanup.callback(server.terminate)
        wait(lambda: stack.alive(server, "serve.log") and (self.folder / "ready").exists(), "the API server", 120)

    def command(self, *arguments):
        return [self.kubectl_path, "--kubeconfig", os.devnull, "--server", self.url, "--certificate-authority",
                self.folder / "apiserver.crt", "--token", "fixture", *arguments]

    def kubectl(self, *arguments, text=None):
        done = subprocess.run(self.command(*arguments), input=text, capture_output=True, text=True)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def apply(self, *objects):
        self.kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def uid(self, name, namespace="shop"):
        return self.kubectl("-n", namespace, "get", "pod", name, "-o", "jsonpath={.metadata.uid}")

    def folder_of(self, name, namespace="shop"):
        return self.kubelet / "pods" / self.uid(name, namespace)

    def sync(self, name, namespace="shop"):
        """What kubelet does for a pod's volumes: made first, and brought up to date later."""
        objects = self.folder / "objects.yaml"
        items = json.loads(self.kubectl("-n", namespace, "get", "configmaps,secrets", "-o", "json"))["items"]
        items.append(json.loads(self.kubectl("-n", namespace, "get", "pod", name, "-o", "json")))
        objects.write_text(json.dumps({"items": items}))
        done = subprocess.run([self.volumes, objects, self.kubelet], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
