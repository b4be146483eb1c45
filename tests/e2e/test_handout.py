"""Baselines that the collector compiles and hands to its nodes: signed, kept, and none of them by anybody else."""

import base64
import hashlib
import http.server
import json
import signal
import subprocess
import threading
import urllib.error
import urllib.request

import harness
from harness import sha256, wait
from test_baselines import baseline, state
from test_changes import attributes


def hand_out(stack, *entries):
    """A collector with these baselines, and an agent that has none of its own."""
    stack.collector_extra = "baselines:\n" + "".join(f"- {entry}\n" for entry in entries)
    stack.baselines = []
    stack.start_collector()
    use_key(stack)


def use_key(stack, key=None):
    key = key or stack.dir / "baselines" / "node.key"
    stack.collector_key = f", baselines: {{key_file: {key}, interval: 200ms}}"


def tofu(stack, serial, content, name="app.conf"):
    path = stack.managed / name
    if not path.exists():
        path.write_text(content)
        path.chmod(0o644)
    file = stack.dir / "terraform.tfstate"
    fresh = file.with_suffix(".new")
    fresh.write_text(state(serial, path, content))
    fresh.rename(file)
    return path, file


def row(stack):
    """What the agent says of the handout as a whole; None before it has started."""
    status = stack.try_api("/v1/status") or {"baselines": []}
    return next((b for b in status["baselines"] if b["name"] == "collector"), None)


def handed_net(stack):
    """A node that was handed one state of one file."""
    path, file = tofu(stack, 1, "one\n")
    hand_out(stack, f"{{name: net, terraform_state: {file}}}")
    stack.start_agent()
    return path, file


def lose_sources(stack, file):
    """A collector that starts without its source and without what it made of it."""
    stack.kill(stack.collector)
    for kept in (stack.dir / "baselines" / "indexes").iterdir():
        kept.unlink()
    file.unlink()
    stack.start_collector()


def shelf(stack, name="net"):
    return next((b for b in stack.ask_collector("/v1/baselines")["items"] if b["name"] == name), None)


def blind(stack, kind):
    return [b for b in stack.all(stack.api, "/v1/blindspots") if b["id"] == kind]


def handed_files(stack):
    return sorted(p.name for p in (stack.state / "baselines" / "handed").iterdir())


def test_a_node_takes_what_the_collector_hands_out(stack):
    path, file = handed_net(stack)
    assert baseline(stack)["handed"] and baseline(stack)["revision"]["serial"] == "1"
    path.write_text("two\n")
    drift = stack.wait_open(path, lambda d: attributes(d)["content_sha256"]["live"] == sha256("two\n"))
    assert drift["resource"] == "tofu:net/local_file.app" and drift["baseline"] == "net"
    tofu(stack, 2, "two\n")
    accepted = stack.wait_closed(path, "accepted")
    assert accepted["id"] == drift["id"] and "serial=2" in accepted["closed_by"]
    row = shelf(stack)
    assert row["revision"]["serial"] == "2" and row["resources"] == 1 and not row["nodes"]
    assert len(handed_files(stack)) == 2, "the list and one index: older ones are let go of"
    owners = stack.api(f"/v1/owners?of={path}")["items"]
    assert [o["resource"] for o in owners] == ["tofu:net/local_file.app"]


def test_a_secret_is_compared_by_a_hash_that_the_fleet_shares(stack):
    path, file = tofu(stack, 1, "CANARY-of-the-fleet\n")
    text = json.loads(file.read_text())
    text["resources"][0]["type"] = "local_sensitive_file"
    file.write_text(json.dumps(text))
    hand_out(stack, f"{{name: net, terraform_state: {file}}}")
    stack.start_agent()
    row = stack.api("/v1/resources")["items"][0]
    assert row["comparison"] == "match", row
    assert row["expected"]["content_sha256"] == row["live"]["content_sha256"]
    assert row["live"]["content_sha256"].startswith("hmac-sha256:")
    path.write_text("another\n")
    drift = stack.wait_open(path)
    assert attributes(drift)["content_sha256"]["live"].startswith("hmac-sha256:")
    for folder in (stack.dir / "baselines", stack.state):
        for kept in folder.rglob("*"):
            assert kept.is_dir() or b"CANARY" not in kept.read_bytes(), kept


def test_a_node_gets_its_part_and_no_other(stack):
    mine, file = tofu(stack, 1, "one\n")
    other = stack.dir / "other.tfstate"
    other.write_text(state(1, stack.managed / "other.conf", "other\n"))
    records = stack.dir / "records"
    records.mkdir()
    for node in ("e2e-node", "e2e-nodes-neighbour"):
        (records / f"{node}.yaml").write_text(
            'apiVersion: plumbline/v1\nkind: Manifest\nrevision: "1"\nfiles:\n'
            f'- {{address: "file:{node}", path: {stack.managed}/{node}, absent: true}}\n'.replace("absent: true", 'mode: "0644"'))
        (stack.managed / node).write_text("")
    hand_out(stack, f"{{name: net, terraform_state: {file}, nodes: [\"e2e-*\"]}}",
             f"{{name: other, terraform_state: {other}, nodes: [web-1]}}",
             f"{{name: hosts, manifest: \"{records}/*.yaml\", node_by_file: true}}")
    stack.start_agent()
    wait(lambda: {r["path"] for r in stack.api("/v1/resources")["items"]} == {str(mine), f"{stack.managed}/e2e-node"},
         "the node's own two files")
    names = {b["name"] for b in stack.api("/v1/status")["baselines"] if b["kind"] != "handout"}
    assert names == {"net", "hosts.e2e-node.yaml"}, names
    assert {b["name"] for b in stack.ask_collector("/v1/baselines")["items"]} == {
        "net", "other", "hosts.e2e-node.yaml", "hosts.e2e-nodes-neighbour.yaml"}


def test_a_node_starts_without_the_collector(stack):
    path, file = handed_net(stack)
    path.write_text("two\n")
    drift = stack.wait_open(path)
    stack.kill(stack.agent)
    stack.kill(stack.collector)
    stack.start_agent()
    assert baseline(stack)["loaded"] and baseline(stack, "collector")["from_disk"]
    assert stack.open_drift(path)["id"] == drift["id"]
    wait(lambda: blind(stack, "baseline_stale"), "a word that the collector cannot be asked")
    path.write_text("one\n")
    stack.wait_closed(path)
    stack.start_collector()
    tofu(stack, 2, "three\n")
    stack.wait_open(path)
    wait(lambda: not blind(stack, "baseline_stale"), "nothing to complain about")


def test_a_collector_starts_with_what_it_last_compiled(stack):
    path, file = handed_net(stack)
    stack.kill(stack.collector)
    file.write_text("{ half of it")
    stack.start_collector()
    wait(lambda: shelf(stack).get("error"), "the broken source to be refused")
    assert shelf(stack)["revision"]["serial"] == "1"
    wait(lambda: baseline(stack).get("error"), "the node to say that its baseline is not the newest")
    assert not stack.drifts(state="open"), "what was compiled before is in force"
    tofu(stack, 2, "one\n")
    wait(lambda: baseline(stack)["revision"]["serial"] == "2" and not baseline(stack).get("error"), "serial 2")


def test_what_the_collector_could_not_read_yet_is_not_let_go(stack):
    path, file = handed_net(stack)
    path.write_text("two\n")
    drift = stack.wait_open(path)
    lose_sources(stack, file)
    wait(lambda: "has not read net yet" in baseline(stack, "collector").get("error", ""), "the missing baseline to be told")
    assert stack.open_drift(path)["id"] == drift["id"], "a source that is missing manages what it managed"
    stack.kill(stack.agent)
    stack.start_agent()
    assert stack.open_drift(path)["id"] == drift["id"], "after a restart of the node, too"
    wait(lambda: "has not read net yet" in baseline(stack, "collector").get("error", ""), "the list to be asked for again")
    assert stack.open_drift(path)["id"] == drift["id"]


def test_a_pattern_that_matches_nothing_lets_go_of_nothing(stack):
    path, file = tofu(stack, 1, "one\n")
    hand_out(stack, f"{{name: all, terraform_state: \"{stack.dir}/*.tfstate\"}}")
    stack.start_agent()
    path.write_text("two\n")
    drift = stack.wait_open(path)
    lose_sources(stack, file)
    wait(lambda: "has not read all yet" in baseline(stack, "collector").get("error", ""), "the missing pattern to be told")
    assert stack.open_drift(path)["id"] == drift["id"]


def test_a_baseline_that_is_taken_out_is_let_go(stack):
    path, file = handed_net(stack)
    path.write_text("two\n")
    stack.wait_open(path)
    stack.kill(stack.collector)
    stack.collector_extra = stack.collector_extra.replace("name: net", "name: net, nodes: [another]")
    stack.start_collector()
    assert "no longer manages" in stack.wait_closed(path, "accepted")["closed_by"]
    assert not stack.api("/v1/resources")["items"]


def test_the_last_baseline_that_is_taken_out_is_let_go_too(stack):
    path, _ = handed_net(stack)
    path.write_text("two\n")
    stack.wait_open(path)
    stack.kill(stack.collector)
    stack.collector_extra = ""
    stack.start_collector()
    assert "no longer manages" in stack.wait_closed(path, "accepted")["closed_by"]


def test_a_baseline_of_the_nodes_own_stands_before_one_of_its_name(stack):
    path, file = handed_net(stack)
    own = stack.dir / "own.tfstate"
    own.write_text(state(1, path, "own\n", lineage="own"))
    config = stack.dir / "agent.yaml"
    handed = config.read_text()
    config.write_text(handed.replace("baselines: []", f"baselines: [{{name: net, terraform_state: {own}}}]"))
    stack.agent.send_signal(signal.SIGHUP)
    stack.wait_open(path)
    lineages = [b["revision"]["lineage"] for b in stack.api("/v1/status")["baselines"] if b["name"] == "net"]
    assert lineages == ["own"] and "error" not in baseline(stack, "collector"), lineages
    config.write_text(handed)
    stack.agent.send_signal(signal.SIGHUP)
    wait(lambda: baseline(stack).get("handed") and "error" not in baseline(stack, "collector"), "the handed one")
    assert baseline(stack)["revision"]["lineage"] == "e2e" and not stack.drifts(state="open")
    path.write_text("two\n")
    stack.wait_open(path)


def test_a_fork_and_a_step_back_are_told_by_the_node_too(stack):
    path, file = tofu(stack, 5, "one\n")
    hand_out(stack, f"{{name: net, terraform_state: {file}}}")
    stack.start_agent()
    gaps = lambda: stack.api("/v1/status")["counters"]["gaps_total"]  # noqa: E731
    before = gaps()
    tofu(stack, 5, "edited by hand\n")
    stack.wait_open(path)
    assert gaps() == before + 1
    tofu(stack, 4, "one\n")
    wait(lambda: "went back" in shelf(stack).get("error", ""), "the step back to be refused")
    stack.collector.send_signal(signal.SIGHUP)
    stack.wait_closed(path, "accepted")
    assert gaps() == before + 2


def test_a_step_back_is_refused_by_the_collector_until_it_is_meant(stack):
    path, file = tofu(stack, 5, "one\n")
    hand_out(stack, f"{{name: net, terraform_state: {file}}}")
    stack.start_agent()
    tofu(stack, 4, "two\n")
    wait(lambda: "went back" in shelf(stack).get("error", ""), "the step back to be refused")
    assert not stack.drifts(state="open")
    stack.collector.send_signal(signal.SIGHUP)
    stack.wait_open(path)
    assert baseline(stack)["revision"]["serial"] == "4"


class Between:
    """Stands between agent and collector; `change` gets path and body of each answer and gives another body."""

    def __init__(self, stack):
        self.change = lambda path, body: body
        self.asked = []
        between, to = self, stack.collector_url()

        class Handler(http.server.BaseHTTPRequestHandler):
            def pass_on(self, body=None):
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "if-none-match")}
                between.asked.append(self.path)
                try:
                    answer = urllib.request.urlopen(urllib.request.Request(to + self.path, body, headers, method=self.command))
                except urllib.error.HTTPError as error:
                    answer = error
                except OSError:  # the collector ends
                    return self.close_connection
                body = between.change(self.path, answer.read())
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.pass_on()

            def do_POST(self):
                self.pass_on(self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        stack.cleanup.callback(self.server.server_close)
        stack.cleanup.callback(self.server.shutdown)
        stack.collector_url = lambda: f"http://127.0.0.1:{self.server.server_port}"


def payload(body):
    return json.loads(base64.b64decode(json.loads(body)["payload"]))


def test_nobody_in_between_can_change_it(stack):
    path, file = tofu(stack, 1, "one\n")
    hand_out(stack, f"{{name: net, terraform_state: {file}}}")
    between = Between(stack)
    kept = {}

    def keep(where, body):
        if "/for/" in where:
            kept["list"] = body
        if "/index/" in where:
            kept["index"] = body
        return body

    between.change = keep
    stack.start_agent()
    path.write_text("two\n")
    drift = stack.wait_open(path)
    before = stack.api("/v1/status")["counters"]["gaps_total"]
    why = lambda: baseline(stack, "collector").get("error", "")  # noqa: E731

    def without_baselines(where, body):
        if "/for/" not in where:
            return body
        envelope = json.loads(body)
        envelope["payload"] = base64.b64encode(json.dumps({**payload(body), "baselines": [], "sequence": 2 ** 60}).encode()).decode()
        return json.dumps(envelope).encode()

    between.change = without_baselines
    wait(lambda: "no signature" in why(), "a list that nobody signed to be refused")

    old = kept["list"]
    between.change = keep
    tofu(stack, 2, "three\n")
    wait(lambda: baseline(stack)["revision"]["serial"] == "2", "serial 2")
    between.change = lambda where, body: old if "/for/" in where else body
    wait(lambda: "is older" in why(), "an older list to be refused")

    other = lambda where, body: urllib.request.urlopen(  # noqa: E731
        f"http://127.0.0.1:{stack.collector_port}/v1/baselines/for/another").read() if "/for/" in where else body
    between.change = other
    wait(lambda: "another node's" in why(), "another node's list to be refused")

    def whole_but_another(where, body):
        """An index that is one, of this very baseline and key: the one before."""
        assert "/index/" not in where or len(body) == len(kept["index"]), "else only its length would tell"
        return kept["index"] if "/index/" in where else body

    between.change = whole_but_another
    tofu(stack, 3, "two\n")
    wait(lambda: "not what the signed list names" in why(), "an index that was put in its place to be refused")
    between.change = lambda where, body: bytes(len(body)) if "/index/" in where else body
    wait(lambda: len([a for a in between.asked if "/index/" in a]) > 3, "it to be asked for again")
    assert "not what the signed list names" in why()
    assert baseline(stack)["revision"]["serial"] == "2"
    assert stack.open_drift(path)["id"] == drift["id"]
    assert stack.api("/v1/status")["counters"]["gaps_total"] - before == 3, "one for each that somebody made up"
    between.change = keep
    stack.wait_closed(path, "accepted")
    stack.agent.send_signal(signal.SIGHUP)
    wait(lambda: why() == "", "all to be well again")


def test_what_is_kept_is_checked_like_what_comes(stack):
    path, file = handed_net(stack)
    stack.kill(stack.agent)
    stack.kill(stack.collector)
    index = next((stack.state / "baselines" / "handed").glob("*.index"))
    changed = bytearray(index.read_bytes())
    changed[-1] ^= 1
    index.write_bytes(changed)
    stack.start_agent(ready=False)
    kept = wait(lambda: row(stack), "the agent to answer")
    assert index.name in kept["error"] and "has not read net" in kept["error"], kept
    assert not stack.all(stack.api, "/v1/resources")
    assert "kept_baseline_refused" in (stack.dir / "agent.log").read_text()
    stack.start_collector()
    wait(lambda: baseline(stack, "collector")["loaded"] and stack.try_api("/readyz"), "it to be fetched anew")
    path.write_text("two\n")
    stack.wait_open(path)


def test_another_fleets_key_is_refused(stack):
    _, file = tofu(stack, 1, "one\n")
    hand_out(stack, f"{{name: net, terraform_state: {file}}}")
    lines = (stack.dir / "baselines" / "node.key").read_text().splitlines()
    foreign = stack.dir / "foreign.key"
    foreign.touch(0o600)
    foreign.write_text("\n".join([lines[0], "verify " + base64.b64encode(bytes(range(32))).decode(), lines[2]]) + "\n")
    use_key(stack, foreign)
    stack.start_agent(ready=False)
    wait(lambda: "no signature is of the key" in (row(stack) or {}).get("error", ""),
         "a signature of somebody else to be refused")
    assert not stack.try_api("/readyz")
    foreign.write_text("nonsense\n")
    stack.kill(stack.agent)
    told = subprocess.run([harness.AGENT, "--config", stack.dir / "agent.yaml"], capture_output=True, text=True, timeout=20)
    assert told.returncode == 78 and "it is no node key" in told.stderr, told


def test_an_index_comes_in_pieces_and_nothing_else(stack):
    _, file = tofu(stack, 1, "one\n")
    hand_out(stack, f"{{name: net, terraform_state: {file}}}")
    row = wait(lambda: shelf(stack) if shelf(stack).get("index") else None, "the source to be read")
    url = f"{stack.collector_url()}/v1/baselines/index/{row['index']['sha256']}"
    size = row["index"]["bytes"]

    def ask(where, given=None):
        request = urllib.request.Request(where, headers={"Range": given} if given else {})
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        return answer.status, answer.headers.get("Content-Range"), answer.read()

    whole = b"".join(ask(url, f"bytes={at}-{at + 999}")[2] for at in range(0, size, 1000))
    assert hashlib.sha256(whole).hexdigest() == row["index"]["sha256"]
    assert ask(url, f"bytes={size - 1}-{2 ** 63}") == (206, f"bytes {size - 1}-{size - 1}/{size}", whole[-1:])
    assert ask(url, f"bytes=0-{2 ** 64 - 1}") == (206, f"bytes 0-{size - 1}/{size}", whole)
    for given in (None, "bytes=", "bytes=-5", "bytes=5", "bytes=5-4", f"bytes={size}-{size}", "bytes=0-1,3-4", "lines=0-1",
                  "bytes=99999999999999999999-", "bytes=0x0-1"):
        assert ask(url, given)[:2] == (416, f"bytes */{size}"), given
    for name in ("0" * 64, "..%2f..%2fhash.key", "node.key"):
        assert ask(f"{stack.collector_url()}/v1/baselines/index/{name}", "bytes=0-31")[0] == 404, name
    status, _, body = ask(f"{stack.collector_url()}/v1/baselines/for/..%2f..%2fetc")
    assert status == 200 and payload(body)["node"] == "../../etc", "a name is a name"


def test_the_agents_token_is_asked_for(stack):
    _, file = tofu(stack, 1, "one\n")
    token = stack.dir / "token"
    token.touch(0o600)
    token.write_text("s3cret-of-agents\n")
    stack.collector_extra = f"token_file: {token}\nbaselines: [{{name: net, terraform_state: {file}}}]\n"
    stack.baselines = []
    stack.start_collector()
    for path in ("/v1/baselines/for/e2e-node", "/v1/baselines/index/" + "0" * 64):
        try:
            urllib.request.urlopen(f"{stack.collector_url()}{path}")
            raise AssertionError(path)
        except urllib.error.HTTPError as error:
            assert error.code == 401, (path, error.code)
    use_key(stack)
    stack.collector_key += f", token_file: {token}"
    stack.start_agent()
    assert baseline(stack)["handed"]
