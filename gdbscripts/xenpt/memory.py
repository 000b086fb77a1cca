# SPDX-License-Identifier: GPL-2.0-only
"""Machine memory, page by page: what everything here reads from.

A Memory is any object with read_page(maddr) -> 4096 bytes, that raises BadPage
for an address where the machine has no RAM. Cached wraps one and counts.
"""

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT


class BadPage(Exception):
    """There is no RAM at this machine address."""


class Cached:
    """Reads each page once. `reads` counts the pages really read."""

    def __init__(self, memory):
        self._memory = memory
        self._pages = {}
        self.reads = 0

    def read_page(self, maddr):
        page = self._pages.get(maddr)
        if page is None:
            page = self._pages[maddr] = self._memory.read_page(maddr)
            self.reads += 1
        return page


class Image:
    """Memory made of pieces: a dict of maddr -> bytes, as tests write it down."""

    def __init__(self, pieces, size):
        self._pages = {}
        self._size = size
        for maddr, data in pieces.items():
            for offset, byte in enumerate(data, maddr):
                page = self._pages.setdefault(offset & -PAGE_SIZE, bytearray(PAGE_SIZE))
                page[offset % PAGE_SIZE] = byte

    def read_page(self, maddr):
        if maddr % PAGE_SIZE or not 0 <= maddr < self._size:
            raise BadPage(f"maddr {maddr:#x} is beyond the machine's memory")
        return bytes(self._pages.get(maddr, bytes(PAGE_SIZE)))
