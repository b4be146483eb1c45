"""Servers of a test's own that speak TLS, each by a certificate of its own."""

import http.client
import http.server
import socket
import socketserver
import ssl
import subprocess
import threading
import urllib.parse


def certificate(stack, name, host="localhost"):
    """The files of a key and of the host's certificate, which clients are told to trust as it is."""
    key, made = stack.dir / f"{name}.key", stack.dir / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-addext", "basicConstraints=critical,CA:FALSE",
                    "-keyout", key, "-out", made], check=True, capture_output=True)
    return key, made


def serve(stack, server, name, host="localhost"):
    """Puts TLS before a server of http.server and runs it until the test ends; returns its certificate."""
    key, made = certificate(stack, name, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.cleanup.callback(server.server_close)
    stack.cleanup.callback(server.shutdown)
    return made


class SocketFileServer(http.server.ThreadingHTTPServer):
    address_family = socket.AF_UNIX
    server_bind = socketserver.TCPServer.server_bind  # HTTPServer's asks for the host's name


class Ec2:
    """A double of EC2 for clients that speak HTTPS and nothing of AWS: it takes DeleteSecurityGroup of a group that it has not been
    asked for before, signed for EC2, and refuses all else. It listens on a port of this machine, whatever host it is certified to
    be, or on a socket file."""

    def __init__(self, stack, socket_file=None, host="localhost"):
        known, self.refused = set(), []
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), strict_parsing=True)
                group = form.get("GroupId", [""])[0]
                good = (self.path == "/" and form.get("Action") == ["DeleteSecurityGroup"] and form.get("Version") == ["2016-11-15"]
                        and "/ec2/aws4_request" in self.headers.get("Authorization", "") and group and group not in known)
                known.add(group)
                if not good:
                    double.refused.append((self.path, form))
                body = (b"<DeleteSecurityGroupResponse><requestId>r-1</requestId><return>true</return></DeleteSecurityGroupResponse>"
                        if good else b"<Response><Errors><Error><Code>InvalidParameterValue</Code></Error></Errors></Response>")
                self.send_response(200 if good else 400)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = (SocketFileServer(str(socket_file), Handler) if socket_file else
                  http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        self.certificate = serve(stack, server, "ec2", host)
        self.port = None if socket_file else server.server_port


class Yes:
    """A server of somebody's own that says of whatever it is asked that it is done, and does nothing."""

    def __init__(self, stack, host, body):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.certificate = serve(stack, server, "yes", host)
        self.port = server.server_port


class TlsFront:
    """TLS before the collector, as a reverse proxy would be."""

    def __init__(self, stack):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                behind = http.client.HTTPConnection("127.0.0.1", stack.collector_port, timeout=10)
                behind.request("GET", self.path)
                answer = behind.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.getheader("Content-Type", ""))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.certificate = serve(stack, server, "front")
        self.port = server.server_port
