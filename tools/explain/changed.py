# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of the source differ from the last commit: git knows. No rule asks for that, since a kernel that was changed need not fail by the
change; but whoever reads an explanation compares it with what was done last, and may have forgotten it, or why it was so."""

from __future__ import annotations

import itertools
import pathlib
import re
import subprocess
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .committed import Committed
from .glossary import meaning, technical

MOST, LINES, LONGEST = 3, 4, 100  # places, lines of each, and characters of a line
INDENT = {"initial_indent": "  ", "subsequent_indent": "  "}
BEGIN = "the source differs from the last commit (git diff); if that one ran, the cause is among these lines:"
_FILE, _HUNK = re.compile(r"^\+\+\+ b/(\S+)"), re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,\d+)? @@")


class Piece(NamedTuple):
    """Of a diff: its file, and the line there now; the lines of the committed file that went, last < first if none did; what went and came."""
    file: str
    line: int
    first: int
    last: int
    lines: list[str]


class Place:
    """Where a piece is, and what was committed with it."""

    def __init__(self, tree: pathlib.Path, piece: Piece) -> None:
        self.piece, self.file = piece, Committed.of(tree, piece.file)
        self.within = self.file.within(piece.first) if any(re.match(r"[-+]\s", line) for line in piece.lines) else ""

    def lines(self) -> Iterator[str]:
        yield f"{self.piece.file}:{self.piece.line}" + (f", in {self.within}" if self.within else "")
        for line in self.piece.lines[:LINES]:
            yield f"  {line[0]} {' '.join(line[1:].split())}"[:LONGEST + 2]
        if len(self.piece.lines) > LINES:
            yield "  ..."

    def words(self) -> list[str]:
        """The comment, what its names mean, and the lesson, as far as there are such."""
        piece = self.piece
        comment, shown = self.file.comment(piece.first, piece.last, technical(piece.lines)), self.file.shown(piece.first)
        named = meaning(self.file, piece.lines)
        twice = named.partition(": ")[2].strip('"') in comment
        parts = [f'Its comment: "{comment}"' if comment else "", "" if twice else named, f"Shown in {shown}." if shown else ""]
        return [part for part in parts if part]


def changed(image: str) -> list[str]:
    """What is to be said of it, in lines, or none: what the image was built of is no checkout, or is as it was committed."""
    folders = pathlib.Path(image).absolute().parents
    tree = next((folder for folder in folders if (folder / "src" / "include").is_dir()), None)
    found = list(pieces(_diff(tree))) if tree else []
    told, before = [BEGIN] if found else [], set()
    for place in (Place(tree, piece) for piece in found[:MOST]):
        new = [words for words in place.words() if words not in before]
        before.update(new)
        told += [*place.lines(), *textwrap.wrap(" ".join(new), LONGEST, break_long_words=False, break_on_hyphens=False, **INDENT)]
    return told + [f"and {len(found) - MOST} places more"] * (len(found) > MOST)


def _diff(tree: pathlib.Path) -> list[str]:
    """Git's, if there is a git."""
    words = "--unified=0 --no-color --no-ext-diff --src-prefix=a/ --dst-prefix=b/ --relative HEAD -- src"
    try:
        return subprocess.run(["git", "-C", str(tree), "diff", *words.split()], capture_output=True, text=True, errors="replace", check=False,
                              stdin=subprocess.DEVNULL).stdout.splitlines()
    except OSError:
        return []


def pieces(diff: Sequence[str]) -> Iterator[Piece]:
    file = ""
    for number, line in enumerate(diff):
        named, piece = _FILE.match(line), _HUNK.match(line)
        if named:
            file = named[1]
        elif piece:
            lines = list(itertools.takewhile(lambda text: text[:1] in ("-", "+") and not text.startswith("--- a/"), diff[number + 1:]))
            count = int(piece[2] or 1)
            first = int(piece[1]) + (not count)  # git names the line before what was only added
            yield Piece(file, int(piece[3]), first, first + count - 1, lines)
