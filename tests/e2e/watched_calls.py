"""What tests of calls share: a state that describes cloud resources, and an agent that watches the calls."""

import json
import os
import subprocess

from harness import wait


def state(path, *resources, serial=1):
    """Terraform state of (type, name, attributes)."""
    provider = 'provider["registry.terraform.io/hashicorp/aws"]'
    path.write_text(json.dumps({
        "version": 4, "serial": serial, "lineage": "a", "terraform_version": "1.11.4", "outputs": {},
        "resources": [{"mode": "managed", "type": kind, "name": name, "provider": provider,
                       "instances": [{"schema_version": 1, "attributes": attributes}]} for kind, name, attributes in resources]}))


def start(stack, folders, calls="", baselines=None, more=""):
    """An agent that has looked through these folders; `calls` are further keys of that name, `more` others of the agent."""
    stack.baselines = baselines if baselines is not None else [f"{{name: net, terraform_state: {stack.dir}/net.tfstate}}"]
    stack.agent_extra = f"calls: {{enabled: true, folders: [{', '.join(map(str, folders))}]{calls}}}\n{more}"
    stack.start_agent()
    wait(lambda: stack.api("/v1/status")["calls"].get("first_pass_done"), "the first look at all files", 120)


def wait_call(stack, operation):
    def found():
        return next((d for d in stack.drifts() if d["kind"] == "call" and d["call"]["operation"] == operation), None)
    return wait(found, operation)


def go_program(stack, source):
    """Built of this file and stripped, in a folder of its own."""
    program = stack.dir / f"go-{source.stem}" / "program"
    done = subprocess.run(["go", "build", "-ldflags", "-s -w", "-o", program, source], capture_output=True, text=True,
                          env={**os.environ, "GO111MODULE": "off", "CGO_ENABLED": "0"})
    assert done.returncode == 0, done
    return program
