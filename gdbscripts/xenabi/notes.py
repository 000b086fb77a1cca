# SPDX-License-Identifier: GPL-2.0-only
"""ELF notes as bytes, and Xen's by name. Source: the ELF specification; xen/elfnote.h.

pyelftools reads notes, too, but puts its own meaning in place of the bytes, and a garbled one is what a reader asks about.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from .headers import names

_HEADER = struct.Struct("<3I")


class NoteError(Exception):
    """A note that reaches beyond its segment."""


class Note(NamedTuple):
    owner: str
    type: int
    data: bytes
    ended: bool = True  # whether the owner's size counts a final 0, as it has to

    @property
    def name(self) -> str:
        """XEN_VERSION, for one of Xen's."""
        return note_names().get(self.type, f"type {self.type}")


def note_names() -> dict[int, str]:
    return {number: name.removeprefix("XEN_ELFNOTE_") for number, name in names("XEN_ELFNOTE_").items()}


def notes_in(data: bytes) -> Iterator[Note]:
    """The notes of a segment: three words, then owner and value, each padded to four bytes."""
    at = 0
    while at < len(data):
        if at + _HEADER.size > len(data):
            raise NoteError("a note is cut short")
        owner_size, size, kind = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        owner = data[at:at + owner_size]
        at += owner_size + 3 & ~3
        value = data[at:at + size]
        at += size + 3 & ~3
        if at > len(data):
            raise NoteError("a note reaches beyond its segment")
        yield Note(owner.rstrip(b"\0").decode("latin-1"), kind, value, owner.endswith(b"\0"))
