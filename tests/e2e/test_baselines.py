"""Baselines that move while the agent runs: a real OpenTofu state, manifests, and what is broken."""

import json
import os
import pathlib
import shutil
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
