"""Drift on a real node: who did it, and what is none."""

import json
import os

from kube import MANAGED, sha256, wait

POD_VOLUMES = "volumes/kubernetes.io~configmap/conf"


def test_a_file_of_the_node(kube):
    path = MANAGED / "app.conf"
    before = path.read_text()
    path.write_text("by hand\n")
    drift = kube.wait_open(path)
    assert drift["verdict"] == "out_of_band" and drift["where"]["node"] == "node-1", drift
    assert drift["actor"]["process"]["pid"] == os.getpid() and "container" not in drift["actor"], drift["actor"]
    assert kube.wait_open(path, ask=kube.collected)["id"] == drift["id"], "the collector has the same"
    path.write_text(before)
    kube.wait_closed(path)


def set_conf(kube, content):
    kube.node.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "shop"}, "data": {"app.conf": content}})


def ensure_shop(kube):
    if kube.node.kubectl("get", "namespace", "shop", check=False).returncode == 0:
        return
    kube.node.kubectl("create", "namespace", "shop")
    kube.node.kubectl("-n", "shop", "create", "serviceaccount", "intruder")
    set_conf(kube, "one\n")
    kube.run_pod("web", mounts=[{"name": "conf", "mountPath": "/conf"}], volumes=[{"name": "conf", "configMap": {"name": "conf"}}])


def volume(kube):
    return f"/var/lib/kubelet/pods/{kube.node.get('pod', '-n', 'shop', 'web')['metadata']['uid']}/{POD_VOLUMES}"


def test_kubelets_own_update_of_a_config_map_is_no_drift(kube):
    """Nor is the call that changed it (kubectl runs on this node): the cluster is what it says of itself."""
    kube.ensure_installed()
    ensure_shop(kube)
    wait(lambda: kube.resources(volume(kube)).get("app.conf") == "match", "the ConfigMap's file to be managed")
    before = {d["id"] for d in kube.drifts("--all")}
    for content in ("two\n", "three\n"):
        set_conf(kube, content)
        wait(lambda: kube.exec("web", "cat", "/conf/app.conf") == content, "kubelet to follow")
        wait(lambda: kube.resources(volume(kube)).get("app.conf") == "match", "the agent to follow")
    after = kube.drifts("--all")
    assert {d["id"] for d in after} == before, after


def test_who_changes_a_config_maps_file_from_a_pod_is_named(kube):
    """Kubelet mounts ConfigMaps read-only, so it takes a pod that has the node's folder to change one's file."""
    kube.ensure_installed()
    ensure_shop(kube)
    intruder = kube.run_pod("intruder", mounts=[{"name": "pods", "mountPath": "/pods"}], serviceAccountName="intruder",
                            volumes=[{"name": "pods", "hostPath": {"path": "/var/lib/kubelet/pods"}}])
    wait(lambda: kube.resources(volume(kube)).get("app.conf") == "match", "the ConfigMap's file to be managed")
    inside = volume(kube).replace("/var/lib/kubelet/pods", "/pods") + "/..data/app.conf"
    kube.exec("intruder", "sh", "-c", f"echo mine > {inside}")
    path = volume(kube) + "/app.conf"
    # Kubelet puts it back when it looks at the pod again, so it may be over by now.
    drift = wait(lambda: next((d for d in kube.drifts("--all") if d["where"]["path"] == path), None), f"a drift of {path}")
    assert drift["resource"] == "k8s:pods/v1/ConfigMap/shop/conf" and drift["verdict"] == "out_of_band", drift
    container = drift["actor"]["container"]
    wanted = {"pod": "intruder", "namespace": "shop", "pod_uid": intruder["metadata"]["uid"], "name": "main", "runtime": "containerd",
              "image": "localhost/busybox:1"}
    assert container.items() >= wanted.items(), container
    # These the API server alone knows.
    running = kube.node.get("pod", "-n", "shop", "intruder")["status"]["containerStatuses"][0]
    assert container["service_account"] == "intruder" and running["imageID"].endswith(container["image_digest"]), (container, running)
    assert container["id"] in intruder["status"]["containerStatuses"][0]["containerID"], container
    assert drift["actor"]["resolved"], drift["actor"]
    kube.wait_closed(path)


def test_a_file_of_a_pods_own_root_is_named_with_the_pod(kube):
    """One that came with the image: two replicas have it, and in one somebody edits it by `kubectl exec`."""
    kube.ensure_installed()
    ensure_shop(kube)
    pods = {name: kube.run_pod(name, serviceAccountName="intruder") for name in ("own-1", "own-2")}
    before, path = kube.values.get("files", []), "/etc/passwd"
    kube.install(files=[*before, {"path": path, "image": True, "containers": {"namespace": "shop", "pod": "own-*", "name": "main"}}])

    def rows():
        return {r["container"]["pod"]: r["comparison"] for r in kube.items("resources") if r.get("container")}

    wait(lambda: rows() == {"own-1": "match", "own-2": "match"}, "both pods' files to be as their image has them", 180)
    kube.exec("own-1", "sh", "-c", f"echo intruder::0:0::/:/bin/sh >> {path}")

    def found(ask):
        return next((d for d in ask("--state", "open") if d["where"].get("container", {}).get("pod") == "own-1"), None)

    drift = wait(lambda: found(kube.collected), "the drift in the pod, at the collector's Service")
    running = kube.node.get("pod", "-n", "shop", "own-1")["status"]["containerStatuses"][0]
    for container in (drift["where"]["container"], drift["actor"]["container"]):
        wanted = {"pod": "own-1", "namespace": "shop", "pod_uid": pods["own-1"]["metadata"]["uid"], "name": "main", "service_account": "intruder",
                  "image": "localhost/busybox:1"}
        assert container.items() >= wanted.items(), container
        assert running["imageID"].endswith(container["image_digest"]) and running["containerID"].endswith(container["id"]), (container, running)
    assert drift["where"]["path"] == path and drift["verdict"] == "out_of_band", drift
    assert rows()["own-2"] == "match"
    kube.node.kubectl("-n", "shop", "delete", "pod", "own-1", "--grace-period=0", "--force")
    closed = wait(lambda: next((d for d in kube.drifts("--all") if d["id"] == drift["id"] and d["state"] == "accepted"), None), "the drift to end")
    assert "container is gone" in closed["closed_by"], closed
    kube.install(files=before)
    kube.node.kubectl("-n", "shop", "delete", "pod", "own-2", "--grace-period=0", "--force")


def test_a_baseline_that_moves_is_taken_live(kube):
    """Of the chart's ConfigMap only baseline.yaml changes: no pod restarts, and the drift ends as accepted."""
    pod = kube.pod()["metadata"]["uid"]
    path = MANAGED / "second.conf"
    path.write_text("second edition\n")
    kube.wait_open(path)
    files = [{**f, "sha256": sha256("second edition\n")} if f["path"] == str(path) else f for f in kube.values["files"]]
    kube.install(files=files)
    wait(lambda: any(d["state"] == "accepted" and d["where"]["path"] == str(path) for d in kube.drifts("--all")), "the drift to be accepted", 180)
    assert kube.pod()["metadata"]["uid"] == pod and kube.pod()["status"]["containerStatuses"][0]["restartCount"] == 0


def manifest(path, content):
    return json.dumps({"apiVersion": "plumbline/v1", "kind": "Manifest", "revision": sha256(content)[:8],
                       "files": [{"path": str(path), "sha256": sha256(content)}]})


def test_baselines_in_the_cluster_are_taken_live(kube):
    """A ConfigMap's and a Secret's, fetched from the API server."""
    kube.ensure_installed()
    ensure_shop(kube)

    def say(kind, content):
        path = MANAGED / f"{kind.lower()}.conf"
        data = {"data" if kind == "ConfigMap" else "stringData": {"manifest.yaml": manifest(path, content)}}
        kube.node.apply({"apiVersion": "v1", "kind": kind, "metadata": {"name": "baseline", "namespace": "shop"}, **data})
        return path

    kinds = ("ConfigMap", "Secret")
    for kind in kinds:
        say(kind, "one\n").write_text("one\n")
    kube.install(sources=[{"name": kind.lower(), "manifest": f"kubernetes://shop/{kind.lower()}s/baseline/manifest.yaml", "interval": "1s"}
                          for kind in kinds])
    wait(lambda: all(kube.resources(MANAGED).get(f"{kind.lower()}.conf") == "match" for kind in kinds), "both to be managed")
    for kind in kinds:
        path = MANAGED / f"{kind.lower()}.conf"
        path.write_text("two\n")
        kube.wait_open(path)
        say(kind, "two\n")
        wait(lambda: any(d["state"] == "accepted" and d["where"]["path"] == str(path) for d in kube.drifts("--all")), f"{kind}'s to be taken")
