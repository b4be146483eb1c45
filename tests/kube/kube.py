"""What tests of the chart share: the node, our images in its containerd, the release, and what its agent and collector say."""

import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import time

import node
from node import run, wait  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/release"))
CHART = ROOT / "daemonset/chart"
NAMESPACE = RELEASE = "plumbline"
VERSION = next(line.split()[1] for line in (CHART / "Chart.yaml").read_text().splitlines() if line.startswith("appVersion:"))
MANAGED = pathlib.Path("/etc/kubernetes")  # of the node: node.py gives it an /etc of its own


class Skip(Exception):
    """The test's part is not to be had here; the reason is printed and counted."""


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Kube:
    def __init__(self):
        for program in ("plumbline-agent", "plumbline-collector", "plumb"):
            if not (BUILD / program).exists():
                raise node.CannotBeHad(f"{BUILD / program} is not built")
        self.node = node.Node()
        self.values = {"image": {name: {"repository": f"localhost/plumbline-{name}"} for name in ("agent", "collector")}}
        self.seconds = 0

    def __enter__(self):
        started = time.monotonic()
        images = self.node.work / "images"
        run(ROOT / "daemonset/make_images.sh", BUILD, images, seconds=300)
        self.node.__enter__()
        try:
            for image in ("agent", "agent-root", "collector"):
                self.node.load(images / f"{image}.tar")
        except BaseException:
            self.node.end()
            raise
        self.seconds = time.monotonic() - started
        return self

    def __exit__(self, *_):
        self.node.end()

    # The release.

    def helm(self, command, *arguments, values=None, check=True):
        """With the values that all tests have and these over them."""
        file = self.node.work / "values.json"
        file.write_text(json.dumps({**self.values, **(values or {})}))
        return self.node.helm(command, RELEASE, CHART, "--namespace", NAMESPACE, "--values", file, *arguments, check=check)

    def install(self, **values):
        self.values.update(values)
        if self.node.kubectl("get", "namespace", NAMESPACE, check=False).returncode != 0:
            self.node.kubectl("create", "namespace", NAMESPACE)
            self.node.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=privileged")
        self.helm("upgrade", "--install")
        self.wait_rolled_out()

    def ensure_installed(self):
        """For a test that runs alone."""
        if self.node.kubectl("-n", NAMESPACE, "get", "daemonset", RELEASE, check=False).returncode != 0:
            self.install()

    def wait_rolled_out(self):
        self.node.kubectl("-n", NAMESPACE, "rollout", "status", f"daemonset/{RELEASE}", "--timeout=150s")

    def pods(self, selector="app.kubernetes.io/name=plumbline", namespace=NAMESPACE):
        return self.node.get("pods", "-n", namespace, "-l", selector)["items"]

    def pod(self):
        """The agent's, the one that is not on its way out."""
        return next(p for p in self.pods() if "deletionTimestamp" not in p["metadata"])

    def plumb(self, *arguments, container="agent"):
        """plumb within the agent's pod. 2 says that drift is open."""
        done = self.node.kubectl("-n", NAMESPACE, "exec", self.pod()["metadata"]["name"], "-c", container, "--", "plumb", *arguments, check=False)
        if done.returncode not in (0, 2):
            raise AssertionError(f"plumb {arguments}: {done.returncode} {done.stdout} {done.stderr}")
        return done.stdout

    def items(self, *arguments):
        """A list of plumb's; nothing where nobody answers just now, as while a pod is replaced."""
        try:
            return json.loads(self.plumb(*arguments, "-o", "json"))["items"]
        except (AssertionError, StopIteration, json.JSONDecodeError):
            return []

    def drifts(self, *arguments):
        return self.items("drift", *arguments)

    def collected(self, *arguments):
        return self.items("--collector", "http://127.0.0.1:9650", "drift", *arguments)

    def resources(self, below):
        """Path within → comparison, of what is managed below a folder."""
        rows = {}
        for item in self.items("resources"):
            with contextlib.suppress(ValueError):
                rows[str(pathlib.Path(item["path"]).relative_to(below))] = item["comparison"]
        return rows

    def wait_open(self, path, check=lambda drift: True, ask=None):
        def found():
            return next((d for d in (ask or self.drifts)("--state", "open") if d["where"]["path"] == str(path) and check(d)), None)
        return wait(found, f"an open drift of {path}")

    def wait_closed(self, path):
        def closed():
            own = [d for d in self.drifts("--all") if d["where"]["path"] == str(path)]
            return own and all(d["state"] != "open" for d in own)
        wait(closed, f"no drift of {path} to be open")

    # Workloads.

    def run_pod(self, name, namespace="shop", mounts=None, volumes=None, **spec):
        """A pod of busybox that waits to be told what to do by exec."""
        self.node.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": {
            "terminationGracePeriodSeconds": 0, "volumes": volumes or [],
            "containers": [{"name": "main", "image": "localhost/busybox:1", "imagePullPolicy": "Never", "command": ["sleep", "1000000"],
                            "volumeMounts": mounts or []}], **spec}})
        self.node.kubectl("-n", namespace, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s")
        return self.node.get("pod", "-n", namespace, name)

    def exec(self, name, *command, namespace="shop"):
        return self.node.kubectl("-n", namespace, "exec", name, "--", *command)

    def print_logs(self):
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            print(self.node.kubectl("-n", NAMESPACE, "get", "pods,jobs,daemonsets", "-o", "wide"))
            for pod in self.node.get("pods", "-n", NAMESPACE)["items"]:
                name = pod["metadata"]["name"]
                print(self.node.kubectl("-n", NAMESPACE, "logs", name, "--all-containers", "--prefix", "--tail=25", check=False).stdout)
                print(self.node.kubectl("-n", NAMESPACE, "describe", "pod", name)[-1500:], flush=True)
