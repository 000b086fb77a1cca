# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of the source differ from the last commit: git knows. No rule asks for that, since a kernel that was changed
need not fail by the change; but whoever reads an explanation compares it with what was done last, and may have forgotten it."""

from __future__ import annotations

import itertools
import pathlib
import re
import subprocess
from collections.abc import Iterator, Sequence

MOST, LINES, LONGEST = 3, 4, 100  # places, lines of each, and characters of a line
_FILE, _HUNK = re.compile(r"^\+\+\+ b/(\S+)"), re.compile(r"^@@ -\S+ \+(\d+)(?:,\d+)? @@(?: (?:.*?(\w+)\(.*|(\w+):)?)?")


def changed(image: str) -> list[str]:
    """What is to be said of it, in lines, or none: what the image was built of is no checkout, or is as it was committed."""
    folders = pathlib.Path(image).absolute().parents
    tree = next((folder for folder in folders if (folder / "src" / "include").is_dir()), None)
    if not tree:
        return []
    try:
        said = subprocess.run(["git", "-C", str(tree), "diff", "--unified=0", "--no-color", "--no-ext-diff", "--src-prefix=a/", "--dst-prefix=b/",
                               "--relative", "HEAD", "--", "src"],
                              capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL).stdout
    except OSError:
        return []
    found = list(places(said.splitlines()))
    told = ["the source differs from the last commit (git diff); if that one ran, the cause is among these lines:"]
    for where, lines in found[:MOST]:
        told += [where, *("  " + line[:LONGEST] for line in lines[:LINES]), *(["  ..."] if len(lines) > LINES else [])]
    return told + [f"and {len(found) - MOST} places more"] * (len(found) > MOST) if found else []


def places(diff: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """file:line, in function(), and the lines that went and came: one for each piece of a diff. Git's word for where a piece is, is
    the last function that begins before it, which is no word for a line that stands outside of all."""
    file = ""
    for number, line in enumerate(diff):
        named, piece = _FILE.match(line), _HUNK.match(line)
        if named:
            file = named[1]
        elif piece:
            lines = list(itertools.takewhile(lambda text: text[:1] in ("-", "+") and not text.startswith("--- a/"), diff[number + 1:]))
            inside = re.match(r"[-+]\s", lines[0])
            function = f"{piece[2]}()" if piece[2] else piece[3]
            yield f"{file}:{piece[1]}" + (f", in {function}" if inside and function else ""), [f"{text[0]} {' '.join(text[1:].split())}" for text in lines]
