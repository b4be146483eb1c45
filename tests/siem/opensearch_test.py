#!/usr/bin/env python3
"""The Elasticsearch sink against a real OpenSearch node: each record once, over a lost cursor and a dead node; a mapping
conflict is that record's dead letter alone."""

import contextlib
import http.client
import json
import subprocess

from siem import Collector, Records, end_with_parent, free_port, harness, main, typed, wait


class Node:
    def __init__(self, folder):
        self.dir, self.port, self.process = folder / "node", free_port(), None
        (self.dir / "config").mkdir(parents=True)

    def start(self):
        built = harness("opensearch/build.sh")
        with open(self.dir / "log", "a") as log:
            self.process = subprocess.Popen(
                ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{built}/classes:{built}/lib/*", "Start", self.dir,
                 str(self.port)], stdin=subprocess.PIPE, stdout=log, stderr=log, preexec_fn=end_with_parent)
        try:
            wait(lambda: self.ask("GET", "/_cluster/health?wait_for_status=yellow")[0] == 200, "the node", 150)
        except AssertionError:
            print((self.dir / "log").read_text()[-3000:])
            raise

    def stop(self):
        self.process.kill()
        self.process.wait(20)

    def ask(self, method, path, body=None):
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        return 0, {}

    def documents(self, index="drift"):
        self.ask("POST", f"/{index}/_refresh")
        return self.ask("GET", f"/{index}/_search?size=1000")[1].get("hits", {}).get("hits", [])


def test_each_record_once():
    records = Records()
    collector = Collector()
    node = Node(collector.dir)
    node.start()
    collector.sinks = (f"{{name: os, elasticsearch: {{url: \"http://127.0.0.1:{node.port}\", index: drift}}}}",)
    with collector:
        collector.post([records.finding(f"file:/etc/{i}", f"d-{i}") for i in range(300)])
        collector.wait_delivered("os")
        found = node.documents()
        assert len(found) == 300 and found[0]["_source"]["class_uid"] == 2004, len(found)
        assert all(d["_id"] == d["_source"]["metadata"]["uid"] for d in found)
        (collector.dir / "key").write_text("bm9uZTpuZWVkZWQ=\n")  # this node asks for none
        typed("docs/sinks/elasticsearch.md", URL=f"http://127.0.0.1:{node.port}", INDEX="drift", API_KEY_FILE=collector.dir / "key")
        # Another sink's name is another cursor: all of it is sent again, and each of it is there already.
        collector.kill()
        collector.sinks = (collector.sinks[0].replace("name: os", "name: again"),)
        collector.start()
        collector.wait_delivered("again")
        assert collector.sink("again")["dead_letters"] == 0 and collector.sink("again")["delivered"] == 300
        assert len(node.documents()) == 300
        node.stop()
        collector.post([records.finding(f"file:/etc/down-{i}", f"d-down-{i}") for i in range(50)])
        wait(lambda: collector.sink("again")["last_error"], "the sink to fail")
        node.start()
        collector.wait_delivered("again", 90)
        assert len(node.documents()) == 350
        # A field that is a number elsewhere: that record alone is refused.
        node.ask("PUT", "/odd", {"mappings": {"properties": {"message": {"type": "long"}}}})
        collector.kill()
        collector.sinks = (collector.sinks[0].replace("name: again", "name: odd").replace("index: drift", "index: odd"),)
        collector.start()
        collector.wait_delivered("odd")
        assert collector.sink("odd")["delivered"] == 0 and collector.sink("odd")["dead_letters"] == 350, collector.sink("odd")
        letter = collector.request("GET", "/v1/dead-letters?origin=sink:odd")[1]["items"][0]
        assert "mapper_parsing_exception" in letter["why"], letter
        node.ask("DELETE", "/odd")
        collector.request("POST", "/v1/sinks/odd/replay")
        wait(lambda: collector.sink("odd")["dead_letters"] == 0, f"the replay: {collector.sink('odd')}", 90)
        assert len(node.documents("odd")) == 350
        node.stop()


if __name__ == "__main__":
    main(test_each_record_once)
