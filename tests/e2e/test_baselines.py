"""Baselines that move while the agent runs: a real OpenTofu state, manifests, and what is broken."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

import harness
from harness import Skip, sha256, wait
from test_changes import attributes


def state(serial, path, content, lineage="e2e"):
    return json.dumps({"version": 4, "terraform_version": "1.10.6", "serial": serial, "lineage": lineage, "outputs": {}, "resources": [
        {"mode": "managed", "type": "local_file", "name": "app", "provider": 'provider["registry.opentofu.org/hashicorp/local"]',
         "instances": [{"schema_version": 0, "attributes": {"filename": str(path), "content": content, "file_permission": "0644"}}]}]})


def use_state(stack, content):
    path = stack.managed / "app.conf"
    path.write_text(content)
    path.chmod(0o644)
    file = stack.dir / "terraform.tfstate"
    file.write_text(state(1, path, content))
    stack.baselines = [f"{{name: net, terraform_state: {file}}}"]
    return path, file


def baseline(stack, name="net"):
    return next(b for b in stack.api("/v1/status")["baselines"] if b["name"] == name)


def test_a_new_state_accepts_what_it_explains(stack):
    path, file = use_state(stack, "one\n")
    stack.start_agent()
    path.write_text("two\n")
    drift = stack.wait_open(path, lambda d: attributes(d)["content_sha256"]["live"] == sha256("two\n"))
    assert drift["resource"] == "tofu:net/local_file.app"
    file.write_text(state(2, path, "two\n"))
    accepted = stack.wait_closed(path, "accepted")
    assert accepted["id"] == drift["id"] and "serial=2" in accepted["closed_by"]
    wait(lambda: baseline(stack)["revision"]["serial"] == "2", "serial 2")


def test_a_new_state_opens_what_it_contradicts(stack):
    path, file = use_state(stack, "one\n")
    stack.start_agent()
    fresh = file.with_suffix(".new")
    fresh.write_text(state(2, path, "never applied\n"))
    fresh.rename(file)
    drift = stack.wait_open(path)
    assert drift["actor"]["process"] is None and "baseline moved" in drift["actor"]["unknown_reason"]
    path.write_text("never applied\n")
    stack.wait_closed(path)


def test_a_large_state_is_taken_beside_what_else_happens(stack):
    """More than is read at once: at start, at a change, where it is broken, and when it is shortened under the index."""
    path, file = use_state(stack, "one\n")
    space = " " * 3_000_000
    file.write_text(state(1, path, "one\n") + space)
    stack.start_agent()
    path.write_text("two\n")
    stack.wait_open(path)
    file.write_text("{" + space)
    wait(lambda: "JSON" in baseline(stack).get("error", ""), f"the error: {baseline(stack)}")
    file.write_text(state(2, path, "two\n") + space)
    stack.wait_closed(path, "accepted")
    wait(lambda: "error" not in baseline(stack), "no error")
    os.truncate(stack.state / "baselines/net.index", 0)  # the agent holds its bytes apart
    assert stack.api("/v1/owners?of=" + str(path))["items"][0]["resource"] == "tofu:net/local_file.app"
    file.write_text(state(3, path, "three\n"))  # small again
    stack.wait_open(path)
    path.write_text("three\n")
    stack.wait_closed(path)


def test_a_broken_state_keeps_the_old_one_and_says_so(stack):
    path, file = use_state(stack, "one\n")
    stack.start_agent()
    whole = state(2, path, "two\n")
    for broken, says in ((whole[: len(whole) // 2], "JSON"), ("", "empty"), ('{"version": 3}', "version 3"),
                         ('{"serial":9,"lineage":"x","encrypted_data":"AA==","encryption_version":"v0"}', "encrypted")):
        file.write_text(broken)
        wait(lambda: says in baseline(stack).get("error", ""), f"{says}: {baseline(stack)}")
        assert baseline(stack)["loaded"] and baseline(stack)["revision"]["serial"] == "1"
        assert any(b["id"] == "baseline_stale" for b in stack.all(stack.api, "/v1/blindspots"))
    path.write_text("other\n")
    stack.wait_open(path)
    file.write_text(state(3, path, "other\n"))
    stack.wait_closed(path, "accepted")


def test_a_manifest_that_lets_go_closes_its_drift(stack):
    path = stack.file("a")
    stack.file("b")
    stack.start_agent()
    path.write_text("x\n")
    stack.wait_open(path)
    stack.files = stack.files[1:]
    stack.write_manifest()
    assert "no longer manages" in stack.wait_closed(path, "accepted")["closed_by"]
    assert all(r["path"] != str(path) for r in stack.all(stack.api, "/v1/resources"))


def test_a_revision_that_goes_back_or_is_anothers_is_not_taken(stack):
    path, file = use_state(stack, "one\n")
    file.write_text(state(7, path, "one\n"))
    stack.start()
    path.write_text("two\n")
    stack.wait_open(path)
    for number, (moved, says) in enumerate(((state(6, path, "two\n"), "went back"),
                                            (state(8, path, "two\n", lineage="mallory"), "something else"))):
        file.write_text(moved)
        wait(lambda: says in baseline(stack).get("error", ""), f"{says}: {baseline(stack)}")
        assert baseline(stack)["revision"]["serial"] == "7" and stack.open_drift(path)
        wait(lambda: stack.api("/v1/status")["counters"]["gaps_total"] == 2 + number, "the gap")
    stack.restart_agent(signal.SIGKILL)
    status = wait(lambda: baseline(stack), "the baseline after a restart")
    assert status["from_disk"] and status["revision"]["serial"] == "7" and "something else" in status["error"], status
    assert stack.open_drift(path)
    stack.agent.send_signal(signal.SIGHUP)  # a person says that it is meant
    stack.wait_closed(path, "accepted")
    assert baseline(stack)["revision"] == {"serial": "8", "lineage": "mallory"} and "error" not in baseline(stack)


def test_two_contents_under_one_serial_are_told(stack):
    path, file = use_state(stack, "one\n")
    stack.start_agent()
    before = stack.api("/v1/status")["counters"]["gaps_total"]
    file.write_text(state(1, path, "edited by hand\n"))
    stack.wait_open(path)
    assert stack.api("/v1/status")["counters"]["gaps_total"] == before + 1


def test_a_node_starts_without_its_source(stack):
    path, file = use_state(stack, "one\n")
    stack.start_agent()
    stack.kill(stack.agent)
    file.unlink()
    path.write_text("while it was down\n")
    stack.start_agent()
    assert stack.open_drift(path)
    assert baseline(stack)["from_disk"] and "No such file" in baseline(stack)["error"]
    file.write_text(state(2, path, "while it was down\n"))
    stack.wait_closed(path, "accepted")
    assert "from_disk" not in baseline(stack)


def test_sources_by_pattern_are_found_as_they_come(stack):
    states = stack.dir / "states"
    states.mkdir()
    one, two = stack.managed / "one", stack.managed / "two"
    for path in (one, two):
        path.write_text("right\n")
        path.chmod(0o644)
    stack.baselines = [f"{{name: all, terraform_state: \"{states}/*/terraform.tfstate\"}}"]
    stack.start_agent(ready=False)
    wait(lambda: stack.try_api("/startupz"), "the first check")
    assert "nothing matches" in baseline(stack, "all")["error"] and not stack.try_api("/readyz")

    for name, path in (("Net", one), ("db", two)):
        (states / name).mkdir()
        (states / name / "terraform.tfstate").write_text(state(1, path, "right\n"))
    wait(lambda: {b["name"] for b in stack.api("/v1/status")["baselines"] if b["loaded"]}
         == {"all.net.terraform.tfstate", "all.db.terraform.tfstate"}, "both states")
    assert stack.try_api("/readyz")
    two.write_text("wrong\n")
    assert stack.wait_open(two)["resource"] == "tofu:all.db.terraform.tfstate/local_file.app"

    shutil.rmtree(states / "db")  # whoever removes a state does not make its files unmanaged
    one.write_text("wrong\n")
    stack.wait_open(one)
    assert stack.open_drift(two)
    (states / "NET").mkdir()  # would have the name that "Net" has, and comes first
    (states / "NET/terraform.tfstate").write_text(state(1, one, "wrong\n", lineage="mallory"))
    stack.restart_agent()
    assert stack.open_drift(one) and stack.open_drift(two), "a restart changes none of it"
    assert any(b["from_disk"] for b in stack.api("/v1/status")["baselines"] if b["name"] == "all.db.terraform.tfstate")
    shutil.rmtree(states / "NET")
    stack.agent.send_signal(signal.SIGHUP)
    stack.wait_closed(two, "accepted")
    assert stack.open_drift(one)


def test_a_reload_takes_out_every_other_source(stack):
    """Of several that go and several that stay, each is what it was."""
    states = stack.dir / "states"
    paths = []
    for i in range(6):
        paths.append(stack.managed / f"f{i}")
        paths[i].write_text("right\n")
        paths[i].chmod(0o644)
        folder = states / f"s{i}"
        folder.mkdir(parents=True)
        (folder / "terraform.tfstate").write_text(state(1, paths[i], "right\n"))
    single = [f"{{name: s{i}, terraform_state: {states}/s{i}/terraform.tfstate}}" for i in range(4)]
    patterns = [f"{{name: p{i}, terraform_state: \"{states}/s{i}/*.tfstate\"}}" for i in (4, 5)]
    stack.baselines = single + patterns
    stack.start_agent()
    for path in paths:
        path.write_text("wrong\n")
    wait(lambda: len(stack.drifts(state="open")) == 6, "all drifts")
    config = stack.dir / "agent.yaml"
    text = config.read_text()
    for gone in (single[0], single[2], patterns[0]):
        text = text.replace(f"\n- {gone}", "")
    config.write_text(text)
    stack.agent.send_signal(signal.SIGHUP)
    for i in (0, 2, 4):
        stack.wait_closed(paths[i], "accepted")
    assert {d["where"]["path"] for d in stack.drifts(state="open")} == {str(paths[i]) for i in (1, 3, 5)}
    paths[3].write_text("right\n")
    stack.wait_closed(paths[3])


def test_every_kind_of_source_is_watched(stack):
    """Files of a cloud-init user data, a manifest of Kubernetes and a systemd unit, as they are written on a node."""
    written = stack.managed / "by-cloud-init"
    written.write_text("hello\n")
    written.chmod(0o600)
    user_data = stack.dir / "user-data.txt"
    user_data.write_text(f"#cloud-config\nwrite_files:\n- path: {written}\n  content: |\n    hello\n  permissions: '0600'\n")
    deployment = stack.dir / "web.yaml"
    deployment.write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 2}\n")
    stack.baselines = [f"{{name: boot, cloud_init: {user_data}}}", f"{{name: shop, kubernetes: {deployment}}}"]
    stack.start_agent()
    assert stack.drifts() == [] and baseline(stack, "shop")["resources"] == 1
    written.write_text("changed\n")
    drift = stack.wait_open(written)

    owners = json.loads(stack.plumb("resources", "--owner-of", written, "-o", "json").stdout)["items"]
    assert [o["resource"] for o in owners] == [drift["resource"]] and owners[0]["files"] == [str(written)], owners
    link = stack.dir / "link"
    link.symlink_to(written)
    assert drift["resource"] in stack.plumb("resources", "--owner-of", link).stdout
    none = stack.plumb("resources", "--owner-of", "arn:aws:s3:::nobody")
    assert none.returncode == 1 and "arn:aws:s3:::nobody" in none.stdout, none


def test_who_owns_a_cloud_id(stack):
    """Resources that are no files: by every form of their names."""
    source = stack.dir / "terraform.tfstate"
    source.write_text(json.dumps({
        "version": 4, "terraform_version": "1.10.6", "serial": 1, "lineage": "e2e", "outputs": {}, "resources": [
            {"mode": "managed", "type": kind, "name": "logs", "provider": 'provider["registry.opentofu.org/hashicorp/aws"]',
             "instances": [{"schema_version": 0, "attributes": attributes}]} for kind, attributes in (
                ("aws_s3_bucket", {"id": "shop-logs", "arn": "arn:aws:s3:::shop-logs", "bucket": "shop-logs"}),
                ("aws_s3_bucket_policy", {"id": "shop-logs", "bucket": "shop-logs", "policy": "{}"}))]}))
    stack.baselines = [f"{{name: net, terraform_state: {source}}}"]
    stack.start_agent()
    owners = stack.api("/v1/owners?of=shop-logs")["items"]
    assert [(o["resource"], o["rank"]) for o in owners] == [("tofu:net/aws_s3_bucket.logs", 0),
                                                            ("tofu:net/aws_s3_bucket_policy.logs", 2)], owners
    shown = stack.plumb("resources", "--owner-of", "arn:aws:s3:::shop-logs")
    assert shown.returncode == 0 and "aws_s3_bucket.logs" in shown.stdout, shown


def test_real_opentofu_apply(stack):
    """A real `tofu apply` changes the file and then the state: drift by a known tool is pending, then accepted."""
    if shutil.which("go") is None:
        raise Skip("OpenTofu is built from its Go module, and Go is not installed")
    built = subprocess.run([harness.ROOT / "tests/harness/tofu/build.sh"], capture_output=True, text=True)
    if built.returncode != 0:
        raise Skip(f"OpenTofu cannot be built here: {built.stderr.strip().splitlines()[-1:]}")
    tofu = pathlib.Path(built.stdout.strip())
    work = stack.dir / "tofu"
    work.mkdir()
    target = stack.managed / "app.conf"
    (work / "main.tf").write_text('terraform {\n required_providers {\n  local = { source = "hashicorp/local", version = "1.4.0" }\n }\n}\n'
                                  'variable "content" {}\n'
                                  f'resource "local_file" "app" {{\n filename = "{target}"\n content = var.content\n file_permission = "0644"\n}}\n')
    rc = work / "cli.rc"
    rc.write_text(f'provider_installation {{ filesystem_mirror {{ path = "{tofu}/mirror" }} }}\n')
    env = {**os.environ, "TF_CLI_CONFIG_FILE": str(rc), "CHECKPOINT_DISABLE": "1"}

    def run(*arguments):
        subprocess.run([tofu / "tofu", *arguments, "-no-color"], cwd=work, env=env, check=True, capture_output=True)

    run("init")
    run("apply", "-auto-approve", "-var", "content=one")
    stack.rule({"lineage_exe_sha256": sha256((tofu / "tofu").read_bytes())})
    stack.baselines = [f"{{name: net, terraform_state: {work}/terraform.tfstate}}"]
    stack.start_agent()
    assert stack.drifts() == []
    run("apply", "-auto-approve", "-var", "content=two")
    wait(lambda: baseline(stack)["revision"]["serial"] != "1" and stack.drifts(state="open") == [], "the apply to be taken over")
    findings = stack.findings(target)
    assert findings and {f["verdict"] for f in findings} <= {"pending", "in_band"}, findings
    target.write_text("by hand")
    assert stack.wait_open(target)["verdict"] == "out_of_band"
