"""Reads botocore's models: every version of every service, current and retired, as one list of services.

botocore keeps DIR/SERVICE/API_VERSION/service-2.json[.gz] and endpoint-rule-set-1.json[.gz] (Apache-2.0). Formats: botocore's
botocore/model.py and botocore/serialize.py, Smithy's rules engine.
"""

import gzip
import json
import pathlib
import re

PLACEHOLDER = re.compile(r"\{[^{}]*\}")
# Suffixes that rule sets write out (partitions.json has all of them too).
REGION = re.compile(r"^(?:\{[^{}]*[Rr]egion\}|us-gov|[a-z]{2,4}(?:-[a-z]+){1,2}-\d+)$")


def read(path):
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.exists():
            opened = gzip.open(candidate, "rt", encoding="utf-8") if candidate.suffix == ".gz" else open(candidate, encoding="utf-8")
            with opened as stream:
                return json.load(stream)
    return None


def walk(node):
    """Each object in a JSON tree."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(child)


class Model:
    """One version of one service, as one botocore has it."""

    def __init__(self, service, version, data, rules):
        self.service, self.version = service, version
        self.metadata, self.operations, self.shapes = data["metadata"], data["operations"], data["shapes"]
        self.rules = rules or {}

    @property
    def protocols(self):
        return self.metadata.get("protocols") or [self.metadata["protocol"]]

    @property
    def signing_names(self):
        names = {self.metadata.get("signingName") or self.metadata["endpointPrefix"]}
        for node in walk(self.rules):
            if isinstance(node.get("signingName"), str) and "{" not in node["signingName"]:
                names.add(node["signingName"])
        return names

    def urls(self):
        for node in walk(self.rules):
            if isinstance(node.get("url"), str) and node["url"].startswith("http"):
                yield node["url"]

    def input_members(self, operation):
        """Name → member of an operation's input, {} where it has none."""
        shape = operation.get("input")
        return self.shapes[shape["shape"]].get("members", {}) if shape else {}

    def required(self, operation):
        shape = operation.get("input")
        return set(self.shapes[shape["shape"]].get("required", ())) if shape else set()

    def structures_of_input(self):
        """Each structure below the operations' inputs, once: (name, shape)."""
        seen, waiting = set(), [o["input"]["shape"] for o in self.operations.values() if "input" in o]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            shape = self.shapes[name]
            waiting += [m["shape"] for m in shape.get("members", {}).values()]
            waiting += [shape[k]["shape"] for k in ("member", "key", "value") if k in shape]
            if shape["type"] == "structure":
                yield name, shape


def load(directories):
    """All models, those of the first directory first, newest version of a service first."""
    models = []
    for age, directory in enumerate(directories):
        for folder in sorted(p for p in pathlib.Path(directory).iterdir() if p.is_dir()):
            for version in sorted((p for p in folder.iterdir() if p.is_dir()), reverse=True):
                data = read(version / "service-2.json")
                if data and data["operations"]:
                    models.append(Model(folder.name, version.name, data, read(version / "endpoint-rule-set-1.json")))
                    models[-1].is_current = age == 0
    return models


def partitions(directory):
    """[(id, region regex, [suffixes])] of partitions.json."""
    found = []
    for partition in read(pathlib.Path(directory) / "partitions.json")["partitions"]:
        outputs = partition["outputs"]
        found.append((partition["id"], partition["regionRegex"], [outputs["dnsSuffix"], outputs["dualStackDnsSuffix"]],
                      sorted(partition["regions"])))
    return found


def stems(url, suffixes):
    """The part of a host that names the service ("runtime.sagemaker"), without labels, region, suffix, FIPS and dual stack;
    nothing where nothing fixed is left."""
    host = url.split("://", 1)[1].split("/")[0]
    if "localhost" in host or "authority" in host:
        return
    host = host.replace("{OperationType}", "control")  # kinesis: control-kinesis, data-kinesis
    labels = re.findall(r"(?:\{[^{}]*\}|[^.{}])+", host)
    for suffix in suffixes:
        if host.endswith("." + suffix):
            labels = labels[:-len(suffix.split("."))]
            break
    else:
        if not re.search(r"[sS]uffix\}$", labels[-1]):
            return
        labels = labels[:-1]
    while labels and REGION.match(labels[-1]):
        labels.pop()
    clean = []
    for label in labels:
        label = re.sub(r"^fips-|-fips$|-fips(?=-)", "", label)
        if label in ("fips", "dualstack"):
            continue
        clean.append(label)
    while clean and PLACEHOLDER.search(clean[0]):
        clean.pop(0)
    if clean and not any(PLACEHOLDER.search(label) for label in clean):
        yield ".".join(clean)
