#!/usr/bin/env python3
"""Writes what facts/ and the provider's schema are too old for: facts/aws-cfn-newer.tsv and facts/terraform-newer.tsv.

    aws_newer.py --spec FILE --provider FOLDER --schema FILE

FILE: db.json.gz of the npm package @aws-cdk/aws-service-spec. FOLDER: the npm package @cdktf/provider-aws, made of the schema of a
later provider; --schema: that of the older one (aws_resources.py), whose types and attributes are left out. What is sensitive, the
package does not say: such attributes are hidden by name alone.
"""

import argparse
import gzip
import json
import pathlib
import re

import aws_facts

SCALARS = {"string": "s", "number": "n", "boolean": "b", "any": "s"}
ATTRIBUTE = re.compile(r'^\s+(\w+): \{\n\s+value: (.*?),\n\s+isBlock: \w+,\n\s+type: "(\w+)",\n\s+storageClassType: "(\w+)",\n\s+\}', re.M | re.S)
FUNCTION = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{\n(.*?)^\}", re.M | re.S)
# The provider's own: where a resource is, which its requests do not say; tags with the provider's defaults.
SKIPPED = {"timeouts", "region", "tags_all"}


def write(name, header, rows):
    text = "\n".join([header, *("\t".join(row).rstrip("\t") for row in rows)]) + "\n"
    (aws_facts.FACTS / name).write_text(text)
    print(f"{name}: {len(rows)} rows, {len(text)} bytes")


def newer_cfn(spec):
    """Rows as aws-cfn-types.tsv has them: types that it lacks, and of others the properties that it lacks."""
    known = {row[0]: row + [""] * 6 for row in aws_facts.rows("aws-cfn-types.tsv")}
    for one in json.loads(gzip.open(spec).read())["schema"]["resource"]["entities"]:
        name = one["cloudFormationType"]
        old = set(known.get(name, [""] * 6)[5].split(","))
        properties = sorted(set(one["properties"]) - old)
        if name in known and properties:
            yield [name, "", "", "", "", ",".join(properties)]
        elif name not in known and not name.startswith("AWS::Serverless::"):  # a transform's, no type of its own
            yield [name, ",".join(one.get("primaryIdentifier", ())), ",".join(sorted(one["attributes"])), "", "", ",".join(properties)]


def kind_of(holder, stored):
    scalar = re.match("(string|number|boolean|any)|", stored)[1]
    return {"simple": "", "list": "l", "set": "t", "map": "m"}[holder] + SCALARS[scalar or "string"]


def attributes_of(text, functions, depth=0):
    """name → (kind, attributes of a block or None)"""
    found = {}
    for name, value, holder, stored in ATTRIBUTE.findall(text):
        inner = next((f for f in re.findall(r"(\w+)ToHclTerraform", value) if f in functions), None)
        if depth == 0 and name in SKIPPED:
            continue
        if inner is None:
            found[name] = kind_of(holder, stored), None
        else:
            many = "listMapper" in value
            kind = {"list": "l" if many else "1", "struct": "1", "set": "t", "map": "m"}[holder]
            found[name] = kind + "@", attributes_of(functions[inner], functions, depth + 1) if depth < 10 else {}
    return found


def newer_terraform(folder, schema):
    def rows(iac_type, prefix, found, block):
        have = {**block.get("attributes", {}), **block.get("block_types", {})}
        for name, (kind, inner) in sorted(found.items()):
            path = prefix + name
            if name not in have:
                yield [iac_type, path, kind]
            if inner is not None and (name not in have or name in block.get("block_types", {})):
                yield from rows(iac_type, path + ".", inner, have[name]["block"] if name in have else {})

    for file in sorted((folder / "lib").glob("*/index.js")):
        text = file.read_text().split("//# sourceMappingURL")[0]
        named = re.search(r'tfResourceType = "(aws_\w+)"', text)
        if not named or file.parent.name.startswith("data-"):
            continue
        found = attributes_of(text[text.index("synthesizeHclAttributes()"):], dict(FUNCTION.findall(text)))
        yield from rows(named[1], "", found, schema.get(named[1], {"block": {}})["block"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spec", type=pathlib.Path, required=True)
    parser.add_argument("--provider", type=pathlib.Path, required=True)
    parser.add_argument("--schema", type=pathlib.Path, required=True)
    given = parser.parse_args()
    write("aws-cfn-newer.tsv", "# type\tprimary_identifier\tread_only\tcreate_only\twrite_only\tproperties: what aws-cfn-types.tsv lacks",
          sorted(newer_cfn(given.spec)))
    write("terraform-newer.tsv", "# type\tattribute\tkind (aws_attributes.py): what the provider's schema lacks. From a later provider, MPL-2.0 (NOTICE)",
          list(newer_terraform(given.provider, aws_facts.read_schema(given.schema, newer=False))))


if __name__ == "__main__":
    main()
