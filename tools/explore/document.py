# SPDX-License-Identifier: GPL-2.0-only
"""A recording as JSON. What is in it is described in recording.schema.json."""

import base64
import os

from xenpt.guest import Guest
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE
from xenpt.paging import PagingError

from . import code, registers
from .memory import Memory

FORMAT = "boot recording 1"
# JavaScript's numbers are exact up to here.
_EXACT = 1 << 53
# What a debug Xen fills free pages with.
_SCRUBBED = (b"\0" * PAGE_SIZE, b"\xc2" * PAGE_SIZE)
# A page of the guest's that is not in the recording reads as unknown; the image's own come first.
_MOST_PAGES = 512


def number(value):
    """As JSON: text, if a reader might round it."""
    return value if -_EXACT < value < _EXACT else hex(value)


class Registers:
    """cr0 and so on, by name, of one step."""

    def __init__(self, values, bits):
        self.efer = 0xD01
        self.__dict__.update(zip(registers.names(bits), values))


def make(recording, image, info, title):
    """The recording as what json.dump() takes."""
    trace, bits = recording.trace, info.bits
    instructions = Code(recording, image, info)
    places = {address: index for index, address in enumerate(sorted(set(trace.addresses)))}
    return {
        "format": FORMAT,
        "title": title,
        "image": {"path": image.path, "bits": bits, "id": image.build_id, "load_offset": image.load_offset},
        "end": {"status": recording.status, "said": recording.said.splitlines()},
        "registers": registers.names(bits),
        "files": [{"path": path, "text": _text(path)} for path in instructions.files],
        "symbols": [[name, number(value), size] for value, size, name in info.symbols],
        "code": instructions.rows,
        "places": [[number(address), instructions.index[linked(address, image, info)]] for address in places],
        "steps": [places[address] for address in trace.addresses],
        "changes": list(_changes(recording.values, len(registers.names(bits)))),
        "repeated": sorted(trace.repeated.items()),
        "gaps": [[gap.step, gap.count, gap.period] for gap in trace.gaps],
        "looping": trace.looping and [trace.looping.count, trace.looping.period],
        "xen": [list(ran) for ran in trace.xen],
        "stores": [[s.step, number(s.maddr), s.size, number(s.value)] for s in trace.stores if not s.by_xen],
        "xen_stores": [[s.step, number(s.maddr), s.size, number(s.value)] for s in trace.stores if s.by_xen],
        "console": recording.console.decode("latin-1"),
        "memory": _memory(recording),
    }


def linked(address, image, info):
    """The linked address of an instruction that may run P=V."""
    return next((va for va in (address, address + image.load_offset) if info.holds(va)), address)


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


class Code:
    """Rows (linked address, text, symbol, file, line) of all instructions of the functions that were executed; symbol and
    file are indices. Where there is no function, of the instructions alone."""

    def __init__(self, recording, image, info):
        self.rows, self.index, self.files = [], {}, []
        listing, space = code.of_image(image.path), _last_space(recording, info.bits)
        executed = {linked(address, image, info): address for address in set(recording.trace.addresses)}
        symbols = {info.symbol(va)[0] for va in executed if va in listing and info.symbol(va)}
        for va in sorted({*executed, *(va for va in listing if info.symbol(va) and info.symbol(va)[0] in symbols)}):
            text = listing.get(va)
            if text is None:
                data = space and code.in_memory(space, executed[va])
                text = code.of_bytes(data, va, info.bits) if data else "(not mapped)"
            self.index[va] = len(self.rows)
            self.rows.append([number(va), text, *self._origin(va, info)])

    def _origin(self, va, info):
        line, symbol = info.line(va), info.symbol(va)
        if line and line.file not in self.files:
            self.files.append(line.file)
        return (symbol[0] if symbol else -1), (self.files.index(line.file) if line else -1), (line.line if line else 0)


def _last_space(recording, bits):
    """The address space at the last step."""
    memory = Memory(recording.ram, recording.trace.stores)
    memory.forward(len(recording.values))
    last = next(values for values in reversed(recording.values) if values)
    try:
        return Guest(memory, Registers(last, bits), bits, recording.boot).space if recording.boot else None
    except PagingError:
        return None


def _memory(recording):
    """Pages of the guest's at the entry: maddr -> bytes, but for those that have nothing in them."""
    if not recording.boot:
        return {}
    pages = {store.maddr >> PAGE_SHIFT for store in recording.trace.stores}
    found = {}
    for mfn in sorted(pages):
        page = recording.ram[mfn << PAGE_SHIFT:(mfn + 1) << PAGE_SHIFT]
        if page not in _SCRUBBED and len(found) < _MOST_PAGES:
            found[str(mfn << PAGE_SHIFT)] = base64.b64encode(page).decode()
    return found


def _text(path):
    """A file of the kit's; what is not there has no text."""
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
