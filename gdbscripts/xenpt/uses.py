# SPDX-License-Identifier: GPL-2.0-only
"""Every address at which a machine page can be reached in one address space, Xen's part included.

A page is reached where it is mapped. A page table is also reached through the slot of the top table that leads back to
the top table itself: there the tables lie like one array of entries (Xen's linear page tables, LINEAR_PT_VIRT_START).
"""

import itertools
from typing import NamedTuple

from . import paging
from .memory import PAGE_SHIFT, PAGE_SIZE, BadPage


# More than this are no guest's and Xen's, but some that lead to each other in many ways.
LIMIT = 1 << 14


class Use(NamedTuple):
    """A VA of the page, and the tables that lead to it, by MFN."""
    va: int
    tables: frozenset


def uses(space, mfn):
    """Each Use of a machine page."""
    return list(_below(space, mfn, (), itertools.count()))


def _below(space, mfn, way, counted):
    """In the table that a way of entries leads to."""
    depth, table = len(way), way[-1].target if way else space.root
    if next(counted) > LIMIT:
        raise paging.PagingError(f"there are too many tables, more than {LIMIT}, to find every VA of a page")
    try:
        values = space.entries(depth, table)
    except BadPage:
        return
    if table >> PAGE_SHIFT == mfn:
        yield from _linear(space, way)
    for index, value in enumerate(values):
        if not value & paging.PRESENT or depth == len(space.mode.levels) - 1 and (value & paging.MADDR) >> PAGE_SHIFT != mfn:
            continue
        entry = space.entry(depth, table, index, value)
        if space.broken(entry, way):
            continue
        if not entry.is_page:
            yield from _below(space, mfn, (*way, entry), counted)
        elif entry.mfn <= mfn < entry.mfn + (entry.size >> PAGE_SHIFT):
            yield _use(space.va_of((*way, entry)) + ((mfn - entry.mfn) << PAGE_SHIFT), (*way, entry))


def _use(va, way):
    return Use(va, frozenset(entry.table >> PAGE_SHIFT for entry in way))


def _linear(space, way):
    """Where a table is seen through each entry of the top table that leads back to it."""
    levels = space.mode.levels
    for index, value in enumerate(space.entries(0, space.root)):
        entry = space.entry(0, space.root, index, value)
        if entry.present and not entry.is_page and entry.target == space.root & -PAGE_SIZE:
            # Each time back at the top uses up a level, so that the walk ends at the table.
            indices = [index] * (len(levels) - len(way)) + [e.index for e in way]
            yield _use(paging.canonical(sum(i << level.shift for i, level in zip(indices, levels)), space.mode), (*way, entry))
