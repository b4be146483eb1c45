"""What a SIEM gets of a real change, by the real agent: its findings hold against OCSF's schema."""

import json
import os
import pathlib
import subprocess
import sys

from harness import wait

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "siem"))

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
