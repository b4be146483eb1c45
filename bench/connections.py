"""What a connection that waits costs the collector: in clear, and by TLS with a client's certificate."""

import socket
import ssl

from certificates import Authority
from harness import Stack, wait

COUNT = 1_000


def rss_kib(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def measured(stack, context):
    def connect():
        connection = socket.create_connection(("localhost", stack.collector_port))
        if context:
            connection = context.wrap_socket(connection, server_hostname="localhost")
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return connection
    warm = [connect() for _ in range(20)]
    before = rss_kib(stack.collector)
    waiting = [connect() for _ in range(COUNT)]
    each = (rss_kib(stack.collector) - before) / COUNT
    for connection in warm + waiting:
        connection.close()
    return each


def connections():
    """Memory of a connection that was used once and waits."""
    figures = []
    for tls in (False, True):
        with Stack("connections") as stack:
            context = None
            if tls:
                ca = Authority(stack.dir / "ca", "ca")
                ca.issue("collector", "DNS:localhost")
                own = ca.issue("web-1", "DNS:web-1")
                stack.collector_ca = ca.certificate
                stack.collector_extra = (f"tls: {{certificate_file: {ca.folder}/collector.pem, key_file: {ca.folder}/collector.key, "
                                         f"client_ca_file: {ca.certificate}}}\n")
                context = ssl.create_default_context(cafile=ca.certificate)
                context.load_cert_chain(*own)
            stack.start_collector()
            wait(lambda: stack.try_collector("/livez"), "the collector")
            figures.append(measured(stack, context))
    clear, secure = figures
    print("### Connections that wait\n")
    print("| figure | measured | reference: in clear | ratio |\n| --- | --- | --- | --- |")
    print(f"| memory of one of {COUNT} by TLS with a client's certificate | {secure:.1f} KiB | {clear:.1f} KiB | {secure / clear:.1f} |\n")
