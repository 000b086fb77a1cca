# SPDX-License-Identifier: GPL-2.0-only
"""What a name means that a changed line has lost, or has got: the comment where the kit declares it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .committed import Committed
from .phrases import brief

NAME = re.compile(r"\b[A-Za-z_]\w{2,}\b(\(?)")
COMMON = {"printk(", "panic(", "hypercall_must(", "memcpy(", "memset(", "strlen("}  # they stand everywhere
COMMENTS = re.compile(r"/\*.*?\*/| # .*|\"[^\"]*\"")


def meaning(file: Committed, lines: Sequence[str]) -> str:
    """Of the names in the lines of a diff the first that has a comment, and that: of those that went, those that came, and those that are called."""
    went, came = (list(_names(lines, sign)) for sign in "-+")
    others = [*(n for n in went if n not in came), *(n for n in came if n not in went)]
    calls = [name for name in (*went, *came) if name.endswith("(") and name not in COMMON]
    for name in dict.fromkeys([*others, *calls]):
        comment = file.declared(name.rstrip("("))
        if comment and comment.text:
            return f'{name}{")" if name.endswith("(") else ""}: "{brief(comment.text)}"'
    return ""


def _names(lines: Sequence[str], sign: str) -> Iterator[str]:
    for line in lines:
        if line.startswith(sign):
            yield from (match[0] for match in NAME.finditer(COMMENTS.sub("", line)))


def technical(lines: Sequence[str]) -> set[str]:
    """Names that were taken away or added and are no words of English: registers, macros, those of two words."""
    went, came = (set(_names(lines, sign)) for sign in "-+")
    return {name.rstrip("(") for name in went ^ came if re.search(r"[\dA-Z_]", name)}
