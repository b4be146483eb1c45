#!/usr/bin/env python3
"""The OTLP sink against a real OpenTelemetry Collector, which is away for a while."""

import socket
import subprocess

from siem import Collector, Records, end_with_parent, free_port, harness, main, typed, wait


class Otelcol:
    """Writes what it takes to its log, in words."""

    def __init__(self, folder):
        self.dir, self.port, self.process = folder, free_port(), None
        (folder / "otel.yaml").write_text(
            f"receivers: {{otlp: {{protocols: {{http: {{endpoint: 127.0.0.1:{self.port}}}}}}}}}\n"
            "exporters: {debug: {verbosity: detailed}}\n"
            "service: {telemetry: {metrics: {level: none}}, pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}\n")

    def start(self):
        with open(self.dir / "otel.log", "a") as log:
            self.process = subprocess.Popen([harness("otelcol/build.sh") / "otelcol", "--config", self.dir / "otel.yaml"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent)
        try:
            wait(self.listens, "the OpenTelemetry Collector")
        except AssertionError:
            print(self.log())
            raise

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.kill()
        self.process.wait(20)

    def log(self):
        return (self.dir / "otel.log").read_text()


def test_log_records_arrive_with_their_attributes():
    records, collector = Records(), Collector()
    otelcol = Otelcol(collector.dir)
    otelcol.start()
    collector.sinks = (f"{{name: otel, otlp: {{url: \"http://127.0.0.1:{otelcol.port}/v1/logs\"}}}}",)
    with collector:
        collector.post([records.finding(f"file:/etc/{i}", f"d-{i}") for i in range(250)])
        collector.wait_delivered("otel")
        wait(lambda: otelcol.log().count("plumbline.finding.uid: Str(") == 250, "250 log records")
        log = otelcol.log()
        for line in ("SeverityNumber: Error(17)", "host.name: Str(web-1)", "service.name: Str(plumbline)",
                     "plumbline.resource: Str(file:/etc/7)", "plumbline.verdict: Str(out_of_band)",
                     "Timestamp: 2026-09-21 14:13:"):
            assert line in log, line
        assert '"class_uid":2004' in log
        typed("docs/sinks/otlp.md", URL=f"http://127.0.0.1:{otelcol.port}/v1/logs")
        otelcol.stop()
        collector.post([records.finding("file:/etc/late", "d-late")])
        wait(lambda: collector.sink("otel")["last_error"], "the sink to fail")
        otelcol.start()
        collector.wait_delivered("otel", 90)
        wait(lambda: "plumbline.resource: Str(file:/etc/late)" in otelcol.log(), "the late one")
        # A wrong path is for a person to mend.
        collector.kill()
        collector.sinks = (collector.sinks[0].replace("/v1/logs", "/v1/nothing").replace("name: otel", "name: wrong"),)
        collector.start()
        wait(lambda: collector.sink("wrong")["state"] == "paused", "the wrong path to pause the sink")
        otelcol.stop()


if __name__ == "__main__":
    main(test_log_records_arrive_with_their_attributes)
