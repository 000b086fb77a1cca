# SPDX-License-Identifier: GPL-2.0-only
"""The page tables at the entry, and each time that Xen has changed them."""

from __future__ import annotations

from xenpt import diff, snapshot
from xenpt.guest import Guest
from xenpt.memory import PAGE_SHIFT

from . import registers
from .debug_info import DebugInfo
from .memory import Memory
from .recording import Recording

# They are looked at so often, counted in tables: a kernel of almost 1 GB has hundreds of them.
MOST_TABLES = 1000


class Tables:
    """rows: (step, snapshot, its text) for each state of the page tables."""

    def __init__(self, recording: Recording, info: DebugInfo, memory: Memory) -> None:
        self._recording, self._info, self._memory = recording, info, memory
        self.rows: list[tuple[int, snapshot.Snapshot, str]] = []
        self._looked_at = 0
        self._changed: dict[int, set[int]] = {}  # the pages that Xen wrote to after a step
        for store in recording.trace.stores:
            if store.by_xen:
                self._changed.setdefault(store.step, set()).add(store.maddr >> PAGE_SHIFT)

    def look(self, step: int, since: int = 0) -> bool:
        """Whether the page tables, before this step, have changed since they were looked at last, by what Xen did from step `since`
        on."""
        now = registers.Named(self._recording.values[step], self._info.bits)
        if self.rows and not self._may_have_changed(step, since, now.cr3):
            return False
        self._memory.forward(step)
        guest = Guest(self._memory, now, self._info.bits, self._recording.boot)
        self._pages = {table >> PAGE_SHIFT for _, table in guest.space.tables(guest.is_guests)}
        self._cr3 = now.cr3
        self._looked_at += len(self._pages)
        text = snapshot.save(guest, now, step, self._info.image.build_id)
        saved = snapshot.Snapshot(text)
        if self.rows and not any(True for _ in diff.entries(self.rows[-1][1], saved)):
            return False
        self.rows.append((step, saved, text))
        return True

    def _may_have_changed(self, step: int, since: int, cr3: int) -> bool:
        if self._looked_at > MOST_TABLES:
            return False
        written = set().union(*(self._changed.get(at, ()) for at in range(since, step)))
        return bool(written & self._pages) or cr3 != self._cr3
