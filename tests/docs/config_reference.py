#!/usr/bin/env python3
"""docs/reference/config-{agent,collector}.md are what the programs print of their configuration.

    config_reference.py            ends with 1, and the difference, where a page is another
    config_reference.py --write    writes them

The programs' --config-schema comes from the one declaration that reads the file, so the pages cannot say anything else.
"""

import difflib
import json
import os
import pathlib
import subprocess
import sys

import pages

BUILD = pathlib.Path(os.environ.get("BUILD_DIR", pages.ROOT / "build/release"))
INTRO = """# {name}.yaml, key by key

Made by `tests/docs/config_reference.py` of what `plumbline-{name} --config-schema` prints: change the declaration of a key in the code, not this
page. What the keys are for: [{about}]({about}).

A key of a list stands behind `[]`. A *size* is written `4096` (bytes), `64KiB`, `16MiB`, `1GiB`; a *duration* `250ms`, `10s`, `5m`, `1h`, `7d`. What is
**required** is so where the mapping that it is in is there. Unknown keys are refused, with the nearest known one.
"""


def type_of(property):
    if "enum" in property:
        return " \\| ".join(f"`{word}`" for word in property["enum"])
    if "x-unit" in property:
        return property["x-unit"]
    kind = property["type"]
    if kind == "array":
        items = property["items"]
        return "list" if items.get("properties") else "list of " + {"string": "texts", "integer": "numbers"}[items["type"]]
    if kind == "object":
        return "mapping" if property.get("properties") else "mapping of texts"
    return {"string": "text", "boolean": "true, false", "integer": "whole number"}[kind]


def bounds_of(property):
    least = property.get("x-minimum", property.get("minimum"))
    most = property.get("x-maximum", property.get("maximum"))
    if least is not None and most is not None:
        return f"{least} to {most}"
    if most is not None:
        return f"at most {most}"
    return f"at least {least}" if least else ""


def default_of(property, required):
    if required:
        return "**required**"
    value = property.get("default")
    return "" if value in (None, "") else f"`{json.dumps(value) if isinstance(value, bool) else value}`"


def rows_of(schema, path=""):
    required = schema.get("required", [])
    for name, property in schema["properties"].items():
        key = path + name
        kind, bounds = type_of(property), bounds_of(property)
        says = property["description"].replace("|", "\\|")
        yield f"| `{key}` | {kind}{', ' + bounds if bounds else ''} | {default_of(property, name in required)} | {says} |"
        if property.get("properties"):
            yield from rows_of(property, key + ".")
        elif property.get("items", {}).get("properties"):
            yield from rows_of(property["items"], key + "[].")


def page_of(name):
    schema = json.loads(subprocess.run([BUILD / f"plumbline-{name}", "--config-schema"], check=True, capture_output=True, text=True).stdout)
    text = INTRO.format(name=name, about=f"{name}.md")
    for key, property in schema["properties"].items():
        text += f"\n## {key}\n\n| Key | Type | Default | Means |\n| --- | --- | --- | --- |\n"
        text += "\n".join(rows_of({"properties": {key: property}, "required": schema.get("required", [])})) + "\n"
    return text


def main(arguments):
    if arguments not in ([], ["--write"]):
        print(__doc__, file=sys.stderr)
        return 64
    if not (BUILD / "plumbline-agent").exists():
        print(f"SKIP: {BUILD} has no programs")
        return 77
    other = 0
    for name in ("agent", "collector"):
        path = pages.ROOT / f"docs/reference/config-{name}.md"
        made, there = page_of(name), path.read_text() if path.exists() else ""
        if arguments:
            path.write_text(made)
        elif made != there:
            other = 1
            print(f"{path.relative_to(pages.ROOT)} is not what plumbline-{name} says: run tests/docs/config_reference.py --write")
            print("\n".join(difflib.unified_diff(there.splitlines(), made.splitlines(), "the page", "the program", lineterm="", n=0)))
    return other


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
