# SPDX-License-Identifier: GPL-2.0-only
"""Notes that no loader can read as they were meant: what is wrong with them, byte by byte.

A note is three words (size of the owner's name, size of the value, type), then name and value, each padded to four bytes.
What Xen makes of notes is in xenabi/loader.py; this tells what they should have been.
"""

from __future__ import annotations

import struct

from xenabi.image import Image
from xenabi.loader import Loading
from xenabi.notes import note_names

OWNER = b"Xen\0"
_HEADER = struct.Struct("<3I")
NUMBERS = "ENTRY HYPERCALL_PAGE VIRT_BASE PADDR_OFFSET HV_START_LOW INIT_P2M MOD_START_PFN".split()
MOST_VALUE = 4096
VALUES = {"XEN_VERSION": ("xen-3.0",), "LOADER": ("generic",), "PAE_MODE": ("yes",)}


def wrong(image: Image) -> str:
    """What is wrong with the first note that is; empty if all are well."""
    places = [image.data[offset:offset + size] for offset, size in (*image.note_segments(), *image.note_sections()) if offset]
    if places and not any(OWNER[:3].lower() in data.lower() for data in places):
        first = ", ".join(f"{n:#x}" for n in _HEADER.unpack_from(places[0].ljust(_HEADER.size, b"\0")))
        return f'"Xen" is nowhere in them, and the first begins {first}: what has to stand behind the three words, name and value, is in another section, or is not emitted'
    for offset, size in image.note_segments() or image.note_sections():
        data = image.data[offset:offset + size] if offset else b""
        what = _order(data) or _sequence(data)
        if what:
            return what
    return ""


def misplaced(image: Image) -> str:
    """Notes that can be read, and whose types are those of others: their values tell what was meant."""
    found = {name: placed.text for name, placed in Loading(image).notes.items()}
    told = [f'{name} is "{text}", which is {meant}\'s' for name, text in found.items() for meant, words in VALUES.items()
            if name != meant and text in words and found.get(meant) not in words]
    return "; ".join(told)


def _order(data: bytes) -> str:
    """Whether the words stand in another order in front of each name: texts tell how long they are."""
    orders = []
    at = data.find(OWNER)
    while at >= _HEADER.size:
        words = _HEADER.unpack_from(data, at - _HEADER.size)
        text = data[at + len(OWNER):].split(b"\0")[0]
        orders.append((words, len(text) + 1))
        at = data.find(OWNER, at + 1)
    if len(orders) < 2 or all(words[0] == len(OWNER) for words, _ in orders):
        return ""
    first = ", ".join(f"{n:#x}" for n in orders[0][0])
    if all(words[1] == len(OWNER) and words[0] == length for words, length in orders):
        return f"the first begins {first}: the two sizes are exchanged; the name's ({len(OWNER)}) comes first, the value's second"
    if all(len(OWNER) in words and length in words for words, length in orders):
        return f"the first begins {first}, and its words are in another order than size of the name ({len(OWNER)}), size of the value, type"
    return ""


def _sequence(data: bytes) -> str:
    """Goes from note to note, as a loader does."""
    at, before = 0, ""
    value_at = size = 0
    while at + _HEADER.size <= len(data):
        begin = data.find(OWNER, at, at + 64) - _HEADER.size - value_at  # of the next note, behind the value of the one before
        if before and begin >= 0 and begin % 4 == 0 and begin < size and begin + 4 >= size:
            return f"of the one before offset {at:#x}, {before}, the value's size is {size}, and behind {begin} bytes of it, padded, the next note begins: the size counts what is not the value's (the name's {len(OWNER)} bytes?)"
        owner_size, size, kind = _HEADER.unpack_from(data, at)
        owner = data[at + _HEADER.size:at + _HEADER.size + owner_size]
        value_at = at + _HEADER.size + (owner_size + 3 & ~3)
        what = _note(data, at, owner_size, size, owner)
        if what:
            return f"the one at offset {at:#x} begins {owner_size:#x}, {size:#x}, {kind:#x}: {what}"
        name = note_names().get(kind, f"type {kind}")
        if owner == OWNER and name in NUMBERS and size not in (4, 8):
            return f"the one at offset {at:#x}, {name}, has a value of {size} bytes where a number of 4 or 8 is wanted"
        at, before = value_at + (size + 3 & ~3), name
    return ""


def _note(data: bytes, at: int, owner_size: int, size: int, owner: bytes) -> str:
    near = data.find(OWNER, at, at + 64)
    if owner == OWNER:
        if not size:
            return "its value has no bytes (the second number), so the next note is looked for in the value"
        if size > MOST_VALUE or at + _HEADER.size + len(OWNER) + size > len(data):
            return f"its value, of {size} bytes, would reach beyond the notes' end at {len(data):#x}"
    elif near == at + _HEADER.size:
        return f'the name\'s size is {owner_size}, but "Xen" and its final zero are {len(OWNER)} bytes' if owner != OWNER[:3] else ""
    elif near == at + 8 and size <= MOST_VALUE and owner_size == len(OWNER):
        return f'"Xen" stands behind two words, {owner_size:#x} and {size:#x}, which are the two sizes: the third, the type, is missing'
    elif not at and 0 < near < _HEADER.size:
        return f'in front of "Xen" stand {near} bytes, and not three words of 4 bytes: one of the sizes, or the type, is shorter than a word (.long), or missing'
    elif near >= 0 and near != at + _HEADER.size + (owner_size + 3 & ~3) + (size + 3 & ~3) + _HEADER.size:  # the next one's
        return (f'"Xen" stands at {near:#x}, and not behind three words: the note before is not padded to a multiple of 4 bytes, or to '
                "more, or one of its sizes is wrong")
    return ""
