# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: where in the image that it was given it was reading when it refused that."""

from __future__ import annotations

import os
import re

from xenabi.loader import Loading

from .facts import Facts
from .source import Source

SECTOR, HEADER = 512, 12  # bytes of one; of a note's three words


def _pointers(f: Facts) -> list[int]:
    """Where in the module addresses lead to that are in a register, or on the stack, at the end: file offsets."""
    module = f.info_now.mod_start if f.info_now else 0
    path = os.environ.get("MODULE", "")
    size = os.path.getsize(path) if os.path.exists(path) else 0
    words = [*f.stack_words(), *(n & f.mask for n in f.seen.regs.values.values())] if module and f.seen and f.seen.regs else []
    return [w - module for w in words if 0 <= w - module < size]


def beside_payload(f: Facts, lines: str) -> str:
    """Where stage 6 has looked for the payload, if that is some sectors beside it."""
    told = re.search(r"payload at file offset 0x([0-9a-f]+)", lines)
    at = int(told[1], 16) if told else 0
    read = _pointers(f)
    found = next((p for p in read if p and at and not (p - at) % SECTOR), None)
    if found is None or at in read:
        return ""
    return f" What it took for the payload begins at file offset {found:#x}, {abs(at - found)} bytes {'before' if found < at else 'behind'} it: unpack_bzimage() (src/stage6-toolstack/bzimage.c) has to add (setup_sects + 1) * {SECTOR} and payload_offset, for setup_sects counts the sectors behind the first."


def unpadded(f: Facts) -> str:
    """Whether stage 6 went on right behind the value of a note, which is padded."""
    loading = Loading(Source(os.environ.get("MODULE", "")).image)
    ends = {placed.offset + HEADER + -(-len(placed.note.owner + "\0") // 4) * 4 + len(placed.note.data): placed.note for placed in loading.all}
    at = next((p for p in _pointers(f) if p in ends and p % 4), None)
    if at is None:
        return ""
    return f""" What it took for a note begins at file offset {at:#x}, right behind the {len(ends[at].data)} bytes of the value of {ends[at].name}. The next note begins at a multiple of 4, {at + 3 & ~3:#x}: take_all() (src/stage6-toolstack/notes.c) has to go on by the value's size, padded."""
