# SPDX-License-Identifier: GPL-2.0-only
"""Python's packages import what README's table lets them: called by tests/style.bats, with the files of the tree.

Prints each import that goes elsewhere, and each package that the table does not have; the exit status is 1 then.
"""

import ast
import re
import sys
from collections.abc import Iterator

ROW = re.compile(r"^\| \[?((?:gdbscripts|labs|tools)/[\w/]+)[^|]*\|[^|]*\| ([\w, ]+) \|$", re.M)


def allowed() -> dict[str, set[str]]:
    """Package -> what it may import, by the last part of its path."""
    with open("README.md", encoding="utf-8") as file:
        rows = ROW.findall(file.read())
    return {path.rpartition("/")[2]: set() if may == "nothing" else set(may.split(", ")) for path, may in rows}


def package_of(parts: list[str]) -> str:
    """grader, checks, labN, ... for the parts of a module's name."""
    if parts[:2] == ["grader", "checks"]:
        return "checks"
    return "labN" if re.fullmatch(r"lab\d+", parts[0]) else parts[0]


def imports(path: str, module: list[str]) -> Iterator[list[str]]:
    """The full names of what a file imports, in parts."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module[:len(module) - node.level] if node.level else []
            name = base + (node.module or "").split(".") if node.module else base
            yield from (name + [alias.name] for alias in node.names)


def main(files: list[str]) -> int:
    may, wrong = allowed(), []
    for path in files:
        module = path.removesuffix(".py").split("/")[1:]
        own = package_of(module)
        if own not in may:
            wrong.append(f"{path}: README's table of packages has no row for {own}")
            continue
        for parts in imports(path, module):
            other = package_of(parts)
            if other in may.keys() | {"gdb"} and (parts[0] != module[0] if own == other else other not in may[own]):
                wrong.append(f"{path} imports {'.'.join(parts)}: README lets {own} import {', '.join(sorted(may[own])) or 'nothing'}")
    print("\n".join(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
