#!/usr/bin/env python3
"""The count of ./dev test must not be able to hide a failure or a skip."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import ctest_cases  # noqa: E402


class CtestCases(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def cases(self, junit, **gtests):
        (self.folder / "ctest.junit").write_text(f"<testsuite>{junit}</testsuite>")
        for program, cases in gtests.items():
            (self.folder / f"{program}.xml").write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
        return [(word, name) for word, name, _ in ctest_cases.cases(self.folder)]

    def test_a_gtest_program_counts_by_its_cases(self):
        found = self.cases(
            '<testcase name="unit.a.b" status="run"/>',
            test_unit_a_b='<testcase classname="S" name="one" status="run"/>'
            '<testcase classname="S" name="two" status="run"><skipped message="no BTF here"/></testcase>'
            '<testcase classname="S" name="DISABLED_x" status="notrun"/>')
        self.assertEqual(found, [("PASS", "unit.a.b S.one"), ("SKIP", "unit.a.b S.two"), ("SKIP", "unit.a.b S.DISABLED_x")])

    def test_a_failed_case(self):
        found = self.cases('<testcase name="u" status="fail"><failure message="Failed"/></testcase>',
                           test_u='<testcase classname="S" name="one" status="run"><failure message="1 != 2"/></testcase>')
        self.assertEqual(found, [("FAIL", "u S.one")])

    def test_a_program_that_died_before_it_reported(self):
        self.assertEqual(self.cases('<testcase name="u" status="fail"><failure message="SEGFAULT"/></testcase>'), [("FAIL", "u")])

    def test_a_program_that_died_after_its_last_case(self):
        found = self.cases('<testcase name="u" status="fail"><failure message="leak"/></testcase>',
                           test_u='<testcase classname="S" name="one" status="run"/>')
        self.assertEqual(found, [("PASS", "u S.one"), ("FAIL", "u")])

    def test_a_report_cut_short(self):
        self.assertEqual(self.cases('<testcase name="u" status="run"/>', test_u="<broken"), [("FAIL", "u results")])

    def test_a_program_that_was_not_built(self):
        missing = '<testcase name="u" status="notrun"><skipped message="Unable to find executable"/></testcase>'
        self.assertEqual(self.cases(missing), [("FAIL", "u")])

    def test_a_script_that_skips_says_why(self):
        (self.folder / "ctest.junit").write_text(
            '<testsuite><testcase name="s" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
            "<system-out>trying\nno podman here\n</system-out></testcase></testsuite>")
        self.assertEqual(list(ctest_cases.cases(self.folder)), [("SKIP", "s", "no podman here")])


if __name__ == "__main__":
    unittest.main()
