#!/usr/bin/env python3
"""Checks that the rooms stay clean: who may include what, how long a file may be, how it is named.

    rooms.py [ROOT]      prints one line a complaint, FILE:LINE: what is wrong; ends with 1 where there is one

The tables below are the rules; docs/decisions tells the reasons for those that differ from the first design.
"""

import pathlib
import re
import subprocess
import sys

# What a line includes → the folders that may. A file in any other folder may not.
LIBRARIES = [
    ("libbpf", r"<bpf/(libbpf|bpf|btf)\.h>|\.skel\.h", ["agent/source", "tests/bpf"]),
    ("Beast", r"<boost/beast", ["http", "agent/decode/http1_head.cpp"]),
    ("nghttp2", r"<nghttp2/", ["agent/decode/hpack.cpp", "tests/unit/decode", "tests/fuzz"]),
    ("cpp-httplib", r"<httplib\.h>", ["agent/export", "fetch", "http/httplib_error.hpp", "collector/forward", "tests/unit"]),
    ("a JSON library", r"<nlohmann/|<simdjson\.h>",
     ["include/wire", "include/config", "baseline", "cloud/body", "cloud/operation_json.cpp", "fetch", "agent/config", "agent/api", "collector/config", "collector/api", "http",
      "ctl", "tests", "bench"]),
    ("expat", r"<expat\.h>", ["cloud/body/xml.cpp"]),
    ("yaml-cpp", r"<yaml-cpp/", ["include/config", "baseline/value", "baseline/source/cfn_yaml.cpp"]),
    ("librdkafka", r"<librdkafka/", ["collector/forward", "tests/unit/collector"]),
    ("SQLite", r"<sqlite3\.h>", ["collector/store", "tests/unit/collector", "bench"]),
    ("libpq", r"<libpq", ["collector/store", "tests/unit/collector"]),
    ("zstd", r"<zstd\.h>", ["include/wire", "tests/unit"]),
    ("CLI11", r"<CLI/", ["ctl", "agent/main.cpp", "collector/main.cpp"]),
]

# A stage includes its own folder and the stages before it. Stages on one step do not include each other. The collector's
# ledger comes first: it is what the others write to and read from.
STAGES = {
    "agent": [["source"], ["decode"], ["enrich"], ["correlate"], ["detect"], ["rollback"], ["spool"], ["export"], ["api"]],
    "collector": [["store"], ["ingest", "forward", "baselines"], ["api"]],
}

# Rooms that know nothing of the rooms named after them.
STRANGERS = [
    ("include", ["access", "agent", "baseline", "bpf", "cloud", "collector", "ctl", "fetch", "http"]),
    ("bpf", ["access", "agent", "baseline", "cloud", "collector", "ctl", "fetch", "http", "include/config", "include/util", "include/wire"]),
    ("http", ["access", "agent", "baseline", "cloud", "collector", "ctl", "fetch"]),
    ("baseline", ["access", "agent", "cloud", "collector", "ctl", "fetch", "http"]),
    # What the cloud room shares with baselines is how values are compared and which are secret.
    ("cloud", ["access", "agent", "baseline/source", "baseline/index", "collector", "ctl", "fetch", "http"]),
    # Recognising a request takes the tables and nothing else.
    ("cloud/aws", ["baseline"]),
    ("cloud/table", ["baseline", "cloud/aws", "cloud/body", "cloud/compile"]),
    ("fetch", ["access", "agent", "collector", "ctl"]),
    ("access", ["agent", "collector", "ctl"]),
    ("agent", ["collector", "ctl", "tests"]),
    ("collector", ["agent", "ctl", "tests"]),
    ("ctl", ["agent", "collector", "tests"]),
]
SHARED_CONTRACTS = ["bpf/lib/kernel_types.h"]  # the kernel half of include/abi

CAPS = {".cpp": 400, ".c": 400, ".hpp": 200, ".h": 200}
# Files over their cap, each with the reason and a cap of its own, so that they do not grow unseen.
LONGER = {
    "agent/observer.hpp": (295, "one class, whose members are in a file for each of its tasks"),
    "agent/observer_types.hpp": (210, "what the observer's files share, private to them"),
    "include/wire/finding.hpp": (235, "the units that agent, collector, CLI and sinks speak of, in one place"),
    "cloud/table/layout.hpp": (240, "one binary, whose rows compiler and reader have to agree on"),
    "agent/spool/spool.cpp": (450, "append, roll, forget and recover share one lock and one invariant"),
    "collector/forward/forwarder.cpp": (435, "one class: all that one sink's thread waits for, and what moves its cursor"),
    "http/connection.cpp": (530, "one state machine a connection: read, route, write, stream"),
    "include/wire/json.hpp": (210, "a writer for each unit of finding.hpp; header-only for all programs"),
    "include/wire/json_read.hpp": (320, "a reader for each unit of finding.hpp; header-only for all programs"),
    "tests/unit/baseline/index_test.cpp": (430, "one fixture of one file format"),
    "tests/unit/collector/forward_test.cpp": (530, "one receiver, one fixture, all faults of a sink"),
    "tests/unit/ctl/ctl_test.cpp": (420, "one fixture with a node and a terminal; each command in a few lines"),
    "tests/unit/fetch/strict_server.hpp": (220, "one server: what it reads, what it refuses and how it answers"),
    "tests/unit/spool/spool_test.cpp": (460, "one fixture; each test is a crash or a damage of the same log"),
}

TEXT = {".c", ".h", ".cpp", ".hpp", ".py", ".sh", ".md", ".yaml", ".yml", ".txt", ".cmake", ".json", ".service", ".tf", ""}
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
SNAKE = re.compile(r"[a-z0-9_]+(\.bpf)?\.(c|h|cpp|hpp|py|sh)")
NOT_OURS = {"build", ".git", "__pycache__", "fixtures", "corpus"}


def within(file, folder):
    return file == folder or file.startswith(folder + "/")


def check_library(file, included):
    for name, pattern, rooms in LIBRARIES:
        if re.search(pattern, included) and not any(within(file, room) for room in rooms):
            yield f"includes {name}; only {', '.join(rooms)} may"


def check_stage(file, target):
    for program, steps in STAGES.items():
        step_of = {name: step for step, names in enumerate(steps) for name in names}
        ours, theirs = file.split("/"), target.split("/")
        if len(ours) < 3 or len(theirs) < 3 or ours[0] != program or theirs[0] != program or ours[1] == theirs[1]:
            continue
        here, there = step_of.get(ours[1]), step_of.get(theirs[1])
        if here is not None and there is not None and there >= here:
            yield f"{ours[1]} includes {target}, which is no earlier stage"


def check_stranger(file, target):
    if target in SHARED_CONTRACTS:
        return
    for room, strangers in STRANGERS:
        for stranger in strangers:
            if within(file, room) and within(target, stranger):
                yield f"{room} includes {target}; it must not know {stranger}"


def check_includes(file, lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        bracket, target = match.groups()
        spelled = f"<{target}>" if bracket == "<" else f'"{target}"'
        for rule in (check_library(file, spelled), check_stage(file, target), check_stranger(file, target)):
            for complaint in rule:
                yield number, complaint


def check_length(file, lines, longer=None):
    cap, _ = (LONGER if longer is None else longer).get(file, (CAPS.get(pathlib.PurePath(file).suffix), ""))
    if cap and len(lines) > cap:
        yield 1, f"has {len(lines)} lines, {cap} is its cap: make two rooms of it, or give a reason in LONGER"


def check_name(file):
    name = pathlib.PurePath(file)
    if name.suffix in {".c", ".h", ".cpp", ".hpp", ".py", ".sh"} and not SNAKE.fullmatch(name.name):
        yield 1, "is not named in snake_case"


def check_guard(file, lines):
    if file.endswith(".hpp") and not any(line.strip() == "#pragma once" for line in lines):
        yield 1, "has no #pragma once"


def check_text(file, lines, root):
    """Unfinished work, and paths that exist on one machine only."""
    home = re.compile(r"(?<![\w}])/(root|home/(?!vagrant\b)\w+)/")
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            yield number, "says that something is unfinished: finish it, or move it to docs/roadmap.md"
        if home.search(line) or (len(root.parts) > 2 and str(root) in line):
            yield number, "names a path of somebody's machine"


def files_of(root):
    """Paths below root that are ours: what git tracks or would, or all where this is no checkout."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True)
    if listed.returncode == 0:
        names = listed.stdout.decode(errors="replace").split("\0")
    else:
        names = [str(path.relative_to(root)) for path in root.rglob("*")]
    for name in sorted(filter(None, names)):
        path = root / name
        if path.is_file() and not path.is_symlink() and not NOT_OURS & set(path.relative_to(root).parts):
            yield name


def check_file(root, file):
    suffix = pathlib.PurePath(file).suffix
    if suffix not in TEXT:
        return
    try:
        lines = (root / file).read_text().splitlines()
    except UnicodeDecodeError:
        return
    yield from check_name(file)
    yield from check_text(file, lines, root)
    yield from check_length(file, lines)
    yield from check_guard(file, lines)
    if suffix in CAPS:
        yield from check_includes(file, lines)


def check_tree(root):
    for file in files_of(root):
        for line, complaint in check_file(root, file):
            yield f"{file}:{line}: {complaint}"


def main(root):
    complaints = list(check_tree(root.resolve()))
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])))
