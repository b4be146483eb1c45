#!/usr/bin/env python3
"""Makes cloud/tables/azure_terraform_types.tsv of magodo/aztft's internal/resmap/map.json (MPL-2.0).

    azure_types.py map.json
"""

import json
import pathlib
import sys

TABLE = pathlib.Path(__file__).resolve().parents[1] / "tables/azure_terraform_types.tsv"


def main():
    types = json.loads(pathlib.Path(sys.argv[1]).read_text())
    lines = ["# terraform type\ttype of Azure"]
    for name, entry in sorted(types.items()):
        plane = entry.get("management_plane")
        # "fake_…" are parts that are no type of their own; a provider in braces may be any.
        if name.startswith("azurerm_") and plane and plane.get("types") and "{" not in plane["provider"] and not entry.get("is_removed"):
            lines.append(f"{name}\t{plane['provider']}/{'/'.join(plane['types'])}")
    TABLE.write_text("\n".join(lines) + "\n")
    print(f"{TABLE.name}: {len(lines) - 1} rows")


if __name__ == "__main__":
    main()
