#!/usr/bin/env python3
"""Every block of commands on a page is run by a test, or named here with the reason why none can run it.

    commands.py [--list]     prints one line a complaint; --list: what runs what

A test that runs blocks takes them from the page itself (blocks_for(), pages.block(), or pages.py from a shell). Of entries that fit a block the
first counts.
"""

import re
import sys

import pages

# Page, heading (* = any), language, and where that is not enough a word of the commands → the test that takes them from there.
RUN_BY = {
    ("docs/runbooks/*", "*", "sh", "kubectl"): "tests/kube/run",
    ("docs/runbooks/PlumblineCertificateExpiring.md", "*", "sh", "openssl"): "tests/kube/run",
    ("docs/runbooks/*", "*", "sh", "systemctl"): "tests/package/bundle.sh",
    ("docs/runbooks/*", "*", "sh", "dmesg"): "tests/package/bundle.sh",
    ("docs/runbooks/*", "*", "sh"): "tests/e2e/test_docs.py",
    ("docs/sinks/alertmanager.md", "*", "sh"): "tests/siem/alertmanager_test.py",
    ("docs/sinks/elasticsearch.md", "*", "sh"): "tests/siem/opensearch_test.py",
    ("docs/sinks/kafka.md", "*", "sh"): "tests/siem/kafka_test.py",
    ("docs/sinks/otlp.md", "*", "sh"): "tests/siem/otlp_test.py",
    ("docs/sinks/syslog.md", "*", "sh"): "tests/siem/syslog_test.py",
    ("docs/sinks/*", "*", "sh"): "tests/e2e/test_docs.py",
    ("docs/reference/rollback.md", "By hand", "sh"): "tests/e2e/test_rollback.py",
    ("docs/install.md", "*", "sh"): "tests/package/bundle.sh",
    ("docs/install-ecs.md", "*", "sh"): "tests/ecs/run",
    ("docs/install-kubernetes.md", "*", "sh"): "tests/kube/run",
    ("docs/upgrade.md", "Kubernetes", "sh"): "tests/kube/run",
    ("docs/upgrade.md", "*", "sh"): "tests/package/bundle.sh",
    ("docs/removal.md", "*", "sh"): "tests/package/bundle.sh",
    ("docs/reference/collector.md", "Enrolment", "sh"): "tests/e2e/test_enrolment.py",
    ("docs/reference/baselines.md", "Kinds", "sh"): "tests/ecs/run",
}
NOT_RUN = {
    ("README.md", "Plumbline", "console"): "what a user sees, not what he types",
    ("README.md", "Two commands", "console"): "the suite itself, and what it is run by",
    ("docs/install-kubernetes.md", "*", "console"): "no cluster of the tests has a PostgreSQL beside it: tests/e2e/test_replicas.py makes such keys, tests/kube such Secrets",
    ("docs/reference/collector.md", "Their keys", "console"): "tests/e2e/test_replicas.py types it with a folder of its own",
    ("cloud/tables/README.md", "*", "console"): "it downloads what vendors publish",
}


def entry_of(block, table):
    for key, says in table.items():
        page, heading, language, *words = key
        fits = re.fullmatch(re.escape(page).replace(r"\*", ".*"), block.page) and heading in ("*", block.heading)
        if fits and language == block.language and all(re.search(rf"\b{word}\b", block.text) for word in words):
            return key, says
    return None, None


def blocks_for(test):
    return [block for block in pages.blocks("sh", "console", "bash") if entry_of(block, RUN_BY)[1] == test]


def complaints(blocks, run_by, not_run):
    used = set()
    for block in blocks:
        key, test = entry_of(block, run_by)
        if key is None:
            key, _ = entry_of(block, not_run)
        if key is None:
            yield f"{block}: no test runs these commands: take them from the page in one, or say in tests/docs/commands.py why none can"
        used.add(key)
    for key in [*run_by, *not_run]:
        if key not in used:
            yield f"tests/docs/commands.py: {key} fits no block any more"
    for block in blocks:
        _, test = entry_of(block, run_by)
        if test is not None:
            text = (pages.ROOT / test).read_text()
            if block.page not in text and f'blocks_for("{test}")' not in text:
                yield f"{block}: {test} does not take this page, though tests/docs/commands.py says so"


def main(arguments):
    blocks = pages.blocks("sh", "console", "bash")
    if arguments == ["--list"]:
        for block in blocks:
            print(f"{block}: {entry_of(block, RUN_BY)[1] or 'not run: ' + str(entry_of(block, NOT_RUN)[1])}")
        return 0
    found = list(complaints(blocks, RUN_BY, NOT_RUN))
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
