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
