#!/usr/bin/env python3
"""Every block of YAML on a page is one that the programs take, and each sink's page shows all of its keys.

A block says by its first line which file it is of (`# agent.yaml`, `# collector.yaml`, `# values.yaml`), or by its `kind`. It is
checked whole, by the built programs, with files where its paths lead to: a page's example that is refused is wrong.
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

import pages

sys.path.insert(0, str(pages.ROOT / "tests/siem"))

from siem import main, skip  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUILD_DIR", pages.ROOT / "build/release"))
PEM = {"ca_file": "cert.pem", "client_ca_file": "cert.pem", "certificate_file": "cert.pem", "key_file": "key.pem"}
IN_A_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}  # where examples without an endpoint are at home
SECRET = "0123456789abcdef0123456789abcdef\n"


def run(program, *arguments, check=True):
    done = subprocess.run([BUILD / program, *map(str, arguments)], capture_output=True, text=True, timeout=60, env={**os.environ, **IN_A_POD})
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


class Place:
    """A folder that stands for the machine whose files a page names."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-keyout", self.root / "key.pem", "-out", self.root / "cert.pem"], check=True, capture_output=True)

    def write(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)

    def provide(self, node, within=""):
        """A file of the right kind wherever a `*_file` leads."""
        if isinstance(node, list):
            for item in node:
                self.provide(item, within)
        elif isinstance(node, dict):
            for key, value in node.items():
                if isinstance(value, str) and key.endswith("_file") and value.startswith(str(self.root)):
                    self.write(pathlib.Path(value), self.text_for(key, within))
                else:
                    self.provide(value, key)

    def text_for(self, key, within):
        if key == "key_file" and within == "baselines":  # what the collector makes for its nodes
            numbers = base64.b64encode(bytes(range(32))).decode()
            return f"plumbline node key 1\nverify {numbers}\nhash {numbers}\n"
        if key in PEM:
            return (self.root / PEM[key]).read_text()
        return "https://hooks.example/secret\n" if key == "url_file" else SECRET

    def config(self, block, name):
        """The block as a file, its paths led into this folder."""
        text = re.sub(r"(?<![\w./:-])/(?=(etc|var|run|srv)/)", f"{self.root}/", block.text)
        self.provide(yaml.safe_load(text))
        self.write(self.root / name, text)
        return self.root / name


def check_agent(place, block):
    run("plumbline-agent", "--check-config", "--config", place.config(block, "agent.yaml"))


def check_collector(place, block):
    run("plumbline-collector", "--check-config", "--config", place.config(block, "collector.yaml"))


def check_rules(place, block):
    place.write(place.root / "rules.yaml", block.text)
    place.write(place.root / "agent.yaml", f"rules: [{place.root}/rules.yaml]\n")
    run("plumbline-agent", "--check-config", "--config", place.root / "agent.yaml")


def check_source(kind):
    def check(place, block):
        place.write(place.root / "source.yaml", block.text)
        read = json.loads(run("plumb", "baseline", "inspect", place.root / "source.yaml", "--source", kind, "-o", "json").stdout)
        assert read["resources"] and not any(source["skipped"] for source in read["sources"]), read["sources"]
    return check


def check_values(_, block):
    """Keys that the chart knows: Helm itself is asked in tests/kube."""
    def walk(values, schema, path):
        for key, value in values.items() if isinstance(values, dict) else []:
            known = schema.get("properties")
            assert known is None or key in known or schema.get("additionalProperties", True) is not False, f"the chart has no value {path}{key}"
            walk(value, (known or {}).get(key, {}), f"{path}{key}.")
    walk(yaml.safe_load(block.text), json.loads((pages.ROOT / "daemonset/chart/values.schema.json").read_text()), "")


KINDS = [(r"# agent\.yaml\b", check_agent), (r"# collector\.yaml\b", check_collector), (r"# values\.yaml\b", check_values),
         (r"(?s).*^kind: Rules$", check_rules), (r"(?s).*^kind: Manifest$", check_source("manifest")),
         (r"(?s).*^apiVersion: rbac\.authorization", check_source("kubernetes"))]


def yaml_blocks():
    return [block for block in pages.blocks("yaml") if block.page.startswith("docs/") or block.page == "README.md"]


def test_every_yaml_block_is_taken_as_what_it_is():
    wrong, seen = [], set()
    for block in yaml_blocks():
        check = next((check for pattern, check in KINDS if re.match(pattern, block.text, re.M)), None)
        seen.add(check)
        try:
            assert check, "its first line says not which file it is of: # agent.yaml, # collector.yaml or # values.yaml"
            with tempfile.TemporaryDirectory(prefix="plumb-") as folder:
                check(Place(folder), block)
        except (AssertionError, yaml.YAMLError, subprocess.TimeoutExpired) as error:
            wrong.append(f"{block}: {error}")
    assert not wrong, "\n".join(wrong)
    assert seen == {check for _, check in KINDS}, "there is an example of each kind"


def keys_of(schema):
    for name, property in schema.get("properties", {}).items():
        yield name
        yield from keys_of(property)


def keys_in(node):
    for key, value in node.items() if isinstance(node, dict) else []:
        yield key
        yield from keys_in(value)


def test_a_sinks_page_shows_all_of_its_keys():
    schema = json.loads(run("plumbline-collector", "--config-schema").stdout)["properties"]["sinks"]["items"]["properties"]
    sinks = {name: set(keys_of(property)) for name, property in schema.items() if property.get("type") == "object"}
    assert len(sinks) >= 11, sinks
    for name, keys in sinks.items():
        shown = [block for block in yaml_blocks() if block.page == f"docs/sinks/{name}.md"]
        assert shown, f"docs/sinks/{name}.md shows no configuration"
        entries = [sink[name] for block in shown for sink in yaml.safe_load(block.text)["sinks"] if name in sink]
        assert {key for entry in entries for key in keys_in(entry)} == keys, (name, keys - {key for entry in entries for key in keys_in(entry)})


def test_a_wrong_block_is_refused():
    block = pages.Block("a.md", "yaml", 1, "")
    for text, check, says in (("# collector.yaml\nsinks: [{name: a, webhok: {}}]\n", check_collector, "webhook"),
                              ("# agent.yaml\nstat_dir: /x\n", check_agent, "state_dir"), ("# values.yaml\nagnet: {}\n", check_values, "agnet"),
                              ("# values.yaml\nagent: {tolerationz: []}\n", check_values, "tolerationz"),
                              ("apiVersion: plumbline/v1\nkind: Manifest\nfiles: [{path: x}]\n", check_source("manifest"), "")):
        block.text = text
        with tempfile.TemporaryDirectory(prefix="plumb-") as folder:
            try:
                check(Place(folder), block)
            except AssertionError as error:
                assert says in str(error), error
            else:
                raise AssertionError(f"taken: {text}")


if __name__ == "__main__":
    if not (BUILD / "plumbline-agent").exists():
        skip(f"{BUILD} has no programs")
    main(test_every_yaml_block_is_taken_as_what_it_is, test_a_sinks_page_shows_all_of_its_keys, test_a_wrong_block_is_refused)
