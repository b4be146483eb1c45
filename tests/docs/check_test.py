#!/usr/bin/env python3
"""Proof that check.py can fail: each rule is broken once in a small tree, and the complaint names it."""

import pathlib
import tempfile
import unittest

import check
import pages

RUNBOOK = "# PlumblineX\n\n" + "\n\n".join(f"## {heading}" for heading in check.RUNBOOK) + "\n"


class Pages(unittest.TestCase):
    def complaints(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return list(check.check_tree(root))

    def assert_complains(self, files, place, says):
        found = self.complaints(files)
        self.assertTrue(any(one.startswith(place) and says in one for one in found), found)

    def test_nothing_is_wrong_with_this_tree(self):
        self.assertEqual(list(check.check_tree(pages.ROOT)), [])

    def test_links(self):
        good = {"docs/a.md": "# A\n\n[b](b.md#two-words) and [it\nself](#a), `[no](link.md)`, [web](https://x.example/y)\n\n```sh\n[x](y.md)\n```\n",
                "docs/b.md": "## Two words\n\n## `code`, and more\n\n[up](../docs/a.md) [more](#code-and-more)\n"}
        self.assertEqual(self.complaints(good), [])
        self.assert_complains({**good, "README.md": "\n[gone](docs/c.md)\n"}, "README.md:2:", "docs/c.md, which is not there")
        self.assert_complains({**good, "README.md": "[gone](docs/b.md#two)\n"}, "README.md:1:", "no such heading")
        self.assert_complains({**good, "README.md": "[out](../etc/passwd)\n"}, "README.md:1:", "not there")
        self.assert_complains({"a.md": "\n[broken\nover lines](b.md)\n"}, "a.md:2:", "b.md")

    def test_equal_headings_have_anchors_of_their_own(self):
        page = pages.Page("a.md", "# A\n## B\n## B\n## B_c (d) – e\n")
        self.assertEqual(page.anchors, {"a", "b", "b-1", "b_c-d--e"})

    def test_blocks(self):
        self.assert_complains({"a.md": "x\n```sh\nno end\n"}, "a.md:2:", "no end")
        self.assert_complains({"a.md": "```json\n{a: 1}\n```\n"}, "a.md:1:", "no JSON")
        page = pages.Page("a.md", "# T\n- list\n  ```sh\n  one\n    two\n  ```\n````md\n```sh\n```\n````\n")
        self.assertEqual([(b.language, b.text, b.heading) for b in page.blocks], [("sh", "one\n  two\n", "T"), ("md", "```sh\n```\n", "T")])

    def test_metrics(self):
        code = {"agent/a.cpp": 'x("changes_total");', "collector/c.cpp": 'x("ack_seconds");', "http/h.cpp": 'x("requests_total");', "access/g.cpp": 'x("admitted_total");'}
        good = "plumbline_changes_total plumbline_collector_ack_seconds_bucket plumbline_collector_http_requests_total plumbline_api_access_admitted_total plumbline_api_…"
        self.assertEqual(self.complaints({**code, "docs/a.md": good + "\n"}), [])
        for name in ("plumbline_ack_seconds", "plumbline_collector_changes_total", "plumbline_collector_requests_total", "plumbline_gone_total"):
            self.assert_complains({**code, "docs/a.md": f"x\n```promql\nrate({name}[5m])\n```\n"}, "docs/a.md:2:", name)

    def test_runbooks(self):
        index = {"docs/runbooks/README.md": "[x](PlumblineX.md)\n", "docs/runbooks/PlumblineX.md": RUNBOOK}
        file = check.RULES + "/files/alerts.yaml"
        rules = {file: "rules:\n- alert: PlumblineX\n", "agent/a.cpp": 'x("x_total");'}
        self.assertEqual(self.complaints({**index, **rules}), [])
        self.assert_complains({**index, file: "- alert: PlumblineY\n"}, file + ":1:", "docs/runbooks/PlumblineY.md")
        self.assert_complains({**index, file: "- alert: PlumblineY\n"}, "docs/runbooks/PlumblineX.md:1:", "of no alert rule")
        two = {**index, **rules, file: "- alert: PlumblineX\n  expr: |\n    up == 0\n    or plumbline_x_total > 0\n- alert: PlumblineX\n"}
        self.assert_complains(two, file + ":1:", "plumbline_x_total")
        self.assertEqual(self.complaints({**two, "docs/runbooks/PlumblineX.md": RUNBOOK.replace("\n\n", "\n\n`plumbline_x_total` grew.\n\n", 1)}), [])
        self.assert_complains({**index, "docs/runbooks/PlumblineX.md": RUNBOOK.replace("## Do\n", "")}, "docs/runbooks/PlumblineX.md:1:", "headings")
        self.assert_complains({"docs/runbooks/PlumblineX.md": RUNBOOK}, "docs/runbooks/PlumblineX.md:1:", "README.md")

    def test_capabilities(self):
        granted = {check.CAPABILITIES: "BPF  load programs\nSYS_PTRACE  look\n"}
        table = "| Capability | Why |\n| --- | --- |\n| CAP_BPF | x |\n| CAP_SYS_PTRACE | y |\n"
        self.assertEqual(self.complaints({**granted, "docs/threat-model.md": table}), [])
        self.assert_complains({**granted, "docs/threat-model.md": table.replace("CAP_SYS_PTRACE", "CAP_CHOWN")}, check.CAPABILITIES + ":2:", "CAP_SYS_PTRACE")


if __name__ == "__main__":
    unittest.main()
