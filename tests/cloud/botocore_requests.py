#!/usr/bin/env python3
"""Every operation that the botocore of this interpreter knows, as the request that it would send: DIR/requests.ndjson (what `plumb
decode` reads) and DIR/expected.ndjson, line for line.

    botocore_requests.py DIR [--full] [--endpoint URL] [--service NAME …]

Input is made up: what a model requires, or with --full every member once. Each protocol of a service and each of its API versions
is a run of its own. Nothing is sent: the signed request is taken where botocore would send it.
"""

import argparse
import base64
import datetime
import json
import logging
import os
import pathlib
import re
import urllib.parse

import botocore
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

REGION = "us-west-2"
LABEL = re.compile(r"\{[^{}]*?(\+?)\}")
TOKEN = "canary-session-token"
# Services whose requests go to an address that another call tells first.
DISCOVERED = {"timestream-write": "https://ingest-cell1.timestream.us-west-2.amazonaws.com",
              "timestream-query": "https://query-cell1.timestream.us-west-2.amazonaws.com",
              "iot-data": "https://abc-ats.iot.us-west-2.amazonaws.com",
              "cloudsearchdomain": "https://search-x-abc.us-west-2.cloudsearch.amazonaws.com",
              "mediastore-data": "https://abc.data.mediastore.us-west-2.amazonaws.com"}


class Taken(Exception):
    def __init__(self, request):
        super().__init__("taken")
        self.request = request


class OneProtocol(Loader):
    """Models as they are, but with one protocol only."""

    protocol = None

    def load_service_model(self, service_name, type_name, api_version=None):
        model = super().load_service_model(service_name, type_name, api_version)
        if type_name == "service-2" and self.protocol:  # the cache below keeps them as they are
            model = {**model, "metadata": {**model["metadata"], "protocol": self.protocol, "protocols": [self.protocol]}}
        return model


class Dummy:
    """Input for a shape: what is required, or all."""

    def __init__(self, service, full):
        self.service, self.full = service, full

    def text(self, shape, name):
        lower = name.lower()
        if lower == "bucket":
            return "my-bucket"
        if lower.endswith("accountid") or lower == "account":
            return "123456789012"
        if lower.endswith("arn") or lower == "resourcename" and self.service == "kinesis":
            kind = "thing/name"
            if self.service == "kinesis":
                kind = next((k for k in ("queue", "channel") if k in lower), "stream") + "/name"
                kind += "/consumer/name:1" if "consumer" in lower else ""
            if self.service == "cloudfront-keyvaluestore":
                return "arn:aws:cloudfront::123456789012:key-value-store/name"
            return f"arn:aws:{self.service}:us-west-2:123456789012:{kind}"
        if lower == "predictendpoint":
            return "https://realtime.machinelearning.us-east-1.amazonaws.com"
        if lower == "endpointid" and self.service in ("events", "sesv2"):
            return ""  # another signature, which needs a library of its own
        value = shape.enum[0] if shape.enum else "value"
        return value.ljust(min(int(shape.metadata.get("min", 0) or 0), 300), "v")

    def of(self, shape, name="", seen=()):
        kind = shape.type_name
        if kind == "structure":
            if getattr(shape, "is_document_type", False):
                return {"key": "value"}
            if shape.name in seen or len(seen) > 12:
                return {}
            below = (*seen, shape.name)
            members = shape.members.items()
            if getattr(shape, "is_tagged_union", False):
                members = list(members)[:1]
            elif not self.full:
                members = [(n, m) for n, m in members if n in shape.required_members]
            made = {n: self.of(m, n, below) for n, m in members}
            return {n: v for n, v in made.items() if v is not None and v != ""}
        if kind == "list":
            if not self.full and not seen and not int(shape.metadata.get("min", 0) or 0):
                return [self.of(shape.member, name, seen)]
            return [] if shape.member.name in seen else [self.of(shape.member, name, seen)]
        if kind == "map":
            return {} if shape.value.name in seen else {self.text(shape.key, "key"): self.of(shape.value, name, seen)}
        if kind in ("string", "character"):
            return self.text(shape, name)
        if kind in ("integer", "long"):
            return int(shape.metadata.get("min", 1) or 1)
        if kind in ("float", "double", "bigdecimal"):
            return 1.0
        return {"blob": b"canary-object", "boolean": True, "timestamp": datetime.datetime(2026, 1, 2)}.get(kind, "value")


def streams_in(model):
    """Requests that are a stream of events need HTTP/2, which botocore does not speak."""
    shape = model.input_shape
    return shape is not None and any(m.serialization.get("eventstream") for m in shape.members.values())


def exchange_of(request):
    url = urllib.parse.urlsplit(request.url)
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        body = body.encode()
    text = [[k, v.decode() if isinstance(v, bytes) else str(v)] for k, v in request.headers.items()]
    path = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
    return {"method": request.method, "scheme": url.scheme, "host": url.netloc, "path": path if path.startswith("/") else "/" + path,
            "headers": text, "body_b64": base64.b64encode(body).decode()}


class Writer:
    def __init__(self, folder, arguments):
        self.requests, self.expected = open(folder / "requests.ndjson", "w"), open(folder / "expected.ndjson", "w")
        self.arguments, self.refused = arguments, []
        self.session = botocore.session.Session()
        self.loader = OneProtocol()
        self.loader.search_paths.append(self.loader.BUILTIN_DATA_PATH)
        self.session.register_component("data_loader", self.loader)
        # Of no account: so old that none is in it.
        self.session.set_credentials("AKIAIOSFODNN7EXAMPLE", "canary-secret-key", TOKEN)

    def client(self, service, version, protocol):
        self.loader.protocol = protocol
        # Tokens of its own, or a signature that needs a library of its own: what is signed is told from what is not elsewhere.
        unsigned = service == "cloudfront-keyvaluestore" or self.loader.load_service_model(service, "service-2", version)["metadata"].get("signatureVersion") == "bearer"
        config = Config(parameter_validation=False, endpoint_discovery_enabled=False, retries={"max_attempts": 0},
                        **({"signature_version": botocore.UNSIGNED} if unsigned else {}))
        client = self.session.create_client(service, REGION, api_version=version, config=config,
                                            endpoint_url=self.arguments.endpoint or DISCOVERED.get(service))

        def take(request, **_):
            raise Taken(request)
        client.meta.events.register_first("before-send", take)
        return client

    def run(self, service, version, protocol):
        client = self.client(service, version, protocol)
        methods = {v: k for k, v in client.meta.method_to_api_mapping.items()}
        used = client.meta.service_model.metadata["protocol"] if not protocol else protocol
        for operation in client.meta.service_model.operation_names:
            model = client.meta.service_model.operation_model(operation)
            # What a host without a name has to tell it by.
            wire = [client.meta.service_model.signing_name, model.http.get("method"), LABEL.sub(r"{\1}", model.http.get("requestUri", ""))]
            case = {"service": service, "operation": operation, "version": version, "protocol": used, "wire": wire}
            if streams_in(model):
                self.refused.append({**case, "why": "event stream"})
                continue
            made = Dummy(service, self.arguments.full).of(model.input_shape) if model.input_shape else {}
            try:
                getattr(client, methods[operation])(**made)
                self.refused.append({**case, "why": "sent nothing"})
            except Taken as taken:
                print(json.dumps(exchange_of(taken.request)), file=self.requests)
                print(json.dumps(case), file=self.expected)
            except Exception as error:  # noqa: BLE001: whatever a made-up input breaks is told
                self.refused.append({**case, "why": f"{type(error).__name__}: {error}"[:200]})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--endpoint")
    parser.add_argument("--service", action="append")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/dev/null"
    writer = Writer(arguments.folder, arguments)
    for service in arguments.service or sorted(writer.loader.list_available_services("service-2")):
        for version in writer.loader.list_api_versions(service, "service-2"):
            writer.loader.protocol = None
            metadata = writer.loader.load_service_model(service, "service-2", version)["metadata"]
            for protocol in metadata.get("protocols") or [metadata["protocol"]]:
                try:
                    writer.run(service, version, protocol)
                except Exception as error:  # noqa: BLE001: a service that cannot be had at all
                    writer.refused.append({"service": service, "version": version, "protocol": protocol, "operation": "*",
                                           "why": f"{type(error).__name__}: {error}"[:200]})
    (arguments.folder / "refused.json").write_text(json.dumps(writer.refused))


if __name__ == "__main__":
    main()
