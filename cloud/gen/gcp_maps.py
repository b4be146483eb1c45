#!/usr/bin/env python3
"""Makes cloud/tables/gcp_map_fields.tsv of Google's discovery documents: fields whose keys are users' own.

    gcp_maps.py googleapiclient/discovery_cache/documents

The folder is of the Python package google-api-python-client. Of the APIs that Terraform's provider has types of.
"""

import collections
import json
import pathlib
import sys

TABLES = pathlib.Path(__file__).resolve().parents[1] / "tables"
# setMetadata's items are made a map of (cloud/gcp/decode.cpp).
BY_HAND = {("compute", "metadata"): "value", ("compute", "commonInstanceMetadata"): "value"}


def resolved(schema, schemas):
    return schemas.get(schema["$ref"], {}) if "$ref" in schema else schema


def fields(schema):
    """Each field of a schema, and of what is written within it."""
    for name, field in schema.get("properties", {}).items():
        yield name, field
        yield from fields(field)
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from fields(inner)


def kind(field, schemas):
    """"text": below a key stands a plain value; "any": what is all users' own; "object": fields of the API; "fields": no map; "": a leaf."""
    field = resolved(field, schemas)
    values = field.get("additionalProperties")
    if isinstance(values, dict):
        inner = resolved(values, schemas)
        return "object" if inner.get("properties") else "any" if inner.get("type") == "any" else "text"
    return "fields" if field.get("properties") else ""


def main():
    known = {line.split(":")[0] for line in (TABLES / "gcp_terraform_types.tsv").read_text().splitlines() if not line.startswith("#")}
    found = collections.defaultdict(set)
    for file in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
        document = json.loads(file.read_text())
        if document.get("kind") != "discovery#restDescription" or document["name"] not in known:
            continue
        schemas = document.get("schemas", {})
        for schema in schemas.values():
            for name, field in fields(schema):
                found[document["name"], name].add(kind(field, schemas))
    # One name may be a map here and a message there. A plain map wins: its keys must stay, the message's fields are few.
    rows = {key: "object" if "object" in kinds else "value" for key, kinds in found.items()
            if "text" in kinds or ("object" in kinds and "fields" not in kinds)}  # "any": what operations answer
    rows |= BY_HAND
    lines = ["# api\tfield\twhat stands below its keys: a value, or an object of the API's fields"]
    lines += [f"{api}\t{field}\t{below}" for (api, field), below in sorted(rows.items())]
    (TABLES / "gcp_map_fields.tsv").write_text("\n".join(lines) + "\n")
    print(f"gcp_map_fields.tsv: {len(lines) - 1} rows")


if __name__ == "__main__":
    main()
