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
    ("plumbline.yaml", "RuntimeDefault", "Unconfined", "seccomp"),
    ("plumbline.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "root is writable"),
    ("plumbline.yaml", "drop: [ALL]", "drop: [NET_RAW]", "drop ALL"),
    ("plumbline.yaml", "            - BPF # load programs, make maps\n", "            - BPF\n", "without a reason"),
    ("plumbline.yaml", "            - BPF # load programs, make maps\n", "", "grants"),
    ("plumbline.yaml", "limits:\n            memory: 256Mi", "limits:\n            cpu: 100m", "CPU limit"),
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
    ("plumbline.yaml", "listen: 127.0.0.1:9650", "listen: 127.0.0.1:9651", "readinessProbe runs"),
    ("plumbline.yaml", "socket: /run/plumbline/agent.sock", "socket: /run/plumbline/a.sock", "does not look at"),
    ("plumbline.yaml", "--node, $(NODE_NAME)", "--node, $NODE_NAME", "not told its node"),
    ("plumbline.yaml", "fieldPath: spec.nodeName", "fieldPath: metadata.name", "NODE_NAME"),
    ("plumbline.yaml", "image: plumbline-agent:0.1.0", "image: plumbline-agent:9.9.9", "not of this version"),
    ("image_root.sh", "program=plumbline-collector", "program=collector", "is not put into"),
    ("plumbline-agent.service", "CAP_PERFMON CAP_DAC", "CAP_DAC", "grants"),
    ("plumbline-agent.service", "StateDirectory=plumbline\n", "StateDirectory=plumb\n", "leaves read-only"),
    ("plumbline-agent.service", "ProtectSystem=strict\n", "ProtectSystem=no\nProtectClock=no\nLockPersonality=no\n", "exposure"),
    ("plumbline-collector.service", "--check-config", "--check", "unknown flag"),
    ("config/collector.yaml", "/var/log/plumbline/", "/srv/plumbline/", "leaves read-only"),
    ("config/agent.yaml", "/etc/plumbline/baseline.yaml", "/etc/plumbline/other.yaml", "no example"),
]

if __name__ == "__main__":
    unittest.main()
