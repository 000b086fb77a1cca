# SPDX-License-Identifier: GPL-2.0-only
"""What the last commit's source says of a line that was changed: the comment that goes with it, and the lesson that shows it.

The kit's comments say why a line is as it is. So whoever has changed one, and reads what came of it, should see that again.
"""

from __future__ import annotations

import functools
import pathlib
import re
import subprocess
from collections.abc import Collection, Iterator
from typing import NamedTuple

from .phrases import brief, has_one, plain, sentences

FEW = 50  # characters of a comment that says little
_COMMENT = re.compile(r"/\*.*?\*/|(?<=[^#\n]\t)# [^\n]+", re.S)
_MARK, _SHOWN, _HEADING = re.compile(r"\s*//! \[(\w+)\]"), re.compile(r"<!-- \\snippet (\S+) (\S+) -->"), re.compile(r"#+ (.*)")


class Comment(NamedTuple):
    """Lines, counted from 1, and the text of one."""
    first: int
    last: int
    text: str
    many: bool  # of several declarations (Doxygen's @{)


class Committed:
    """A file as it was committed."""

    def __init__(self, tree: pathlib.Path, name: str, text: str) -> None:
        self.tree, self.name, self.text = tree, name, text
        self.lines = text.splitlines()

    @classmethod
    def of(cls, tree: pathlib.Path, name: str) -> Committed:
        """May raise OSError. A file that was not there is empty."""
        return cls(tree, name, subprocess.run(["git", "-C", str(tree), "show", f"HEAD:./{name}"], capture_output=True, text=True, errors="replace",
                                              check=False, stdin=subprocess.DEVNULL).stdout)

    @functools.cached_property
    def comments(self) -> list[Comment]:
        return list(self._comments())

    def _comments(self) -> Iterator[Comment]:
        for match in _COMMENT.finditer(self.text):
            if "SPDX-License-Identifier" in match[0]:
                continue
            first = self.text.count("\n", 0, match.start()) + 1
            yield Comment(first, first + match[0].count("\n"), plain(match[0]), "@{" in match[0])

    @classmethod
    def headers(cls, tree: pathlib.Path) -> Iterator[Committed]:
        """Where public names are declared, as they are now."""
        for path in sorted((tree / "src" / "include").glob("*.h")):
            yield cls(tree, path.name, path.read_text(encoding="utf-8", errors="replace"))

    def comment(self, first: int, last: int, names: Collection[str] = ()) -> str:
        """What is said of lines: in them or beside them, above their paragraph, above their function, here or where that is declared, or of the
        file. What is said in a few words leaves room for the next; of the others there are the sentences that have one of the names."""
        begins = self._begins(first)
        beside = next((c for c in self.comments if first <= c.first <= last), None)
        name = self.within(first).rstrip("()")
        declared = self.declared(name) if name else None
        function = self._above(begins) or (declared if declared and not declared.many else None)
        all_found = (c.text for c in (beside, self._above(first), function, *self.comments[:1]) if c)
        found = list(dict.fromkeys(text for text in all_found if text and not text.endswith(":")))
        few = 2 if found and len(found[0]) < FEW else 1
        told = [brief(text, names) for text in found[:few]]
        told += [" ".join(s for s in sentences(text) if has_one(s, names)) for text in found[few:]]
        return " / ".join(text for text in told if text)

    def within(self, first: int) -> str:
        """The function, macro or label that a line is in."""
        line = (self.lines[self._begins(first) - 1:self._begins(first)] or [""])[0]
        match = re.match(r"#define (\w+)|(\w+):|(?:.*?[\s*])?(\w+)\(", line)
        return (match[1] or match[2] or f"{match[3]}()") if match else ""

    def declared(self, name: str) -> Comment | None:
        """What is said of a name where it is declared, here or in a header; nothing if two headers say different things of it."""
        constant = rf"|\t{name}(?: = .*)?,(?:\s*/\*.*)?$" if name.isupper() else ""
        declares = re.compile(rf"(?!return|typedef)[a-z].*[\s*]{name}\(|#define {name}\b|{name}:{constant}")
        for places in ([self], self.headers(self.tree)):
            found = [other._own(n) for other in places for n, line in enumerate(other.lines, 1) if name in line and declares.match(line)]
            if any(found):
                return next(filter(None, found)) if len({c.text for c in found if c}) == 1 else None
        return None

    def _own(self, number: int) -> Comment | None:
        """Of the line alone, in which a name is declared."""
        beside = [c for c in self.comments if c.first == number]
        alone = self._above(number)
        return beside[0] if beside else alone if alone and not any(map(self._line, range(alone.last + 1, number))) else None

    def _above(self, number: int) -> Comment | None:
        """The one that ends directly above the paragraph that a line is in, and does not belong to a block inside of that."""
        alone = {c.last: c for c in self.comments if self._line(c.first).startswith("/*")}
        for above in range(number - 1, 0, -1):
            if above in alone or not self.lines[above - 1].strip():
                found = alone.get(above)
                return found if found and self._depth(found.first) <= self._depth(number) else None
        return None

    def _depth(self, number: int) -> int:
        line = self.lines[number - 1] if number <= len(self.lines) else ""
        return len(line) - len(line.lstrip())

    def _begins(self, number: int) -> int:
        """The line at which its function, struct or macro begins: the last one that has a name in the first column; of a macro, if it goes on to here."""
        for n in range(min(number, len(self.lines)), 0, -1):
            macro = self.lines[n - 1].startswith("#define") and all(line.endswith("\\") for line in self.lines[n - 1:number - 1])
            if macro or re.match(r"[A-Za-z_.]", self.lines[n - 1]):
                return n
        return 1

    def _line(self, number: int) -> str:
        """Without the marks of snippets."""
        line = self.lines[number - 1].strip() if number <= len(self.lines) else ""
        return "" if _MARK.match(line) else line

    def snippets(self, first: int) -> list[str]:
        """The names of the marks around a line."""
        marks = [(number, match[1]) for number, line in enumerate(self.lines, 1) for match in [_MARK.match(line)] if match]
        names = dict.fromkeys(name for _, name in marks)
        spans = [(name, [number for number, other in marks if other == name]) for name in names]
        return [name for name, at in spans if len(at) == 2 and at[0] <= first <= at[1]]

    def shown(self, first: int) -> str:
        """The lesson that shows a line, and the section; empty if none does."""
        wanted = {(f"{self.name}", name) for name in self.snippets(first)}
        for page in sorted((self.tree / "lessons").glob("[0-9]*.md"), key=_number) if wanted else ():
            section = ""
            for line in page.read_text(encoding="utf-8", errors="replace").splitlines():
                heading, marker = _HEADING.match(line), _SHOWN.match(line)
                section = heading[1] if heading else section
                if marker and (marker[1], marker[2]) in wanted:
                    return f'lessons/{page.name}, "{section}"'
        return ""


def _number(page: pathlib.Path) -> int:
    return int(re.match(r"\d+", page.name)[0])
