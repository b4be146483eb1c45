#!/usr/bin/env python3
"""Each check of check.py, seen to fail: one change of one file, one complaint that names it."""
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
from check import HERE, Checks  # noqa: E402


class CheckTest(unittest.TestCase):
    def complaints(self, file=None, old=None, new=None):
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / "daemonset"
            shutil.copytree(HERE, folder)
            if file:
                text = (folder / file).read_text()
                self.assertIn(old, text, "the mutation does not apply")
                (folder / file).write_text(text.replace(old, new))
            return Checks(folder).run()

    def test_what_is_shipped_passes(self):
        self.assertEqual(self.complaints(), [])

    def test_each_mutation_is_told(self):
        for file, old, new, told in MUTATIONS:
            with self.subTest(file=file, old=old):
                complaints = self.complaints(file, old, new)
                self.assertTrue(any(told in c for c in complaints), f"no '{told}' in {complaints}")


MUTATIONS = [
    ("plumbline.yaml", "enforce: privileged", "enforce: baseline", "pod-security"),
    ("plumbline.yaml", "hostPID: true", "hostPID: false", "hostPID"),
    ("plumbline.yaml", "component: collector", "component: agent", "selector"),
    ("plumbline.yaml", "https://plumbline-collector.plumbline.svc:9650", "https://collector.plumbline.svc:9650", "is not the collector's Service"),
    ("plumbline.yaml", "        - plumbline-collector.plumbline.svc\n", "", "has not the Service's name"),
    ("plumbline.yaml", "- plumbline/plumbline\n", "- plumbline/agents\n", "another service account"),
    ("plumbline.yaml", "{audience: plumbline,", "{audience: other,", "no projected token"),
    ("plumbline.yaml", "config_map: plumbline/plumbline-collector-ca", "config_map: plumbline/ca", "is not what the collector tells"),
    ("plumbline.yaml", "-collector-ca, optional: true}", "-collector-ca}", "would not start before"),
    ("plumbline.yaml", "resources: [tokenreviews], verbs: [create]", "resources: [secrets], verbs: [get]", "is granted"),
    ("plumbline.yaml", "claimName: plumbline-collector", "claimName: other", "unknown persistentVolumeClaim"),
    ("plumbline.yaml", "  ingress: [] # nobody", "  ingress: [{ports: [], from: []}]", "NetworkPolicies let in"),
    ("plumbline.yaml", "  - ports: [{port: https}]", "  - ports: [{port: metrics}]", "NetworkPolicies let in"),
    ("plumbline.yaml", "path: /livez", "path: /readyz", "livenessProbe asks"),
    ("plumbline.yaml", "RuntimeDefault", "Unconfined", "seccomp"),
    ("plumbline.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "root is writable"),
    ("plumbline.yaml", "drop: [ALL]", "drop: [NET_RAW]", "drop ALL"),
    ("plumbline.yaml", "            - BPF # load programs, make maps\n", "            - BPF\n", "without a reason"),
    ("plumbline.yaml", "            - BPF # load programs, make maps\n", "", "grants"),
    ("plumbline.yaml", "limits:\n            memory: 256Mi", "limits:\n            cpu: 100m", "CPU limit"),
    ("plumbline.yaml", "limits:\n            memory: 512Mi", "limits:\n            cpu: 100m", "CPU limit"),
    ("plumbline.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "runs as root"),
    ("chart/capabilities", "SYS_PTRACE ", "SYS_ADMIN ", "which the image's file has"),
    ("plumbline.yaml", "{name: run, mountPath: /run/plumbline}", "{name: ran, mountPath: /run/plumbline}", "unknown volume"),
    ("plumbline.yaml", "        - {name: run, mountPath: /run/plumbline}\n", "", "agent.sock"),
    ("plumbline.yaml", "state_dir: /var/lib/plumbline\n", "state_dir: /var/lib/plumb\n", "writes /var/lib/plumb"),
    ("plumbline.yaml", "/etc/plumbline/baseline.yaml", "/etc/plumbline/base.yaml", "reads"),
    ("plumbline.yaml", "path: /etc/kubernetes/kubelet.conf", "path: /etc/cni/kubelet.conf", "managed file"),
    ("plumbline.yaml", "args: [--config,", "args: [--conf,", "unknown flag"),
    ("plumbline.yaml", "[plumb, probe, livez]", "[plumb, probe, readyz]", "livenessProbe runs"),
    ("plumbline.yaml", "command: [plumb, prepare", "command: [sh, prepare", "not in the image"),
    ("plumbline.yaml", "listen: 0.0.0.0:9650", "listen: 0.0.0.0:9651", "another port"),
    ("plumbline.yaml", "socket: /run/plumbline/agent.sock", "socket: /run/plumbline/a.sock", "does not look at"),
    ("plumbline.yaml", "--node, $(NODE_NAME)", "--node, $NODE_NAME", "not told its node"),
    ("plumbline.yaml", "fieldPath: spec.nodeName", "fieldPath: metadata.name", "NODE_NAME"),
    ("plumbline.yaml", "image: plumbline-agent:0.1.0", "image: plumbline-agent:9.9.9", "not of this version"),
    ("image_root.sh", "programs=(plumbline-collector)", "programs=(collector)", "is not put into"),
    ("Dockerfile", "plumbline-collector plumb-node", "plumbline-collector", "is not built"),
    ("plumbline-agent.service", "CAP_PERFMON CAP_DAC", "CAP_DAC", "grants"),
    ("plumbline-agent.service", "StateDirectory=plumbline\n", "StateDirectory=plumb\n", "leaves read-only"),
    ("plumbline-agent.service", "ProtectSystem=strict\n", "ProtectSystem=no\nProtectClock=no\nLockPersonality=no\n", "exposure"),
    ("plumbline-agent.service", "SystemCallFilter=~@privileged @resources\n", "", "exposure"),
    ("plumbline-agent.service", "ProtectKernelTunables=yes\n", "", "exposure"),
    ("plumbline-collector.service", "ProtectProc=invisible\n", "", "exposure"),
    ("plumbline-collector.service", "--check-config", "--check", "unknown flag"),
    ("config/collector.yaml", "/var/log/plumbline/", "/srv/plumbline/", "leaves read-only"),
    ("config/agent.yaml", "/etc/plumbline/baseline.yaml", "/etc/plumbline/other.yaml", "no example"),
    ("ecs/task-definition.json", '"SYS_ADMIN", ', '"BPF", "PERFMON", ', "ECS takes no capability ['BPF', 'PERFMON']"),
    ("ecs/task-definition.json", '"SYS_PTRACE"]', '"NET_ADMIN"]', "grants"),
    ("ecs/task-definition.json", '"drop": ["ALL"]', '"drop": ["NET_RAW"]', "not dropped"),
    ("ecs/task-definition.json", '"readonlyRootFilesystem": true', '"readonlyRootFilesystem": false', "root file system"),
    ("ecs/task-definition.json", '"pidMode": "host"', '"pidMode": "task"', "pidMode"),
    ("ecs/task-definition.json", '"networkMode": "host"', '"networkMode": "bridge"', "networkMode"),
    ("ecs/task-definition.json", '"memory": 256', '"memory": 64', "limit"),
    ("ecs/task-definition.json", '-root"', '"', "image for root"),
    ("ecs/task-definition.json", '"0:0"', '"65532:65532"', "no capabilities"),
    ("ecs/task-definition.json", '"livez"', '"readyz"', "livez"),
    ("ecs/task-definition.json", '"sourcePath": "/etc/group"', '"sourcePath": "/etc/gshadow"', "another path"),
    ("ecs/task-definition.json", '"/sys/fs/cgroup", "readOnly": true', '"/sys/fs/cgroup"', "is writable"),
    ("ecs/task-definition.json", '        {"sourceVolume": "group", "containerPath": "/etc/group", "readOnly": true},\n', "", "volumes and mount points"),
    ("ecs/config/agent.yaml", "state_dir: /var/lib/plumbline ", "state_dir: /var/lib/plumb ", "writes /var/lib/plumb"),
    ("ecs/config/agent.yaml", "/etc/plumbline/baseline.yaml", "/etc/plumbline/other.yaml", "no example"),
    ("ecs/config/baseline.yaml", "/etc/ecs/ecs.config", "/etc/docker/daemon.json", "no folder that is mounted"),
    ("ecs/service.json", '"DAEMON"', '"REPLICA"', "one task"),
    ("ecs/service.json", '"maximumPercent": 100', '"maximumPercent": 200', "two agents"),
]

if __name__ == "__main__":
    unittest.main()
