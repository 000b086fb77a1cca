# SPDX-License-Identifier: GPL-2.0-only
"""The rules as a page of the book: tools/python -m explain.page TITLES, called by tools/doc/build.

TITLES has a line for each lesson, its label and its title. What a rule puts in from a run is left out, as "…".
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator

from . import RULES
from .rule import Rule


def texts(rule: Rule) -> Iterator[str]:
    """What a rule can say."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(rule.says)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and node.value:
            words = re.sub(r"\s+", " ", _words(node.value)).strip()
            if words and words != "…":
                yield words


def _words(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, str) else ""
    if isinstance(value, ast.JoinedStr):
        return "".join(_words(part) for part in value.values)
    return "…"


def plain(text: str) -> str:
    """What is HTML, Markdown or Doxygen's in a text is none there."""
    return re.sub(r"([<>@\\#%&*|])", r"\\\1", text)


def lines(titles: dict[str, str]) -> Iterator[str]:
    yield "# What can go wrong {#diagnoses}\n"
    yield ("What a boot that failed is told to mean. It is booted again and looked at; each of these is a rule in "
           "<tt>tools/explain</tt>, and numbers of the run stand for each …\n")
    for number, rule in enumerate(RULES):
        if rule.name in (r.name for r in RULES[:number]):
            continue
        yield f"## {rule.name} {{#diagnosis-{rule.name}}}\n"
        yield from (plain(text) + "\n" for text in texts(rule))
        page, _, section = rule.read.partition(": ")
        label = f"lesson-{page}" if page[:1].isdigit() else page
        yield f'Read @ref {label} "{titles.get(label, page)}"' + (f", {plain(section)}.\n" if section else ".\n")


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        titles = dict(line.rstrip("\n").split("\t")[:2] for line in file)
    print("\n".join(lines(titles)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
