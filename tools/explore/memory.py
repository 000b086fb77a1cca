# SPDX-License-Identifier: GPL-2.0-only
"""The machine's memory at any step: what it was at the entry, and what was stored since."""

from __future__ import annotations

from collections.abc import Sequence

from xenpt.memory import PAGE_SIZE, BadPage

from .trace import Store

# What free pages hold; the second is a debug Xen's. Most pages are such.
FILLED = (b"\0" * PAGE_SIZE, b"\xc2" * PAGE_SIZE)


class Copy:
    """Machine memory at one moment."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_page(self, maddr: int) -> bytes:
        if not 0 <= maddr < len(self._data):
            raise BadPage(f"maddr {maddr:#x} is beyond the machine's memory")
        return self._data[maddr:maddr + PAGE_SIZE]


class Ram:
    """The same, page by page: pages that have nothing in them take no room."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._pages: dict[int, bytes] = {}
        filled = {page: page for page in FILLED}
        for maddr in range(0, self.size, PAGE_SIZE):
            page = data[maddr:maddr + PAGE_SIZE]
            self._pages[maddr] = filled.get(page, page)  # one copy of each that has nothing in it

    def read_page(self, maddr: int) -> bytes:
        if maddr not in self._pages:
            raise BadPage(f"maddr {maddr:#x} is beyond the machine's memory")
        return self._pages[maddr]


class Memory:
    """Goes forward through a recording; read_page() as xenpt.memory wants it."""

    def __init__(self, at_entry: Ram, stores: Sequence[Store]) -> None:
        self._at_entry, self._stores = at_entry, stores
        self._changed: dict[int, bytearray] = {}
        self._next = 0

    def read_page(self, maddr: int) -> bytes:
        if maddr in self._changed:
            return bytes(self._changed[maddr])
        return self._at_entry.read_page(maddr)

    def forward(self, step: int) -> None:
        """To the moment before the instruction of a step."""
        while self._next < len(self._stores) and self._stores[self._next].step < step:
            store = self._stores[self._next]
            offset = store.maddr % PAGE_SIZE
            page = store.maddr - offset
            if page not in self._changed:
                self._changed[page] = bytearray(self._at_entry.read_page(page))
            self._changed[page][offset:offset + store.size] = store.value.to_bytes(8, "little")[:store.size]
            self._next += 1
