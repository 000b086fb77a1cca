# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of the source differ from the last commit: git knows. No rule asks for that, since a kernel that was changed
need not fail by the change; but whoever reads an explanation compares it with what was done last, and may have forgotten it."""

from __future__ import annotations

import pathlib
import re
import subprocess
from collections.abc import Iterator

MOST = 3  # places
_FILE, _HUNK = re.compile(r"^\+\+\+ b/(\S+)"), re.compile(r"^@@ -\S+ \+(\d+)(?:,\d+)? @@(?: (?:.*?(\w+)\(.*|(\w+):)?)?")


def changed(image: str) -> str:
    """Places, or nothing: what the image was built of is no checkout, or is as it was committed."""
    folders = pathlib.Path(image).absolute().parents
    tree = next((folder for folder in folders if (folder / "src" / "include").is_dir()), None)
    if not tree:
        return ""
    try:
        said = subprocess.run(["git", "-C", str(tree), "diff", "--unified=0", "--no-color", "--no-ext-diff", "--src-prefix=a/", "--dst-prefix=b/",
                               "--relative", "HEAD", "--", "src"],
                              capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL).stdout
    except OSError:
        return ""
    found = list(places(said))
    more = f"; and {len(found) - MOST} more" if len(found) > MOST else ""
    return "since the last commit (git diff): " + "; ".join(found[:MOST]) + more if found else ""


def places(diff: str) -> Iterator[str]:
    """file:line, in function(): one for each piece of a diff. Git's word for where a piece is, is the last function that begins
    before it, which is no word for a line that stands outside of all."""
    file = ""
    lines = diff.splitlines()
    for number, line in enumerate(lines):
        named, piece = _FILE.match(line), _HUNK.match(line)
        if named:
            file = named[1]
        elif piece:
            inside = re.match(r"[-+]\s", lines[number + 1])
            function = f"{piece[2]}()" if piece[2] else piece[3]
            yield f"{file}:{piece[1]}" + (f", in {function}" if inside and function else "")
