"""What a SIEM gets of a real change, by the real agent: its findings hold against OCSF's schema."""

import json
import os
import pathlib
import subprocess
import sys

from harness import Skip, wait

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "siem"))

import kafka_test  # noqa: E402
import ocsf_schema  # noqa: E402


def test_a_drifts_life_as_ocsf(stack):
    path = stack.file("nginx.conf")
    out = stack.dir / "ocsf.ndjson"
    stack.sinks.append(f"{{name: siem, ndjson: {{path: {out}, format: ocsf}}}}")
    stack.start()

    def findings():
        lines = out.read_text().split("\n") if out.exists() else []
        return [f for f in map(json.loads, filter(None, lines)) if f["finding_info"]["types"] == ["drift"]]

    subprocess.run(["/bin/sh", "-c", f"echo changed >> {path}"], check=True)
    wait(lambda: [f for f in findings() if f["activity_name"] == "Create"], "Create")
    subprocess.run(["/bin/sh", "-c", f"echo again >> {path}"], check=True)
    wait(lambda: [f for f in findings() if f["activity_name"] == "Update"], "Update")
    path.write_text("as it should be\n")
    wait(lambda: [f for f in findings() if f["activity_name"] == "Close"], "Close")
    found = findings()
    assert len({f["finding_info"]["uid"] for f in found}) == 1, found
    for finding in found:
        finding.pop("ledger_seq")
        wrong = list(ocsf_schema.complaints(finding))
        assert not wrong, (wrong, finding)
    process = found[0]["evidences"][0]["actor"]["process"]
    assert process["file"]["path"] == os.path.realpath("/bin/sh"), process
    assert process["cmd_line"] == f"/bin/sh -c 'echo changed >> {path}'", process
    assert process["parent_process"]["pid"] == os.getpid(), process
    assert found[0]["evidences"][0]["file"]["path"] == str(path)
    assert found[0]["anomaly_analyses"][0]["anomalies"][0]["observation_parameter"] == "content_sha256"


def test_a_drifts_life_in_kafka(stack):
    """Agent, collector and a real broker: what is in the topic is read by Kafka's own client."""
    try:
        broker = kafka_test.Broker(stack.dir)
    except SystemExit as missing:  # as tests of tests/siem skip
        raise Skip(f"Kafka cannot be had: {missing}") from None
    broker.start()
    try:
        broker.topic("create", "drift", "3")
        path = stack.file("nginx.conf")
        stack.sinks.append(kafka_test.mutual(broker, "drift", ", format: ocsf").replace("DIR", str(stack.dir)))
        stack.start()
        subprocess.run(["/bin/sh", "-c", f"echo changed >> {path}"], check=True)
        stack.wait_open(path)
        path.write_text("as it should be\n")
        wait(lambda: stack.drifts(state="resolved"), "its end")
        wait(lambda: len(told(broker)) >= 2, "both in the topic", 60)
        messages = told(broker)
        documents = [json.loads(value) for _, _, value, _, _ in messages]
        assert [d["activity_name"] for d in documents] == ["Create", "Close"], documents
        assert len({(partition, key) for partition, key, *_ in messages}) == 1, "one partition and key a drift"
        assert [uid for _, _, _, uid, _ in messages] == [d["metadata"]["uid"] for d in documents], messages
        assert documents[0]["evidences"][0]["file"]["path"] == str(path)
        for document in documents:
            wrong = list(ocsf_schema.complaints(document))
            assert not wrong, (wrong, document)
    finally:
        broker.stop()


def told(broker):
    """The messages of drift."""
    return [m for m in broker.read("drift") if json.loads(m[2])["finding_info"]["types"] == ["drift"]]
