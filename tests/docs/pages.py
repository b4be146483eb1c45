#!/usr/bin/env python3
"""The pages of this repository, read as GitHub shows them: headings with their anchors, links, fenced blocks."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)(`{3,})(\w*)\s*$")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*([^()\s]+)\s*\)")


class Block:
    """What stands between two fences."""

    def __init__(self, page, language, line, heading):
        self.page, self.language, self.line, self.heading = page, language, line, heading
        self.text = ""

    def __str__(self):
        return f"{self.page}:{self.line}"


class Page:
    """`name`: its path below the root. `lines`: what is no block, each with its number."""

    def __init__(self, name, text):
        self.name, self.blocks, self.lines, self.anchors, self.open_fence = name, [], [], set(), None
        heading, block, indent = "", None, ""
        for number, line in enumerate(text.splitlines(), 1):
            fence = FENCE.match(line)
            if block is not None:
                if fence and fence[2] == self.open_fence[1] and not fence[3]:
                    self.blocks.append(block)
                    block = self.open_fence = None
                else:
                    block.text += line.removeprefix(indent) + "\n"
                continue
            if fence:
                block, indent, self.open_fence = Block(name, fence[3], number, heading), fence[1], (number, fence[2])
                continue
            self.lines.append((number, line))
            if found := HEADING.match(line):
                heading = plain(found[1])
                self.anchors.add(anchor_of(found[1], self.anchors))

    def links(self):
        """(line, target) of each."""
        text = "\n".join(without_code(line) for _, line in self.lines)
        for found in LINK.finditer(text):
            yield self.lines[text.count("\n", 0, found.start())][0], found[1]


def without_code(line):
    return re.sub(r"(`+)(.+?)\1", lambda found: " " * len(found[0]), line)


def plain(heading):
    """A heading without its markup."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "").strip()


def anchor_of(heading, taken):
    """As GitHub makes it of a heading."""
    anchor = re.sub(r"[^\w\- ]", "", plain(heading).lower()).replace(" ", "-")
    tried, count = anchor, 0
    while tried in taken:
        count += 1
        tried = f"{anchor}-{count}"
    return tried


def files(root):
    """Names of all that git tracks or would below root, or of all where this is no checkout."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True)
    if listed.returncode == 0:
        return sorted(name for name in listed.stdout.decode(errors="replace").split("\0") if name and (root / name).exists())
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def pages(root=ROOT, below=""):
    """Every page, but for those that tests bring as examples of others' tools."""
    for name in files(root):
        if name.endswith(".md") and name.startswith(below) and "/fixtures/" not in name:
            yield Page(name, (root / name).read_text())


def blocks(*languages, below=""):
    return [block for page in pages(below=below) for block in page.blocks if block.language in languages]


def block(name, heading, language, number=0):
    """One block of a page, for a test that does what the page says."""
    page = Page(name, (ROOT / name).read_text())
    found = [one for one in page.blocks if one.heading == heading and one.language == language]
    if len(found) <= number:
        raise LookupError(f"{name} has no block {number} of {language} below '{heading}'")
    return found[number].text


if __name__ == "__main__":  # for shell scripts: pages.py PAGE HEADING LANGUAGE [NUMBER] prints a block
    print(block(*sys.argv[1:4], *map(int, sys.argv[4:])), end="")
