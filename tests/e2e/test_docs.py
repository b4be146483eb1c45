"""The commands of runbooks and sinks, typed as they stand there, against a real agent and collector, and against doubles of Slack and Splunk,
which cannot be had: they answer as these do, to what these take."""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading

import harness

sys.path.insert(0, str(harness.ROOT / "tests/docs"))

import commands  # noqa: E402
import pages  # noqa: E402


class Destinations(http.server.BaseHTTPRequestHandler):
    """Slack's incoming webhook, Splunk's health of its event collector."""

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        good = self.path == "/services/T0/B0/hook" and self.headers["Content-Type"] == "application/json" and isinstance(body["text"], str)
        self.answer(*((200, "ok") if good else (404, "no_service")))

    def do_GET(self):
        good = self.path == "/services/collector/health" and self.headers["Authorization"] == "Splunk a-hec-token"
        self.answer(*((200, '{"text": "HEC is healthy", "code": 17}') if good else (401, '{"text": "Invalid token", "code": 4}')))

    def log_message(self, *_):
        pass


def destinations(stack):
    """What the pages' variables say of them; they end with the test's process."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Destinations)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    (stack.dir / "slack.url").write_text(f"{url}/services/T0/B0/hook\n")
    (stack.dir / "hec.token").write_text("a-hec-token\n")
    return {"URL": url, "URL_FILE": str(stack.dir / "slack.url"), "TOKEN_FILE": str(stack.dir / "hec.token")}


def typed(stack, block, **more):
    """plumb finds this stack's agent and not the machine's; an answer of curl's that is no success is a failure."""
    tools = stack.dir / "bin"
    if not tools.exists():
        tools.mkdir()
        for name, text in (("plumb", f'case " $* " in *" --collector "*) exec {harness.PLUMB} "$@" ;; esac\nexec {harness.PLUMB} --socket {stack.sock} "$@"'),
                           ("curl", 'exec /usr/bin/curl --fail "$@"')):
            (tools / name).write_text(f"#!/bin/sh\n{text}\n")
            (tools / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "COLLECTOR": stack.collector_url(), "BASELINE": str(stack.manifest_path), "SINK": "file", "FILE": str(stack.dir / "out.ndjson"), "HOME": str(stack.dir), **more}
    return subprocess.run(["bash", "-e", "-o", "pipefail", "-c", block.text], env=env, capture_output=True, text=True, timeout=60)


def test_commands_look_where_there_is_something(stack):
    stack.file("a")
    out = stack.dir / "out.ndjson"
    stack.sinks.append(f"{{name: file, include_matches: true, ndjson: {{path: {out}}}}}")
    stack.start()
    assert stack.plumb("simulate").returncode == 0
    harness.wait(lambda: out.exists() and out.read_text(), "a line in the sink's file")
    blocks = commands.blocks_for("tests/e2e/test_docs.py")
    told = {pathlib.PurePath(block.page).stem for block in blocks if block.page.startswith("docs/runbooks/")}
    every = {path.stem for path in (harness.ROOT / "docs/runbooks").glob("Plumbline*.md")}
    assert told == every, every - told
    wrong, there = [], destinations(stack)
    for block in blocks:
        done = typed(stack, block, **there)
        if done.returncode != 0 or not done.stdout:
            wrong.append(f"{block}: {done.returncode} {done.stdout[-200:]} {done.stderr}")
    assert not wrong, "\n".join(wrong)


def test_a_command_that_leads_nowhere_fails(stack):
    stack.file("a")
    stack.start()
    block = pages.Block("docs/runbooks/x.md", "sh", 1, "Look")
    for block.text in ('curl -s "$COLLECTOR/v1/nowhere"\n', "plumb sttaus\n", "curl -s \"$COLLECTOR/metrics\" | grep no_such_metric\n"):
        assert typed(stack, block).returncode != 0, block.text
