# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: what an entry of the page tables that it wrote for a domain leads to, and is to lead to, by the toolstack's layout."""

from __future__ import annotations

import re

from xenpt.memory import PAGE_SHIFT

from .contract_tables import VA_MASK
from .facts import Facts
from .guest_tables import FRAME, TOP, WRITERS, WRITTEN, Slot, all_below, entry, levels, tables
from .numbers import built


def _is(f: Facts, pfn: int) -> str:
    """What a page of the guest's is, by the layout."""
    for level, all_of_it in levels(f).items():
        if pfn in all_of_it.tables:
            return f"page table {pfn - all_of_it.tables.start + 1} of {len(all_of_it.tables)} of level {level}" if len(all_of_it.tables) > 1 else f"the page table of level {level}"
    laid = f.guest(r"^toolstack: layout, PFNs: (.*)")
    return next((f"{name}'s page" for name, at in re.findall(r"(p2m|start_info|store|console|stack) 0x([0-9a-f]+)", laid[1] if laid else "") if int(at, 16) == pfn), "no page table")


def _meant(f: Facts, slot: Slot) -> int | None:
    """The PFN that it is to lead to."""
    known = levels(f)
    said, mine, below = f.guest(WRITTEN), known.get(slot.level), known.get(slot.level - 1)
    if not said or not mine or slot.pfn not in mine.tables:
        return None
    index = (mine.base + slot.pfn - mine.tables.start << 9) + slot.number
    if not below:
        return index - ((int(said[2], 16) & VA_MASK) >> PAGE_SHIFT)
    return below.tables.start + index - below.base if index - below.base in range(len(below.tables)) else None


def holds(f: Facts, slot: Slot | None) -> str:
    """What the entry that Xen stopped at is, names, and is to name."""
    value = entry(f, slot) if slot else None
    if not slot or not value:
        return ""
    pfn, right = built(f, (value & FRAME) >> PAGE_SHIFT), _meant(f, slot)
    named = "no page of this guest's" if pfn is None else f"the guest's PFN {pfn:#x}, {'the very table that it stands in' if pfn == slot.pfn else _is(f, pfn)}"
    kind = f", {_is(f, right)}" if right is not None and slot.level > 1 else ""
    wanted = "" if right is None else " That is the page that it has to lead to." if pfn == right else f" It has to lead to PFN {right:#x}{kind}."
    if pfn is None and right == (value & FRAME) >> PAGE_SHIFT:
        wanted += " So the PFN itself stands where its MFN has to (guest_mfn())."
    return f"That entry is {value:#x}: MFN {(value & FRAME) >> PAGE_SHIFT:#x}, {named}, with flags {value & 0xFFF:#x}.{wanted}"


def no_table(f: Facts, at: Slot | None) -> str:
    """That Xen stopped in a page that is no table, and by which entry it came there."""
    asked = re.match(r"hypercall refused: mmuext_op\(MMUEXT_PIN_L([34])_TABLE\), MFN 0x([0-9a-f]+)", f.panic)
    laid = tables(f)
    if not at or not asked or not laid or at.pfn in laid:
        return ""
    top = int(asked[1])
    slots = (s for s in all_below(f, top, int(asked[2], 16), TOP[top]) if s.level == at.level + 1)
    above = next((s for s in slots if (entry(f, s) or 0) & FRAME == at.mfn << PAGE_SHIFT), None)
    told = f" What led Xen there is {above}, which holds {entry(f, above):#x}." if above else ""
    return f"""Xen took the guest's PFN {at.pfn:#x} (MFN {at.mfn:#x}) for a page table of level {at.level}, and it is none: PFN {laid.start:#x} to {laid.stop - 1:#x} are the tables.{told} An entry above level 1 leads to a table of the next level and nothing else: which levels and pages do
        {WRITERS} give to set_entry()?"""


def _misplaced(f: Facts, at: Slot) -> str:
    """An entry of the same table that leads to a table, or at level 1 a page, which another entry has to lead to."""
    top = 3 if "PIN_L3" in f.panic else 4
    for number in range(TOP[top] if at.level == top else 512):
        slot = at._replace(number=number)
        value = entry(f, slot) or 0
        pfn, right = built(f, (value & FRAME) >> PAGE_SHIFT) if value & 1 else None, _meant(f, slot)
        if pfn is None or pfn == right or _is(f, pfn) == "no page table" and at.level > 1:
            continue
        known = f", {_is(f, pfn)}" if at.level > 1 else ""
        wanted = "it is none of those that are used" if right is None else f"it has to lead to PFN {right:#x}"
        return f"""Entry {number:#x} of the same table holds {value:#x}, which leads to PFN {pfn:#x}{known}, and {wanted}. So the entry for that PFN was written, and into a wrong place of the table: see the index that set_entry() (src/stage6-toolstack/pagetables.c)
            makes, and the one that it is given."""
    return ""


def not_written(f: Facts, at: Slot | None) -> str:
    """That the entry at which Xen stopped is 0."""
    if not at or entry(f, at) != 0:
        return ""
    elsewhere = _misplaced(f, at)
    if elsewhere:
        return f"That entry is 0. {elsewhere}"
    pae = count = ""
    if "PIN_L3" in f.panic:
        pae = f"With PAE each of the top level's {TOP[3]} entries has to lead to a table. "
        written = sum(bool(entry(f, at._replace(number=n))) for n in range(TOP[3])) if at.level == 3 else 0
        count = f" It has written {written}, so for so many tables of level 2 (guest->level[2].count, which count_tables() sets, and with PAE that is {TOP[3]})." if written else ""
    return f"""That entry is 0: nobody has written it. {pae}link_tables() (src/stage6-toolstack/pagetables.c) writes one entry of a level for each table of the level below.{count}"""
