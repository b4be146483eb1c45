"""Calls of Azure and Google Cloud by their own clients. The control planes are strict doubles: neither cloud has a server to run."""

import json
import subprocess

import harness
from cloud_doubles import Proxy, azure_dns, google_firewalls
from harness import Skip
from watched_calls import start, state

TOKEN = "plumbline-canary-token"
GROUP = "/subscriptions/8f3d1a52-0000-4000-8000-000000000001/resourceGroups/shop"

AZURE = """
import os
from azure.core.credentials import AccessToken
from azure.mgmt.dns import DnsManagementClient

class Fixed:
    def get_token(self, *scopes, **options):
        return AccessToken(os.environ["TOKEN"], 4102444800)

records = DnsManagementClient(Fixed(), "8f3d1a52-0000-4000-8000-000000000001").record_sets
records.create_or_update("shop", "shop.example", "web", "A", {"ttl": 60, "a_records": [{"ipv4_address": "192.0.2.66"}]})
records.delete("shop", "shop.example", "old", "A")
"""

GOOGLE = """
import os
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build

firewalls = build("compute", "v1", credentials=Credentials(token=os.environ["TOKEN"])).firewalls()
firewalls.patch(project="shop-1", firewall="web", body={"sourceRanges": ["0.0.0.0/0"]}).execute()
firewalls.delete(project="shop-1", firewall="old").execute()
"""


def python_with(name):
    built = subprocess.run([harness.ROOT / f"tests/harness/{name}/build.sh"], capture_output=True, text=True)
    if built.returncode != 0:
        raise Skip(f"{name} cannot be installed here: {built.stderr.strip().splitlines()[-1:]}")
    return built.stdout.strip() + "/bin/python"


def call(stack, double, python, program, wanted):
    """Runs the client, and gives the drift of each wanted resource."""
    proxy = Proxy(stack, {double.host: double.port})
    with subprocess.Popen([python, "-c", program], env={**proxy.environment(double.certificate), "TOKEN": TOKEN}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as client:
        said = client.communicate(timeout=120)[0]
    assert client.returncode == 0, (said, double.refused, proxy.refused)
    assert double.refused == [], double.refused

    def drift(resource):
        return harness.wait(lambda: next((d for d in stack.drifts() if d["resource"] == resource), None), resource)
    drifts = {resource: drift(resource) for resource in wanted}
    assert len(stack.drifts()) == len(wanted), stack.drifts()
    for found in drifts.values():
        assert (found["verdict"], found["call"]["outcome"]) == ("out_of_band", "succeeded"), found
        assert found["actor"]["process"]["pid"] == client.pid, found["actor"]
    assert TOKEN not in json.dumps([stack.drifts(), stack.findings(), stack.api("/v1/status")])
    return drifts


def test_a_call_of_azure_by_its_own_client(stack):
    python = python_with("azure-client")
    zone = f"{GROUP}/providers/Microsoft.Network/dnsZones/shop.example"
    state(stack.dir / "net.tfstate",
          ("azurerm_dns_a_record", "web", {"id": f"{zone}/A/web", "name": "web", "zone_name": "shop.example", "ttl": 300, "records": ["192.0.2.1"]}),
          ("azurerm_dns_a_record", "old", {"id": f"{zone}/A/old", "name": "old", "zone_name": "shop.example", "ttl": 300, "records": ["192.0.2.2"]}),
          ("azurerm_dns_a_record", "other", {"id": f"{zone}/A/other", "name": "other", "zone_name": "shop.example"}))
    start(stack, ["/usr/lib/x86_64-linux-gnu", "/usr/bin"])
    web, old = "tofu:net/azurerm_dns_a_record.web", "tofu:net/azurerm_dns_a_record.old"
    drifts = call(stack, azure_dns(stack, GROUP, "shop.example", TOKEN), python, AZURE, [web, old])
    assert drifts[web]["call"]["operation"] == "dnsZones/A/write", drifts[web]["call"]
    assert drifts[old]["call"]["operation"] == "dnsZones/A/delete", drifts[old]["call"]
    assert [(d["attribute"], d["expected"], d["live"]) for d in drifts[web]["diff"]] == [("ttl", "300", "60")], drifts[web]["diff"]


def test_a_call_of_google_by_its_own_client(stack):
    python = python_with("google-client")
    path = "projects/shop-1/global/firewalls"
    state(stack.dir / "net.tfstate",
          ("google_compute_firewall", "web", {"id": f"{path}/web", "name": "web", "project": "shop-1", "source_ranges": ["192.0.2.0/24"]}),
          ("google_compute_firewall", "old", {"id": f"{path}/old", "name": "old", "project": "shop-1"}),
          ("google_compute_firewall", "other", {"id": f"{path}/other", "name": "other", "project": "shop-1"}))
    start(stack, ["/usr/lib/x86_64-linux-gnu", "/usr/bin"])
    web, old = "tofu:net/google_compute_firewall.web", "tofu:net/google_compute_firewall.old"
    drifts = call(stack, google_firewalls(stack, "shop-1", TOKEN), python, GOOGLE, [web, old])
    assert drifts[web]["call"]["operation"] == "firewalls.patch", drifts[web]["call"]
    assert [(d["attribute"], json.loads(d["live"])) for d in drifts[web]["diff"]] == [("source_ranges", ["0.0.0.0/0"])], drifts[web]["diff"]
    assert drifts[old]["call"]["operation"] == "firewalls.delete", drifts[old]["call"]
