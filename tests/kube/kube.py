"""What tests of the chart share: the node, our images in its containerd, the release, and what its agent and collector say."""

import contextlib
import hashlib
import json
import os
import pathlib
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import node
import pages
from node import run, wait  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/release"  # whose programs `./dev image` takes
CHART = ROOT / "daemonset/chart"
NAMESPACE = RELEASE = "plumbline"
VERSION = next(line.split()[1] for line in (CHART / "Chart.yaml").read_text().splitlines() if line.startswith("appVersion:"))
PAGE = "docs/install-kubernetes.md"
COLLECTOR = f"{RELEASE}-collector"
URL = f"https://{COLLECTOR}.{NAMESPACE}.svc:9650"
MANAGED = pathlib.Path("/etc/kubernetes")  # of the node: node.py gives it an /etc of its own


class Skip(Exception):
    """The test's part is not to be had here; the reason is printed and counted."""


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def fetch_parts():
    """Before enter_namespaces(), within which there is neither a network nor apt: what others have made. Whoever misses a part says so."""
    for part in ("kubernetes", "prometheus"):
        built = subprocess.run([ROOT / "tests/harness" / part / "build.sh"], capture_output=True, text=True)
        os.environ[f"PART_{part}"] = built.stdout.strip()
        os.environ[f"WHY_NO_{part}"] = (built.stderr.strip().splitlines() or ["?"])[-1]


def part(name):
    """The folder of such a part."""
    if not os.environ[f"PART_{name}"]:
        raise Skip(os.environ[f"WHY_NO_{name}"])
    return pathlib.Path(os.environ[f"PART_{name}"])


class Kube:
    def __init__(self):
        for program in ("plumbline-agent", "plumbline-collector", "plumb", "plumb-node"):
            if not (BUILD / program).exists():
                raise node.CannotBeHad(f"{BUILD / program} is not built")
        self.node = node.Node()
        self.values = {"image": {name: {"repository": f"localhost/plumbline-{name}"} for name in ("agent", "collector")}}
        self.seconds = 0
        self.typed = set()
        self.desk = self.node.work / "desk"  # where people type
        self.lay_desk()

    def __enter__(self):
        started = time.monotonic()
        self.type(PAGE, "Images")
        self.node.__enter__()
        try:
            self.type(PAGE, "Images", 1)
            self.node.load(ROOT / "build/images/agent-root.tar")
        except BaseException:
            self.node.end()
            raise
        self.seconds = time.monotonic() - started
        return self

    def __exit__(self, *_):
        self.node.end()

    # The pages' commands.

    def lay_desk(self):
        """A checkout as far as the pages need one, and two programs that stand for what is around people: nobody needs sudo who is root, and
        who types finds the forwarded port open by the time that he has typed on."""
        (self.desk / "bin").mkdir(parents=True)
        for name in ("daemonset", "dev", "build"):
            (self.desk / name).symlink_to(ROOT / name)
        forwarded = "for _ in {1..600}; do grep -q ':25B2 00000000:0000 0A' /proc/net/tcp && break; sleep 0.1; done"  # port 9650, listening
        for name, text in (("sudo", 'exec "$@"'), ("plumb", f'{forwarded}\nexec {BUILD}/plumb "$@"')):
            (self.desk / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
            (self.desk / "bin" / name).chmod(0o755)

    def type(self, page, heading, number=0, folder=None, **variables):
        """What a block of a page prints; its jobs end with it. plumb's 2 says that drift is open."""
        block = pages.block(page, heading, "sh", number)
        self.typed.add(block)
        environment = {**os.environ, "PATH": f"{self.desk / 'bin'}:{self.node.tools}:{os.environ['PATH']}",
                       "KUBECONFIG": str(self.node.conf / "admin"), **variables}
        done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{block}"], env=environment,
                              cwd=folder or self.desk, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=420)
        if done.returncode not in (0, 2):
            raise AssertionError(f"{page}, {heading}, {number}: {done.returncode} {done.stdout[-1000:]} {done.stderr[-2000:]}")
        return done.stdout

    # The release.

    def helm(self, command, *arguments, values=None, check=True):
        """With the values that all tests have and these over them."""
        file = self.node.work / "values.json"
        file.write_text(json.dumps({**self.values, **(values or {})}))
        return self.node.helm(command, RELEASE, CHART, "--namespace", NAMESPACE, "--values", file, *arguments, check=check)

    def install(self, **values):
        self.values.update(values)
        if self.node.kubectl("get", "namespace", NAMESPACE, check=False).returncode != 0:
            self.make_people()
            self.make_disk()
            self.type(PAGE, "Install")
        self.helm("upgrade", "--install")
        self.wait_rolled_out()

    def make_people(self):
        """A namespace with their accounts, of which `auditor` may read."""
        self.node.kubectl("create", "namespace", "people")
        for name in ("auditor", "stranger"):
            self.node.kubectl("-n", "people", "create", "serviceaccount", name)
        self.node.kubectl("create", "clusterrolebinding", "auditors", f"--clusterrole={RELEASE}-reader", "--serviceaccount=people:auditor")

    def make_disk(self):
        """No provisioner is here: a folder of the node stands for one disk. It is a hostPath, which kubelet gives to no fsGroup, and kept
        for this claim: those of releases that are on their way out would take it, too."""
        disk = pathlib.Path("/var/lib/disk")
        disk.mkdir()
        os.chown(disk, 65532, 65532)
        self.node.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "disk"}, "spec": {
            "capacity": {"storage": "8Gi"}, "accessModes": ["ReadWriteOnce"], "claimRef": {"namespace": NAMESPACE, "name": COLLECTOR}, "hostPath": {"path": str(disk), "type": "Directory"}}})

    def ensure_installed(self):
        """For a test that runs alone."""
        if self.node.kubectl("-n", NAMESPACE, "get", "daemonset", RELEASE, check=False).returncode != 0:
            self.install()

    def wait_rolled_out(self):
        for workload in (f"daemonset/{RELEASE}", f"deployment/{COLLECTOR}"):
            self.node.kubectl("-n", NAMESPACE, "rollout", "status", workload, "--timeout=150s")

    def pods(self, component="agent"):
        return self.node.get("pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/component={component}")["items"]

    def pod(self, component="agent"):
        """The one that is not on its way out."""
        return next(p for p in self.pods(component) if "deletionTimestamp" not in p["metadata"])

    def plumb(self, *arguments, container="agent"):
        """plumb within the agent's pod. 2 says that drift is open."""
        done = self.node.kubectl("-n", NAMESPACE, "exec", self.pod()["metadata"]["name"], "-c", container, "--", "plumb", *arguments, check=False)
        if done.returncode not in (0, 2):
            raise AssertionError(f"plumb {arguments}: {done.returncode} {done.stdout} {done.stderr}")
        return done.stdout

    def items(self, *arguments, ask=None):
        """A list of plumb's; nothing where nobody answers just now, as while a pod is replaced."""
        try:
            return json.loads((ask or self.plumb)(*arguments, "-o", "json"))["items"]
        except (AssertionError, StopIteration, json.JSONDecodeError):
            return []

    def drifts(self, *arguments):
        return self.items("drift", *arguments)

    def collected(self, *arguments):
        return self.items("drift", *arguments, ask=self.ask_collector)

    # The collector, by its Service, as somebody on this node asks it.

    def token(self, account="people/auditor", *more, audience="plumbline"):
        namespace, name = account.split("/")
        wanted = ["--audience", audience] if audience else []
        return self.node.kubectl("-n", namespace, "create", "token", name, *wanted, *more).strip()

    def authority(self):
        """A file with who signs the collector's certificate, as the cluster tells it."""
        file = self.node.work / "collector-ca.crt"
        file.write_text(self.node.get("configmap", "-n", NAMESPACE, f"{COLLECTOR}-ca").get("data", {}).get("ca.crt", ""))
        return file

    def find_collector(self):
        """Makes its name known on this node, as DNS does in pods, and the runbooks' name of it."""
        address = self.node.get("service", "-n", NAMESPACE, COLLECTOR)["spec"]["clusterIP"]
        hosts, host = pathlib.Path("/etc/hosts"), f"{COLLECTOR}.{NAMESPACE}.svc"
        lines = [line for line in hosts.read_text().splitlines() if host not in line]
        hosts.write_text("\n".join([*lines, f"{address} {host} collector.example", ""]))

    def ask_collector(self, *arguments):
        """plumb outside of any pod, with the CA and a reader's token."""
        self.find_collector()
        token = self.node.work / "auditor.token"
        token.write_text(self.token())
        done = run(BUILD / "plumb", "--collector", URL, "--ca", self.authority(), "--token-file", token, *arguments, check=False)
        if done.returncode not in (0, 2):
            raise AssertionError(f"plumb {arguments}: {done.returncode} {done.stdout} {done.stderr}")
        return done.stdout

    def request(self, path, token=None, body=None, ca=None):
        """Status, and body or problem, of one request to the collector; a POST where it has a body."""
        self.find_collector()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        asked = urllib.request.Request(URL + path, data=body.encode() if body else None,
                                       headers={**headers, **({"Content-Type": "application/x-ndjson"} if body else {})})
        context = ssl.create_default_context(cafile=ca or self.authority())
        try:
            with urllib.request.urlopen(asked, timeout=20, context=context) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            status, text = refused.code, refused.read().decode()
        return status, json.loads(text) if text.startswith("{") else text

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
            print(self.node.kubectl("-n", NAMESPACE, "get", "pods,jobs,daemonsets,deployments,pvc", "-o", "wide"))
            for pod in self.node.get("pods", "-n", NAMESPACE)["items"]:
                name = pod["metadata"]["name"]
                print(self.node.kubectl("-n", NAMESPACE, "logs", name, "--all-containers", "--prefix", "--tail=25", check=False).stdout)
                print(self.node.kubectl("-n", NAMESPACE, "describe", "pod", name)[-1500:], flush=True)
