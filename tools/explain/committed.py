# SPDX-License-Identifier: GPL-2.0-only
"""What the last commit's source says of a line that was changed: the comment that goes with it, and the lesson that shows it.

The kit's comments say why a line is as it is. So whoever has changed one, and reads what came of it, should see that again.
"""

from __future__ import annotations

import functools
import pathlib
import re
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

LONGEST, FEW = 260, 50  # characters of a comment, which ends with a sentence, if one ends in that; and of one that says little
_COMMENT = re.compile(r"/\*.*?\*/|(?<=[^#\n]\t)# [^\n]+", re.S)
_MARK, _SHOWN, _HEADING = re.compile(r"\s*//! \[(\w+)\]"), re.compile(r"<!-- \\snippet (\S+) (\S+) -->"), re.compile(r"#+ (.*)")
_DOXYGEN, _PARAMETERS = re.compile(r"@(?:p|c|ref|brief)\s+|@(?:file|snippet)\b.*|@[{}]|^<\s+"), re.compile(r"@(?:param|return|retval|note|see)\b")


class Comment(NamedTuple):
    """Lines, counted from 1, and the text of one."""
    first: int
    last: int
    text: str


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
            yield Comment(first, first + match[0].count("\n"), _plain(match[0]))

    @classmethod
    def headers(cls, tree: pathlib.Path) -> Iterator[Committed]:
        """Where public names are declared, as they are now."""
        for path in sorted((tree / "src" / "include").glob("*.h")):
            yield cls(tree, path.name, path.read_text(encoding="utf-8", errors="replace"))

    def comment(self, first: int, last: int) -> str:
        """What is said of lines: in them or beside them, above their paragraph, above their function, here or where that is declared, or of the
        file. What is said in a few words leaves room for the next."""
        begins = self._begins(first)
        beside = next((c for c in self.comments if first <= c.first <= last), None)
        function = self._above(begins) or self._declared(begins)
        found = [c.text for c in (beside, self._above(first), function, *self.comments[:1]) if c and c.text and not c.text.endswith(":")]
        few = 2 if found and len(found[0]) < FEW else 1
        return " / ".join(dict.fromkeys(found[:few]))

    def own_comment(self, number: int) -> Comment | None:
        """Of the line alone, in which a name is declared."""
        beside = [c for c in self.comments if c.first == number]
        alone = self._above(number)
        return beside[0] if beside else alone if alone and not any(map(self._line, range(alone.last + 1, number))) else None

    def _declared(self, begins: int) -> Comment | None:
        """A public function's comment is in a header. Of a name that several files define, each has another meaning."""
        match = re.match(r"(?:(?!static).)*?(\w+)(?:\(|:)", (self.lines[begins - 1:begins] or [""])[0])
        declared = re.compile(rf"^[a-z].*\b{match[1]}\(", re.M) if match else None
        sources = (path.read_text(encoding="utf-8", errors="replace") for path in (self.tree / "src").glob("*/*.c")) if match else ()
        if not declared or sum(map(bool, map(declared.search, sources))) > 1:
            return None
        found = ((header, declared.search(header.text)) for header in self.headers(self.tree))
        return next((header._above(header.text.count("\n", 0, at.start()) + 1) for header, at in found if at), None)

    def _above(self, number: int) -> Comment | None:
        """The one that ends directly above the paragraph that a line is in."""
        alone = {c.last: c for c in self.comments if self._line(c.first).startswith("/*")}
        for above in range(number - 1, 0, -1):
            if above in alone or not self.lines[above - 1].strip():
                return alone.get(above)
        return None

    def _begins(self, number: int) -> int:
        """The line at which its function, struct or macro begins: the last one that has a name in the first column."""
        return next((n for n in range(number, 0, -1) if re.match(r"[A-Za-z_#.]", (self.lines[n - 1:n] or [""])[0])), 1)

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


def _plain(comment: str) -> str:
    """Its sentences, as many as there is room for."""
    lines = (re.sub(r"^\s*\*(?:\s|$)", "", line).strip() for line in re.sub(r"^(?:/\*+|#)|\*+/$", "", comment).splitlines())
    text = " ".join(_PARAMETERS.split(" ".join(_DOXYGEN.sub("", line) for line in lines))[0].split())
    if len(text) <= LONGEST:
        return text
    ends = [match.end() for match in re.finditer(r"[.:](?= [A-Z-])", text[:LONGEST])]
    return text[:ends[-1]] if ends else text[:LONGEST].rpartition(" ")[0] + " ..."
