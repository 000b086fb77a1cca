# SPDX-License-Identifier: GPL-2.0-only
"""Mappings merged into ranges.

Neighbours belong together if they allow the same and their pages follow each
other, by PFN (or by MFN, for pages that are not the guest's): the machine pages
of a guest lie where Xen found some. Or if they are all the same page.
"""

from typing import NamedTuple

from .memory import PAGE_SHIFT, PAGE_SIZE
from .entry import Rights


class Range(NamedTuple):
    """From first to last VA. pfn and mfn are of the first page; mfn is None if the MFNs do not rise one by one.

    repeats: the same page again and again, as Linux maps one for each part of its p2m that says nothing."""
    first: int
    last: int
    rights: Rights
    page_size: int
    pfn: int  # None: not the guest's pages
    mfn: int
    repeats: bool = False

    @property
    def pages(self):
        return (self.last + 1 - self.first) >> PAGE_SHIFT


class _Growing:
    """A range to which mappings are added."""

    def __init__(self, m, pfn):
        self.start, self.pfn = m, pfn
        self.pages = m.size >> PAGE_SHIFT
        self.end, self.next_mfn = m.va + m.size, m.mfn + self.pages
        self.in_order, self.repeats = True, False

    def takes(self, m, pfn):
        """Whether a mapping goes on where this ends; then it belongs to it."""
        start = self.start
        if m.va != self.end or m.rights != start.rights or m.size != start.size:
            return False
        repeats = m.mfn == start.mfn and (self.repeats or self.pages == m.size >> PAGE_SHIFT)
        if not repeats and (self.repeats or not self._follows(m, pfn)):
            return False
        self.in_order = repeats or self.in_order and m.mfn == self.next_mfn
        self.repeats = repeats
        self.pages += m.size >> PAGE_SHIFT
        self.end, self.next_mfn = m.va + m.size, m.mfn + (m.size >> PAGE_SHIFT)
        return True

    def _follows(self, m, pfn):
        if pfn is None or self.pfn is None:
            return pfn is self.pfn and m.mfn == self.next_mfn
        return pfn == self.pfn + self.pages

    def range(self):
        start = self.start
        return Range(start.va, self.end - 1, start.rights, start.size, self.pfn,
                     start.mfn if self.in_order else None, self.repeats)


def merge(mappings, pfn_of):
    """Ranges from mappings that come by rising VA."""
    current = None
    for m in mappings:
        pfn = pfn_of(m.mfn) if m.size == PAGE_SIZE else _large(m, pfn_of)
        if current and current.takes(m, pfn):
            continue
        if current:
            yield current.range()
        current = _Growing(m, pfn)
    if current:
        yield current.range()


def _large(m, pfn_of):
    """The PFN of a large page's first, if the others follow it; Xen's large pages may hold the guest's in any order."""
    first, more = pfn_of(m.mfn), (m.size >> PAGE_SHIFT) - 1
    if first is not None and pfn_of(m.mfn + more) != first + more:
        return None
    return first
