"""Who calls, proven: bearer tokens that a real API server signed, in the hands of whom they were given to, and of others."""

import json
import subprocess

import harness
from cluster import Cluster
from harness import Skip
from moto import AUTHORIZATION
from tls_servers import Ec2
from watched_calls import start, state

ROLE = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "deployer", "namespace": "shop"}},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "deployer", "namespace": "shop"},
     "rules": [{"apiGroups": ["apps"], "resources": ["deployments", "deployments/scale"], "verbs": ["get", "patch", "update"]}]},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "deployer", "namespace": "shop"},
     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
     "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": "shop"}]},
]


def deployment(name):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]}}}}


def pod(name):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"serviceAccountName": "deployer", "containers": [{"name": "web", "image": "registry.example/web:1"}]}}


# Cgroups as kubelet makes them; those that were not there before go again.
IN_POD = """set -euo pipefail
. tests/harness/containers.sh
containers_begin
made=()
leave() {{
  containers_end
  for ((i = ${{#made[@]}} - 1; i >= 0; i--)); do rmdir "${{made[i]}}" 2>/dev/null || true; done
}}
trap leave EXIT
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
  [ -e "$hierarchy/cgroup.procs" ] || continue
  folder=$hierarchy
  for part in kubepods burstable pod{uid}; do
    folder=$folder/$part
    [ -d "$folder" ] || {{ mkdir "$folder"; made+=("$folder"); }}
  done
done
busybox_rootfs "$containers_work/rootfs"
container_cgroup=/kubepods/burstable/pod{uid}/{container}
container_network=host
container_mounts=({tools}:/tools {folder}:/cluster)
runc_run pod-{uid} "$containers_work/rootfs" /tools/kubectl --cache-dir=/tmp/cache --kubeconfig /dev/null \\
  --certificate-authority /cluster/apiserver.crt {words}
"""


def in_pod(stack, cluster, uid, words):
    """Runs kubectl in a real container whose cgroup is one of that pod's."""
    script = stack.dir / f"pod-{uid}.sh"
    script.write_text(IN_POD.format(uid=uid, container=uid.replace("-", "").ljust(64, "0"), tools=cluster.kubectl_path.parent,
                                    folder=cluster.folder, words=" ".join(words)))
    done = subprocess.run(["bash", script], cwd=harness.ROOT, capture_output=True, text=True)
    if done.returncode == 77:
        raise Skip(done.stdout)
    assert done.returncode == 0, (done.stdout, done.stderr)


def test_whose_token_a_call_was_made_with_is_proven(stack):
    cluster = Cluster(stack)
    names = ["own", "of-other-pod", "of-host"]
    cluster.apply(*ROLE, *map(deployment, names), pod("web-1"), pod("web-2"))
    token = cluster.kubectl("-n", "shop", "create", "token", "deployer", "--bound-object-kind", "Pod",
                            "--bound-object-name", "web-1").strip()
    described = stack.dir / "shop.json"
    described.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(map(deployment, names))}))
    (stack.dir / "reader").write_text("fixture\n")
    (stack.dir / "reader").chmod(0o600)
    keys = (f"{{from: \"{cluster.url}/openid/v1/jwks\", token_file: {stack.dir}/reader, ca_file: {cluster.folder}/apiserver.crt, "
            "cluster: true, issuer: \"https://kubernetes.default.svc\"}")
    start(stack, [cluster.kubectl_path.parent], f", token_keys: [{keys}]",
          baselines=[f"{{name: shop, kubernetes: {described}}}"])
    harness.wait(lambda: stack.api("/v1/status")["calls"]["token_keys"][0]["keys"] > 0, "the cluster's keys")

    def words(name):
        return ["--server", cluster.url, "--token", token, "-n", "shop", "scale", "deployment", name, "--replicas=5"]
    in_pod(stack, cluster, cluster.uid("web-1"), words("own"))
    in_pod(stack, cluster, cluster.uid("web-2"), words("of-other-pod"))
    done = subprocess.run([cluster.kubectl_path, f"--cache-dir={stack.dir}/cache", "--kubeconfig", "/dev/null",
                           "--certificate-authority", cluster.folder / "apiserver.crt", *words("of-host")],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    def drift(name):
        resource = f"k8s:shop/apps/v1/Deployment/shop/{name}"
        return harness.wait(lambda: next((d for d in stack.drifts() if d["resource"] == resource), None), resource)

    def told(name):
        found = drift(name)
        assert found["call"]["principal"] == "system:serviceaccount:shop:deployer", found["call"]
        assert found["call"]["principal_proof"] == "verified", found["call"]
        says = next(e["says"] for e in found["evidence"] if e["kind"] == "token")
        assert "is signed by its issuer, for pod shop/web-1" in says, found["evidence"]
        return found["verdict"], found["severity"], says.partition("shop/web-1")[2], found["actor"].get("container", {})
    verdict, severity, says, container = told("own")
    assert (verdict, severity, says) == ("out_of_band", "high", ", in which the caller is"), (verdict, severity, says)
    assert container["pod_uid"] == cluster.uid("web-1"), container
    verdict, severity, says, container = told("of-other-pod")
    assert (verdict, severity) == ("impersonation", "critical"), (verdict, severity, says)
    assert says == f"; the caller is in pod {cluster.uid('web-2')}" and container["pod_uid"] == cluster.uid("web-2"), says
    assert told("of-host")[:3] == ("out_of_band", "high", "; the caller is a process of the host")
    assert "token keys" in stack.plumb("status").stdout
    everything = json.dumps([stack.findings(), stack.drifts(), stack.api("/v1/status")])
    assert token not in everything and token.split(".")[2] not in everything


def test_a_call_is_of_the_cluster_that_its_server_is_of(stack):
    """One object in the baselines of two clusters, and a server for each: here one that has two names."""
    cluster = Cluster(stack)
    cluster.apply(ROLE[0], deployment("web"))
    described = stack.dir / "shop.json"
    described.write_text(json.dumps(deployment("web")))
    other = cluster.url.replace("127.0.0.1", "localhost")
    start(stack, [cluster.kubectl_path.parent],
          f', clusters: [{{name: prod, servers: ["{cluster.url}"]}}, {{name: lab, servers: ["{other}"]}}]',
          baselines=[f"{{name: {name}, kubernetes: {described}, cluster: {name}}}" for name in ("prod", "lab")])

    def scale(server, replicas):
        command = cluster.command("--tls-server-name=127.0.0.1", "-n", "shop", "scale", "deployment", "web", f"--replicas={replicas}")
        subprocess.run([server if word == cluster.url else word for word in command], check=True, stdout=subprocess.DEVNULL)

    def open_drift(expected):
        harness.wait(lambda: sorted(d["resource"].split("/")[0] for d in stack.drifts()) == expected, f"drift of {expected}")

    scale(cluster.url, 5)
    open_drift(["k8s:prod"])
    scale(other, 6)
    open_drift(["k8s:lab", "k8s:prod"])
    assert len(stack.findings()) == 2, stack.findings()
    assert [b["cluster"] for b in stack.api("/v1/status")["baselines"]] == ["prod", "lab"]


def test_who_says_to_be_terraform_and_cannot_be_it_is_told(stack):
    """curl with the User-Agent of Terraform's provider, which is written in Go: OpenSSL encrypted the call."""
    server = Ec2(stack)
    state(stack.dir / "net.tfstate", *[("aws_security_group", name, {"id": f"sg-{name}", "name": name}) for name in ("forged", "open")])
    start(stack, ["/usr/lib/x86_64-linux-gnu"])
    agents = {"forged": "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io) terraform-provider-aws/5.100.0",
              "open": "curl/8.0"}
    for name, agent in agents.items():
        done = subprocess.run(["curl", "-sS", "--fail", "--cacert", server.certificate, "-A", agent, "-H", f"Authorization: {AUTHORIZATION}",
                               "-d", f"Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=sg-{name}",
                               f"https://localhost:{server.port}/"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def verdict(name):
        resource = f"tofu:net/aws_security_group.{name}"
        drift = harness.wait(lambda: next((d for d in stack.drifts() if d["resource"] == resource), None), resource)
        return drift["verdict"], [e["says"] for e in drift["evidence"] if e["kind"] == "user_agent"]
    assert verdict("open") == ("out_of_band", [])
    told, says = verdict("forged")
    assert told == "impersonation" and says == ["its client says to be terraform, which is written in Go, and what encrypted the call is not"], says
