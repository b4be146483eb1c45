"""What others know of IaC types: cloud/gen/facts (CloudFormation's schemas, pike's permissions of Terraform types), IAM's ARNs,
and the Terraform provider's own schema. Sources and licences: NOTICE."""

import collections
import json
import pathlib

from aws_nouns import alike, norm, split_verb

FACTS = pathlib.Path(__file__).resolve().parent / "facts"
# Types whose permissions are mostly another service's.
OWNERS = {"aws_vpc_": "ec2", "aws_verifiedaccess_": "ec2", "aws_emr_": "elasticmapreduce", "aws_controltower_": "controltower",
          "aws_gamelift_": "gamelift", "aws_athena_": "athena", "aws_securitylake_": "securitylake", "aws_s3_directory_bucket": "s3express"}
SHARED = {"iam", "kms", "logs", "sts", "tag", "cloudwatch", "cloudformation"}


def rows(name):
    for line in (FACTS / name).read_text().splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


class CfnType:
    def __init__(self, name, cells):
        self.name = name
        self.namespace, self.noun = name.split("::")[1:3]
        lists = [c.split(",") if c else [] for c in cells] + [[]] * 5
        self.primary, self.read_only, self.create_only, self.write_only, self.properties = lists[:5]
        self.actions = collections.defaultdict(set)  # "rds:createdbinstance" → handlers

    @property
    def settable(self):
        return [p for p in self.properties if p not in self.read_only]


def cfn_types():
    """name → CfnType, and IAM prefix → namespaces whose types its own actions make."""
    types = {r[0]: CfnType(r[0], r[1:]) for r in rows("aws-cfn-types.tsv")}
    for row in rows("aws-cfn-newer.tsv"):  # aws_newer.py
        if row[0] in types:
            types[row[0]].properties += row[5].split(",")
        else:
            types[row[0]] = CfnType(row[0], row[1:])
    votes = collections.defaultdict(collections.Counter)
    for name, handler, actions in rows("aws-cfn-handlers.tsv"):
        if name not in types:
            continue
        for action in filter(None, actions.split(",")):
            types[name].actions[action.lower()].add(handler)
            prefix, _, operation = action.partition(":")
            votes[types[name].namespace][prefix.lower()] += 5 if alike(split_verb(operation)[1], types[name].noun) > 0.6 else 0.2
    owners = collections.defaultdict(set)
    for namespace, counter in votes.items():
        top = max(counter.values())
        for prefix, count in counter.items():
            if count == top or (count >= top / 4 and count >= 5 and prefix not in SHARED):
                owners[prefix].add(namespace)
    return types, owners


class TerraformType:
    def __init__(self, name):
        self.name, self.actions, self.owner, self.attributes = name, collections.defaultdict(set), "", {}


def terraform_types(schema):
    """name → TerraformType, of pike and of the provider's schema; `owner` is the IAM prefix that most of its permissions have, or
    that of the type whose name begins most like its own."""
    types = {}
    for name, phase, actions in rows("terraform-iam-actions.tsv"):
        if name not in schema:  # a slip of the pen
            continue
        one = types.setdefault(name, TerraformType(name))
        for action in filter(None, actions.split(",")):
            one.actions[action.lower()].add(phase)
    for name, one in schema.items():
        types.setdefault(name, TerraformType(name)).attributes = one["block"].get("attributes", {})
    for one in types.values():
        votes = collections.Counter()
        for action, phases in one.actions.items():
            prefix, _, operation = action.partition(":")
            weight = 0.1 if prefix in SHARED | {"ec2", "s3"} and f"aws_{prefix}" not in one.name else 1
            if operation.startswith(("create", "delete", "put", "update", "modify", "register")):
                weight *= 2
            if norm(prefix) in norm(one.name):
                weight *= 2
            votes[prefix] += weight * (2 if alike_to_action(one.name, operation) else 1)
        one.owner = max(sorted(votes), key=lambda p: votes[p], default="")
        one.owner = next((owner for start, owner in OWNERS.items() if one.name.startswith(start)), one.owner)
    known = [t for t in types.values() if t.owner]
    for one in types.values():
        if not one.owner:
            mine = one.name.split("_")
            def shared(other):
                theirs, n = other.name.split("_"), 0
                while n < min(len(mine), len(theirs)) and mine[n] == theirs[n]:
                    n += 1
                return n
            best = max(known, key=lambda t: (shared(t), t.name))
            one.owner = best.owner if shared(best) >= 2 else ""
    return types


def alike_to_action(name, operation):
    return norm(name).endswith(norm(split_verb(operation[:1].upper() + operation[1:])[1]) or "?")


class Arns:
    """IAM's actions → the resources that they need, with the form of their ARNs."""

    def __init__(self, folder):
        self.folder, self.services = pathlib.Path(folder), {}

    def of(self, prefix, operation):
        """ARN forms of what an action needs; those that it requires first."""
        if prefix not in self.services:
            def read(kind):
                path = self.folder / kind / f"{prefix}.json"
                return json.loads(path.read_text()) if path.exists() else {}
            self.services[prefix] = read("actions"), read("resourceTypes")
        actions, resources = self.services[prefix]
        needed = actions.get(operation.lower(), {}).get("resourceTypes", ())
        needed = sorted(needed, key=lambda r: not r.get("required"))
        return [(resources[r["name"].lower()]["arn"], r.get("required")) for r in needed if r["name"].lower() in resources]


def add_newer(schema):
    """What a later provider has more (aws_newer.py), as its schema would say it."""
    modes = {"1": "list", "l": "list", "t": "set", "m": "map"}
    outer = {"l": "list", "t": "set", "m": "map"}
    scalars = {"s": "string", "n": "number", "b": "bool"}
    for name, path, kind in rows("terraform-newer.tsv"):
        block = schema.setdefault(name, {"block": {}})["block"]
        *parents, last = path.split(".")
        for parent in parents:
            block = block["block_types"][parent]["block"]
        if kind.endswith("@"):
            made = {"nesting_mode": modes[kind[0]], "block": {}, **({"max_items": 1} if kind[0] == "1" else {})}
            block.setdefault("block_types", {})[last] = made
        else:
            scalar = scalars[kind[-1]]
            block.setdefault("attributes", {})[last] = {"type": [outer[kind[0]], scalar] if len(kind) > 1 else scalar, "optional": True}


def read_schema(path, newer=True):
    """Terraform type → its block, of `terraform providers schema -json`, and what a later provider has more."""
    schemas = json.loads(pathlib.Path(path).read_text())["provider_schemas"]
    schema = next(v for k, v in schemas.items() if k.endswith("/aws"))["resource_schemas"]
    if newer:
        add_newer(schema)
    return schema
