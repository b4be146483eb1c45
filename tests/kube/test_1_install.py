"""The chart as Helm installs it: what runs, as whom, with what, and that it works."""

import json
import pathlib

from kube import MANAGED, NAMESPACE, RELEASE, ROOT, run, sha256, wait

CAPABILITIES = {"cap_bpf": 39, "cap_perfmon": 38, "cap_dac_read_search": 2, "cap_sys_ptrace": 19}
CONFIG = {"app.conf": "listen 80\n", "second.conf": "second\n"}


def test_an_unknown_value_is_refused(kube):
    for values, name in (({"agnet": {}}, "agnet"), ({"agent": {"tolerationz": []}}, "tolerationz")):
        done = kube.helm("template", "--kube-version", "1.34", values=values, check=False)
        assert done.returncode != 0 and name in done.stderr, done.stderr
    done = kube.helm("template", "--kube-version", "1.34", values={"agent": {"moreCapabilities": ["SYS_ADMIN"]}}, check=False)
    assert done.returncode != 0 and "asRoot" in done.stderr, done.stderr
    done = kube.helm("template", "--kube-version", "1.34", values={"collector": {"tls": {"existingSekret": "x"}}}, check=False)
    assert done.returncode != 0 and "existingSekret" in done.stderr, done.stderr
    done = kube.helm("template", "--kube-version", "1.34", values={"agent": {"resources": {"limits": {"cpu": "1"}}}}, check=False)
    assert done.returncode != 0 and "cpu" in done.stderr, "a CPU limit is refused"


def test_several_collectors_take_a_database_and_keys(kube):
    def template(**collector):
        return kube.helm("template", "--kube-version", "1.34", values={"collector": collector}, check=False)
    uri = {"uri": "postgresql://plumbline@db.example/plumbline", "passwordFile": "/etc/plumbline-secrets/db.password"}
    for collector, says in (({"replicas": 2}, "postgres/uri"), ({"keysSecret": "keys"}, "postgres.uri"),
                            ({"postgres": uri}, "keysSecret"), ({"replicas": 2, "postgres": uri}, "keysSecret"),
                            ({"postgres": {"uri": "mysql://x"}}, "pattern")):
        done = template(**collector)
        assert done.returncode != 0 and says in done.stderr, (collector, done.stderr)
    done = template(replicas=2, postgres=uri, keysSecret="keys", secret="sinks")
    assert done.returncode == 0, done.stderr
    for line in ("replicas: 2", "strategy: {type: RollingUpdate}", "keys_dir: /etc/plumbline-keys", "secret: {secretName: keys, defaultMode: 0440}",
                 f"postgres: {uri['uri']}", "whenUnsatisfiable: ScheduleAnyway"):
        assert line in done.stdout, line
    assert "PersistentVolumeClaim" not in done.stdout and "sqlite:" not in done.stdout and "--adopt-keys" not in done.stdout
    assert "--adopt-keys" in template(postgres=uri, keysSecret="keys", adoptKeys=True).stdout


def test_the_plain_manifest_is_rendered_from_the_chart(kube):
    rendered = run(ROOT / "daemonset/render.sh", kube.node.tools / "helm")
    assert rendered == (ROOT / "daemonset/plumbline.yaml").read_text(), "run daemonset/render.sh HELM > daemonset/plumbline.yaml"


def test_a_namespace_that_admits_no_agent_is_named(kube):
    """Pod Security Admission refuses the pods, and what helm says names the label."""
    kube.node.kubectl("create", "namespace", "strict")
    kube.node.kubectl("label", "namespace", "strict", "pod-security.kubernetes.io/enforce=restricted")
    file = kube.node.work / "strict.json"
    file.write_text(json.dumps(kube.values))
    notes = kube.node.helm("install", "strict", ROOT / "daemonset/chart", "--namespace", "strict", "--values", file)
    assert "pod-security.kubernetes.io/enforce=privileged" in notes, notes
    wait(lambda: any("violates PodSecurity" in e["message"] for e in kube.node.get("events", "-n", "strict")["items"]), "the pods to be refused")
    kube.node.helm("uninstall", "strict", "--namespace", "strict", "--no-hooks")
    kube.node.kubectl("delete", "namespace", "strict", "--wait=false")


def test_installed_by_helm_the_agent_is_ready(kube):
    MANAGED.mkdir(exist_ok=True)
    for name, content in CONFIG.items():
        (MANAGED / name).write_text(content)
        (MANAGED / name).chmod(0o644)
    kube.install(folders=[str(MANAGED)], files=[{"path": str(MANAGED / name), "sha256": sha256(content), "mode": "0644"}
                                                for name, content in CONFIG.items()],
                 pods={"secrets": True})
    pod = kube.pod()
    assert all(c["ready"] for c in pod["status"]["containerStatuses"]), pod["status"]
    rows = kube.resources(MANAGED)
    assert rows == {name: "match" for name in CONFIG}, rows


def processes(kube, program):
    """Those of the release's pods: the folders of /proc by name."""
    uid = kube.pod(program.removeprefix("plumbline-"))["metadata"]["uid"]
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() == program[:15] and uid in (folder / "cgroup").read_text():
                yield folder
        except OSError:
            continue


def test_the_agent_is_nobody_with_four_capabilities(kube):
    kube.ensure_installed()
    expected = sum(1 << bit for bit in CAPABILITIES.values())
    for program, wanted in (("plumbline-agent", expected), ("plumbline-collector", 0)):
        found = list(processes(kube, program))
        assert len(found) == 1, (program, found)
        status = dict(line.split(":\t", 1) for line in (found[0] / "status").read_text().splitlines() if ":\t" in line)
        assert status["Uid"].split() == ["65532"] * 4 and status["Gid"].split() == ["65532"] * 4, status["Uid"]
        assert int(status["CapBnd"], 16) == wanted and int(status["CapEff"], 16) == wanted, (program, status["CapBnd"], status["CapEff"])
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status


def test_an_agent_listens_on_loopback_alone_and_the_collector_on_one_port(kube):
    kube.ensure_installed()
    for program, open_ports in (("plumbline-agent", []), ("plumbline-collector", [f"{9650:04X}"])):
        listening = [line.split()[1] for table in ("tcp", "tcp6")
                     for line in (next(processes(kube, program)) / "net" / table).read_text().splitlines()[1:] if line.split()[3] == "0A"]
        assert [local.split(":")[1] for local in listening if not local.startswith("0100007F:")] == open_ports, listening


def test_helm_test_makes_a_change_on_each_node_and_its_finding_comes(kube):
    kube.ensure_installed()
    said = kube.node.helm("test", RELEASE, "--namespace", NAMESPACE)
    assert "Phase:          Succeeded" in said, said
    pod = kube.pod()["metadata"]["name"]
    said = kube.type("docs/runbooks/README.md", "How to read them", POD=pod)
    assert pod in said and "tier" in said, said
    left = kube.node.get("daemonsets,jobs", "-n", NAMESPACE)["items"]
    assert [item["metadata"]["name"] for item in left] == [RELEASE], left


def test_notes_say_what_to_know(kube):
    kube.ensure_installed()
    said = kube.node.helm("get", "notes", RELEASE, "--namespace", NAMESPACE)
    for words in ("pod-security.kubernetes.io/enforce=privileged", "--clusterrole plumbline-reader", "--audience plumbline", "kubectl -n plumbline delete pvc"):
        assert words in said, f"{words} is not in: {said}"
    file = kube.node.work / "empty.json"
    file.write_text(json.dumps({"collector": {"storage": {"persistent": False}}}))
    said = kube.node.helm("install", "--dry-run", "dry", ROOT / "daemonset/chart", "--namespace", NAMESPACE, "--values", file)
    assert "gone with the collector's pod" in said and "emptyDir: {}" in said and "kind: PersistentVolumeClaim" not in said, said
