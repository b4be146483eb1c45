#!/usr/bin/env python3
"""Makes cloud/tables/gcp_*.tsv of Google's discovery documents and of what Terraform's provider is generated from.

    gcp_methods.py --documents FOLDER --resources gcp-terraform-resources.tsv --fields gcp-terraform-fields.tsv

--documents: googleapiclient/discovery_cache/documents of the Python package google-api-python-client. --resources, --fields: types
of magic-modules' mmv1/products reduced to rows (cloud/tables/README.md says which columns).
"""

import argparse
import collections
import json
import pathlib
import re

TABLES = pathlib.Path(__file__).resolve().parents[1] / "tables"
DRY_RUNS = ("validateOnly", "dryRun")


def methods_of(resource):
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from methods_of(inner)


def is_stable(version):
    return "alpha" not in version and "beta" not in version


def template_of(path, version):
    """Labels are {}, the document's version is {v}."""
    parts = re.sub(r"\{[^}]*\}", "{}", path).strip("/").split("/")
    versions = {version, version.split("_")[-1]}
    # compute's "preview" document is of v1's paths.
    is_version = [part in versions or (place < 2 and re.fullmatch(r"v\d+([a-z]+\d*)?|alpha|beta", part))
                  for place, part in enumerate(parts)]
    return "/".join("{v}" if version else part for part, version in zip(parts, is_version))


def dry_run_of(document, method):
    """The key by which a method is asked only whether it would work: of the query with a "?", else of the body; "" = it has none."""
    body = document.get("schemas", {}).get(method.get("request", {}).get("$ref"), {}).get("properties", {})
    found = ["?" + name for name in DRY_RUNS if method.get("parameters", {}).get(name, {}).get("location") == "query"]
    found += [name for name in DRY_RUNS if body.get(name, {}).get("type") in ("boolean", "string")]
    return found[0] if found else ""


def literals(template):
    return [part.split(":")[0] for part in template.split("/") if part.split(":")[0] not in ("{}", "{v}", "")]


def read_documents(folder):
    documents = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json")) if file.name != "index.json"]
    documents = [document for document in documents if document.get("kind") == "discovery#restDescription"]
    documents.sort(key=lambda one: (is_stable(one["version"]), one["version"]))  # what is stable, and newest, comes last
    apis, methods = collections.defaultdict(set), {}
    for document in documents:
        api, base = document["name"], document.get("servicePath", "")
        host = document["rootUrl"].split("/")[2]
        apis[api].add(host)
        for method in methods_of(document):
            template = template_of(base + method.get("flatPath", method["path"]), document["version"])
            methods[api, method["httpMethod"], template] = method["id"].split(".", 1)[1], dry_run_of(document, method)
    return apis, methods


def shortened(template, api, name):
    """"~get" where the name is the path's literals and a verb, which is so for most."""
    words = [word for word in literals(template) if word != api]
    prefix, _, verb = name.rpartition(".")
    if words and words[-1] == verb:
        words.pop()
    return "~" + verb if prefix == ".".join(words) else name


def resource_key(api, template, verb, name):
    """"compute:projects/zones/instances" of the thing that a method is about."""
    parts = template.split(":")[0].split("/") if ":" in template else template.split("/")
    last = name.rpartition(".")[2]
    if len(parts) > 1 and parts[-1] == last:
        parts = parts[:-1]
    words = [word for word in parts if word not in ("{}", "{v}", api)]
    return f"{api}:{'/'.join(words)}"


def terraform_types(path, keys):
    """Each type's URLs against the keys that the documents have."""
    found = collections.defaultdict(set)
    by_api = collections.defaultdict(set)
    for key in keys:
        by_api[key.split(":")[0]].add(key.split(":")[1])
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            continue
        name, product, base, link, create, *_ = (line + "\t" * 10).split("\t")
        host = re.search(r"//(?:www\.)?([\w-]*?-)?(?:\{\{\w+\}\}-)?([\w]+)\.googleapis\.com/([\w]*)", product)
        if not host:
            continue
        apis = [host[2], host[3]] if host[2] in ("googleapis", "www") else [host[2]]
        for url in (link, base, create):
            url = url.split("?")[0].split(":")[0]
            words = [word for word in url.strip("/").split("/") if word and "{{" not in word]
            if not words:
                continue
            suffix = "/".join(words)
            whole = url.startswith(("projects/", "b/", "organizations/", "folders/"))
            hits = [(api, key) for api in apis for key in by_api.get(api, ())
                    if key == suffix or (not whole and key.endswith("/" + suffix)) or
                    (whole and "/".join(words[1:]) and key == "/".join(words))]
            for api, key in hits:
                found[f"{api}:{key}"].add(name)
            if hits:
                break
    return found


# Types that the provider's code makes rather than its tables, or whose tables name no path of their own: type → keys.
BY_HAND = {
    "google_access_context_manager_access_level_condition": ["accesscontextmanager:accessPolicies/accessLevels"],
    **{f"google_access_context_manager_{kind}": ["accesscontextmanager:accessPolicies/servicePerimeters"]  # parts of a perimeter
       for kind in ("egress_policy", "ingress_policy", "service_perimeter_dry_run_egress_policy", "service_perimeter_dry_run_ingress_policy",
                    "service_perimeter_dry_run_resource", "service_perimeter_egress_policy", "service_perimeter_ingress_policy",
                    "service_perimeter_resource")},
    "google_container_cluster": ["container:projects/locations/clusters", "container:projects/zones/clusters"],
    "google_container_node_pool": ["container:projects/locations/clusters/nodePools", "container:projects/zones/clusters/nodePools"],
    "google_document_ai_processor_default_version": ["documentai:projects/locations/processors"],
    "google_secret_manager_regional_secret_version": ["secretmanager:projects/locations/secrets/versions"],
    "google_secret_manager_secret_version": ["secretmanager:projects/secrets/versions"],
}


def fits(wanted, template):
    """Whether a path of the provider's ("{{x}}" anything) is one of the document's ("{}" anything; its literals are literal). A first
    "{{crypto_key}}" stands for a whole name, which ends with what it is called after."""
    if len(wanted) < len(template) and wanted[0] == "{v}" and len(wanted) > 2 and wanted[1].startswith("{{"):
        noun = wanted[1].strip("{}").lower().replace("_", "").removesuffix("name").removesuffix("id")
        rest = wanted[2:]
        at = len(template) - len(rest)
        name = template[1:at]
        if len(name) >= 2 and name[-1] == "{}" and (noun == "parent" or name[-2].lower().removesuffix("s").endswith(noun)):
            return template[0] == "{v}" and all(t == "{}" or t == w for w, t in zip(rest, template[at:]))
        return False
    return len(wanted) == len(template) and all(t == "{}" or t == w or (t == "{v}" and w == "{v}") for w, t in zip(wanted, template))


def by_template(path, methods, known):
    """Of types that terraform_types() does not find: those whose whole path is one of the documents'."""
    found = collections.defaultdict(set)
    templates = collections.defaultdict(set)
    for (api, verb, template), (name, _) in methods.items():
        templates[api].add((template.split(":")[0], resource_key(api, template, verb, name)))
    for line in path.read_text().splitlines():
        name, product, base, link, create, *_ = (line + "\t" * 10).split("\t")
        host = re.match(r"https://(?:www\.)?(?:\{\{\w+\}\}-)?([\w-]+?)(?:\.\{\{\w+\}\}\.rep)?\.googleapis\.com/(.*)", product)
        if line.startswith("#") or name in known or not host:
            continue
        for url in (link, base, create):
            whole = (host[2] + url).split("?")[0]
            if ":" in url or not url.strip("/"):
                continue
            wanted = ["{v}" if re.fullmatch(r"v\d+\w*", part) else part for part in whole.strip("/").split("/")]
            hits = {key for template, key in templates.get(host[1], ()) if fits(wanted, template.split("/"))}
            for key in hits:
                found[key].add(name)
            if hits:
                break
    return found


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def renamed_fields(path, types):
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            continue
        name, field, attribute, *_ = line.split("\t")
        if name in types and attribute != ".".join(snake(part) for part in field.split(".")):
            yield f"{name}\t{field}\t{attribute}"


def main():
    arguments = argparse.ArgumentParser()
    for name in ("documents", "resources", "fields"):
        arguments.add_argument(f"--{name}", type=pathlib.Path, required=True)
    given = arguments.parse_args()
    apis, methods = read_documents(given.documents)
    rows, keys = [], set()
    for (api, verb, template), (name, dry_run) in sorted(methods.items()):
        rows.append(f"{api}\t{verb}\t{template}\t{shortened(template, api, name)}\t{dry_run}".rstrip("\t"))
        keys.add(resource_key(api, template, verb, name))
    types = terraform_types(given.resources, keys)
    for key, names in by_template(given.resources, methods, set().union(*types.values())).items():
        types[key] |= names
    for name, found in BY_HAND.items():
        for key in found:
            if key not in keys:
                raise SystemExit(f"{name}: no method is about {key}")
            types[key].add(name)
    tables = {
        "gcp_apis.tsv": ["# api\thosts"] + [f"{api}\t{','.join(sorted(hosts))}" for api, hosts in sorted(apis.items())],
        "gcp_methods.tsv": ["# api\tverb\tpath\tmethod (~: behind the path's words)\tdry run"] + rows,
        "gcp_terraform_types.tsv": ["# resource\tterraform types"] +
                                   [f"{key}\t{','.join(sorted(names))}" for key, names in sorted(types.items())],
        "gcp_terraform_fields.tsv": ["# terraform type\tfield\tattribute, where it is not the field in snake case"] +
                                    sorted(set(renamed_fields(given.fields, set().union(*types.values())))),
    }
    for name, lines in tables.items():
        (TABLES / name).write_text("\n".join(lines) + "\n")
        print(f"{name}: {len(lines) - 1} rows, {sum(len(line) + 1 for line in lines)} bytes")
    print(f"terraform types: {len(set().union(*types.values()))}")


if __name__ == "__main__":
    main()
