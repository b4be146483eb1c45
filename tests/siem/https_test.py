#!/usr/bin/env python3
"""HTTP sinks over TLS: a destination that asks for a certificate, certificates that are replaced while the sink runs, and
redirects, which are not followed."""

import http.server
import ssl
import subprocess
import threading

from siem import Collector, Records, main, wait


def certificates(folder, ca="ca"):
    """A CA, and what it signed for localhost: CA-server and CA-client."""
    def run(*command):
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("openssl", "req", "-x509", *key, "-days", "2", "-subj", f"/CN={ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
    (folder / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in (f"{ca}-server", f"{ca}-client"):
        run("openssl", "req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
            "-days", "2", "-extfile", "ext", "-out", f"{name}.pem")


class Destination:
    """Takes events of who shows a certificate of `ca`; tells whose it was."""

    def __init__(self, folder, ca, port=0, location=None):
        outer = self
        self.got, self.names = [], []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.got.append(self.rfile.read(int(self.headers["Content-Length"])))
                certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
                outer.names.append(certificate and dict(x[0] for x in certificate["subject"])["commonName"])
                self.send_response(307 if location else 204)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")  # or it would outlive the destination
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if ca:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / f"{ca}-server.pem", folder / f"{ca}-server.key")
            context.load_verify_locations(folder / f"{ca}.pem")
            context.verify_mode = ssl.CERT_REQUIRED
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def install(folder, ca):
    """Puts certificates where the sink looks, as a rotation does it: by renaming."""
    for name, source in (("trust.pem", f"{ca}.pem"), ("own.pem", f"{ca}-client.pem"), ("own.key", f"{ca}-client.key")):
        (folder / "new").write_bytes((folder / source).read_bytes())
        (folder / "new").rename(folder / name)


def test_certificates_are_shown_and_read_again():
    collector, records = Collector(), Records()
    for ca in ("ca", "next"):
        certificates(collector.dir, ca)
    install(collector.dir, "ca")
    destination = Destination(collector.dir, "ca")
    collector.sinks = (f"{{name: soc, webhook: {{url: \"https://localhost:{destination.port}/\", ca_file: DIR/trust.pem, "
                       "certificate_file: DIR/own.pem, key_file: DIR/own.key, format: ocsf}}",)
    with collector:
        collector.post([records.finding("file:/etc/a", "d-a")])
        wait(lambda: destination.names == ["ca-client"], "the event, with our certificate")
        destination.stop()
        destination = Destination(collector.dir, "next", destination.port)  # another CA for both sides
        collector.post([records.finding("file:/etc/b", "d-b")])
        wait(lambda: collector.sink("soc")["last_error"], "a destination that is not trusted to be refused")
        assert destination.got == []
        install(collector.dir, "next")
        wait(lambda: destination.names == ["next-client"], "the event, with the new certificate")
        assert b'"class_uid":2004' in destination.got[0]
        destination.stop()


def test_without_a_certificate_nothing_counts_as_delivered():
    collector = Collector()
    certificates(collector.dir)
    destination = Destination(collector.dir, "ca")
    collector.sinks = (f"{{name: soc, webhook: {{url: \"https://localhost:{destination.port}/\", ca_file: DIR/ca.pem}}}}",)
    with collector:
        collector.post([Records().finding("file:/etc/a", "d-a")])
        wait(lambda: collector.sink("soc")["last_error"], "the refusal")
        assert collector.sink("soc")["delivered"] == 0 and destination.got == []
    destination.stop()


def test_no_redirect_is_followed():
    elsewhere = Destination(None, None)
    collector = Collector()
    certificates(collector.dir)
    destination = Destination(None, None, location=f"http://127.0.0.1:{elsewhere.port}/")
    (collector.dir / "token").write_text("secret-token\n")
    url = f"http://127.0.0.1:{destination.port}"
    collector.sinks = (f"{{name: hook, webhook: {{url: \"{url}/\"}}}}",
                       f"{{name: es, elasticsearch: {{url: \"{url}\", token_file: DIR/token}}}}",
                       f"{{name: hec, splunk: {{url: \"{url}\", token_file: DIR/token}}}}",
                       f"{{name: otel, otlp: {{url: \"{url}/v1/logs\", token_file: DIR/token}}}}")
    with collector:
        collector.post([Records().finding("file:/etc/a", "d-a")])
        for name in ("hook", "es", "hec", "otel"):
            wait(lambda: collector.sink(name)["state"] == "paused", f"{name} to pause: {collector.sink(name)}")
            assert "redirects are not followed" in collector.sink(name)["last_error"]
        assert elsewhere.got == []
        assert "secret-token" not in (collector.dir / "log").read_text()
    destination.stop()
    elsewhere.stop()


if __name__ == "__main__":
    main(test_certificates_are_shown_and_read_again, test_without_a_certificate_nothing_counts_as_delivered,
         test_no_redirect_is_followed)
