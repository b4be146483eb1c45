"""A cluster of one node, run by real Kubernetes on this machine's kernel: API server, controller manager, scheduler, kubelet,
kube-proxy, CoreDNS and containerd.

Or such a machine with containerd alone (Node(kubernetes=False)). It lives in mount and network namespaces of its own (enter_namespaces), with /etc, /run, /var/lib, /var/log and bpffs of its own:
every path and port is as on a node that Kubernetes was installed on, and mounts, interfaces and firewall rules end with
it. Process ids, cgroups and the kernel are the machine's. No network plugin here enforces NetworkPolicies.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
NAME = "node-1"
ADDRESS, PODS, DNS, PORT = "192.0.2.1", "10.1.0.0/24", "10.0.0.10", 6443
SUBREAPER, DEATH_SIGNAL = 36, 1  # of prctl(2)


class CannotBeHad(Exception):
    """A part is not there and cannot be built here; says which."""


def is_inside():
    return "PLUMBLINE_NODE" in os.environ


def enter_namespaces():
    """Starts the running script again, in namespaces of its own; returns once it is there."""
    if is_inside():
        return
    os.environ["PLUMBLINE_NODE"] = "inside"
    os.execvp("unshare", ["unshare", "--mount", "--net", sys.executable, *sys.argv])


def end_with_parent():
    ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)


def run(*command, text=None, check=True, seconds=120):
    """A command's standard output; what it said is in the error where it fails."""
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, timeout=seconds)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))[:300]}: {done.returncode} {done.stderr.strip()[-2000:]}")
    return done.stdout if check else done


def wait(condition, what, seconds=60):
    """Polls until the condition gives something true, and returns that. The bound is for a hang, not a measurement."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for: {what}")
        time.sleep(0.1)


def archive(root, name, config, file):
    """An image of one layer, a folder's content, as `docker save` writes it; `config` is OCI's."""
    with tempfile.TemporaryDirectory() as work:
        layer = pathlib.Path(work) / "layer.tar"
        run("tar", "-C", root, "--numeric-owner", "-cf", layer, ".")
        digest = run("sha256sum", layer).split()[0]
        (pathlib.Path(work) / "config.json").write_text(json.dumps(
            {"architecture": "amd64", "os": "linux", "config": config, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}))
        (pathlib.Path(work) / "manifest.json").write_text(json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]))
        with tarfile.open(file, "w") as out:
            for part in ("manifest.json", "config.json", "layer.tar"):
                out.add(pathlib.Path(work) / part, part)


class Node:
    def __init__(self, kubernetes=True):
        self.kubernetes = kubernetes
        if kubernetes and any(pathlib.Path("/sys/fs/cgroup").glob("*/kubepods*")) or pathlib.Path("/sys/fs/cgroup/kubepods").exists():
            raise CannotBeHad("another kubelet runs on this machine, and cgroups have no namespace of ours")
        built = subprocess.run([HERE / "build.sh"], capture_output=True, text=True)
        if built.returncode != 0:
            raise CannotBeHad((built.stderr.strip().splitlines() or ["?"])[-1])
        self.tools = pathlib.Path(built.stdout.strip())
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="plumbline-node-"))
        self.conf = self.work / "conf"
        self.conf.mkdir()
        self.cleanup = contextlib.ExitStack()
        self.processes = {}

    def __enter__(self):
        try:
            ctypes.CDLL(None).prctl(SUBREAPER, 1)  # containerd's shims become our children
            self.lay_out()
            self.start()
        except BaseException:
            self.print_logs()
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    # What stands around it.

    def lay_out(self):
        run("mount", "--make-rshared", "/")  # within this namespace: what kubelet mounts has to reach containers
        for folder in ("etc", "run", "var/lib", "var/log"):
            own = self.work / folder
            own.mkdir(parents=True)
            if folder == "etc":
                run("cp", "-a", "/etc/.", own)
            run("mount", "--bind", own, f"/{folder}")
        run("mount", "-t", "bpf", "-o", "mode=0700", "bpf", "/sys/fs/bpf")  # as systemd mounts it
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "node0", "type", "veth", "peer", "name", "node1")
        for end in ("node0", "node1"):
            run("ip", "link", "set", end, "up")
        for address in (f"{ADDRESS}/24", f"{DNS}/32"):
            run("ip", "address", "add", address, "dev", "node0")
        run("ip", "route", "add", "default", "via", "192.0.2.254", "dev", "node0")  # nobody is there; kubelet wants one
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def start(self):
        if not self.kubernetes:
            self.spawn_containerd()
            return
        self.certificates()
        self.spawn("serve", HERE / "serve.sh", self.tools, PORT, "--bind-address=0.0.0.0", f"--advertise-address={ADDRESS}",
                   "--authorization-mode=Node", "--allow-privileged=true", "--kubelet-preferred-address-types=InternalIP",
                   "--kubelet-client-certificate=kubelet-client.crt", "--kubelet-client-key=kubelet-client.key")
        self.spawn_containerd()
        wait(lambda: self.alive("serve") and (self.conf / "ready").exists(), "the API server")
        self.kubeconfig("admin", "fixture")
        self.kubeconfig("kubelet", "node-1")
        self.spawn("controller-manager", self.tools / "kube-controller-manager", "--kubeconfig=admin", "--leader-elect=false",
                   "--service-account-private-key-file=sa.key", "--root-ca-file=apiserver.crt", "--secure-port=0")
        self.spawn("scheduler", self.tools / "kube-scheduler", "--kubeconfig=admin", "--leader-elect=false", "--secure-port=0")
        self.spawn("proxy", self.tools / "kube-proxy", "--kubeconfig=admin", f"--hostname-override={NAME}", "--proxy-mode=iptables",
                   f"--cluster-cidr={PODS}", "--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0",
                   "--conntrack-tcp-timeout-close-wait=0")
        (self.conf / "Corefile").write_text(f".:53 {{\n errors\n kubernetes cluster.local {{\n  kubeconfig admin\n }}\n}}\n")
        self.spawn("coredns", self.tools / "coredns", "-conf", "Corefile")
        self.spawn_kubelet()
        wait(lambda: all(map(self.alive, self.processes)) and self.is_ready(), "the node to be ready")

    def is_ready(self):
        node = self.kubectl("get", "node", NAME, "-o", "json", check=False)
        return node.returncode == 0 and any(c["type"] == "Ready" and c["status"] == "True"
                                            for c in json.loads(node.stdout)["status"]["conditions"])

    def certificates(self):
        """The API server shows kubelet one of these; all else are bearer tokens."""
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/O=system:masters/CN=kube-apiserver",
            "-keyout", self.conf / "kubelet-client.key", "-out", self.conf / "kubelet-client.crt")

    def kubeconfig(self, name, token):
        (self.conf / name).write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"https://{ADDRESS}:{PORT}", "certificate-authority": str(self.conf / "apiserver.crt")}}],
            "users": [{"name": "u", "user": {"token": token}}]}))

    def spawn_containerd(self):
        (self.conf / "cni").mkdir()
        (self.conf / "cni/pods.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": "pods", "plugins": [
                {"type": "ptp", "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}},
                {"type": "portmap", "capabilities": {"portMappings": True}}]}))
        # restrict_oom_score_adj: for machines without CAP_SYS_RESOURCE, as kubelet's oomScoreAdj.
        (self.conf / "containerd.toml").write_text(f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  sandbox_image = "localhost/pause:1"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{self.conf}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
""")
        self.spawn("containerd", self.tools / "containerd", "--config", "containerd.toml")
        wait(lambda: self.alive("containerd") and self.ctr("version", check=False).returncode == 0, "containerd")
        self.busybox()

    def spawn_kubelet(self):
        (self.conf / "kubelet.yaml").write_text(json.dumps({
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "cgroupDriver": "cgroupfs", "failSwapOn": False,
            "failCgroupV1": False, "syncFrequency": "3s", "oomScoreAdj": 0, "localStorageCapacityIsolation": False, "address": ADDRESS, "resolvConf": os.devnull,
            "clusterDNS": [DNS], "clusterDomain": "cluster.local", "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "authentication": {"x509": {"clientCAFile": str(self.conf / "kubelet-client.crt")}, "webhook": {"enabled": True}},
            "authorization": {"mode": "Webhook"}, "enableControllerAttachDetach": False,
            "volumePluginDir": str(self.work / "volume-plugins"), "evictionHard": {"memory.available": "1Mi"}}))
        self.spawn("kubelet", self.tools / "kubelet", "--config=kubelet.yaml", "--kubeconfig=kubelet", f"--hostname-override={NAME}",
                   f"--node-ip={ADDRESS}")

    def busybox(self):
        """The two images that pods of tests are of."""
        root = self.work / "busybox"
        for folder in ("bin", "etc", "proc", "sys", "dev", "tmp"):
            (root / folder).mkdir(parents=True)
        shutil.copy("/bin/busybox", root / "bin")
        run("/bin/busybox", "--install", "-s", root / "bin")
        for link in (root / "bin").iterdir():
            if link.is_symlink():
                link.unlink()
                link.symlink_to("busybox")
        (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
        for name, config in (("busybox", {"Cmd": ["sh"]}), ("pause", {"Entrypoint": ["/bin/busybox", "sleep", "1000000"]})):
            archive(root, f"localhost/{name}:1", {"Env": ["PATH=/bin"], **config}, self.work / "image.tar")
            self.load(self.work / "image.tar")

    # Running.

    def spawn(self, name, *command):
        environment = {**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}"}
        with open(self.conf / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                                    cwd=self.conf, env=environment, preexec_fn=end_with_parent)

    def alive(self, name):
        if self.processes[name].poll() is not None:
            raise AssertionError(f"{name} ended: {(self.conf / f'{name}.log').read_text(errors='replace')[-1500:]}")
        return True

    def ctr(self, *arguments, check=True):
        return run(self.tools / "ctr", "-n", "k8s.io", *arguments, check=check)

    def load(self, file):
        """An image into containerd, as no registry has it."""
        self.ctr("images", "import", file)

    def kubectl(self, *arguments, text=None, check=True, seconds=180):
        return run(self.tools / "kubectl", "--kubeconfig", self.conf / "admin", *arguments, text=text, check=check, seconds=seconds)

    def helm(self, *arguments, check=True, seconds=300):
        return run(self.tools / "helm", "--kubeconfig", self.conf / "admin", *arguments, check=check, seconds=seconds)

    def get(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, *objects):
        self.kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def print_logs(self):
        for log in sorted(self.conf.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}", flush=True)

    def end(self):
        """In the order that leaves nobody to start anything again; then whatever is still a descendant of ours."""
        for name in ("kubelet", "controller-manager", "scheduler", "proxy", "coredns", "serve"):
            process = self.processes.pop(name, None)
            if process and process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()
        self.end_descendants()
        if self.kubernetes:
            self.remove_cgroups()
        # Ours alone, in this namespace: overlays and tmpfs of containers, then what lay_out put over the machine's folders.
        for _ in range(3):
            for line in reversed(pathlib.Path("/proc/self/mounts").read_text().splitlines()):
                if str(self.work) in line or any(line.split()[1].startswith(f"/{folder}/") for folder in ("run", "var/lib")):
                    subprocess.run(["umount", "--lazy", line.split()[1]], capture_output=True)
        for folder in ("/sys/fs/bpf", "/var/log", "/var/lib", "/run", "/etc"):
            subprocess.run(["umount", "--lazy", folder], capture_output=True)
        shutil.rmtree(self.work, ignore_errors=True)

    def end_descendants(self):
        def children():
            found = set()
            for task in pathlib.Path("/proc/self/task").iterdir():
                found |= set(map(int, (task / "children").read_text().split()))
            return found
        end = time.monotonic() + 30
        while time.monotonic() < end and (pids := children()):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.05)

    @staticmethod
    def remove_cgroups():
        for root in pathlib.Path("/sys/fs/cgroup").glob("*"):
            for folder in (root / "kubepods", root / "k8s.io"):
                for path, _, _ in os.walk(folder, topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(path)
