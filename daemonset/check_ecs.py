"""Whether daemonset/ecs fits together, and with the chart: what ECS takes, what the agent has on a Kubernetes node, what its configuration needs."""
import json
import re

import yaml

# All that a task definition can add on EC2: KernelCapabilities in the API reference of ECS. BPF and PERFMON are none of them.
TAKEN = set("""ALL AUDIT_CONTROL AUDIT_WRITE BLOCK_SUSPEND CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE
LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT
SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM""".split())
INSTEAD = "SYS_ADMIN"  # the kernel takes it for either
NOT_ON_ECS = {"runtime", "pods"}  # of the chart: another run-time's files, kubelet's
WRITABLE = {"/var/lib/plumbline", "/run/plumbline", "/sys/fs/bpf"}
MORE = {"/etc/plumbline", "/run/docker/runtime-runc/moby", "/var/lib/docker/containers"}  # no ConfigMap; Docker's files


def task_definition(folder):
    return json.loads((folder / "ecs/task-definition.json").read_text())


def capabilities(folder):
    return task_definition(folder)["containerDefinitions"][0]["linuxParameters"]["capabilities"]["add"]


def complaints(folder, pod, written, read):
    """`pod`: the agent's of the chart. `written`, `read`: the paths that a configuration writes and reads."""
    found = []

    def expect(condition, complaint):
        if not condition:
            found.append(f"ecs/task-definition.json: {complaint}")

    task = task_definition(folder)
    (container,) = task["containerDefinitions"]
    chart = next(c for c in pod["containers"] if c["name"] == "agent")
    granted, of_chart = set(capabilities(folder)), set(chart["securityContext"]["capabilities"]["add"])
    expect(granted <= TAKEN, f"ECS takes no capability {sorted(granted - TAKEN)}")
    expect(granted == {c if c in TAKEN else INSTEAD for c in of_chart}, f"grants {sorted(granted)}, the chart {sorted(of_chart)}")
    expect(container["linuxParameters"]["capabilities"]["drop"] == ["ALL"] and not container.get("privileged"), "the other capabilities are not dropped")
    expect(container["readonlyRootFilesystem"] is True, "the root file system is writable")
    expect(task["pidMode"] == "host", "pidMode is not host: actors cannot be named")
    expect(task["networkMode"] == "host", "networkMode is not host: the node would be called by the container's id")
    expect(f"{container['memory']}Mi" == chart["resources"]["limits"].get("memory"), "its memory is not the chart's limit")
    version = re.search(r":([0-9.]+)-root$", container["image"])  # without file capabilities: ECS cannot grant those of the other image
    expect(version and chart["image"].endswith(f":{version[1]}"), f"{container['image']} is not this version's image for root")
    expect(container["user"] == "0:0", "who is not root has no capabilities in that image")
    expect(container["healthCheck"]["command"][1:] == chart["livenessProbe"]["exec"]["command"], "its health check is not the chart's livez")

    sources = {v["name"]: v["host"]["sourcePath"] for v in task["volumes"]}
    mounts = {m["containerPath"]: m for m in container["mountPoints"]}
    expect(set(sources) == {m["sourceVolume"] for m in mounts.values()}, "volumes and mount points differ")
    for path, mount in mounts.items():
        expect(sources.get(mount["sourceVolume"]) == path, f"{path} is another path on the instance")
        expect(mount.get("readOnly", False) == (path not in WRITABLE), f"{path} is writable, or has to be")
    of_node = {v["name"] for v in pod["volumes"] if "hostPath" in v and v["name"] not in NOT_ON_ECS and not v["name"].startswith("managed-")}
    wanted = {m["mountPath"] for m in chart["volumeMounts"] if m["name"] in of_node} | MORE
    managed = {path for path, mount in mounts.items() if mount["sourceVolume"].startswith("managed-")}
    expect(set(mounts) - managed == wanted, f"mounts {sorted(set(mounts) - managed)}, not {sorted(wanted)}")

    config = yaml.safe_load((folder / "ecs/config/agent.yaml").read_text())
    for key, path in written(config):
        expect(any(path == at or path.startswith(at + "/") for at in WRITABLE), f"agent.yaml writes {path} ({key}), which is no writable mount")
    for path in read(config):
        expect((folder / "ecs/config" / path.removeprefix("/etc/plumbline/")).exists(), f"agent.yaml reads {path}, of which there is no example")
    for entry in yaml.safe_load((folder / "ecs/config/baseline.yaml").read_text())["files"]:
        expect(any(entry["path"].startswith(at + "/") for at in managed), f"managed file {entry['path']} is in no folder that is mounted")

    service = json.loads((folder / "ecs/service.json").read_text())
    if service["taskDefinition"] != task["family"] or service["schedulingStrategy"] != "DAEMON":
        found.append("ecs/service.json: is not one task of the definition on each instance")
    if service["deploymentConfiguration"] != {"minimumHealthyPercent": 0, "maximumPercent": 100}:
        found.append("ecs/service.json: two agents would run on an instance during a deployment")
    return found
