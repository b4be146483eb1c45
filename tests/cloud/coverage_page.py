"""docs/coverage.md, of which each test of a cloud's requests makes its own part."""

import pathlib

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/coverage.md"
HEAD = """# What of the clouds' APIs is known

Each part is made by the test that it names, run with `--write`; do not edit. Requests are those that a vendor's own client makes of all of
its operations; names, types and ids are what `plumb decode` prints of them.
"""
PARTS = ("aws", "azure", "google", "kubernetes")


def _begin(cloud):
    return f"<!-- {cloud} -->\n"


def _parts():
    """Cloud → its text; those that were never written are empty."""
    text = PAGE.read_text() if PAGE.exists() else ""
    found = {}
    for cloud in PARTS:
        _, _, rest = text.partition(_begin(cloud))
        found[cloud] = rest.partition("\n<!-- ")[0].strip("\n")
    return found


def write(cloud, text):
    """Puts `text` (Markdown) in the place of what the page said of `cloud`."""
    parts = _parts() | {cloud: text.strip("\n")}
    PAGE.write_text(HEAD + "".join(f"\n{_begin(name)}\n{parts[name]}\n" for name in PARTS if parts[name]))


def told(cloud):
    """What the page says of `cloud`."""
    return _parts()[cloud]
