# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: which entries a page table has, where one is missing."""

from __future__ import annotations

from xenpt.entry import Walk
from xenpt.paging import PRESENT

from .facts import Facts

DROPS = "pvh_drop_identity_map"
MOST_RUNS = 4  # of entries that are named


def present(f: Facts, walk: Walk | None) -> str:
    """Which entries there are of the table that a walk has ended in, for want of one."""
    entry = walk.path[-1] if walk and walk.problem and walk.path else None
    if not entry or entry.present:
        return ""
    size = f.bare.mode.entry_size
    table = f.bare.read_paddr(entry.table, size * entry.level.entries)
    there = [n // size for n in range(0, len(table), size) if table[n] & PRESENT]
    runs = [f"{entry.level.name}[{a}]" if a == b else f"{entry.level.name}[{a}] to [{b}]" for a, b in _runs(there)]
    more = f" and so on, {len(there)} of {entry.level.entries}," if len(runs) > MOST_RUNS else ""
    top = len(walk.path) == 1 and walk.va >> entry.level.shift == f.page_offset >> entry.level.shift
    kind = f" is PAGE_OFFSET's, where all memory is to have its second mapping{_dropped(f, entry.index)}" if top else " is missing"
    return f". Of the entries of {f.thing(entry.table) or f'the table at paddr {entry.table:#x}'}, {', '.join(runs[:MOST_RUNS]) or 'no entry'}{more} {'is' if len(there) < 2 else 'are'} present, and {entry.name}{kind}"


def _dropped(f: Facts, index: int) -> str:
    """Whether the entry went with those of P=V, below it."""
    ran = any(f.source.function(s.address) == DROPS for s in f.steps) or f.function == DROPS
    return f". {DROPS}() has run, which clears the entries of P=V, those below pgd[{index}]: it went on to this one" if ran else ""


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """First and last of those that follow each other."""
    begins = [n for n in numbers if n - 1 not in numbers]
    return list(zip(begins, (n for n in numbers if n + 1 not in numbers)))
