# SPDX-License-Identifier: GPL-2.0-only
"""The machine's memory at any step: what it was at the entry, and what was stored since."""

from xenpt.memory import PAGE_SIZE, BadPage


class Memory:
    """Goes forward through a recording; read_page() as xenpt.memory wants it."""

    def __init__(self, at_entry, stores):
        self._data = bytearray(at_entry)
        self._stores = stores
        self._next = 0

    def read_page(self, maddr):
        if not 0 <= maddr <= len(self._data) - PAGE_SIZE:
            raise BadPage(f"maddr {maddr:#x} is beyond the machine's memory")
        return bytes(self._data[maddr:maddr + PAGE_SIZE])

    def forward(self, step):
        """To the moment before the instruction of a step."""
        while self._next < len(self._stores) and self._stores[self._next].step < step:
            store = self._stores[self._next]
            self._data[store.maddr:store.maddr + store.size] = store.value.to_bytes(8, "little")[:store.size]
            self._next += 1
