#!/usr/bin/env python3
"""The syslog sink against real rsyslog and syslog-ng with TLS, which are ended and begun anew on the way."""

import contextlib
import json
import os
import signal
import subprocess

from siem import NODE_ID, Collector, Records, end_with_parent, free_port, harness, main, typed, wait


def certificates(folder):
    """A CA, a server's certificate for localhost, and a client's."""
    run = lambda *command: subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
    for name in ("server", "client"):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class Receiver:
    """One of the real ones, which writes what it takes into DIR/received."""

    def __init__(self, kind, folder, client_certificate=False):
        self.kind, self.dir, self.port, self.verify = kind, folder, free_port(), client_certificate
        self.root = harness("siem/build.sh")
        self.library = self.root / "usr/lib/x86_64-linux-gnu"
        self.process = None

    def rsyslog(self):
        mode = "x509/certvalid" if self.verify else "anon"
        (self.dir / "rsyslog.conf").write_text(f"""
global(workDirectory="{self.dir}" maxMessageSize="64k" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{self.dir}/ca.pem"
  defaultNetstreamDriverCertFile="{self.dir}/server.pem" defaultNetstreamDriverKeyFile="{self.dir}/server.key")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="{mode}")
input(type="imtcp" port="{self.port}" address="127.0.0.1")
template(name="all" type="string" string="%syslogfacility%|%syslogseverity%|%timestamp:::date-rfc3339%|%hostname%|%app-name%|%msgid%|%msg%\\n")
action(type="omfile" file="{self.dir}/received" template="all" flushOnTXEnd="on")
""")
        return [self.root / "usr/sbin/rsyslogd", "-n", "-f", self.dir / "rsyslog.conf", "-i", self.dir / "rsyslog.pid",
                "-M", self.library / "rsyslog"]

    def syslog_ng(self):
        verify = "required-trusted" if self.verify else "optional-untrusted"
        (self.dir / "syslog-ng.conf").write_text(f"""@version: 3.38
options {{ keep-hostname(yes); time-reopen(1); log-msg-size(65536); }};
source t {{ syslog(ip("127.0.0.1") port({self.port}) transport("tls")
  tls(key-file("{self.dir}/server.key") cert-file("{self.dir}/server.pem") ca-file("{self.dir}/ca.pem") peer-verify({verify}))); }};
destination d {{ file("{self.dir}/received" template("${{FACILITY_NUM}}|${{LEVEL_NUM}}|$ISODATE|$HOST|$PROGRAM|$MSGID|$MSG\\n")); }};
log {{ source(t); destination(d); flags(flow-control); }};
""")
        module_path = next((self.root / "usr/lib/syslog-ng").glob("*"))
        return [self.root / "usr/sbin/syslog-ng", "-F", "--no-caps", "-f", self.dir / "syslog-ng.conf", "-R", self.dir / "persist",
                "-c", self.dir / "ctl", "--pidfile", self.dir / "ng.pid", f"--module-path={module_path}"]

    def start(self):
        command = self.rsyslog() if self.kind == "rsyslog" else self.syslog_ng()
        with open(self.dir / f"{self.kind}.log", "a") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent,
                                            env={**os.environ, "LD_LIBRARY_PATH": f"{self.library}:{self.root}/lib/x86_64-linux-gnu:{self.root}/usr/lib/syslog-ng"})

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)

    def lines(self):
        path = self.dir / "received"
        return [line.split("|", 6) for line in path.read_text().split("\n") if line] if path.exists() else []

    def says(self):
        return (self.dir / f"{self.kind}.log").read_text()[-2000:]


def uids(lines):
    return [json.loads(line[6].lstrip("\ufeff "))["metadata"]["uid"] for line in lines]


@contextlib.contextmanager
def pair(kind, more="", client_certificate=False, wanted=False):
    collector = Collector()
    certificates(collector.dir)
    receiver = Receiver(kind, collector.dir, wanted)
    own = ", certificate_file: DIR/client.pem, key_file: DIR/client.key" if client_certificate else ""
    collector.sinks = (f"{{name: siem, syslog: {{address: \"localhost:{receiver.port}\", ca_file: DIR/ca.pem, "
                       f"max_message_bytes: 32KiB{own}{more}}}}}",)
    receiver.start()
    try:
        with collector:
            try:
                yield collector, receiver
            except BaseException:
                print(receiver.says())
                raise
    finally:
        receiver.stop(signal.SIGKILL)


def check_all_come_and_survive_restarts(kind, more=""):
    """Nothing that the receiver wrote before it ended is lost, nothing that comes after is; repeats are few."""
    records = Records()
    with pair(kind, more) as (collector, receiver):
        sent = [records.finding(f"file:/etc/{i}", f"d-{i}") for i in range(20)]
        collector.post(sent)
        wait(lambda: len(receiver.lines()) >= 20, f"20 lines of {kind}: {collector.sink('siem')} {receiver.says()}")
        typed("docs/sinks/syslog.md", ADDRESS=f"localhost:{receiver.port}", CA_FILE=collector.dir / "ca.pem")
        first = receiver.lines()[0]
        assert first[0] == "13" and first[1] == "3", first
        assert first[2].startswith("2026-09-2") and first[3:6] == ["web-1", "plumbline", "drift"], first
        for how in (signal.SIGTERM, signal.SIGKILL):
            receiver.stop(how)
            more = [records.finding(f"file:/etc/{how}-{i}", f"d-{how}-{i}") for i in range(20)]
            collector.post(more)
            sent += more
            receiver.start()
            wait(lambda: set(uids(receiver.lines())) >= {f"{NODE_ID}/{r['id']}" for r in sent},
                 f"all lines of {kind} after signal {how}: {collector.sink('siem')}")
        # Stopped, its kernel still takes messages, which then die with it: syslog's own hole. They are sent again.
        receiver.process.send_signal(signal.SIGSTOP)
        unread = [records.finding(f"file:/etc/unread-{i}", f"d-unread-{i}") for i in range(20)]
        collector.post(unread)
        sent += unread
        collector.wait_delivered("siem")
        receiver.stop(signal.SIGKILL)
        assert not set(uids(receiver.lines())) & {f"{NODE_ID}/{r['id']}" for r in unread}, "it had read them"
        receiver.start()
        wait(lambda: set(uids(receiver.lines())) >= {f"{NODE_ID}/{r['id']}" for r in sent},
             f"what {kind} had not read: {collector.sink('siem')}")
        print(f"  {kind}: {len(sent)} sent, {len(receiver.lines())} written, {len(set(uids(receiver.lines())))} different")


def test_rsyslog():
    check_all_come_and_survive_restarts("rsyslog")


def test_the_check_can_fail():
    try:
        check_all_come_and_survive_restarts("rsyslog", ", resend: 0")
    except AssertionError as error:
        assert "had not read" in str(error), error
        return
    raise AssertionError("nothing was lost without `resend`")


def test_syslog_ng():
    check_all_come_and_survive_restarts("syslog-ng")


def test_client_certificates():
    """A receiver that asks for a certificate takes ours; without one nothing is lost, and nothing counts as delivered."""
    for kind in ("rsyslog", "syslog-ng"):
        records = Records()
        with pair(kind, client_certificate=True, wanted=True) as (collector, receiver):
            collector.post([records.finding("file:/etc/a", "d-a")])
            wait(lambda: len(receiver.lines()) == 1, f"a line of {kind}: {collector.sink('siem')}")
        with pair(kind, wanted=True) as (collector, receiver):
            collector.post([records.finding("file:/etc/b", "d-b")])
            wait(lambda: collector.sink("siem")["last_error"], f"{kind} to refuse us")
            assert collector.sink("siem")["delivered"] == 0 and receiver.lines() == [], collector.sink("siem")


def test_wrong_ca_and_name():
    with pair("rsyslog") as (collector, receiver):
        collector.kill()
        collector.sinks = (collector.sinks[0].replace("ca_file: DIR/ca.pem", "ca_file: DIR/client.pem"),)
        collector.start()
        collector.post([Records().finding("file:/etc/a", "d-a")])
        wait(lambda: "handshake failed" in (collector.sink("siem")["last_error"] or ""),
             f"the CA to be refused: {collector.sink('siem')}")
        assert receiver.lines() == []


def test_cef_and_leef():
    for format, begins in (("cef", "CEF:0|Plumbline|Plumbline|"), ("leef", "LEEF:2.0|Plumbline|Plumbline|")):
        with pair("syslog-ng", f", format: {format}") as (collector, receiver):
            collector.post([Records().finding("file:/etc/a|b=c\\x5C", "d-a")])
            line = wait(receiver.lines, "a line")[0][6]
            assert line.lstrip().startswith(begins), line
            if format == "cef":
                assert "file:/etc/a\\|b=c" in line.split("|drift.opened|")[1] and "cs1=file:/etc/a|b\\=c" in line, line
            else:
                assert "\tresource=file:/etc/a|b=c" in line, line


if __name__ == "__main__":
    main(test_rsyslog, test_the_check_can_fail, test_syslog_ng, test_client_certificates, test_wrong_ca_and_name, test_cef_and_leef)
