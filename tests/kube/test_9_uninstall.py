"""helm uninstall, and what is left on the node: nothing."""

import json
import pathlib

from kube import COLLECTOR, MANAGED, NAMESPACE, PAGE, ROOT, run, wait

LEFT = ("/sys/fs/bpf/plumbline", "/run/plumbline", "/var/lib/plumbline")


def pinned():
    """Ids of programs and maps that the agent's pins hold: ("prog", 7), ("map", 9)."""
    found = set()
    for pin in pathlib.Path(LEFT[0]).rglob("*"):
        for kind, key in (("link", "prog_id"), ("map", "id")):
            shown = run("bpftool", "-j", kind, "show", "pinned", pin, check=False)
            if not pin.is_dir() and shown.returncode == 0:
                shown = json.loads(shown.stdout)
                found.add(("prog" if kind == "link" else "map", (shown[0] if isinstance(shown, list) else shown)[key]))
    return found


def loaded():
    return {(kind, item["id"]) for kind in ("prog", "map") for item in json.loads(run("bpftool", "-j", kind, "list"))}


def test_uninstalled_nothing_is_left_on_the_node(kube):
    kube.ensure_installed()
    assert all(pathlib.Path(path).exists() for path in LEFT), "there was something to remove"
    here = pinned()
    assert {kind for kind, _ in here} == {"prog", "map"} and here <= loaded(), "there were programs and maps to remove"
    kube.type(PAGE, "Uninstall")
    for path in LEFT:
        assert not pathlib.Path(path).exists(), f"{path} is left"
    wait(lambda: not kube.node.get("all", "-n", NAMESPACE)["items"], "the namespace to be empty")
    left = kube.node.get("serviceaccounts,configmaps,secrets,persistentvolumeclaims,roles,rolebindings,networkpolicies", "-n", NAMESPACE)["items"]
    names = [f"{item['kind']}/{item['metadata']['name']}" for item in left if item["metadata"]["name"] not in ("default", "kube-root-ca.crt")]
    assert names == [f"PersistentVolumeClaim/{COLLECTOR}"], f"the record of drift is kept, and nothing else: {names}"
    assert kube.node.get("clusterroles,clusterrolebindings", "-l", "app.kubernetes.io/name=plumbline")["items"] == []
    wait(lambda: not loaded() & here, "the kernel to let go of programs and maps")


def test_the_plain_manifest_does_the_same(kube):
    """Applied where nothing is, with our images; its baseline is the example's."""
    text = (ROOT / "daemonset/plumbline.yaml").read_text()
    for image in ("agent", "collector"):
        text = text.replace(f"image: plumbline-{image}:", f"image: localhost/plumbline-{image}:")
    kube.node.kubectl("apply", "-f", "-", text=text)
    kube.wait_rolled_out()
    assert kube.resources(MANAGED), "the example's files are managed"
    assert kube.request("/v1/nodes", kube.token())[1]["items"], "the collector has what was recorded before"
    kube.node.kubectl("-n", NAMESPACE, "delete", "daemonsets,deployments", "--all")
    wait(lambda: not kube.node.get("pods", "-n", NAMESPACE)["items"], "the pods to end")
    kube.type(PAGE, "Uninstall", 1)
    assert kube.node.get("persistentvolumeclaims", "-n", NAMESPACE)["items"] == [], "the record is given up"
    kube.node.kubectl("delete", "-f", "-", "--wait", "--ignore-not-found", text=text)
