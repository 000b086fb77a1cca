# SPDX-License-Identifier: GPL-2.0-only
"""ELF notes as bytes, and Xen's by name and in words. Source: the ELF specification; xen/elfnote.h.

pyelftools reads notes, too, but puts its own meaning in place of the bytes, and a garbled one is what a reader asks about.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .headers import names

if TYPE_CHECKING:
    from .image import Image

_HEADER = struct.Struct("<3I")
_TEXT = "INFO XEN_VERSION GUEST_OS GUEST_VERSION LOADER PAE_MODE FEATURES BSD_SYMTAB".split()

# What its absence means, for the notes that a loader asks for.
_MISSING = {
    "XEN_VERSION": "without it Xen refuses the image",
    "VIRT_BASE": "so Xen maps the image P=V, where it loads it",
    "ENTRY": "so Xen enters at the ELF header's entry",
    "HYPERCALL_PAGE": "so the image has to ask for a hypercall page by MSR",
}


class NoteError(Exception):
    """A note that reaches beyond its segment."""


class Note(NamedTuple):
    owner: str
    type: int
    data: bytes

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
        owner = data[at:at + owner_size].rstrip(b"\0").decode("latin-1")
        at += owner_size + 3 & ~3
        value = data[at:at + size]
        at += size + 3 & ~3
        if at > len(data):
            raise NoteError("a note reaches beyond its segment")
        yield Note(owner, kind, value)


def lines(image: Image) -> Iterator[str]:
    """Each of Xen's notes in the file, then those that are missed and why."""
    found = set()
    for note in image.notes():
        if note.owner == "Xen":
            found.add(note.name)
            yield f"{note.name:18} {_value(note)}"
    if not found:
        yield f"{image.path} has no notes of Xen's: Xen does not take it for a kernel of its own kind"
        return
    for name, meaning in _MISSING.items():
        if name not in found:
            yield f"{name:18} absent: {meaning}"
    yield f"{'ELF entry':18} {image.entry:#x}, paddr is VA minus {image.load_offset:#x}"


def _value(note: Note) -> str:
    if note.name in _TEXT:
        return '"' + note.data.rstrip(b"\0").decode("latin-1") + '"'
    if len(note.data) in (4, 8):
        return f"{int.from_bytes(note.data, 'little'):#x}"
    return f"{note.data.hex()} ({len(note.data)} bytes)"
