#!/usr/bin/env python3
"""Checks that the pages fit together and say what is there.

    check.py [ROOT]      prints one line a complaint, FILE:LINE: what is wrong; ends with 1 where there is one

Links and their anchors lead somewhere, a block ends and is JSON where it says so, a metric that is named is one that a program
exports, each alert rule of the chart has a runbook that says what to do and each metric that the rule asks for, each runbook such a rule,
and each capability a reason in the threat model.
"""

import json
import pathlib
import re
import sys

import pages

METRIC = re.compile(r"\bplumbline_[a-z0-9_]*[a-z0-9]\b(?!_)")
LITERAL = re.compile(r'"([a-z0-9_]+)"')
# What a metric's name begins with → the folder whose code says the rest. The longest that fits counts.
EXPORTERS = {"plumbline_collector_http_": "http", "plumbline_collector_access_": "access", "plumbline_collector_": "collector",
             "plumbline_api_access_": "access", "plumbline_api_": "http", "plumbline_": "agent"}
RULES = "daemonset/chart"
CAPABILITIES = "daemonset/chart/capabilities"
RUNBOOK = ["What it means", "What is at risk", "Look", "Do", "When to stop worrying"]


def exported(root, folder):
    """Every word that the code of a folder has between quotes."""
    words = set()
    for source in sorted((root / folder).rglob("*.[ch]pp")):
        words.update(LITERAL.findall(source.read_text()))
    return words


def check_links(root, all_pages):
    for page in all_pages.values():
        here = pathlib.PurePosixPath(page.name).parent
        for line, target in page.links():
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            joined = pathlib.Path(root / here / path).resolve() if path else root / page.name
            if not joined.is_relative_to(root) or not joined.exists():
                yield page.name, line, f"leads to {target}, which is not there"
                continue
            name = str(joined.relative_to(root))
            if anchor and name in all_pages and anchor not in all_pages[name].anchors:
                yield page.name, line, f"leads to {target}, and {name} has no such heading"


def check_blocks(all_pages):
    for page in all_pages.values():
        if page.open_fence:
            yield page.name, page.open_fence[0], "a block has no end"
        for block in page.blocks:
            try:
                if block.language == "json":
                    json.loads(block.text)
            except ValueError as error:
                yield page.name, block.line, f"is no JSON: {error}"


def check_metrics(root, all_pages):
    words = {folder: exported(root, folder) for folder in set(EXPORTERS.values())}
    for page in all_pages.values():
        if not page.name.startswith("docs/"):
            continue
        for line, text in page.lines + [(block.line, block.text) for block in page.blocks]:
            for name in METRIC.findall(text):
                prefix = max((one for one in EXPORTERS if name.startswith(one)), key=len)
                rest = name.removeprefix(prefix)
                if not {rest, re.sub("_(bucket|sum|count)$", "", rest)} & words[EXPORTERS[prefix]]:
                    yield page.name, line, f"names {name}, which no program exports"


def alert_rules(root):
    """(file, line, name, text) of each alert rule of the chart."""
    for rules in sorted((root / RULES).rglob("*.yaml")):
        text = rules.read_text()
        for found in re.finditer(r"- alert: *(\w+)(?:(?!- alert:).)*", text, re.DOTALL):
            yield str(rules.relative_to(root)), text.count("\n", 0, found.start()) + 1, found[1], found[0]


def check_runbooks(root, all_pages):
    named = set()
    for file, number, name, rule in alert_rules(root):
        page = all_pages.get(f"docs/runbooks/{name}.md")
        named.add(f"docs/runbooks/{name}.md")
        if page is None:
            yield file, number, f"{name} has no docs/runbooks/{name}.md"
            continue
        told = set(METRIC.findall("\n".join(text for _, text in page.lines)))
        for metric in sorted(set(METRIC.findall(rule)) - told):
            yield file, number, f"{name} asks for {metric}, of which {page.name} does not tell"
    for page in all_pages.values():
        if not re.fullmatch(r"docs/runbooks/Plumbline\w+\.md", page.name):
            continue
        if page.name not in named:
            yield page.name, 1, "is of no alert rule of the chart"
        headings = [text.removeprefix("## ") for _, text in page.lines if text.startswith("## ")]
        if headings != RUNBOOK:
            yield page.name, 1, f"has the headings {headings}; a runbook has {RUNBOOK}"
        index = all_pages.get("docs/runbooks/README.md")
        if index is None or pathlib.PurePosixPath(page.name).name not in {target for _, target in index.links()}:
            yield page.name, 1, "is not in docs/runbooks/README.md"


def check_capabilities(root, all_pages):
    """What the agent is granted has its reason in the threat model."""
    granted = root / CAPABILITIES
    page = all_pages.get("docs/threat-model.md")
    told = {found[1] for _, line in (page.lines if page else []) if (found := re.match(r"\| CAP_(\w+) \|", line))}
    for number, line in enumerate(granted.read_text().splitlines() if granted.exists() else [], 1):
        if line.split()[0] not in told:
            yield CAPABILITIES, number, f"CAP_{line.split()[0]} is not in docs/threat-model.md"


def check_tree(root):
    all_pages = {page.name: page for page in pages.pages(root)}
    for complaints in (check_links(root, all_pages), check_blocks(all_pages), check_metrics(root, all_pages), check_runbooks(root, all_pages),
                       check_capabilities(root, all_pages)):
        for file, line, complaint in complaints:
            yield f"{file}:{line}: {complaint}"


def main(root):
    complaints = list(check_tree(root.resolve()))
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pages.ROOT))
