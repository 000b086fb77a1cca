# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of the source differ from the last commit: git knows. No rule asks for that, since a kernel that was changed
need not fail by the change; but whoever reads an explanation compares it with what was done last, and may have forgotten it, or why it was so."""

from __future__ import annotations

import itertools
import pathlib
import re
import subprocess
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .committed import Committed
from .glossary import meaning, names_in

MOST, LINES, LONGEST = 3, 4, 100  # places, lines of each, and characters of a line
_FILE, _HUNK = re.compile(r"^\+\+\+ b/(\S+)"), re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,\d+)? @@(?: (?:.*?(\w+)\(.*|(\w+):)?)?")


class Place(NamedTuple):
    """A piece of a diff: its file; file:line, in function(); the lines of the committed file that went, last < first if none did; what went and came."""
    file: str
    where: str
    first: int
    last: int
    lines: list[str]

    @property
    def names(self) -> set[str]:
        """The function that it is in, and what its lines name."""
        return {*re.findall(r", in (\w+)", self.where), *names_in(self.lines)}


class Changes:
    """Since the last commit, in the tree that an image was built in. None, if that is no checkout, or is as it was committed."""

    def __init__(self, image: str) -> None:
        folders = pathlib.Path(image).absolute().parents
        self.tree = next((folder for folder in folders if (folder / "src" / "include").is_dir()), None)
        self.places = list(places(_diff(self.tree))) if self.tree else []

    def lines(self) -> list[str]:
        """What is to be said of them."""
        told = ["the source differs from the last commit (git diff); if that one ran, the cause is among these lines:"] if self.places else []
        comments: set[str] = set()
        for place in self.places[:MOST]:
            told += [place.where, *("  " + line[:LONGEST] for line in place.lines[:LINES]), *(["  ..."] if len(place.lines) > LINES else [])]
            told += _words(self.tree, place, comments)
        return told + [f"and {len(self.places) - MOST} places more"] * (len(self.places) > MOST)

    def named_in(self, text: str) -> bool:
        """Whether one of them is: its file, the function that it is in, or a name that it has."""
        return any(pathlib.Path(place.file).name in text or any(re.search(rf"\b{name}\b", text) for name in place.names) for place in self.places)


def _diff(tree: pathlib.Path) -> list[str]:
    """Git's, if there is a git."""
    try:
        return subprocess.run(["git", "-C", str(tree), "diff", "--unified=0", "--no-color", "--no-ext-diff", "--src-prefix=a/", "--dst-prefix=b/", "--relative", "HEAD",
                               "--", "src"], capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL).stdout.splitlines()
    except OSError:
        return []


def _words(tree: pathlib.Path, place: Place, told: set[str]) -> list[str]:
    """What was committed with the lines, as a paragraph; nothing that was told before."""
    file = Committed.of(tree, place.file)
    comment, shown = file.comment(place.first, place.last), file.shown(place.first)
    named = meaning(tree, file, place.lines)
    twice = named.partition(": ")[2].strip('"') in comment
    parts = [f'Its comment: "{comment}"' if comment else "", "" if twice else named, f"Shown in {shown}." if shown else ""]
    new = [part for part in parts if part and part not in told]
    told.update(new)
    return textwrap.wrap(" ".join(new), LONGEST, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def places(diff: Sequence[str]) -> Iterator[Place]:
    """One for each piece of a diff. Git's word for where a piece is, is the last function that begins before it, which is no word for
    a line that stands outside of all."""
    file = ""
    for number, line in enumerate(diff):
        named, piece = _FILE.match(line), _HUNK.match(line)
        if named:
            file = named[1]
        elif piece:
            lines = list(itertools.takewhile(lambda text: text[:1] in ("-", "+") and not text.startswith("--- a/"), diff[number + 1:]))
            inside = re.match(r"[-+]\s", lines[0])
            name = f"{piece[4]}()" if piece[4] else piece[5]
            count = int(piece[2] or 1)
            first = int(piece[1]) + (not count)  # git names the line before what was only added
            yield Place(file, f"{file}:{piece[3]}" + (f", in {name}" if inside and name else ""), first, first + count - 1,
                        [f"{text[0]} {' '.join(text[1:].split())}" for text in lines])
