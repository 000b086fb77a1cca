# SPDX-License-Identifier: GPL-2.0-only
"""Between the guest's page numbers and the machine's.

The m2p is Xen's: an array of PFNs, indexed by MFN, mapped into every guest. Its
entries for pages of nobody are rubbish. The p2m is the guest's: an array of
MFNs, indexed by PFN. An answer counts if both agree.
"""

from .memory import PAGE_SHIFT, PAGE_SIZE, BadPage


class Translation:
    """m2p_page(number) gives a page of the m2p, or None; p2m_frames are the p2m's pages, by MFN."""

    def __init__(self, memory, width, m2p_page, p2m_frames, nr_pages):
        self._memory = memory
        self._width = width
        self._m2p_page = m2p_page
        self._p2m_frames = p2m_frames
        self.nr_pages = nr_pages
        self._m2p_pages, self._pfns = {}, {}  # what was asked before

    def raw_m2p(self, mfn):
        """What the m2p says, true or not; None if it has no such entry."""
        number, offset = divmod(mfn * self._width, PAGE_SIZE)
        if number not in self._m2p_pages:
            self._m2p_pages[number] = self._m2p_page(number)
        page = self._m2p_pages[number]
        return page and int.from_bytes(page[offset:offset + self._width], "little")

    def p2m(self, pfn):
        """The MFN of a PFN; None if the guest has no such page."""
        if not 0 <= pfn < self.nr_pages:
            return None
        frame, offset = divmod(pfn * self._width, PAGE_SIZE)
        if frame >= len(self._p2m_frames):
            return None
        try:
            page = self._memory.read_page(self._p2m_frames[frame] << PAGE_SHIFT)
        except BadPage:
            return None
        return int.from_bytes(page[offset:offset + self._width], "little")

    def m2p(self, mfn):
        """The PFN of an MFN; None if the page is not this guest's."""
        if mfn not in self._pfns:
            pfn = self.raw_m2p(mfn)
            self._pfns[mfn] = pfn if pfn is not None and self.p2m(pfn) == mfn else None
        return self._pfns[mfn]


class Identity:
    """Without Xen a guest's page numbers are the machine's."""

    nr_pages = None

    @staticmethod
    def m2p(mfn):
        return mfn

    @staticmethod
    def p2m(pfn):
        return pfn

    raw_m2p = m2p
