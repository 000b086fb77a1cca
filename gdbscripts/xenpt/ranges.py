# SPDX-License-Identifier: GPL-2.0-only
"""Mappings merged into ranges.

Neighbours belong together if they allow the same and their pages follow each
other, by PFN (or by MFN, for pages that are not the guest's): the machine pages
of a guest lie where Xen found some.
"""

from typing import NamedTuple

from .memory import PAGE_SHIFT
from .space import Rights


class Range(NamedTuple):
    """From first to last VA. pfn and mfn are of the first page; mfn is None if the MFNs do not rise one by one."""
    first: int
    last: int
    rights: Rights
    page_size: int
    pfn: int  # None: not the guest's pages
    mfn: int

    @property
    def pages(self):
        return (self.last + 1 - self.first) >> PAGE_SHIFT


def merge(mappings, pfn_of):
    """Ranges from mappings that come by rising VA."""
    current, next_mfn = None, None
    for m in mappings:
        pfn = _pfn(m, pfn_of)
        if current and _follows(current, m, pfn, next_mfn):
            current = current._replace(last=m.va + m.size - 1,
                                       mfn=current.mfn if m.mfn == next_mfn else None)
        else:
            if current:
                yield current
            current = Range(m.va, m.va + m.size - 1, m.rights, m.size, pfn, m.mfn)
        next_mfn = m.mfn + (m.size >> PAGE_SHIFT)
    if current:
        yield current


def _pfn(m, pfn_of):
    """The PFN of a mapping's first page, if the others follow it; Xen's large pages may hold the guest's in any order."""
    pages = m.size >> PAGE_SHIFT
    first = pfn_of(m.mfn)
    if pages > 1 and first is not None and pfn_of(m.mfn + pages - 1) != first + pages - 1:
        return None
    return first


def _follows(current, m, pfn, next_mfn):
    if (current.last + 1, current.rights, current.page_size) != (m.va, m.rights, m.size):
        return False
    if current.pfn is None or pfn is None:
        return current.pfn is pfn and m.mfn == next_mfn
    return pfn == current.pfn + current.pages
