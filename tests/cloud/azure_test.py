#!/usr/bin/env python3
"""All of what Azure's own Python clients ask Azure Resource Manager for: each request must get provider, types and verb of the path that
the client's source has, and each write the id of what it writes.

    azure_test.py [--write]      --write also makes Azure's part of docs/coverage.md

Ends with 1 where one request is wrong or unnamed, a write is without its id, or the page says something else than was found; 77 where
the clients cannot be had.
"""

import base64
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

import coverage_page

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLUMB = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/release")) / "plumb"
TABLE = ROOT / "cloud/tables/azure_terraform_types.tsv"
VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "action"}


def expected(case):
    """(provider, types, verb, whether one resource is named), of the client's own template; None where that says too little: all of the
    path is one parameter. Where a type is a parameter (a DNS record's), it is what the request has there."""
    template, sent = case["template"].split("?")[0].strip("/"), case["request"]["path"].split("?")[0].strip("/")
    provider, rest, got = "Microsoft.Resources", template.split("/"), sent.split("/")
    if "providers/" in template:
        provider, *rest = template.rsplit("providers/", 1)[1].split("/")
        got = sent.split("/")[-len(rest):] if rest else []
    elif rest[0].startswith("{"):
        return None
    if provider.startswith("{"):
        return None
    rest = [actual if part.startswith("{") else part for part, actual in zip(rest, got, strict=True) if part]
    verb = VERBS[case["request"]["method"]]
    action = rest.pop() if verb == "action" and len(rest) % 2 else ""
    types = "/".join(rest[0::2] + ([action] if action else []))
    return provider, types, verb, len(rest) > 0 and len(rest) % 2 == 0


def requests_of(folder):
    built = subprocess.run([ROOT / "tests/harness/azure-client/build.sh"], capture_output=True, text=True)
    if built.returncode != 0:
        print(f"SKIP: Azure's clients cannot be had: {(built.stderr.strip().splitlines() or ['?'])[-1]}")
        sys.exit(77)
    file = pathlib.Path(folder) / "requests"
    subprocess.run([pathlib.Path(built.stdout.strip()) / "bin/python", HERE / "azure_requests.py", file], check=True)
    return [json.loads(line) for line in file.read_text().splitlines()]


def decoded(requests):
    done = subprocess.run([PLUMB, "decode"], input="".join(json.dumps(request) + "\n" for request in requests),
                          capture_output=True, text=True, timeout=600, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


SUBSCRIPTION = "/subscriptions/8f3d1a52-0000-4000-8000-000000000001"
# Whose a resource may be, as azurerm's names say it: a path.
SCOPES = {"resource_group": SUBSCRIPTION + "/resourceGroups/R", "subscription": SUBSCRIPTION, "tenant": "",
          "management_group": "/providers/Microsoft.Management/managementGroups/m", "billing_account": "/providers/Microsoft.Billing/billingAccounts/b",
          "resource": SUBSCRIPTION + "/resourceGroups/R/providers/Microsoft.Network/virtualNetworks/n"}


# Types of Azure that are several of azurerm, of which the body or the name says which: Azure's words for them
# (https://learn.microsoft.com/azure/templates), each with the end of azurerm's name.
SAID = {
    "microsoft.compute/virtualmachines": {"linux_virtual_machine": {"properties": {"osProfile": {"linuxConfiguration": {}}}},
                                          "windows_virtual_machine": {"properties": {"osProfile": {"windowsConfiguration": {}}}}},
    "microsoft.web/sites": {"linux_web_app": {"kind": "app,linux"}, "windows_web_app": {"kind": "app"},
                            "linux_function_app": {"kind": "functionapp,linux"}, "windows_function_app": {"kind": "functionapp"}},
    "microsoft.web/sites/slots": {"linux_web_app_slot": {"kind": "app,linux"}, "linux_function_app_slot": {"kind": "functionapp,linux"}},
    "microsoft.datafactory/factories/triggers": {end: {"properties": {"type": word}} for end, word in (
        ("blob_event", "BlobEventsTrigger"), ("custom_event", "CustomEventsTrigger"), ("schedule", "ScheduleTrigger"),
        ("tumbling_window", "TumblingWindowTrigger"))},
    "microsoft.datafactory/factories/credentials": {"service_principal": {"properties": {"type": "ServicePrincipal"}},
                                                    "user_managed_identity": {"properties": {"type": "ManagedIdentity"}}},
    "microsoft.operationalinsights/workspaces/datasources": {"windows_event": {"kind": "WindowsEvent"},
                                                             "windows_performance_counter": {"kind": "WindowsPerformanceCounter"}},
    "microsoft.digitaltwins/digitaltwinsinstances/endpoints": {end.lower(): {"properties": {"endpointType": end}}
                                                               for end in ("EventGrid", "EventHub", "ServiceBus")},
    "microsoft.kusto/clusters/databases/dataconnections": {end.lower() + "_data_connection": {"kind": end}
                                                           for end in ("EventHub", "EventGrid", "IotHub", "CosmosDb")},
    "microsoft.resources/deploymentscripts": {"azure_cli": {"kind": "AzureCLI"}, "azure_power_shell": {"kind": "AzurePowerShell"}},
    "microsoft.machinelearningservices/workspaces/outboundrules": {end: {"properties": {"type": word}} for end, word in (
        ("fqdn", "FQDN"), ("private_endpoint", "PrivateEndpoint"), ("service_tag", "ServiceTag"))},
    "microsoft.apimanagement/service/identityproviders": {f"provider_{name}": name for name in (
        "aad", "aadb2c", "facebook", "google", "microsoft", "twitter")},
    "microsoft.botservice/botservices/channels": {end: {"properties": {"channelName": word}} for end, word in (
        ("facebook", "FacebookChannel"), ("channel_line", "LineChannel"), ("slack", "SlackChannel"), ("sms", "SmsChannel"),
        ("directline", "DirectLineChannel"), ("ms_teams", "MsTeamsChannel"), ("email", "EmailChannel"), ("alexa", "AlexaChannel"),
        ("web_chat", "WebChatChannel"), ("direct_line_speech", "DirectLineSpeechChannel"))},
    "microsoft.signalrservice/webpubsub": {"web_pubsub_socketio": {"kind": "SocketIO"}, "web_pubsub": {"kind": "WebPubSub"}},
}


def types_of_azurerm():
    """Type of Azure, in small letters → types of azurerm that stand for it."""
    found = collections.defaultdict(list)
    for line in TABLE.read_text().splitlines():
        if not line.startswith("#"):
            terraform, azure = line.split("\t")[:2]
            found[azure.lower()].append(terraform)
    return found


def scope_said_by(name):
    for word in ("resource_group", "management_group", "subscription", "tenant", "billing_account"):
        if word in name:
            return word
    return "resource" if name.startswith("azurerm_resource_") else ""


def writes_of(azure, names):
    """(path, body, the type of azurerm that has to come first, None where several could) for each way to say which of `names` is meant."""
    provider, *types = azure.split("/")
    tail = f"/providers/{provider}/" + "/".join(f"{kind}/n{i}" for i, kind in enumerate(types))
    by_scope = {scope_said_by(name): name for name in names}
    if len(names) == 1:
        yield SCOPES["resource_group"] + tail, {}, names[0]
    elif len(by_scope) == len(names):
        for scope, name in by_scope.items():
            yield SCOPES[scope or "subscription"] + tail, {}, name
    elif azure in SAID:
        for end, said in SAID[azure].items():
            path = tail if isinstance(said, dict) else f"{tail.rpartition('/')[0]}/{said}"
            yield SCOPES["resource_group"] + path, said if isinstance(said, dict) else {}, next(n for n in names if n.endswith(end))
    else:
        yield SCOPES["resource_group"] + tail, {}, None


def check_table():
    """Counts of the types of Azure that azurerm has: by how it is known which of azurerm's is meant; and "wrong"."""
    table = types_of_azurerm()
    asked = [(azure, *write) for azure, names in table.items() for write in writes_of(azure, names)]
    requests = [{"method": "PUT", "host": "management.azure.com", "headers": [], "path": path + "?api-version=2024-01-01",
                 "body_b64": base64.b64encode(json.dumps(body).encode()).decode()} for _, path, body, _ in asked]
    counts = collections.Counter({word: 0 for word in ("one", "by scope", "by body", "several", "wrong")})
    seen = set()
    for (azure, path, body, first), answer in zip(asked, decoded(requests), strict=True):
        got = [t["type"] for t in answer.get("resources", [{}])[0].get("iac_types", ()) if t["type"].startswith("azurerm_")]
        if sorted(got) != sorted(table[azure]) or (first and got[0] != first):
            counts["wrong"] += 1
            print("wrong:", path, body, "wanted", first or table[azure], "got", got)
        if azure not in seen:
            seen.add(azure)
            counts["one" if len(table[azure]) == 1 else "several" if first is None else "by body" if azure in SAID else "by scope"] += 1
    return counts


def main():
    with tempfile.TemporaryDirectory(prefix="plumbline-azure-") as folder:
        cases = requests_of(folder)
    counts, bad, written, with_type = collections.Counter(), [], set(), set()
    for case, answer in zip(cases, decoded([case["request"] for case in cases]), strict=True):
        wanted = expected(case)
        if wanted is None:
            counts["excused"] += 1
            continue
        provider, types, verb, named = wanted
        right = (answer.get("provider") == "azure" and answer.get("service") == provider and
                 answer.get("operation") == "/".join(part for part in (types, verb) if part))
        path = urllib.parse.unquote(case["request"]["path"].split("?")[0])
        if right and verb in ("write", "delete") and named:
            touched = answer["resources"][0]
            counts["writes"] += 1
            written.add(touched["type"].lower())
            if any(t["type"].startswith("azurerm_") for t in touched.get("iac_types", ())):
                with_type.add(touched["type"].lower())
            right = touched["type"].lower() == f"{provider}/{types}".lower() and path in touched["ids"]
        counts["right" if right else "wrong"] += 1
        if not right:
            bad.append((case["operation"], wanted, answer.get("service"), answer.get("operation"), path, answer.get("why")))
    for line in bad[:int(os.environ.get("SHOW", "20"))]:
        print("wrong:", *line)
    types = check_table()
    clients = sum(line.startswith("azure-mgmt-") and not line.startswith("azure-mgmt-core=")
                  for line in (ROOT / "tests/harness/azure-client/requirements.txt").read_text().splitlines())
    known = types['one'] + types['by scope'] + types['by body'] + types['several']
    told = known - types['several']
    page = f"""## Azure

By `tests/cloud/azure_test.py`: Azure Resource Manager, as {clients} of Azure's own Python clients ask it (`tests/harness/azure-client`).

| Figure | |
| --- | --- |
| Requests, one of each operation | {counts['right'] + counts['wrong']} |
| … named rightly: provider, types, verb | {counts['right']} |
| … whose whole path is one parameter of the client, so that its source says nothing of it | {counts['excused']} |
| Writes of one resource, all with its id | {counts['writes']} |
| Types of Azure that these write / of them with a type of azurerm | {len(written)} / {len(with_type)} |
| Types of Azure that azurerm 4 has something of | {known} |
| … with one type of azurerm | {types['one']} |
| … with several, one for each scope (a subscription's, a group's, a resource's) | {types['by scope']} |
| … with several, of which the body or the name says which | {types['by body']} |
| … so that the type is known | {told / known:.1%} |

Of the others all types of azurerm are candidates, those first that the body speaks for.
"""
    if "--write" in sys.argv[1:]:
        coverage_page.write("azure", page)
    stale = coverage_page.told("azure") != page.strip("\n")
    print(page)
    if stale:
        print("docs/coverage.md says something else; run this with --write")
    return 1 if bad or types['wrong'] or stale or counts["right"] < 6500 else 0


if __name__ == "__main__":
    sys.exit(main())
