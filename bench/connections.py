"""What agents that are connected cost the collector: in clear, and by TLS with a client's certificate."""

import resource
import socket
import ssl

from certificates import Authority
from harness import Skip, Stack, wait

COUNT = 10_000
GOAL_MIB = 256


def rss_kib(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def measured(stack, context):
    """KiB of each connection, and MiB of the whole collector with all."""
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
    after = rss_kib(stack.collector)
    for connection in warm + waiting:
        connection.close()
    return (after - before) / COUNT, after / 1024


def connections():
    """Memory of connections that were used once and wait, as agents' do between two batches."""
    # One file of each side; the rest is what both have open otherwise.
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit < COUNT + 200:
        raise Skip(f"{COUNT + 200} open files are needed, and the limit is {limit} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    figures = []
    for tls in (False, True):
        with Stack("connections") as stack:
            stack.collector_extra = f"limits: {{max_connections: {COUNT + 100}}}\n"
            context = None
            if tls:
                ca = Authority(stack.dir / "ca", "ca")
                ca.issue("collector", "DNS:localhost")
                own = ca.issue("web-1", "DNS:web-1")
                stack.collector_ca = ca.certificate
                stack.collector_extra += (f"tls: {{certificate_file: {ca.folder}/collector.pem, key_file: {ca.folder}/collector.key, "
                                          f"client_ca_file: {ca.certificate}}}\n")
                context = ssl.create_default_context(cafile=ca.certificate)
                context.load_cert_chain(*own)
            stack.start_collector()
            wait(lambda: stack.try_collector("/livez"), "the collector")
            figures.append(measured(stack, context))
    (clear, clear_mib), (secure, secure_mib) = figures
    print(f"### {COUNT:,} agents connected, and waiting\n")
    print("| figure | measured | reference: in clear | ratio |\n| --- | --- | --- | --- |")
    print(f"| collector's RSS, by TLS with a client's certificate each (goal: ≤ {GOAL_MIB} MiB) | {secure_mib:.0f} MiB | {clear_mib:.0f} MiB | {secure_mib / clear_mib:.1f} |")
    print(f"| of it a connection | {secure:.1f} KiB | {clear:.1f} KiB | {secure / clear:.1f} |\n")
