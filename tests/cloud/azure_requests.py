#!/usr/bin/env python3
"""One request of each operation of Azure's own Python clients, as they build it: azure_requests.py OUTPUT

Lines: {"operation", "template", "request": as plumb decode takes it}. Needs the packages of tests/harness/azure-client.
"""

import importlib
import inspect
import json
import pathlib
import pkgutil
import re
import sys
import urllib.parse

import azure.mgmt

TEMPLATE = re.compile(r'"template_url",\s*((?:"[^"]*"\s*)+)')
DIRECT = re.compile(r'_url = ((?:"[^"]*"\s*)+)')
SUBSCRIPTION = "8f3d1a52-0000-4000-8000-000000000001"
# What the documents allow a word of several segments for: any resource that an extension belongs to.
SCOPES = {"resource_uri", "resource_id", "scope"}
# Of a word that the client compares.
WORDS = {"scope_path": "analyticsItems"}


def template_of(function):
    source = inspect.getsource(function)
    found = TEMPLATE.search(source) or DIRECT.search(source)
    return "".join(re.findall(r'"([^"]*)"', found.group(1))) if found else None


def value_of(name, parameter):
    if name == "subscription_id":
        return SUBSCRIPTION
    if name in WORDS:
        return WORDS[name]
    if name in SCOPES:
        return f"subscriptions/{SUBSCRIPTION}/resourceGroups/Rg-1"
    annotation = str(parameter.annotation)
    if "int" in annotation:
        return 7
    if "bool" in annotation:
        return True
    if "List" in annotation or "list" in annotation:
        return ["x1"]
    return f"The-{name.replace('_', '-')}"


def builders():
    """Each function that builds a request, once for each client: of several API versions the one that the client takes itself."""
    seen = set()
    for package in pkgutil.walk_packages(azure.mgmt.__path__, "azure.mgmt."):
        if not re.search(r"\.operations\._\w*operations$", package.name) or ".aio." in package.name:
            continue
        module = importlib.import_module(package.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if not re.fullmatch(r"build_\w+_request", name) or function.__module__ != package.name:
                continue
            template = template_of(function)
            if template and (name, template) not in seen:
                seen.add((name, template))
                yield f"{package.name.removeprefix('azure.mgmt.')}.{name[len('build_'):-len('_request')]}", template, function


def main():
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        for operation, template, function in builders():
            arguments = {name: value_of(name, parameter) for name, parameter in inspect.signature(function).parameters.items()
                         if parameter.kind is not parameter.VAR_KEYWORD and parameter.default is parameter.empty}
            try:
                made = function(**arguments)
            except Exception as why:  # a serializer of theirs: whatever it raises, the request is not made
                print(f"not made: {operation}: {why}", file=sys.stderr)
                continue
            path = "/" + made.url.lstrip("/")
            if made.params if hasattr(made, "params") else False:
                path += ("&" if "?" in path else "?") + urllib.parse.urlencode(made.params)
            out.write(json.dumps({"operation": operation, "template": template, "request": {
                "method": made.method, "host": "management.azure.com", "path": path,
                "headers": [[key, value] for key, value in made.headers.items()], "body_b64": ""}}) + "\n")


if __name__ == "__main__":
    main()
