#!/usr/bin/env python3
"""Checks that what daemonset/ ships fits together, without a cluster.

    check.py [--bin FOLDER]      FOLDER has plumbline-agent and plumbline-collector: their --check-config reads each config
    check.py --capabilities [chart|ecs]    prints what the DaemonSet or the task definition grants, as setpriv wants it: "+bpf,+perfmon,…"

Every path, port, flag and program that manifest, units and image name must be one that the configs or the image have.
Prints one line a complaint; ends with 1 where there is one.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

import check_ecs

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = {"plumbline-agent": "plumbline-agent", "plumbline-collector": "plumbline-collector", "plumb": "plumb-node"}  # in images → as built
FLAGS = {"--config", "--check-config", "--node", "--version"}
EXPOSURE = {"plumbline-agent.service": 28, "plumbline-collector.service": 11}  # in tenths, as systemd 252 says; lower is better
WRITTEN = {"state_dir", "socket", "sqlite", "path", "pin_dir"}  # config keys whose value names a file we write


def written_paths(config):
    """Paths that a config makes its program write: (key, path)."""
    found = []

    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key in WRITTEN and isinstance(value, str) and value.startswith("/"):
                    found.append((key, value))
                walk(value)
        elif isinstance(node, list):
            for item in node:
                walk(item)

    walk(config)
    return found


def read_paths(config):
    """Paths of baselines and rules that a config makes its program read."""
    paths = [value + "/pods" if key == "kubelet_dir" else value for source in config.get("baselines", [])
             for key, value in source.items() if str(value).startswith("/")]
    return paths + config.get("rules", [])


def within(path, folder):
    return path == folder or path.startswith(folder.rstrip("/") + "/")


class Checks:
    def __init__(self, folder):
        self.folder = folder
        self.complaints = []
        self.manifest = (folder / "plumbline.yaml").read_text()
        self.documents = [d for d in yaml.safe_load_all(self.manifest) if d]
        self.namespace = next(self.of_kind("Namespace"))
        self.maps = {d["metadata"]["name"]: d.get("data", {}) for d in self.of_kind("ConfigMap")}
        self.data = {name: text for files in self.maps.values() for name, text in files.items()}
        self.workloads = [d["spec"] for kind in ("DaemonSet", "Deployment") for d in self.of_kind(kind)]
        self.pods = [spec["template"]["spec"] for spec in self.workloads]

    def of_kind(self, kind):
        return (d for d in self.documents if d["kind"] == kind)

    def expect(self, condition, complaint):
        if not condition:
            self.complaints.append(complaint)

    def containers(self):
        return {c["name"]: c for pod in self.pods for c in pod["containers"] + pod.get("initContainers", [])}

    def config_of(self, name):
        return yaml.safe_load(self.data[name])

    def check_namespace(self):
        labels = self.namespace["metadata"]["labels"]
        self.expect(labels.get("pod-security.kubernetes.io/enforce") == "privileged",
                    "plumbline.yaml: the namespace does not admit hostPID and hostPath (pod-security label)")
        labels = [spec["template"]["metadata"]["labels"].items() for spec in self.workloads]
        for at, spec in enumerate(self.workloads):
            fits = [spec["selector"]["matchLabels"].items() <= of for of in labels]
            self.expect(fits == [other == at for other in range(len(fits))], "plumbline.yaml: a selector does not match its pod's labels alone")
        for service in self.of_kind("Service"):
            fits = [service["spec"]["selector"].items() <= of for of in labels]
            self.expect(fits == [False, True], "plumbline.yaml: the Service does not lead to the collector alone")

    def check_hardening(self):
        self.expect([bool(pod.get("hostPID")) for pod in self.pods] == [True, False],
                    "plumbline.yaml: hostPID is off for the agent (actors cannot be named), or on for the collector")
        for pod in self.pods:
            self.expect(not pod.get("hostNetwork"), "plumbline.yaml: hostNetwork is on and nothing needs it")
            seccomp = pod["securityContext"].get("seccompProfile", {}).get("type")
            self.expect(seccomp == "RuntimeDefault", "plumbline.yaml: seccomp is not RuntimeDefault")
        for name, container in self.containers().items():
            context = container.get("securityContext", {})
            self.expect(not context.get("privileged"), f"plumbline.yaml: {name} is privileged")
            self.expect(context.get("readOnlyRootFilesystem") is True, f"plumbline.yaml: {name}'s root is writable")
            self.expect(context.get("allowPrivilegeEscalation") is False, f"plumbline.yaml: {name} may gain privileges")
            capabilities = context.get("capabilities", {})
            self.expect(capabilities.get("drop") == ["ALL"], f"plumbline.yaml: {name} does not drop ALL capabilities")
            self.expect(name in ("agent", "prepare") or not capabilities.get("add"), f"plumbline.yaml: {name} is given capabilities")
            self.expect(name == "prepare" or (context.get("runAsNonRoot") is True and context.get("runAsUser")),
                        f"plumbline.yaml: {name} runs as root")
            for capability in capabilities.get("add", []):
                self.expect(re.search(rf"- {capability} # \S+", self.manifest),
                            f"plumbline.yaml: capability {capability} is given without a reason beside it")
            limits = container.get("resources", {}).get("limits", {})
            self.expect("memory" in limits, f"plumbline.yaml: {name} has no memory limit")
            self.expect("cpu" not in limits, f"plumbline.yaml: {name} has a CPU limit: throttled is late")
        in_files = {line.split()[0] for line in (self.folder / "chart/capabilities").read_text().splitlines()}
        self.expect(in_files == set(self.capabilities()), "chart/capabilities, which the image's file has, are not those of plumbline.yaml")

    def capabilities(self):
        return self.containers()["agent"]["securityContext"]["capabilities"].get("add", [])

    def check_volumes(self):
        for pod in self.pods:
            volumes = {v["name"] for v in pod["volumes"]}
            used = set()
            for container in pod["containers"] + pod.get("initContainers", []):
                for mount in container.get("volumeMounts", []):
                    used.add(mount["name"])
                    self.expect(mount["name"] in volumes, f"plumbline.yaml: {container['name']} mounts unknown volume {mount['name']}")
            for volume in sorted(volumes - used):
                self.expect(False, f"plumbline.yaml: volume {volume} is mounted nowhere")
            for volume in pod["volumes"]:
                for kind, key, known in (("configMap", "name", self.maps), ("persistentVolumeClaim", "claimName",
                                         [d["metadata"]["name"] for d in self.of_kind("PersistentVolumeClaim")])):
                    self.expect(kind not in volume or volume[kind][key] in known,
                                f"plumbline.yaml: volume {volume['name']} names an unknown {kind}")

    def check_identities(self):
        """What the agent shows the collector, and what the collector takes: one account, audience, authority and address."""
        agent, collector = self.config_of("agent.yaml")["collector"], self.config_of("collector.yaml")
        (pod, _), (service,) = self.pods, self.of_kind("Service")
        place = self.namespace["metadata"]["name"]
        self.expect(agent["url"] == f"https://{service['metadata']['name']}.{place}.svc:{service['spec']['ports'][0]['port']}",
                    f"plumbline.yaml: {agent['url']} is not the collector's Service")
        own = collector["tls"]["own"]
        self.expect(agent["url"].removeprefix("https://").split(":")[0] in own["names"], "plumbline.yaml: the certificate has not the Service's name")
        self.expect(collector["agents"]["kubernetes"]["service_accounts"] == [f"{place}/{pod['serviceAccountName']}"],
                    "plumbline.yaml: the collector takes another service account than the agent's")
        container = self.containers()["agent"]
        volumes = {v["name"]: v for v in pod["volumes"]}
        token = volumes[(self.mount_of(container, agent["token_file"]) or {"name": "config"})["name"]].get("projected", {}).get("sources", [{}])[0]
        token = token.get("serviceAccountToken", {})
        self.expect(token.get("audience") == "plumbline" and agent["token_file"].endswith("/" + token.get("path", "?")),
                    f"plumbline.yaml: {agent['token_file']} is no projected token for the collector")
        authority = volumes[(self.mount_of(container, agent["ca_file"]) or {"name": "config"})["name"]].get("configMap", {})
        self.expect(own["config_map"] == f"{place}/{authority.get('name')}", f"plumbline.yaml: {agent['ca_file']} is not what the collector tells")
        self.expect(authority.get("optional") is True, "plumbline.yaml: an agent would not start before the collector")
        granted = {(rule["resources"][0], rule["verbs"][0]) for kind in ("ClusterRole", "Role") for d in self.of_kind(kind)
                   if d["metadata"]["name"].endswith("-collector") for rule in d["rules"]}
        self.expect(granted == {("tokenreviews", "create"), ("subjectaccessreviews", "create"), ("configmaps", "patch")},
                    f"plumbline.yaml: the collector is granted {sorted(granted)}")

    def mount_of(self, container, path):
        mounts = [m for m in container.get("volumeMounts", []) if within(path, m["mountPath"])]
        return max(mounts, key=lambda m: len(m["mountPath"]), default=None)

    def check_network(self):
        """Nobody reaches an agent; the agents alone, and on its own port, the collector."""
        agent, collector = (spec["template"]["metadata"]["labels"].items() for spec in self.workloads)
        policies = [d["spec"] for d in self.of_kind("NetworkPolicy")]
        for labels, wanted in ((agent, []), (collector, [({p["name"] for p in self.containers()["collector"]["ports"]}, True)])):
            mine = [p for p in policies if p["podSelector"]["matchLabels"].items() <= labels and p["policyTypes"] == ["Ingress"]]
            let_in = [({port["port"] for port in rule["ports"]}, all(peer["podSelector"]["matchLabels"].items() <= agent for peer in rule["from"]))
                      for policy in mine for rule in policy["ingress"]]
            self.expect(len(mine) == 1 and let_in == wanted, f"plumbline.yaml: NetworkPolicies let in {let_in}, not {wanted}")

    def check_paths(self):
        for name, file in (("agent", "agent.yaml"), ("collector", "collector.yaml")):
            container, config = self.containers()[name], self.config_of(file)
            for key, path in written_paths(config):
                mount = self.mount_of(container, path)
                self.expect(mount and not mount.get("readOnly"),
                            f"plumbline.yaml: {file} writes {path} ({key}), which is no writable mount of {name}")
            for path in read_paths(config):
                mount = self.mount_of(container, path)
                in_map = mount and mount["name"] == "config" and pathlib.Path(path).name in self.data and within(path, "/etc/plumbline")
                self.expect(mount and (mount["name"] != "config" or in_map),
                            f"plumbline.yaml: {file} reads {path}, which {name} does not have")
        agent = self.containers()["agent"]
        for manifest in ("baseline.yaml", "canary.yaml"):
            for entry in yaml.safe_load(self.data[manifest])["files"]:
                self.expect(self.mount_of(agent, entry["path"]),
                            f"plumbline.yaml: managed file {entry['path']} is in no folder that the agent mounts")

    def check_commands(self):
        for name, container in self.containers().items():
            command = container.get("command", [container["image"].split(":")[0].rsplit("/", 1)[-1]])
            arguments = command[1:] + container.get("args", [])
            program = command[0].rsplit("/", 1)[-1]
            self.expect(program in PROGRAMS, f"plumbline.yaml: {name} runs {program}, not in the image")
            if program == "plumb":
                continue
            self.check_arguments(f"plumbline.yaml: {name}", arguments)
            config = arguments[arguments.index("--config") + 1] if "--config" in arguments else ""
            self.expect(self.mount_of(container, config), f"plumbline.yaml: {name} has no {config or '--config'}")

    def check_arguments(self, where, arguments):
        for argument in arguments:
            self.expect(not argument.startswith("-") or argument in FLAGS, f"{where}: unknown flag {argument}")

    def check_probes(self):
        socket = self.config_of("agent.yaml")["api"]["socket"]
        self.expect(socket == "/run/plumbline/agent.sock", f"plumbline.yaml: plumb does not look at {socket} by itself")
        collector = self.containers()["collector"]
        port = next((p["name"] for p in collector["ports"] if f"0.0.0.0:{p['containerPort']}" == self.config_of("collector.yaml")["listen"]), None)
        self.expect(port, "plumbline.yaml: the collector listens on another port than its container's")
        for probe, check in (("startupProbe", "startupz"), ("livenessProbe", "livez"), ("readinessProbe", "readyz")):
            command = self.containers()["agent"].get(probe, {}).get("exec", {}).get("command", [])
            self.expect(command == ["plumb", "probe", check], f"plumbline.yaml: agent's {probe} runs {' '.join(command)}, not plumb probe {check}")
            asked = collector.get(probe, {}).get("httpGet", {})
            self.expect(asked == {"path": f"/{check}", "port": port, "scheme": "HTTPS"}, f"plumbline.yaml: collector's {probe} asks {asked}")

    def check_node_name(self):
        agent = self.containers()["agent"]
        self.expect(agent["args"][-2:] == ["--node", "$(NODE_NAME)"], "plumbline.yaml: the agent is not told its node's name")
        field = [e.get("valueFrom") for e in agent.get("env", []) if e["name"] == "NODE_NAME"]
        self.expect(field == [{"fieldRef": {"fieldPath": "spec.nodeName"}}], "plumbline.yaml: NODE_NAME is not the node's name")

    def check_image(self):
        dockerfile = (self.folder / "Dockerfile").read_text()
        script = (self.folder / "image_root.sh").read_text()
        for program in PROGRAMS.values():
            self.expect(re.search(rf"\b{program}\b", script), f"image_root.sh: {program} is not put into the image")
            self.expect(re.search(rf"ninja .*\b{program}\b", dockerfile), f"Dockerfile: {program} is not built")
        version = re.search(r"project\(plumbline VERSION ([0-9.]+)", (HERE.parent / "CMakeLists.txt").read_text())
        for name, container in self.containers().items():
            image = "plumbline-collector" if name == "collector" else "plumbline-agent"
            self.expect(version and container["image"] == f"{image}:{version.group(1)}",
                        f"plumbline.yaml: {name}'s image {container['image']} is not of this version")

    def unit(self, name):
        settings = {}
        for line in (self.folder / name).read_text().splitlines():
            if re.match(r"[A-Z]\w+=", line):
                key, value = line.split("=", 1)
                settings.setdefault(key, []).append(value)
        return settings

    def check_units(self):
        for name, program, file in (("plumbline-agent.service", "plumbline-agent", "agent.yaml"),
                                    ("plumbline-collector.service", "plumbline-collector", "collector.yaml")):
            unit = self.unit(name)
            config = yaml.safe_load((self.folder / "config" / file).read_text())
            # "-+": what the machine's own programs prepare, outside of what the unit takes away.
            for line in (line for line in unit["ExecStart"] + unit["ExecStartPre"] if not line.startswith("-+")):
                words = line.split()
                self.expect(words[0] == f"/usr/bin/{program}", f"{name}: runs {words[0]}")
                self.check_arguments(name, words[1:])
                self.expect(f"/etc/plumbline/{file}" in words, f"{name}: does not read /etc/plumbline/{file}")
            owned = [f"/var/lib/{d}" for d in unit.get("StateDirectory", [])]
            owned += [f"/run/{d}" for d in unit.get("RuntimeDirectory", [])]
            owned += [f"/var/log/{d}" for d in unit.get("LogsDirectory", [])] + ["/sys/fs/bpf"]
            for key, path in written_paths(config):
                self.expect(any(within(path, folder) for folder in owned),
                            f"{name}: {file} writes {path} ({key}), which the unit leaves read-only")
            for path in read_paths(config):
                file_here = self.folder / "config" / pathlib.Path(path).name
                self.expect(file_here.exists(), f"config/{file}: names {path}, of which there is no example")
        granted = {c.removeprefix("CAP_") for c in self.unit("plumbline-agent.service")["CapabilityBoundingSet"][0].split()}
        self.expect(granted == set(self.capabilities()),
                    f"plumbline-agent.service grants {sorted(granted)}, the DaemonSet {sorted(self.capabilities())}")

    def check_ecs(self):
        self.complaints += check_ecs.complaints(self.folder, self.pods[0], written_paths, read_paths)

    def check_exposure(self):
        if not shutil.which("systemd-analyze"):
            print("SKIP exposure of the units: systemd-analyze is missing")
            return
        for name, threshold in EXPOSURE.items():
            done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                                   f"--threshold={threshold}", str(self.folder / name)], capture_output=True, text=True)
            last = (done.stdout + done.stderr).strip().splitlines()[-1:]
            self.expect(done.returncode == 0, f"{name}: exposure above {threshold / 10}: {' '.join(last)}")

    def check_by_programs(self, build):
        """Each config through its program's --check-config, with the paths it reads moved into a scratch folder."""
        in_a_pod = {**os.environ, "KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
        sets = {folder: {f.name: f.read_text() for f in (self.folder / folder).glob("*.yaml")} for folder in ("config", "ecs/config")}
        sets["plumbline.yaml"] = dict(self.data)
        for origin, files in sets.items():
            with tempfile.TemporaryDirectory() as scratch:
                for name, text in files.items():
                    text = re.sub(r"/etc/plumbline/", f"{scratch}/", text)
                    (pathlib.Path(scratch) / name).write_text(text)
                for program, name in (("plumbline-agent", "agent.yaml"), ("plumbline-collector", "collector.yaml")):
                    if name not in files:
                        continue
                    done = subprocess.run([f"{build}/{program}", "--config", f"{scratch}/{name}", "--check-config"],
                                          capture_output=True, text=True, timeout=60, env=in_a_pod)
                    self.expect(done.returncode == 0,
                                f"{origin}: {program} refuses {name}: {(done.stderr or done.stdout).strip()}")

    def run(self, build=None):
        for name in sorted(n for n in dir(self) if n.startswith("check_")):
            if name not in ("check_by_programs", "check_arguments"):
                getattr(self, name)()
        if build:
            self.check_by_programs(build)
        return self.complaints


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin")
    parser.add_argument("--capabilities", nargs="?", const="chart", choices=["chart", "ecs"])
    options = parser.parse_args()
    checks = Checks(HERE)
    if options.capabilities:
        granted = checks.capabilities() if options.capabilities == "chart" else check_ecs.capabilities(HERE)
        print(",".join(f"+{c.lower()}" for c in granted))
        return 0
    complaints = checks.run(options.bin)
    for complaint in complaints:
        print(f"FAIL {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
