# SPDX-License-Identifier: GPL-2.0-only
"""What changes from step to step, and the memory that it changes, in as little JSON as will do."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE
from xenpt.snapshot import Snapshot
from xenpt.start_info import SIF_MOD_START_PFN, StartInfo

from .events import Events
from .memory import FILLED
from .numbers import json_number
from .recording import Recording
from .registers import Values
from .trace import Store

# At most so many pages are held: not all of a large kernel's page tables, nor a large module.
_MOST_PAGES = 400
# So many stores are rows of their own.
_FEW = 4


def changes(values: list[Values | None], width: int) -> Iterator[list[int | str] | None]:
    """Of each step, what differs from the step before: register number and difference, in turn."""
    before = (0,) * width
    for now in values:
        if now is None:
            yield None
            continue
        yield [item for register, (old, new) in enumerate(zip(before, now)) if old != new
               for item in (register, json_number(new - old))]
        before = now


def stores(made: Iterable[Store]) -> list[list[int | str]]:
    """Rows [step, maddr, size, value]; of many in a row by one step, [step, maddr, bytes as base64]."""
    rows: list[list[int | str]] = []
    run: list[Store] = []
    for store in [*made, None]:
        if run and (store is None or store.step != run[-1].step or store.maddr != run[-1].maddr + run[-1].size):
            data = b"".join(s.value.to_bytes(8, "little")[:s.size] for s in run)
            if len(run) > _FEW:
                rows.append([run[0].step, json_number(run[0].maddr), base64.b64encode(data).decode()])
            else:
                rows += [[s.step, json_number(s.maddr), s.size, json_number(s.value)] for s in run]
            run = []
        run.append(store)
    return rows


def memory(recording: Recording, events: Events) -> dict[str, Any]:
    """The guest's pages at the entry: maddr -> bytes; of those that are filled with one byte, runs [MFN, count, byte]. What is in
    neither is not known."""
    if not events.tables:
        return {"pages": {}, "filled": []}
    guest = events.tables[0][1]
    module, needed = _inside_module(recording, guest), _needed(recording, guest)
    held: list[int] = []
    filled: list[list[int]] = []
    for mfn in sorted([*recording.pages.values(), recording.boot.shared_info >> PAGE_SHIFT]):
        page = recording.ram.read_page(mfn << PAGE_SHIFT)
        if page not in FILLED:
            held += [mfn] * (mfn not in module)
        elif filled and filled[-1][0] + filled[-1][1] == mfn and filled[-1][2] == page[0]:
            filled[-1][1] += 1
        else:
            filled.append([mfn, 1, page[0]])
    held.sort(key=lambda mfn: mfn not in needed)
    pages = {mfn << PAGE_SHIFT: recording.ram.read_page(mfn << PAGE_SHIFT) for mfn in held[:_MOST_PAGES]}
    return {"pages": {str(maddr): base64.b64encode(page).decode() for maddr, page in pages.items()}, "filled": filled}


def _needed(recording: Recording, guest: Snapshot) -> set[int]:
    """The MFNs of what is held before all else: the pages that were written to, and the page tables that lead to them, P=V."""
    needed = {store.maddr >> PAGE_SHIFT for store in recording.trace.stores}
    for pfn, mfn in recording.pages.items():
        if mfn in needed:
            needed.update(entry.table >> PAGE_SHIFT for entry in guest.space.walk(pfn << PAGE_SHIFT).path)
    return needed


def _inside_module(recording: Recording, guest: Snapshot) -> set[int | None]:
    """The MFNs of a module's pages but for the first and the last: it is the reader's own file, and may be large."""
    where = recording.boot.start_info
    info = StartInfo(recording.ram.read_page(where & -PAGE_SIZE)[where % PAGE_SIZE:], guest.bits)
    start = info.mod_start << PAGE_SHIFT if info.flags & SIF_MOD_START_PFN else info.mod_start
    pages = range(start + PAGE_SIZE, start + info.mod_len - PAGE_SIZE, PAGE_SIZE)
    if info.flags & SIF_MOD_START_PFN:
        return {recording.pages.get(paddr >> PAGE_SHIFT) for paddr in pages}
    return {(guest.space.walk(va).maddr or 0) >> PAGE_SHIFT for va in pages}
