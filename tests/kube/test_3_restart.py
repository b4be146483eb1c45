"""Pods that end in the middle of changes lose nothing and double nothing."""

import json
import os
import shutil
import signal
import threading

from kube import CHART, COLLECTOR, MANAGED, NAMESPACE, sha256, wait
from test_1_install import processes


class Changes:
    """Somebody who writes into one managed file, over and over, until told to stop."""

    def __init__(self, path):
        self.path, self.count, self.stop = path, 0, threading.Event()
        self.thread = threading.Thread(target=self.write)

    def write(self):
        while not self.stop.wait(0.02):
            self.count += 1
            self.path.write_text(f"change {self.count}\n")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def settled(kube, path):
    """The open drift of the path shows what is there now, with agent and collector alike; returns it."""
    content = sha256(path.read_text())

    def shows(drift):
        return any(d["attribute"] == "content_sha256" and d["live"] == content for d in drift["diff"])
    drift = kube.wait_open(path, shows)
    assert kube.wait_open(path, shows, ask=kube.collected)["id"] == drift["id"]
    return drift


def check_record(kube, path, before):
    """Of what is written in the meantime there is one drift, and the collector misses no record."""
    drift = settled(kube, path)
    assert drift["id"] == before["id"], "it is still the same drift"
    for ask in (kube.drifts, kube.collected):
        assert [d["id"] for d in ask("--state", "open") if d["where"]["path"] == str(path)] == [before["id"]]
    store = json.loads(kube.ask_collector("status", "-o", "json"))["store"]
    assert store["sequence_gaps"] == 0 and store["conflicts"] == 0, store


def disturb(kube, what):
    path = MANAGED / "app.conf"
    path.write_text("changed before\n")
    before = kube.wait_open(path)
    with Changes(path) as changes:
        wait(lambda: changes.count > 10, "some changes")
        what()
        kube.wait_rolled_out()
        seen = changes.count
        wait(lambda: changes.count > seen + 10, "some more changes")
    check_record(kube, path, before)
    path.write_text("listen 80\n")
    kube.wait_closed(path)


def test_a_pod_that_is_deleted_by_force(kube):
    kube.ensure_installed()
    old = kube.pod()["metadata"]

    def delete():
        kube.node.kubectl("-n", NAMESPACE, "delete", "pod", old["name"], "--force", "--grace-period=0")
        wait(lambda: any(p["metadata"]["uid"] != old["uid"] for p in kube.pods()), "another pod")
    disturb(kube, delete)


def kill_one(kube, program):
    old = next(processes(kube, program))
    os.kill(int(old.name), signal.SIGKILL)
    wait(lambda: any(p.name != old.name for p in processes(kube, program)), f"another {program}")


def look(kube, component, page, says):
    """What the runbook has one look at, once kubelet has told the API server of the container that ended."""
    wait(lambda: "terminated" in kube.pod(component)["status"]["containerStatuses"][0]["lastState"], "the former container's end to be known")
    said = kube.type(f"docs/runbooks/{page}.md", "Look", 1, POD=kube.pod(component)["metadata"]["name"])
    assert all(words in said for words in says), said


def test_an_agent_that_is_killed(kube):
    kube.ensure_installed()
    disturb(kube, lambda: kill_one(kube, "plumbline-agent"))
    look(kube, "agent", "PlumblineAgentDown", ("Restart Count:", "event=ready"))


def test_a_collector_that_is_killed(kube):
    kube.ensure_installed()
    disturb(kube, lambda: kill_one(kube, "plumbline-collector"))
    look(kube, "collector", "PlumblineCollectorDown", (f"persistentvolumeclaim/{COLLECTOR}", "the collector serves"))


def test_a_collectors_pod_that_is_deleted(kube):
    """Its ledger is on a disk; the agents keep what they have meanwhile."""
    kube.ensure_installed()
    old = kube.pod("collector")["metadata"]

    def delete():
        kube.node.kubectl("-n", NAMESPACE, "delete", "pod", old["name"], "--force", "--grace-period=0")
        wait(lambda: any(p["metadata"]["uid"] != old["uid"] for p in kube.pods("collector")), "another pod")
    disturb(kube, delete)


def test_an_upgrade_of_the_agent(kube):
    kube.ensure_installed()
    old = kube.pod()["metadata"]["uid"]

    newer = kube.node.work / "newer"
    shutil.copytree(CHART, newer / "daemonset/chart")
    values = newer / "daemonset/chart/values.yaml"
    values.write_text(values.read_text().replace("labels: {} # of the node", "labels: {rollout: second} # of the node"))

    def upgrade():
        kube.type("docs/upgrade.md", "Kubernetes", folder=newer)
        wait(lambda: any(p["metadata"]["uid"] != old for p in kube.pods()), "another pod")
    disturb(kube, upgrade)
    assert kube.pod()["metadata"]["uid"] != old


def test_an_agent_that_becomes_root_and_nobody_again(kube):
    """The folders of the node are given to whom it is."""
    kube.ensure_installed()
    path = MANAGED / "second.conf"
    kept = path.read_text()
    path.write_text("left open\n")
    drift = kube.wait_open(path)
    for agent, uid in (({"asRoot": True, "moreCapabilities": ["SYS_ADMIN"]}, "0"), ({}, "65532")):
        kube.install(agent=agent)
        program = wait(lambda: next(processes(kube, "plumbline-agent"), None), "the agent")
        assert f"\nUid:\t{uid}\t" in (program / "status").read_text()
        assert kube.wait_open(path)["id"] == drift["id"]
    path.write_text(kept)
    kube.wait_closed(path)


def test_drift_outlives_the_pod(kube):
    kube.ensure_installed()
    path = MANAGED / "second.conf"
    kept = path.read_text()
    path.write_text("left open\n")
    drift = kube.wait_open(path)
    old = kube.pod()["metadata"]
    kube.node.kubectl("-n", NAMESPACE, "delete", "pod", old["name"])
    kube.wait_rolled_out()
    again = kube.wait_open(path)
    assert (again["id"], again["opened_at"], again["actor"]) == (drift["id"], drift["opened_at"], drift["actor"])
    path.write_text(kept)
    kube.wait_closed(path)
