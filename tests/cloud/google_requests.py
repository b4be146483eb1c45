#!/usr/bin/env python3
"""One request of each method of Google's APIs, as its own Python client makes it: google_requests.py OUTPUT

Lines: {"api", "method", "version", "template", "request": as plumb decode takes it}. Needs google-api-python-client.
"""

import json
import pathlib
import re
import sys
import urllib.parse

import googleapiclient
from googleapiclient import discovery
from googleapiclient.http import HttpMock

DOCUMENTS = pathlib.Path(googleapiclient.__file__).parent / "discovery_cache/documents"


def value_of(parameter, name):
    """What fits the parameter's pattern, each part a word of its own."""
    if parameter.get("enum"):
        return parameter["enum"][0]
    if parameter.get("type") in ("integer", "number"):
        return 7
    if parameter.get("type") == "boolean":
        return True
    pattern = parameter.get("pattern", "")
    if not pattern.startswith("^"):
        return f"the-{name.lower()}"
    text = re.sub(r"\[\^/\]\+|\.\*|\.\+|\[[^\]]*\][+*]?(\{[^}]*\})?", "x1", pattern.strip("^$"))
    return re.sub(r"[()\\?^$]", "", text.split("|")[0])


def forget_patterns(resource):
    """Of dates and the like in queries: they name nothing."""
    for method in resource.get("methods", {}).values():
        for parameter in method.get("parameters", {}).values():
            if parameter["location"] == "query":
                parameter.pop("pattern", None)
    for inner in resource.get("resources", {}).values():
        forget_patterns(inner)


def walk(document, resource, service, path):
    for name, method in resource.get("methods", {}).items():
        arguments = {}
        for key, parameter in method.get("parameters", {}).items():
            if parameter.get("required"):
                value = value_of(parameter, key)
                arguments[discovery.key2param(key)] = [value] if parameter.get("repeated") else value
        if "request" in method:
            arguments["body"] = {}
        try:
            made = getattr(service, discovery.fix_method_name(name))(**arguments)
        except TypeError as why:
            print(f"not made: {method['id']}: {why}", file=sys.stderr)
            continue
        url = urllib.parse.urlsplit(made.uri)
        yield {
            "api": document["name"], "version": document["version"], "method": method["id"].split(".", 1)[1],
            "verb": method["httpMethod"], "template": document.get("servicePath", "") + method.get("flatPath", method["path"]),
            "request": {"method": made.method, "host": url.netloc, "path": url.path + ("?" + url.query if url.query else ""),
                        "headers": [[key, value] for key, value in made.headers.items()], "body_b64": ""},
        }
    for name, inner in resource.get("resources", {}).items():
        yield from walk(document, inner, getattr(service, discovery.fix_method_name(name))(), path + [name])


def main():
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        for file in sorted(DOCUMENTS.glob("*.json")):
            document = json.loads(file.read_text())
            if document.get("kind") != "discovery#restDescription":
                continue
            forget_patterns(document)
            service = discovery.build_from_document(document, http=HttpMock(headers={"status": "200"}))
            for case in walk(document, document, service, []):
                out.write(json.dumps(case) + "\n")


if __name__ == "__main__":
    main()
