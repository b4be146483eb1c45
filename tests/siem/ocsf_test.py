#!/usr/bin/env python3
"""What the collector writes as OCSF holds against the schema itself and against an independent model of it."""

import copy
import json
import subprocess

import ocsf_schema
from siem import Collector, Records, START, harness, main, wait

MODEL = """
import json, sys
from py_ocsf_models.events.findings.detection_finding import DetectionFinding
for line in sys.stdin:
    DetectionFinding(**json.loads(line))
"""

CALL = {"provider": "aws", "service": "ec2", "operation": "AuthorizeSecurityGroupIngress", "level": "write",
        "semantics": "delta", "outcome": "succeeded", "region": "eu-west-1", "account": "123456789012",
        "host": "ec2.eu-west-1.amazonaws.com", "principal": "AKIAEXAMPLE", "request_id": "r-1", "ids": ["sg-1"],
        "sets": ["ingress"], "tries": 1}
TASK = {"cluster": "shop", "service": "web", "task": "arn:aws:ecs:eu-west-1:123456789012:task/shop/0123", "family": "web", "revision": "7",
        "container": "app"}
CONTAINER = {"id": "c" * 64, "runtime": "containerd", "name": "app", "image": "registry/app:1", "image_digest": "sha256:" + "d" * 64,
             "pod": "app-7f", "namespace": "shop", "pod_uid": "0a1b2c3d-0000-1111-2222-333344445555", "service_account": "app"}


def of_a_task(records):
    record = records.finding("file:/etc/task", "d-task")
    record["body"]["drift"]["actor"]["container"] = {"id": "e" * 64, "runtime": "docker", "ecs": TASK}
    return record


def everything(records):
    """Each kind of record that an agent sends, in each state."""
    drift = f"d-{records.node_id[:8]}-1"
    yield records.finding("file:/etc/app.conf", drift)
    yield records.finding("file:/etc/app.conf", drift, count=2)
    yield records.finding("file:/etc/app.conf", drift, state="resolved", count=3)
    call = records.finding("aws_security_group.web", "d-call", kind="call", call=CALL, where={"node": "web-1", "path": "", "aliases": []})
    call["body"]["finding"]["actor"]["container"] = call["body"]["drift"]["actor"]["container"] = CONTAINER
    yield call
    yield records.accepted("aws_security_group.web", "d-call")
    yield of_a_task(records)
    unknown = records.finding("file:/etc/b", "d-unknown")
    for part in unknown["body"].values():
        part.update(actor={"resolved": False, "process": None, "lineage": [], "unknown_reason": "found at start"}, diff=[])
    yield unknown
    bytes_of_any_kind = records.finding("file:/etc/\\xFF\"\n\u2028", "d-bytes")
    bytes_of_any_kind["body"]["drift"]["where"]["path"] = "/etc/\\xFF\"\n"
    yield bytes_of_any_kind
    yield records.finding("file:/etc/quiet")
    newer = records.finding("file:/etc/new", "d-newer")
    newer["body"]["finding"]["verdict"] = newer["body"]["drift"]["verdict"] = "a_word_of_a_newer_agent"
    yield newer
    yield records.gap()
    hole = records.gap()  # the collector tells of the hole before it
    hole["sequence"] += 5
    yield hole


def written():
    records = Records()
    with Collector("{name: file, include_matches: true, ndjson: {path: DIR/out.ndjson, format: ocsf}}", extra="silence_after: 1s\n") as collector:
        sent = list(everything(records))
        collector.post(sent[:-1])
        collector.post(sent[-1:])
        def lines():
            path = collector.dir / "out.ndjson"
            return [json.loads(line) for line in path.read_text().split("\n") if line] if path.exists() else []
        wait(lambda: any(f["finding_info"]["types"] == ["silence"] for f in lines()), "the silence")
        found = lines()
    for finding in found:
        finding.pop("ledger_seq")  # ours, before the document's own
    return sent, found


def test_holds_against_schema_and_model():
    sent, found = written()
    assert len(found) == len(sent) + 2, [f["finding_info"]["types"] for f in found]
    for finding in found:
        wrong = list(ocsf_schema.complaints(finding))
        assert not wrong, (wrong, finding)
    for finding in found:  # the model's list of observables is older than the schema's, and it asks for a service's version
        finding["observables"] = [one for one in finding["observables"] if one["type"] != "File Path"]
        for evidence in finding.get("evidences", []):
            evidence.get("api", {}).get("service", {})["version"] = ""
    python = harness("ocsf/build.sh") / "bin/python"
    model = subprocess.run([python, "-c", MODEL], input="\n".join(map(json.dumps, found)), text=True, capture_output=True)
    assert model.returncode == 0, model.stderr[-2000:]


def test_life_cycle_reaches_the_finding():
    _, found = written()
    life = [f for f in found if f["finding_info"]["uid"].endswith("/d-3f9a1c2b-1")]
    assert [f["activity_name"] for f in life] == ["Create", "Update", "Close"], life
    assert [f["type_uid"] for f in life] == [200401, 200402, 200403]
    assert [f["status"] for f in life] == ["New", "In Progress", "Resolved"]
    assert len({f["metadata"]["uid"] for f in found}) == len(found), "each record has a uid of its own"
    agents = lambda all_of_them: [f["metadata"]["uid"] for f in all_of_them if f["finding_info"]["types"] != ["silence"]]
    assert agents(written()[1]) == agents(found), "and the same one each time"
    create = life[0]
    evidence = create["evidences"][0]
    assert evidence["actor"]["process"]["cmd_line"] == "vi /etc/app.conf 'it'\\''s'", evidence
    assert evidence["actor"]["user"] == {"name": "ann", "uid": "1000"}
    assert [p["pid"] for p in evidence["actor"]["process"]["ancestry"]] == [4000, 1]
    assert evidence["file"]["path"] == "/etc/app.conf"
    assert create["severity_id"] == 4 and create["is_alert"] is True and life[2]["is_alert"] is False
    assert create["anomaly_analyses"][0]["anomalies"][1]["observations"] == [{"value": "hmac-sha256:bb"}], "a hash stays one"
    call = found[3]
    assert call["resources"][0]["uid"] == "aws_security_group.web"
    assert call["evidences"][0]["api"]["operation"] == "AuthorizeSecurityGroupIngress"
    assert call["evidences"][0]["container"]["pod_uuid"] == CONTAINER["pod_uid"] and call["cloud"]["region"] == "eu-west-1"
    task = next(f for f in found if "/d-task" in f["finding_info"]["uid"])["evidences"][0]
    assert task["container"]["orchestrator"] == "ECS" and task["data"]["ecs"] == TASK, task


def test_elastic_s_schema_has_the_task_as_what_the_orchestrator_runs():
    with Collector("{name: file, ndjson: {path: DIR/out.ndjson, format: ecs}}") as collector:
        collector.post([of_a_task(Records())])
        path = collector.dir / "out.ndjson"
        wait(lambda: path.exists() and path.read_text().endswith("\n"), "the document")
        document = json.loads(path.read_text())
    assert document["orchestrator"] == {"type": "ecs", "cluster": {"name": "shop"}, "resource": {"type": "task", "id": TASK["task"]}}, document
    assert document["plumbline"]["ecs"] == TASK and document["container"]["runtime"] == "docker", document


def test_the_check_can_fail():
    _, found = written()
    good = found[0]
    for break_it in (lambda f: f.pop("finding_info"), lambda f: f.update(activity_id=7), lambda f: f.update(colour="red"),
                     lambda f: f["metadata"].update(uid=3), lambda f: f.update(severity="Low"), lambda f: f.update(time=START),
                     lambda f: f["evidences"][0].pop("data") and [f["evidences"][0].pop(k) for k in ("actor", "file")],
                     lambda f: f["observables"][0].update(value="elsewhere"), lambda f: f.update(type_uid=200499)):
        bad = copy.deepcopy(good)
        break_it(bad)
        assert list(ocsf_schema.complaints(bad)), bad


if __name__ == "__main__":
    main(test_holds_against_schema_and_model, test_life_cycle_reaches_the_finding,
         test_elastic_s_schema_has_the_task_as_what_the_orchestrator_runs, test_the_check_can_fail)
