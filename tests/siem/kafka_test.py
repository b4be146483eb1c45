#!/usr/bin/env python3
"""The Kafka sink against a real broker with TLS, which is killed, has no topic, refuses what is long, and wants a password.
What stands in the topic is read by Kafka's own client."""

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess

from https_test import certificates
from siem import NODE_ID, Collector, Records, end_with_parent, free_port, harness, main, typed, wait

PASSWORD = "open-sesame-81"


class Broker:
    """One node of Kafka: a listener that wants our certificate, and one that wants a name and a password."""

    def __init__(self, folder):
        self.dir, self.process = folder, None
        self.port, self.sasl_port, self.controller = free_port(), free_port(), free_port()
        self.root = harness("kafka/build.sh")
        certificates(folder)
        for name in ("server", "client"):
            pem = (folder / f"ca-{name}.key").read_text() + (folder / f"ca-{name}.pem").read_text()
            (folder / f"{name}-both.pem").write_text(pem)
        self.client_properties = folder / "client.properties"
        self.client_properties.write_text(
            f"bootstrap.servers=localhost:{self.port}\nsecurity.protocol=SSL\n" + self.stores("client", "ssl."))
        (folder / "broker.properties").write_text(f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{self.controller}
controller.listener.names=CONTROLLER
listeners=MUTUAL://127.0.0.1:{self.port},PASSWORD://127.0.0.1:{self.sasl_port},CONTROLLER://127.0.0.1:{self.controller}
advertised.listeners=MUTUAL://localhost:{self.port},PASSWORD://localhost:{self.sasl_port}
listener.security.protocol.map=MUTUAL:SSL,PASSWORD:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=MUTUAL
{self.stores("server", "ssl.")}
listener.name.mutual.ssl.client.auth=required
listener.name.password.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.password.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_plumbline="{PASSWORD}";
listener.name.password.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs={folder}/kafka
# A missing topic would be made for a client that lets it.
auto.create.topics.enable=true
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
""")
        cluster = base64.b64encode(b"plumbline-kafka-").decode().rstrip("=")  # 16 bytes, as it has to be
        self.java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", folder / "broker.properties",
                  "--add-scram", f"SCRAM-SHA-512=[name=plumbline,password={PASSWORD}]")

    def stores(self, who, prefix):
        return (f"{prefix}keystore.type=PEM\n{prefix}keystore.location={self.dir}/{who}-both.pem\n"
                f"{prefix}truststore.type=PEM\n{prefix}truststore.location={self.dir}/ca.pem\n")

    def command(self, *words):
        return ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{self.root}/classes:{self.root}/lib/*", *map(str, words)]

    def java(self, *words):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def start(self):
        with open(self.dir / "broker.log", "a") as log:
            self.process = subprocess.Popen(self.command("kafka.Kafka", self.dir / "broker.properties"), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, preexec_fn=end_with_parent)

        def listens():
            assert self.process.poll() is None, (self.dir / "broker.log").read_text()[-3000:]
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return True
        wait(listens, "the broker", 150)

    def stop(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def topic(self, command, *words):
        return self.java("Topic", self.client_properties, command, *words)

    def with_tools(self):
        """A path on which Kafka's own script is: as it is shipped, it starts this class."""
        tools = self.dir / "tools"
        tools.mkdir()
        command = " ".join(self.command("org.apache.kafka.tools.consumer.ConsoleConsumer"))
        (tools / "kafka-console-consumer.sh").write_text(f'#!/bin/sh -f\nexec {command} "$@"\n')
        (tools / "kafka-console-consumer.sh").chmod(0o755)
        return f"{tools}:{os.environ['PATH']}"

    def read(self, topic):
        """(partition, key, value, record_uid, type) of each message, by partition and offset."""
        lines = [line.split() for line in self.topic("read", topic).splitlines()]
        found = [(int(p), int(offset), *(base64.b64decode(word).decode() for word in words)) for p, offset, *words in lines]
        return [(m[0], *m[2:]) for m in sorted(found)]


@contextlib.contextmanager
def running(*topics):
    """A broker, and a collector that is not started yet."""
    collector = Collector()
    broker = Broker(collector.dir)
    broker.start()
    try:
        for topic in topics:
            broker.topic("create", topic, "3")
        yield broker, collector
    finally:
        broker.stop()


def mutual(broker, topic, more=""):
    return (f"{{name: lake, kafka: {{brokers: [\"localhost:{broker.port}\"], topic: {topic}, ca_file: DIR/ca.pem, "
            f"certificate_file: DIR/ca-client.pem, key_file: DIR/ca-client.key{more}}}}}")


def uids(records):
    return [f"{NODE_ID}/{record['id']}" for record in records]


def check_once_and_in_order(messages, sent):
    """Each of `sent` once; those of one key in one partition, in the order in which they were posted."""
    assert sorted(m[3] for m in messages) == sorted(uids(sent)), (len(messages), len(sent))
    place = {uid: i for i, uid in enumerate(uids(sent))}
    for key in {m[1] for m in messages}:
        of_key = [m for m in messages if m[1] == key]
        assert len({m[0] for m in of_key}) == 1, key
        assert [place[m[3]] for m in of_key] == sorted(place[m[3]] for m in of_key), key


def test_once_and_in_order_over_a_broker_that_is_killed():
    records = Records()
    with running("drift") as (broker, collector):
        collector.sinks = (mutual(broker, "drift"),)
        with collector:
            def posted(count):
                made = [records.finding(f"file:/etc/{i % 20}", f"d-{i % 20}", count=i + 1) for i in range(count)]
                for begin in range(0, count, 50):
                    collector.post(made[begin:begin + 50])
                return made
            sent = posted(300)
            collector.wait_delivered("lake")
            for how in (signal.SIGKILL, signal.SIGTERM):
                sent += posted(100)  # some of these are under way when it ends
                broker.stop(how)
                sent += posted(100)
                wait(lambda: collector.sink("lake")["last_error"], "the sink to notice")
                broker.start()
                collector.wait_delivered("lake", 120)
            messages = broker.read("drift")
            check_once_and_in_order(messages, sent)
            assert len({m[0] for m in messages}) == 3, "one partition has it all"
            _, key, value, uid, kind = messages[0]
            value = json.loads(value)
            assert value["class_uid"] == 2004 and value["metadata"]["uid"] == uid and kind == "drift", value
            assert value["finding_info"]["uid"] == key, (key, value)
            shown = typed("docs/sinks/kafka.md", PATH=broker.with_tools(), BROKERS=f"localhost:{broker.port}", PROPERTIES=broker.client_properties, TOPIC="drift")
            assert any(f"record_uid:{uid}" in shown for uid in uids(sent)) and '"class_uid":2004' in shown, shown
            # A collector that is killed may send the last ones again; none is lost, and each repeat has its id.
            more = posted(200)
            collector.kill()
            collector.start()
            collector.wait_delivered("lake")
            after = broker.read("drift")
            assert {m[3] for m in after} == set(uids(sent + more))
            print(f"  {len(sent + more)} sent, {len(after)} in the topic after the collector was killed")


def test_a_missing_topic_pauses_and_a_long_record_is_a_dead_letter():
    records = Records()
    with running() as (broker, collector):
        collector.sinks = (mutual(broker, "later", ", format: plumbline"),)
        with collector:
            sent = [records.finding("file:/etc/a", "d-a", count=i + 1) for i in range(5)]
            collector.post(sent)
            wait(lambda: collector.sink("lake")["state"] == "paused", f"a pause: {collector.sink('lake')}", 60)
            assert "create the topic later" in collector.sink("lake")["last_error"], collector.sink("lake")
            assert "later" not in broker.topic("names", "-").split(), "it was made by itself"
            broker.topic("create", "later", "3")
            collector.request("POST", "/v1/sinks/lake/replay")
            collector.wait_delivered("lake")
            # Of the three, the topic takes two: the broker refuses the request, and the record at fault is found.
            broker.topic("set", "later", "max.message.bytes", "40000")
            before = records.finding("file:/etc/b", "d-b", count=1)
            long = records.finding("file:/etc/b", "d-b", count=2, evidence=[{"kind": "rule", "says": "x" * 60_000}])
            after = records.finding("file:/etc/b", "d-b", count=3)
            collector.post([before, long, after])
            collector.wait_delivered("lake")
            assert collector.sink("lake")["dead_letters"] == 1, collector.sink("lake")
            letter = collector.request("GET", "/v1/dead-letters?origin=sink:lake")[1]["items"][0]
            assert letter["record_id"] == long["id"] and "max.message.bytes of the topic" in letter["why"], letter
            check_once_and_in_order(broker.read("later"), sent + [before, after])
            broker.topic("set", "later", "max.message.bytes", "1000000")
            collector.request("POST", "/v1/sinks/lake/replay")
            wait(lambda: collector.sink("lake")["dead_letters"] == 0, f"the replay: {collector.sink('lake')}")
            check_once_and_in_order(broker.read("later"), sent + [before, after, long])


def test_a_password_that_is_wrong_pauses_and_the_right_one_is_read():
    records = Records()
    with running("drift", "scram") as (broker, collector):
        collector.sinks = tuple(
            f"{{name: {topic}, kafka: {{brokers: [\"localhost:{broker.sasl_port}\"], topic: {topic}, ca_file: DIR/ca.pem, "
            f"sasl: {{mechanism: {mechanism}, user: plumbline, password_file: DIR/password}}}}}}"
            for topic, mechanism in (("drift", "PLAIN"), ("scram", "SCRAM-SHA-512")))
        collector.extra = "log: {level: debug}\n"
        (collector.dir / "password").write_text("not-it-4711\n")
        with collector:
            sent = [records.finding("file:/etc/a", "d-a", count=i + 1) for i in range(5)]
            collector.post(sent)
            for name in ("drift", "scram"):
                wait(lambda: collector.sink(name)["state"] == "paused", f"a pause: {collector.sink(name)}", 60)
                assert "check sasl" in collector.sink(name)["last_error"], collector.sink(name)
            (collector.dir / "new").write_text(PASSWORD + "\n")
            (collector.dir / "new").rename(collector.dir / "password")
            for name in ("drift", "scram"):
                collector.request("POST", f"/v1/sinks/{name}/replay")
            collector.wait_delivered("drift")
            check_once_and_in_order(broker.read("drift"), sent)
            # librdkafka before 2.6.1 says one word of SCRAM twice, which Kafka 4 refuses: then it says what else there is.
            scram = wait(lambda: collector.sink("scram")["lag_records"] == 0 and "delivered" or
                         "before 2.6.1" in collector.sink("scram")["last_error"] and "refused", f"SCRAM: {collector.sink('scram')}")
            print(f"  SCRAM: {scram}")
            log = (collector.dir / "log").read_text()
            assert "librdkafka" in log, "no debug line of the library"
            assert PASSWORD not in log and "not-it-4711" not in log


def test_who_is_not_trusted_gets_nothing():
    """A broker of another CA, or of another name, gets no record; neither does one that does not trust us."""
    with running("drift") as (broker, collector):
        certificates(collector.dir, "other")
        collector.sinks = (
            mutual(broker, "drift").replace("name: lake", "name: ca").replace("DIR/ca.pem", "DIR/other.pem"),
            mutual(broker, "drift").replace("name: lake", "name: host").replace("localhost:", "127.1:"),  # resolves, but is not in it
            mutual(broker, "drift").replace("name: lake", "name: own").replace("DIR/ca-client", "DIR/other-client"))
        with collector:
            collector.post([Records().finding("file:/etc/a", "d-a")])
            for name in ("ca", "host", "own"):
                wait(lambda: collector.sink(name)["last_error"], f"{name} to be refused")
                print(f"  {name}: {collector.sink(name)['last_error']}")
                assert collector.sink(name)["delivered"] == 0, collector.sink(name)
            assert broker.read("drift") == []


if __name__ == "__main__":
    main(test_once_and_in_order_over_a_broker_that_is_killed,
         test_a_missing_topic_pauses_and_a_long_record_is_a_dead_letter,
         test_a_password_that_is_wrong_pauses_and_the_right_one_is_read, test_who_is_not_trusted_gets_nothing)
