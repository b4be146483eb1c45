#!/usr/bin/env python3
"""Prints what a CTest run came to, one line a case: PASS name, FAIL name: why, SKIP name: why.

    ctest_cases.py FOLDER      FOLDER has ctest.junit and, of GoogleTest programs, PROGRAM.xml (GTEST_OUTPUT=xml:FOLDER/)

A GoogleTest program counts by its cases, so that a case which skips itself is seen; any other test counts as one. A program
that failed or died without a failed case counts as one more failure.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def one_line(text):
    return " ".join((text or "").split())[:300]


def gtest_cases(file):
    """(word, case, why) of each case of a GoogleTest result file."""
    for case in ElementTree.parse(file).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        failure, skipped = case.find("failure"), case.find("skipped")
        if failure is not None:
            yield "FAIL", name, one_line(failure.get("message"))
        elif skipped is not None:
            yield "SKIP", name, one_line(skipped.get("message")) or "gave no reason"
        elif case.get("status") == "run":
            yield "PASS", name, ""
        else:
            yield "SKIP", name, "disabled"


def last_words(case):
    """A script that skips or fails says why in its last line."""
    lines = [line for line in (case.findtext("system-out") or "").splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else ""


def cases(folder):
    for test in ElementTree.parse(folder / "ctest.junit").iter("testcase"):
        name, status, skipped = test.get("name"), test.get("status"), test.find("skipped")
        file = folder / f"test_{name.replace('.', '_')}.xml"
        inner = []
        if file.exists():
            try:
                inner = list(gtest_cases(file))
            except ElementTree.ParseError as error:
                inner = [("FAIL", "results", f"cannot be read: {error}")]
        for word, case, why in inner:
            yield word, f"{name} {case}", why
        if status == "fail" and not any(word == "FAIL" for word, _, _ in inner):
            yield "FAIL", name, last_words(test) or "failed, crashed or ran out of time"
        elif status == "run" and not inner:
            yield "PASS", name, ""
        elif status == "disabled":
            yield "SKIP", name, "disabled"
        elif status == "notrun":
            # CTest calls a test skipped, too, whose program was never built: that is no reason of the test's own.
            chosen = skipped is not None and skipped.get("message", "").startswith("SKIP_")
            yield "SKIP" if chosen else "FAIL", name, last_words(test) or "did not run"


def main(folder):
    found = list(cases(pathlib.Path(folder)))
    if not found:
        found = [("FAIL", "ctest", "no test has this label")]
    for word, name, why in found:
        print(f"{word} {name}" + (f": {why}" if why else ""))


if __name__ == "__main__":
    main(sys.argv[1])
