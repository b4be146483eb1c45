"""Strict doubles of Azure's and Google's control planes, for the clouds' own clients. Built from their documents:
https://learn.microsoft.com/rest/api/dns/record-sets and https://cloud.google.com/compute/docs/reference/rest/v1/firewalls. They know
one thing each, and refuse every other request. Clients reach them under the clouds' own names, through a proxy of the test's."""

import http.server
import json
import os
import re
import socket
import socketserver
import threading
import urllib.parse

import tls_servers


class Proxy:
    """Takes HTTP's CONNECT for the hosts it knows, each of which is a port of this machine, and refuses others."""

    def __init__(self, stack, ports):
        refused = self.refused = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                line = self.rfile.readline().decode().split()
                while self.rfile.readline().strip():
                    pass
                host = line[1].rpartition(":")[0] if len(line) == 3 and line[0] == "CONNECT" else None
                if host not in ports:
                    refused.append(line)
                    self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                    return
                with socket.create_connection(("127.0.0.1", ports[host])) as behind:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    back = threading.Thread(target=self.pass_on, args=(behind, self.connection), daemon=True)
                    back.start()
                    self.pass_on(self.connection, behind)
                    back.join()

            @staticmethod
            def pass_on(source, target):
                try:
                    while data := source.recv(65536):
                        target.sendall(data)
                    target.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.cleanup.callback(server.server_close)
        stack.cleanup.callback(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"

    def environment(self, certificate):
        """For clients that take proxy and certificate from the environment: requests, httplib2."""
        return {**os.environ, "HTTPS_PROXY": self.url, "https_proxy": self.url, "NO_PROXY": "", "no_proxy": "",
                "REQUESTS_CA_BUNDLE": str(certificate), "HTTPLIB2_CA_CERTS": str(certificate)}


class Double:
    """A server of one host whose answers `answer(method, path, query, body)` gives as (status, object), None to refuse."""

    def __init__(self, stack, host, answer, token):
        self.host, self.refused = host, []
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                target = urllib.parse.urlsplit(self.path)
                told = None
                if self.headers.get("Host") == host and self.headers.get("Authorization") == f"Bearer {token}":
                    query = urllib.parse.parse_qs(target.query, strict_parsing=bool(target.query))
                    told = answer(self.command, target.path, query, json.loads(body) if body else None)
                if told is None:
                    double.refused.append((self.command, self.path, body))
                status, content = told or (400, {"error": {"code": "InvalidRequest"}})
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("x-ms-request-id", "r-1")
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_PATCH = do_DELETE = do_POST = any

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.certificate = tls_servers.serve(stack, server, host, host)
        self.port = server.server_port


def azure_dns(stack, group, zone, token):
    """Record sets of one zone: PUT sets one, DELETE removes it (2018-05-01)."""
    prefix = f"{group}/providers/Microsoft.Network/dnsZones/{zone}/A/"

    def answer(method, path, query, body):
        if query != {"api-version": ["2018-05-01"]} or not path.startswith(prefix):
            return None
        if method == "DELETE" and body is None:
            return 200, {}
        properties = (body or {}).get("properties", {})
        if method != "PUT" or set(properties) - {"TTL", "ARecords", "metadata"} or not isinstance(properties.get("TTL"), int):
            return None
        if not all(set(record) == {"ipv4Address"} for record in properties["ARecords"]):
            return None
        return 200, {"id": path, "name": path[len(prefix):], "type": "Microsoft.Network/dnszones/A", "properties": properties}
    return Double(stack, "management.azure.com", answer, token)


def google_firewalls(stack, project, token):
    """Firewalls of one project: PATCH changes one, DELETE removes it; both answer with an operation."""
    def answer(method, path, query, body):
        name = re.fullmatch(f"/compute/v1/projects/{project}/global/firewalls/([a-z-]+)", path)
        known = {"allowed", "denied", "sourceRanges", "priority", "disabled", "description"}
        if not name or query != {"alt": ["json"]} or method not in ("PATCH", "DELETE"):
            return None
        if method == "PATCH" and (not body or set(body) - known):
            return None
        return 200, {"kind": "compute#operation", "id": "1", "name": "operation-1", "status": "DONE",
                     "operationType": method.lower(), "targetLink": f"https://www.googleapis.com{path}"}
    return Double(stack, "compute.googleapis.com", answer, token)
