# SPDX-License-Identifier: GPL-2.0-only
"""Between the guest's page numbers and the machine's.

The m2p is Xen's: an array of PFNs, indexed by MFN, mapped into every guest. Its
entries for pages of nobody are rubbish. The p2m is the guest's: an array of
MFNs, indexed by PFN. An answer counts if both agree. Where a guest keeps its p2m
may be unknown; then the m2p alone has to do.
"""

import functools
from array import array

from .memory import PAGE_SHIFT, PAGE_SIZE, BadPage

_CODES = {4: "I", 8: "Q"}
# Where the m2p has no PFN it has all ones, or a pattern of fives.
_NO_PFN = 0x55555555


def _words(page, width):
    return array(_CODES[width], page)


class FrameList:
    """A p2m in machine pages that are known: as Xen made it."""

    def __init__(self, memory, width, frames, count):
        self._memory, self._width, self._frames, self.count = memory, width, frames, count
        self._pages = {}

    def __getitem__(self, pfn):
        """The MFN of a PFN; None if the guest has no such page."""
        frame, index = divmod(pfn, PAGE_SIZE // self._width)
        if not 0 <= pfn < self.count or frame >= len(self._frames):
            return None
        if frame not in self._pages:
            self._pages[frame] = self._read(frame)
        page = self._pages[frame]
        return page and page[index]

    def _read(self, frame):
        try:
            return _words(self._memory.read_page(self._frames[frame] << PAGE_SHIFT), self._width)
        except BadPage:
            return None


class MappedList(FrameList):
    """A p2m at an address of the guest's: where it has moved it to."""

    def __init__(self, space, width, va, count):
        super().__init__(None, width, range(-(-count * width // PAGE_SIZE)), count)
        self._space, self._va = space, va

    def _read(self, frame):
        page = self._space.read(self._va + frame * PAGE_SIZE, PAGE_SIZE)
        return page and _words(page, self._width)


class Translation:
    """m2p_page(number) gives a page of the m2p, or None; p2m is a FrameList, or None if it is not known where it is."""

    def __init__(self, width, m2p_page, p2m):
        self._width = width
        self._m2p_page = m2p_page
        self._p2m = p2m
        self._m2p_pages, self._pfns = {}, {}  # what was asked before

    @property
    def p2m_known(self):
        return self._p2m is not None

    @property
    def nr_pages(self):
        """How many PFNs the p2m has; None if it is not known."""
        return self._p2m.count if self.p2m_known else None

    def raw_m2p(self, mfn):
        """What the m2p says, true or not; None if it has no such entry."""
        number, index = divmod(mfn, PAGE_SIZE // self._width)
        if number not in self._m2p_pages:
            page = self._m2p_page(number)
            self._m2p_pages[number] = page and _words(page, self._width)
        page = self._m2p_pages[number]
        return page and page[index]

    def p2m(self, pfn):
        """The MFN of a PFN; None if the guest has no such page."""
        return self._p2m[pfn] if self.p2m_known else self._inverse.get(pfn)

    def pfns(self):
        """Each PFN that there is, by the m2p."""
        return self._inverse.keys()

    @functools.cached_property
    def _inverse(self):
        """The m2p the other way round."""
        found, mfn, pages = {}, 0, PAGE_SIZE // self._width
        while self.raw_m2p(mfn) is not None:
            for pfn in self._m2p_pages[mfn // pages]:
                if pfn < _NO_PFN:
                    found[pfn] = mfn
                mfn += 1
        return found

    def m2p(self, mfn):
        """The PFN of an MFN; None if the page is not this guest's."""
        if mfn not in self._pfns:
            pfn = self.raw_m2p(mfn)
            self._pfns[mfn] = pfn if pfn is not None and self._agrees(pfn, mfn) else None
        return self._pfns[mfn]

    def _agrees(self, pfn, mfn):
        return self._p2m[pfn] == mfn if self.p2m_known else pfn < _NO_PFN


class Identity:
    """Without Xen a guest's page numbers are the machine's."""

    nr_pages = None
    p2m_known = True

    @staticmethod
    def m2p(mfn):
        return mfn

    @staticmethod
    def p2m(pfn):
        return pfn

    raw_m2p = m2p
