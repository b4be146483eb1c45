#!/usr/bin/env python3
"""The Alertmanager sink against a real one, which loses its state on the way."""

import http.client
import json
import os
import shutil
import signal
import subprocess

from siem import Collector, Records, end_with_parent, free_port, harness, main, skip, typed, wait


class Alertmanager:
    def __init__(self, folder):
        if os.geteuid() != 0:
            skip("needs root, for a mount of its own")
        self.dir, self.port, self.process = folder, free_port(), None
        (folder / "am.yaml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")

    def start(self):
        shutil.rmtree(self.dir / "am", ignore_errors=True)
        with open(self.dir / "am.log", "a") as log:
            root = harness("siem/build.sh")
            # Debian's build reads its templates from /usr/share.
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", f'mount --bind {root}/usr/share /usr/share && exec "$@"', "_",
                 root / "usr/bin/prometheus-alertmanager", f"--config.file={self.dir}/am.yaml",
                 f"--storage.path={self.dir}/am", f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent)
        try:
            wait(lambda: self.get("/-/ready") is not None, "Alertmanager")
        except AssertionError:
            print((self.dir / "am.log").read_text())
            raise

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def get(self, path):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read()
            return text if answer.status == 200 else None
        except OSError:
            return None

    def alerts(self):
        return {a["labels"].get("drift", a["labels"]["alertname"]): a for a in json.loads(self.get("/api/v2/alerts") or "[]")}


def test_alerts_follow_the_drift():
    records = Records()
    collector = Collector(extra="silence_after: 2s\n")
    manager = Alertmanager(collector.dir)
    manager.start()
    url = f"http://127.0.0.1:{manager.port}/"
    collector.sinks = (f"{{name: am, start: beginning, alertmanager: {{url: \"{url}\", resend: 1s}}}}",)
    with collector:
        collector.post([records.finding(f"file:/etc/{i}", f"d-{i}") for i in range(450)])
        wait(lambda: len([k for k in manager.alerts() if k.startswith("d-")]) == 450, "450 alerts")
        one = manager.alerts()["d-7"]
        assert one["labels"] == {"alertname": "PlumblineDrift", "severity": "high", "node": "web-1", "resource": "file:/etc/7", "drift": "d-7",
                                 "baseline": "net"}
        assert "mode: expected 0644, live 0666" in one["annotations"]["diff"], one
        typed("docs/sinks/alertmanager.md", URL=url, PATH=f"{harness('siem/build.sh')}/usr/bin:{os.environ['PATH']}")
        collector.post([records.finding("file:/etc/7", "d-7", state="resolved", count=2)])
        wait(lambda: "d-7" not in manager.alerts(), "the resolved one to go")

        manager.stop()
        collector.post([records.finding("file:/etc/8", "d-8", state="resolved", count=2)])
        manager.start()  # with nothing of what it knew
        wait(lambda: len([k for k in manager.alerts() if k.startswith("d-")]) == 448, "448 alerts, told again")
        wait(lambda: "PlumblineAgentSilent" in manager.alerts(), "the silence")
        collector.post([records.finding("file:/etc/9", "d-9", state="resolved", count=2)])
        wait(lambda: "PlumblineAgentSilent" not in manager.alerts(), "the silence to end")
        collector.kill()
        wait(lambda: not manager.alerts(), "alerts of a collector that is gone to end by themselves", 20)
        manager.stop()


if __name__ == "__main__":
    main(test_alerts_follow_the_drift)
