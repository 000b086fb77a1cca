# SPDX-License-Identifier: GPL-2.0-only
"""The page tables, and the guest's numbering of its pages, at the end of an observed run. A part of Facts."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE, BadPage
from xenpt.paging import PagingError
from xenpt.entry import Walk
from xenqemu.packets import StubError

if TYPE_CHECKING:
    from .observe import Observation


class Tables:
    """What it has to know of the others: the observation."""

    seen: Observation | None

    def walk(self, va: int) -> Walk | None:
        """The page tables' answer at the end."""
        if not self.seen or not self.seen.boot:
            return None
        try:
            return self._guest.space.walk(va)
        except (PagingError, StubError, BadPage):
            return None

    @property
    def levels(self):
        return self._guest.mode.levels

    @property
    def entry_size(self) -> int:
        """Bytes of an entry of the page tables that it runs on; of those of its width, if it is not running."""
        try:
            return self._guest.mode.entry_size
        except (PagingError, StubError, BadPage):
            return 8

    def mapped_at(self, paddr: int) -> list[int]:
        """The VAs that lead to a page at the end, but for P=V."""
        mfn = self.p2m[paddr >> PAGE_SHIFT] if paddr >> PAGE_SHIFT < len(self.p2m) else None
        if mfn is None or not self.seen.boot:
            return []
        return [m.va + paddr % PAGE_SIZE for m in self._guest.space.mappings(self._guest.is_guests)
                if m.mfn == mfn and m.va != paddr & -PAGE_SIZE]

    def stored(self, paddr: int, count: int) -> bytes:
        """Memory by the guest's own numbering, also while the processor is not in the guest. No further than to the page's end."""
        mfn = self.p2m[paddr >> PAGE_SHIFT] if paddr >> PAGE_SHIFT < len(self.p2m) else None
        return b"" if mfn is None else self.seen.read_page(mfn << PAGE_SHIFT)[paddr % PAGE_SIZE:][:count]

    @functools.cached_property
    def _guest(self):
        return self.seen.guest()

    def pfn(self, mfn: int) -> int | None:
        return self.pfn_of.get(mfn)

    @property
    def pfn_of(self) -> dict[int, int]:
        return getattr(self.seen, "pfn_of", {}) if self.seen else {}

    @property
    def p2m(self) -> list[int]:
        return getattr(self.seen, "p2m", []) if self.seen else []

    def va_of_entry(self, maddr: int) -> tuple[str, int] | None:
        """Of an entry of the page tables in use: its name, and the first VA that it translates."""
        space = self._guest.space if self.seen and self.seen.boot else None
        for (depth, table), ways in space.tables(self._guest.is_guests).items() if space else ():
            if table & -PAGE_SIZE == maddr & -PAGE_SIZE:
                index = (maddr - table) // self._guest.mode.entry_size
                entry = space.entry(depth, table, index, 0)
                return entry.name, space.va_of((*ways[0], entry))
        return None
