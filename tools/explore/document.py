# SPDX-License-Identifier: GPL-2.0-only
"""A recording as JSON. What is in it is described in recording.schema.json."""

from __future__ import annotations

import os
from typing import Any

from xenpt.guest import Guest
from xenpt.memory import PAGE_SHIFT
from xenpt.paging import PagingError
from xenpt.space import AddressSpace

from . import packed, registers, relative
from .code import Code
from .debug_info import DebugInfo
from .events import Events
from .memory import Memory
from .numbers import json_number
from .recording import Recording

FORMAT = "boot recording 1"


def make(recording: Recording, info: DebugInfo, title: str) -> tuple[dict[str, Any], Events]:
    """(what json.dump() takes, the Events)."""
    trace, bits, image, base = recording.trace, info.bits, info.image, _base(info)
    instructions = Code(recording, info, _last_space(recording, bits))
    events = Events(recording, info, instructions)
    foreign = _foreign(recording, bits)
    executed = [(address, step in foreign) for step, address in enumerate(trace.addresses)]
    places = {place: index for index, place in enumerate(sorted(set(executed)))}
    return {
        "format": FORMAT,
        "title": title,
        "image": {"path": image.path, "bits": bits, "id": image.build_id, "load_offset": json_number(image.load_offset),
                  "base": json_number(base)},
        "end": {"status": recording.status, "said": recording.said.splitlines()},
        "registers": registers.names(bits),
        "files": [{"path": path, "text": _text(path)} for path in instructions.files],
        "symbols": [[name, json_number(value), size] for value, size, name in info.symbols],
        "code": instructions.rows,
        "places": [[json_number(address), instructions.index_of(address, other)] for address, other in places],
        "steps": [places[place] for place in executed],
        "changes": list(packed.changes(recording.values, len(registers.names(bits)))),
        "repeated": sorted(trace.repeated.items()),
        "gaps": [[gap.step, gap.count, gap.period] for gap in trace.gaps],
        "looping": trace.looping and [trace.looping.count, trace.looping.period],
        "cut": trace.full,
        "events": events.rows,
        "tables": [step for step, *_ in events.tables],
        "stores": packed.stores(store for store in trace.stores if not store.by_xen),
        "xen_stores": packed.stores(store for store in trace.stores if store.by_xen),
        "console": [recording.console.decode("latin-1"), [[0, trace.console_before if trace.addresses else len(recording.console)], *([ran.step, ran.console] for ran in trace.xen)]],
        "memory": packed.memory(recording, events),
        **_machine(recording, events),
        **relative.debug(info, base),
    }, events


def _base(info: DebugInfo) -> int:
    """Where the image is linked: addresses in debug information are counted from here."""
    return min(start for start, _, _ in info.sections)


def _foreign(recording: Recording, bits: int) -> set[int]:
    """The steps of another domain (one that stage 6 has built): its page tables are not in this guest's pages."""
    if not recording.boot:
        return set()
    cr3s = [values and registers.Named(values, bits).cr3 for values in recording.values]
    own = {cr3s[0]} if bits == 32 else {mfn << PAGE_SHIFT for mfn in recording.pages.values()}
    return {step for step, cr3 in enumerate(cr3s) if cr3 is not None and cr3 not in own}


def _last_space(recording: Recording, bits: int) -> AddressSpace | None:
    """The address space at the last step, if there is one."""
    if not recording.boot:
        return None
    memory = Memory(recording.ram, recording.trace.stores)
    memory.forward(len(recording.values))
    last = next(values for values in reversed(recording.values) if values)
    try:
        return Guest(memory, registers.Named(last, bits), bits, recording.boot).space
    except PagingError:
        return None


def _machine(recording: Recording, events: Events) -> dict[str, Any]:
    """What translates addresses: the shape of the tables, and the guest's pages as runs [PFN, MFN, count, MFNs rise by]."""
    if not events.tables:
        return {"paging": None, "pages": [], "start_info": None}
    guest = events.tables[0][1]
    runs: list[list[int]] = []
    for pfn, mfn in sorted((pfn, mfn) for pfn, mfn in recording.pages.items()):
        if runs and runs[-1][0] + runs[-1][2] == pfn:
            first = runs[-1]
            if first[2] == 1 and abs(mfn - first[1]) == 1:
                first[3] = mfn - first[1]
            if mfn == first[1] + first[2] * first[3]:
                first[2] += 1
                continue
        runs.append([pfn, mfn, 1, 1])
    mode = guest.mode
    return {
        "paging": {"name": mode.name, "root": json_number(guest.pgd), "entry_size": mode.entry_size,
                   "levels": [[level.name, level.shift, level.entries, level.large] for level in mode.levels[mode.guest_level:]],
                   "xens": [hex(va) for va in guest.xens]},
        "pages": runs,
        "start_info": recording.boot.start_info,
    }


def _text(path: str) -> str:
    """A file of the kit's; what is not there has no text."""
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
