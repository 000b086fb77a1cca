# SPDX-License-Identifier: GPL-2.0-only
"""What a comment of the kit's says, in sentences, without what is there for the compiler and for Doxygen."""

from __future__ import annotations

import re
from collections.abc import Collection

LONGEST = 260  # characters that are told of a comment
_DOXYGEN, _PARAMETERS = re.compile(r"@(?:p|c|ref|brief)\s+|@(?:file|snippet)\b.*|@[{}]|^<\s+"), re.compile(r"@(?:param|return|retval|note|see)\b")


def plain(comment: str) -> str:
    """Its text, without marks."""
    lines = (re.sub(r"^\s*\*(?:\s|$)", "", line).strip() for line in re.sub(r"^(?:/\*+|#)|\*+/$", "", comment).splitlines())
    return " ".join(_PARAMETERS.split(" ".join(_DOXYGEN.sub("", line) for line in lines))[0].split())


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=\.) (?=[A-Z-])", text)


def has_one(text: str, names: Collection[str]) -> bool:
    return any(re.search(rf"\b{re.escape(name)}\b", text, re.I) for name in names)


def brief(text: str, names: Collection[str] = ()) -> str:
    """The sentences that there is room for: those that have one of the names, else the first ones."""
    parts = sentences(text)
    told = [s for s in parts if has_one(s, names)] if len(text) > LONGEST else []
    for sentence in parts:
        if sentence not in told and len(" ".join([*told, sentence])) <= LONGEST:
            told.append(sentence)
    return " ".join(s for s in parts if s in told) or text[:LONGEST].rpartition(" ")[0] + " ..."
