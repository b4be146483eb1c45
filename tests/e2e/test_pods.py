"""The pods of a node as a source: a real API server with real RBAC, and volumes written by kubelet's own code."""

import json
import os
import pathlib
import shutil

import harness
from cluster import Cluster
from harness import wait
from test_baselines import baseline

ACCESS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: vault}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: vault}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: plumbline, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: plumbline-pods}
rules:
- {apiGroups: [""], resources: [pods], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: plumbline-pods}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plumbline-pods}
subjects: [{kind: ServiceAccount, name: plumbline, namespace: shop}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: plumbline, namespace: shop}
rules:
- {apiGroups: [""], resources: [configmaps, secrets], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: plumbline, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: plumbline}
subjects: [{kind: ServiceAccount, name: plumbline, namespace: shop}]
"""


def config_map(content):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "shop"}, "data": {"app.conf": content}}


def secret(namespace):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": namespace},
            "stringData": {"password": "plumbline-canary-password"}}


def pod(name, namespace, *volumes):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
            "spec": {"nodeName": "node-1", "containers": [{"name": "c", "image": "registry.example/c:1"}], "volumes": list(volumes)}}


CONF = {"name": "conf", "configMap": {"name": "conf"}}
ALL = {"name": "all", "projected": {"sources": [{"secret": {"name": "db", "items": [{"key": "password", "path": "db/password"}]}},
                                                {"configMap": {"name": "conf"}}]}}


def source(stack):
    return baseline(stack, "node")


def rows(stack, below):
    """Path within → comparison, of what is managed below a folder."""
    return {str(pathlib.Path(r["path"]).relative_to(below)): r["comparison"] for r in stack.all(stack.api, "/v1/resources")
            if pathlib.Path(r["path"]).is_relative_to(below)}


def test_the_pods_of_a_node(stack):
    cluster = Cluster(stack)
    cluster.kubectl("apply", "-f", "-", text=ACCESS)
    token = stack.dir / "token"
    token.write_text(cluster.kubectl("-n", "shop", "create", "token", "plumbline"))
    cluster.apply(config_map("one\n"), secret("shop"), secret("vault"))
    # An hour: whatever it learns, it learns because something changed on the node.
    stack.baselines = [f"{{name: node, kubernetes: \"kubernetes:///pods\", node_name: node-1, endpoint: \"{cluster.url}\", token_file: {token}, "
                       f"ca_file: {cluster.folder}/apiserver.crt, kubelet_dir: {cluster.kubelet}, interval: 1h}}"]
    stack.start_agent()
    wait(lambda: "error" not in source(stack), "the first look")
    assert source(stack)["files"] == 0

    # A pod starts: its folder is there before its volumes are, and the volumes before the files.
    cluster.apply(pod("web", "shop", CONF, ALL))
    web = cluster.folder_of("web")
    web.mkdir(parents=True)
    conf, password = web / "volumes/kubernetes.io~configmap/conf/app.conf", web / "volumes/kubernetes.io~projected/all/db/password"
    expected = {"volumes/kubernetes.io~configmap/conf/app.conf", "volumes/kubernetes.io~projected/all/db/password",
                "volumes/kubernetes.io~projected/all/app.conf"}
    wait(lambda: set(rows(stack, web)) >= expected, "the pod's files")
    assert all(rows(stack, web)[path] == "not_comparable" for path in expected)
    cluster.sync("web")
    wait(lambda: all(rows(stack, web)[path] == "match" for path in expected), "the files to be watched")
    assert stack.drifts() == [] and stack.findings() == []

    # Somebody changes a file.
    conf.write_text("by hand\n")
    drift = stack.wait_open(conf)
    assert drift["resource"] == "k8s:node/v1/ConfigMap/shop/conf" and drift["verdict"] == "out_of_band", drift
    assert drift["actor"]["process"]["pid"] == os.getpid(), drift
    conf.write_text("one\n")
    stack.wait_closed(conf)
    password.write_text("guessed")
    assert stack.wait_open(password)["resource"] == "k8s:node/v1/Secret/shop/db"
    password.write_text("plumbline-canary-password")
    stack.wait_closed(password)
    told = {f["id"] for f in stack.findings()}

    # The ConfigMap moves, and kubelet with it: the file moves before the agent has looked, and it is no drift.
    for content in ("two\n", "three\n"):
        cluster.apply(config_map(content))
        cluster.sync("web")
        wait(lambda: source(stack)["revision"]["resourceVersion"] and rows(stack, web)["volumes/kubernetes.io~configmap/conf/app.conf"] == "match"
             and harness.sha256(content) in json.dumps(stack.all(stack.api, "/v1/resources")), f"the baseline to move to {content!r}")
    assert stack.drifts(state="open") == []
    wrong = [(f["where"]["path"], f["diff"]) for f in stack.findings() if f["id"] not in told and f["comparison"] != "match"]
    assert wrong == [], "only what was right was told"

    # A second pod, while the ConfigMap has moved and kubelet is late: no drift of the first either.
    cluster.apply(config_map("four\n"), pod("late", "shop", CONF), pod("deep", "vault", {"name": "db", "secret": {"secretName": "db"}}))
    late = cluster.folder_of("late")
    cluster.folder_of("deep", "vault").mkdir()
    cluster.sync("late")
    wait(lambda: rows(stack, late).get("volumes/kubernetes.io~configmap/conf/app.conf") == "match", "the second pod's file")
    deep = rows(stack, cluster.folder_of("deep", "vault"))
    assert not any("kubernetes.io~secret" in path for path in deep), f"the agent may not get that Secret: {deep}"
    assert stack.drifts(state="open") == []
    cluster.sync("web")
    other = late / "volumes/kubernetes.io~configmap/conf/app.conf"
    other.write_text("by hand\n")
    assert stack.wait_open(other)["resource"] == "k8s:node/v1/ConfigMap/shop/conf"
    assert stack.open_drift(conf) is None

    # A volume that is taken from a pod that runs is drift …
    shutil.rmtree(other.parent)
    wait(lambda: stack.open_drift(other)["diff"][0]["attribute"] == "existence", "the missing file to be told", 30)
    # … and that of a pod that ends is not: kubelet takes the volumes first, then the folder.
    cluster.kubectl("-n", "shop", "delete", "pod", "web", "--wait=false")
    shutil.rmtree(web / "volumes")
    wait(lambda: rows(stack, web) == {}, "the pod to be known as ended", 30)
    shutil.rmtree(web)
    cluster.kubectl("-n", "shop", "delete", "pod", "late", "--grace-period=0", "--force")
    shutil.rmtree(late)
    wait(lambda: rows(stack, late) == {} and stack.drifts(state="open") == [], "the rest to be closed", 30)
    assert {d["where"]["path"] for d in stack.drifts()} == {str(conf), str(password), str(other)}
    said = (stack.dir / "agent.log").read_text() + json.dumps(stack.api("/v1/status")) + json.dumps(stack.findings())
    assert "plumbline-canary" not in said
