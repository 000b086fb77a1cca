# SPDX-License-Identifier: GPL-2.0-only
"""A recording as JSON. What is in it is described in recording.schema.json."""

import base64
import os

from xenpt.guest import Guest
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE
from xenpt.paging import PagingError
from xenpt.start_info import SIF_MOD_START_PFN, StartInfo

from . import registers
from .code import Code
from .events import Events
from .memory import FILLED, Memory
from .numbers import json_number as number

FORMAT = "boot recording 1"
# At most so many pages are held: a large module need not be in the recording.
_MOST_PAGES = 400
# So many stores are rows of their own.
_FEW = 4


def make(recording, info, title):
    """(what json.dump() takes, the Events)."""
    trace, bits, image = recording.trace, info.bits, info.image
    instructions = Code(recording, info, _last_space(recording, bits))
    events = Events(recording, info, instructions)
    foreign = _foreign(recording, bits)
    executed = [(address, step in foreign) for step, address in enumerate(trace.addresses)]
    places = {place: index for index, place in enumerate(sorted(set(executed)))}
    return {
        "format": FORMAT,
        "title": title,
        "image": {"path": image.path, "bits": bits, "id": image.build_id, "load_offset": number(image.load_offset),
                  "base": number(_base(info))},
        "end": {"status": recording.status, "said": recording.said.splitlines()},
        "registers": registers.names(bits),
        "files": [{"path": path, "text": _text(path)} for path in instructions.files],
        "symbols": [[name, number(value), size] for value, size, name in info.symbols],
        "code": instructions.rows,
        "places": [[number(address), instructions.index_of(address, other)] for address, other in places],
        "steps": [places[place] for place in executed],
        "changes": list(_changes(recording.values, len(registers.names(bits)))),
        "repeated": sorted(trace.repeated.items()),
        "gaps": [[gap.step, gap.count, gap.period] for gap in trace.gaps],
        "looping": trace.looping and [trace.looping.count, trace.looping.period],
        "cut": trace.full,
        "events": events.rows,
        "tables": [step for step, *_ in events.tables],
        "stores": _packed(store for store in trace.stores if not store.by_xen),
        "xen_stores": _packed(store for store in trace.stores if store.by_xen),
        "console": [recording.console.decode("latin-1"), [[0, trace.console_before or len(recording.console)], *([ran.step, ran.console] for ran in trace.xen)]],
        "memory": _memory(recording, events),
        **_machine(recording, events),
        **_debug(info),
    }, events


def _base(info):
    """Where the image is linked: addresses in debug information are counted from here."""
    return min(start for start, _, _ in info.sections)


def _foreign(recording, bits):
    """The steps of another domain (one that stage 6 has built): its page tables are not in this guest's pages."""
    if not recording.boot:
        return set()
    cr3s = [values and registers.Named(values, bits).cr3 for values in recording.values]
    own = {cr3s[0]} if bits == 32 else {mfn << PAGE_SHIFT for mfn in recording.pages.values()}
    return {step for step, cr3 in enumerate(cr3s) if cr3 is not None and cr3 not in own}


def _last_space(recording, bits):
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


def _machine(recording, events):
    """What translates addresses: the shape of the tables, and the guest's pages as runs [PFN, MFN, count, MFNs rise by]."""
    if not events.tables:
        return {"paging": None, "pages": [], "start_info": None}
    guest = events.tables[0][1]
    runs = []
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
        "paging": {"name": mode.name, "root": number(guest.pgd), "entry_size": mode.entry_size,
                   "levels": [[level.name, level.shift, level.entries, level.large] for level in mode.levels[mode.guest_level:]],
                   "xens": [hex(va) for va in guest.xens]},
        "pages": runs,
        "start_info": recording.boot.start_info,
    }


def _debug(info):
    """Functions, types and frames, with addresses counted from the image's base."""
    functions = info.functions
    if not functions:
        return {"functions": [], "types": [], "frames": [], "variables": []}
    base = _base(info)
    return {
        "functions": [_moved(function, base) for function in functions.rows],
        "variables": [_moved_variable(variable, base) for variable in functions.variables],
        "types": functions.types.rows,
        "frames": [[low - base, high - base, *rest] for low, high, *rest in sorted(functions.frames)],
    }


def _moved(function, base):
    return {**function, "ranges": _moved_ranges(function["ranges"], base),
            "variables": [_moved_variable(variable, base) for variable in function["variables"]],
            "inlined": [_moved(row, base) for row in function["inlined"]]}


def _moved_ranges(ranges, base):
    return [[low - base, high - base] for low, high in ranges]


def _moved_variable(variable, base):
    places = [[low and low - base, high and high - base, _moved_place(place, base)] for low, high, place in variable["places"]]
    row = {"name": variable["name"], "type": variable["type"], "places": places}
    if variable["argument"]:
        row["argument"] = True
    if "scope" in variable:
        row["scope"] = _moved_ranges(variable["scope"], base)
    return row


def _moved_place(place, base):
    if "address" in place:
        return {"address": place["address"] - base}
    return {"static": place["at"][1] - base} if place.get("at", (0,))[0] is None else place


def _changes(values, width):
    """Of each step, what differs from the step before: register number and difference, in turn."""
    before = (0,) * width
    for now in values:
        if now is None:
            yield None
            continue
        yield [item for register, (old, new) in enumerate(zip(before, now)) if old != new
               for item in (register, number(new - old))]
        before = now


def _packed(stores):
    """Rows [step, maddr, size, value]; of many in a row by one step, [step, maddr, bytes as base64]."""
    rows, run = [], []
    for store in [*stores, None]:
        if run and (store is None or store.step != run[-1].step or store.maddr != run[-1].maddr + run[-1].size):
            data = b"".join(s.value.to_bytes(8, "little")[:s.size] for s in run)
            if len(run) > _FEW:
                rows.append([run[0].step, number(run[0].maddr), base64.b64encode(data).decode()])
            else:
                rows += [[s.step, number(s.maddr), s.size, number(s.value)] for s in run]
            run = []
        run.append(store)
    return rows


def _memory(recording, events):
    """The guest's pages at the entry: maddr -> bytes; of those that are filled with one byte, runs [MFN, count, byte]. What is in
    neither is not known."""
    if not events.tables:
        return {"pages": {}, "filled": []}
    pages, filled, module = {}, [], _inside_module(recording, events.tables[0][1])
    for mfn in sorted([*recording.pages.values(), recording.boot.shared_info >> PAGE_SHIFT]):
        page = recording.ram.read_page(mfn << PAGE_SHIFT)
        if page not in FILLED:
            if len(pages) < _MOST_PAGES and mfn not in module:
                pages[str(mfn << PAGE_SHIFT)] = base64.b64encode(page).decode()
        elif filled and filled[-1][0] + filled[-1][1] == mfn and filled[-1][2] == page[0]:
            filled[-1][1] += 1
        else:
            filled.append([mfn, 1, page[0]])
    return {"pages": pages, "filled": filled}


def _inside_module(recording, guest):
    """The MFNs of a module's pages but for the first and the last: it is the reader's own file, and may be large."""
    where = recording.boot.start_info
    info = StartInfo(recording.ram.read_page(where & -PAGE_SIZE)[where % PAGE_SIZE:], guest.bits)
    start = info.mod_start << PAGE_SHIFT if info.flags & SIF_MOD_START_PFN else info.mod_start
    pages = range(start + PAGE_SIZE, start + info.mod_len - PAGE_SIZE, PAGE_SIZE)
    if info.flags & SIF_MOD_START_PFN:
        return {recording.pages.get(paddr >> PAGE_SHIFT) for paddr in pages}
    return {(guest.space.walk(va).maddr or 0) >> PAGE_SHIFT for va in pages}


def _text(path):
    """A file of the kit's; what is not there has no text."""
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
