# SPDX-License-Identifier: GPL-2.0-only
"""Of what a PV guest is promised, that its first instruction is mapped, and that there are tables enough for all that has to be. See contract.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE, BadPage

from .numbers import xens_pfn

if TYPE_CHECKING:
    from .observe import Observation

SPARE = 128  # pages that are mapped behind the stack, at the least
VA_MASK = (1 << 48) - 1
FRAME = VA_MASK & -PAGE_SIZE


def mapped(seen: Observation, base: int, layout: dict[str, int]) -> Iterator[str]:
    """The tables' number, and what they have to map: the first instruction, and all from PFN 0 to behind the stack."""
    needed = needed_tables(seen.bits, base, layout["stack"] + 1 + SPARE) if layout else {}
    if layout and layout["nr_tables"] < sum(needed.values()):
        yield (f"the toolstack counted {layout['nr_tables']} page tables, and PFN 0 to {layout['stack']:#x} and {SPARE} pages more, from VA {base:#x}, take "
               f"{sum(needed.values())}: {', '.join(f'{count} of level {level}' for level, count in needed.items())}")
    walk = seen.guest().space.walk(seen.entry) if seen.boot else None
    if walk and walk.problem:
        yield f"its first instruction, VA {seen.entry:#x}, is not mapped: {walk.problem}"


def needed_tables(bits: int, base: int, pages: int) -> dict[int, int]:
    """Page tables of each level; with three, of the second all four, since the last slot is Xen's, too."""
    first = base & VA_MASK
    last = first + (pages << PAGE_SHIFT) - 1
    counts = {level: (last >> PAGE_SHIFT + 9 * level) - (first >> PAGE_SHIFT + 9 * level) + 1 for level in range(1, 5 if bits == 64 else 4)}
    return counts | ({2: 4} if bits == 32 else {})


def missing(seen: Observation, va: int, layout: dict[str, int]) -> str:
    """The entry that is not present on the way to it, from CR3 on, where there is not enough of a guest to walk its tables. Of 32 bits Xen has put one level above."""
    table, above = seen.at_entry.cr3 & FRAME, 0
    laid = range(layout.get("tables", 0), layout.get("tables", 0) + layout.get("nr_tables", 0))
    for level in (4, 3, 2, 1):
        try:
            entries = seen.read_page(table)
        except BadPage:
            return f"; the table of level {level} would be at maddr {table:#x}, where the machine has no memory"
        pfn = xens_pfn(seen, table >> PAGE_SHIFT) or 0
        if laid and pfn not in laid and (seen.bits == 64 or level < 4) and pfn < layout.get("pages", 0):
            first = _upside_down(seen, above, laid)
            if first:
                return first
            return f""": the tables lead to MFN {table >> PAGE_SHIFT:#x} as a table of level {level}. That is PFN {pfn:#x}, which is none: PFN {laid.start:#x} to {laid.stop - 1:#x} are the tables. Where the entries of level {level + 1} lead to is what link_tables() (src/stage6-toolstack/pagetables.c) gives to
                set_entry()"""
        index = va >> PAGE_SHIFT + 9 * (level - 1) & 0x1FF
        entry = int.from_bytes(entries[8 * index:8 * index + 8], "little")
        if not entry & 1:
            there = [n for n in range(PAGE_SIZE // 8) if entries[8 * n] & 1]
            return f""": entry {index} of the table of level {level}, MFN {table >> PAGE_SHIFT:#x}, is {entry:#x}, not present. {f"Of that table {len(there)} entries are present, {there[0]} to {there[-1]}" if there else "Nothing of that table is present"}. write_page_tables()
                (src/stage6-toolstack/pagetables.c) has to fill it in: see set_entry()'s index, and the window, which has to show that very page (window_open())"""
        table, above = entry & FRAME, table
    return ""


def _upside_down(seen: Observation, top: int, laid: range) -> str:
    """That the table which stands first is one of level 1: its entries lead to one page after the other. Of the top level's, Xen keeps four of 32 bits."""
    if not top or xens_pfn(seen, top >> PAGE_SHIFT) != laid.start:
        return ""
    entries = seen.read_page(top)
    leads = [xens_pfn(seen, (int.from_bytes(entries[n:n + 8], "little") & FRAME) >> PAGE_SHIFT) or 0 for n in range(0, 4 * 8, 8) if entries[n] & 1]
    if len(leads) < 4 or leads != list(range(leads[0], leads[0] + 4)) or set(leads) & set(laid):
        return ""
    return f""": PFN {laid.start:#x}, which CR3 names, is a table of level 1: its entries lead to PFN {', '.join(f"{pfn:#x}" for pfn in leads[:3])} and so on. The top level's has to come first: place_tables() (src/stage6-toolstack/layout.c)"""
