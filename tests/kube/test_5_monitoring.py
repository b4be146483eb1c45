"""What the chart has for Prometheus and Grafana, by a real Prometheus, and kinds of the real Prometheus operator."""

import contextlib
import json
import re
import subprocess
import urllib.parse
import urllib.request

import yaml
from kube import CHART, NAMESPACE, PAGE, RELEASE, ROOT, part, run, wait

ALERTS = yaml.safe_load((CHART / "files/alerts.yaml").read_text())
DASHBOARD = json.loads((CHART / "files/dashboard.json").read_text())
ADDRESS = "127.0.0.1:9090"


def queries():
    """Every query that the chart ships: of alerts, and of the board."""
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def names(query):
    """Of metrics: ours, and Prometheus' own `up`."""
    return set(re.findall(r"\bplumbline_\w+|\bup\b", query))


def test_alerts_speak_when_they_should(kube):
    promtool = part("prometheus") / "usr/bin/promtool"
    run(promtool, "check", "rules", CHART / "files/alerts.yaml")
    run(promtool, "test", "rules", ROOT / "daemonset/alerts_test.yaml")
    tested = (ROOT / "daemonset/alerts_test.yaml").read_text()
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            assert f'alertname="{rule["alert"]}"' in tested, f"{rule['alert']} is not tried"
            assert names(rule["expr"]) <= names(tested), f"{rule['alert']} by {names(rule['expr']) - names(tested)} is not tried"


def test_nothing_of_the_operators_is_rendered_unasked(kube):
    rendered = kube.helm("template", "--kube-version", "1.34")
    assert "monitoring.coreos.com" not in rendered and "grafana" not in rendered
    done = kube.helm("template", "--kube-version", "1.34", values={"monitoring": {"podMonitor": {"enabled": True}}}, check=False)
    assert done.returncode != 0 and "monitoring.tokenSecret" in done.stderr, done.stderr


def issue(kube):
    """A certificate that all agents share, of somebody else's authority."""
    folder = kube.node.work / "agents"
    folder.mkdir()
    openssl = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-x509"]
    run(*openssl, "-subj", "/CN=company", "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    run(*openssl, "-subj", "/CN=agents", "-addext", f"subjectAltName=DNS:{RELEASE}.{NAMESPACE}.svc", "-addext",
        "basicConstraints=critical,CA:FALSE", "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-keyout", folder / "tls.key", "-out", folder / "tls.crt")
    kube.node.kubectl("-n", NAMESPACE, "create", "secret", "generic", "agents", *(f"--from-file={folder / name}" for name in ("ca.crt", "tls.crt", "tls.key")))


def scrape_config(kube, monitor):
    """A PodMonitor as the operator would tell Prometheus of it, but for how pods are found."""
    endpoint = monitor["spec"]["podMetricsEndpoints"][0]
    selector = ",".join(f"{key}={value}" for key, value in monitor["spec"]["selector"]["matchLabels"].items())
    targets = [f"{pod['status']['podIP']}:{port['containerPort']}" for pod in kube.node.get("pods", "-n", NAMESPACE, "-l", selector)["items"]
               for container in pod["spec"]["containers"] for port in container.get("ports", []) if port["name"] == endpoint["port"]]
    (kind, where), = endpoint["tlsConfig"]["ca"].items()
    ca, token = (kube.node.work / f"{monitor['metadata']['name']}.{what}" for what in ("ca", "token"))
    path = where["key"].replace(".", "\\.")
    text = kube.node.kubectl("-n", NAMESPACE, "get", kind.lower(), where["name"], "-o", f"jsonpath={{.data.{path}}}")
    ca.write_text(text if kind == "configMap" else run("base64", "-d", text=text))
    credentials = endpoint["authorization"]["credentials"]
    token.write_text(run("base64", "-d", text=kube.node.kubectl("-n", NAMESPACE, "get", "secret", credentials["name"], "-o", f"jsonpath={{.data.{credentials['key']}}}")))
    return {"job_name": monitor["metadata"]["name"], "scheme": endpoint["scheme"], "metrics_path": endpoint["path"], "scrape_interval": "1s",
            "scrape_timeout": "1s", "tls_config": {"ca_file": str(ca), "server_name": endpoint["tlsConfig"]["serverName"]},
            "authorization": {"credentials_file": str(token)}, "static_configs": [{"targets": targets}],
            "relabel_configs": [{"target_label": r["targetLabel"], "replacement": r["replacement"]} for r in endpoint.get("relabelings", [])]}


@contextlib.contextmanager
def running(kube, tools, config):
    folder = kube.node.work / "prometheus"
    folder.mkdir()
    (folder / "prometheus.yml").write_text(json.dumps(config))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([tools / "usr/bin/prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                    f"--web.listen-address={ADDRESS}"], stdout=log, stderr=log)
    try:
        yield lambda: process.poll() is None or AssertionError((folder / "log").read_text()[-1500:])
    finally:
        process.terminate()
        process.wait()


def ask(path, **parameters):
    try:
        with urllib.request.urlopen(f"http://{ADDRESS}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as answer:
            return json.loads(answer.read())["data"]
    except OSError:
        return None


def test_a_real_prometheus_scrapes_both_and_knows_every_name_that_is_asked_for(kube):
    tools = part("prometheus")
    kube.ensure_installed()
    for kind in ("podmonitors", "prometheusrules"):
        kube.node.kubectl("create", "-f", tools / f"crds/monitoring.coreos.com_{kind}.yaml")
        kube.node.kubectl("wait", "--for=condition=Established", f"crd/{kind}.monitoring.coreos.com", "--timeout=60s")
    kube.type(PAGE, "Prometheus and Grafana")
    issue(kube)
    try:
        kube.install(monitoring={"tokenSecret": "plumbline-scraper", "podMonitor": {"enabled": True, "labels": {"team": "sre"}}, "rules": {"enabled": True},
                                 "dashboard": {"enabled": True}}, agent={"tlsSecret": "agents"})
        monitors = kube.node.get("podmonitors", "-n", NAMESPACE)["items"]
        assert len(monitors) == 2 and all(m["metadata"]["labels"]["team"] == "sre" for m in monitors), monitors
        rules = kube.node.get("prometheusrule", RELEASE, "-n", NAMESPACE)
        assert rules["spec"] == ALERTS, "the operator's kind has all of it"
        board = kube.node.get("configmaps", "-n", NAMESPACE, "-l", "grafana_dashboard=1")["items"]
        assert [json.loads(b["data"]["plumbline.json"]) for b in board] == [DASHBOARD], board
        config = {"scrape_configs": [scrape_config(kube, m) for m in monitors], "rule_files": [str(CHART / "files/alerts.yaml")],
                  "global": {"evaluation_interval": "1s"}}
        with running(kube, tools, config):
            def all_up():
                found = (ask("query", query="up") or {}).get("result", [])
                return len(found) == 2 and all(sample["value"][1] == "1" for sample in found)
            wait(all_up, "Prometheus to scrape collector and agent")
            of_agents = next(query for query in queries() if names(query) == {"up"}).removesuffix(" == 0")
            assert len(ask("query", query=of_agents)["result"]) == 1, f"{of_agents} is not the agent's alone"
            known = set(ask("label/__name__/values"))
            for query in queries():
                assert names(query) and names(query) <= known, f"nobody exports {names(query) - known}: {query}"
                assert ask("query", query=query) is not None, query
            loaded = wait(lambda: [r for g in ask("rules")["groups"] for r in g["rules"] if r["health"] == "ok"], "alerts to be judged")
            wait(lambda: all(r["health"] == "ok" for g in ask("rules")["groups"] for r in g["rules"]), f"all alerts to be judged, not {len(loaded)}")
    finally:
        kube.install(monitoring={}, agent={})
        kube.node.kubectl("-n", NAMESPACE, "delete", "secret", "plumbline-scraper", "agents", "--ignore-not-found")
    left = kube.node.get("podmonitors,prometheusrules", "-n", NAMESPACE)["items"]
    assert left == [], "what is not asked for any more is gone"
