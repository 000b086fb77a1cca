# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: the page tables that it wrote for a domain, as they stand in memory when Xen has refused them, and as they were laid out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from xenpt.memory import PAGE_SHIFT, BadPage

from .contract_tables import SPARE, VA_MASK, needed_tables
from .facts import Facts
from .numbers import built

WRITERS = "link_tables() and write_page_tables() (src/stage6-toolstack/pagetables.c)"
WRITTEN = r"^toolstack: \d+ page tables of ([34]) levels, PFN 0 at VA 0x([0-9a-f]+)"
SIZE, TOP = 8, {3: 4, 4: 256}  # bytes of an entry; entries of the top level that are the guest's
FRAME = (1 << 52) - (1 << PAGE_SHIFT)


class Slot(NamedTuple):
    """An entry: the level of its table, and the table."""
    number: int
    level: int
    pfn: int
    mfn: int

    def __str__(self) -> str:
        return f"entry {self.number:#x} of the table of level {self.level} at the guest's PFN {self.pfn:#x} (MFN {self.mfn:#x})"


def stopped_at(lines: list[str]) -> Slot | None:
    """Where Xen stopped, of its lines: the slot of which page."""
    for line, after in zip(lines, lines[1:]):
        slot = re.search(r"promote_l([1-4])_table: slot (?:0x)?([0-9a-f]+)", line)
        table = re.search(r"validating mfn ([0-9a-f]+) \(pfn ([0-9a-f]+)\)", after)
        if slot and table:
            return Slot(int(slot[2], 16), int(slot[1]), int(table[2], 16), int(table[1], 16))
    return None


def entry(f: Facts, slot: Slot) -> int | None:
    """What it holds."""
    try:
        table = f.seen.read_page(slot.mfn << PAGE_SHIFT) if f.seen else b""
    except BadPage:
        return None
    return int.from_bytes(table[SIZE * slot.number:][:SIZE], "little") if table else None


def all_below(f: Facts, level: int, mfn: int, count: int) -> Iterator[Slot]:
    """All the entries of a table that are present, and those of the tables below."""
    for number in range(count):
        slot = Slot(number, level, built(f, mfn) or 0, mfn)
        value = entry(f, slot) or 0
        if value & 1:
            yield slot
            if level > 2:
                yield from all_below(f, level - 1, (value & FRAME) >> PAGE_SHIFT, 512)


def tables(f: Facts) -> range:
    """The PFNs that were laid out for them; empty if that is not known."""
    laid = f.guest(r"^toolstack: layout, PFNs: .* (\d+) tables 0x([0-9a-f]+)")
    return range(int(laid[2], 16), int(laid[2], 16) + int(laid[1])) if laid else range(0)


class Level(NamedTuple):
    """The tables of a level: PFNs, and which number the first has, counted from VA 0."""
    tables: range
    base: int


def levels(f: Facts) -> dict[int, Level]:
    """As stage 6 has laid them out, the top first; empty if that is not known."""
    said, stack = f.guest(WRITTEN), f.guest(r"^toolstack: layout, PFNs: .* stack 0x([0-9a-f]+)")
    if not said or not stack or not tables(f):
        return {}
    top, base, found, first = int(said[1]), int(said[2], 16) & VA_MASK, {}, tables(f).start
    counts = needed_tables(64 if top == 4 else 32, base, int(stack[1], 16) + 1 + SPARE)
    for level in range(top, 0, -1):
        end = first + counts[level] if level > 1 else tables(f).stop
        found[level] = Level(range(first, end), 0 if (top, level) == (3, 2) else base >> PAGE_SHIFT + 9 * level)
        first = end
    return found
