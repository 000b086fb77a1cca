# SPDX-License-Identifier: GPL-2.0-only
"""A guest's tables in a file: JSON, the same bytes for the same state.

Held are the guest's own tables, whole, and the PFNs of all pages that they
name; not what lies in Xen's part. What is loaded is a Guest like a live one, so
it can be shown, drawn and compared in the same way.
"""

import functools
import json
import struct
from typing import NamedTuple

from . import paging
from .guest import Boot, Guest, xens_part
from .memory import PAGE_SHIFT, PAGE_SIZE, BadPage, Cached
from .space import AddressSpace
from .translate import Identity

FORMAT = "page tables 1"


class SnapshotError(Exception):
    """This file is no snapshot; says why."""


class Registers(NamedTuple):
    """Those that the paging mode depends on."""
    cr0: int
    cr3: int
    cr4: int
    efer: int


def save(guest, registers, icount, build_id):
    """The text of a file."""
    tables, named = {}, {guest.space.root >> PAGE_SHIFT}
    for (depth, table), ways in guest.space.tables(guest.is_guests).items():
        entries = {}
        for index, value in enumerate(guest.space.entries(depth, table)):
            entry = guest.space.entry(depth, table, index, value)
            if value and (depth >= guest.mode.guest_level or not index):
                entries[index] = f"{value:#x}"
            if entry.present and guest.is_guests(guest.space.va_of((*ways[0], entry))):
                named.add(entry.mfn)
        tables[f"{table:#x}"] = {"level": guest.mode.levels[depth].name, "entries": entries}
    pfns = {mfn: guest.pfn(mfn) for mfn in named} if guest.has_m2p else {}
    return json.dumps({
        "format": FORMAT, "build-id": build_id, "icount": icount, "bits": guest.bits,
        "registers": {name: f"{getattr(registers, name):#x}" for name in Registers._fields},
        "boot": guest.boot._asdict(),
        "tables": tables,
        "pfns": {f"{mfn:#x}": f"{pfn:#x}" for mfn, pfn in sorted(pfns.items()) if pfn is not None},
    }, indent=1) + "\n"


class _Recorded:
    """Translation by what was recorded."""

    p2m_known = True

    def __init__(self, pfns):
        self._pfns = pfns
        self._mfns = {pfn: mfn for mfn, pfn in pfns.items()}

    def m2p(self, mfn):
        return self._pfns.get(mfn)

    raw_m2p = m2p

    def p2m(self, pfn):
        return self._mfns.get(pfn)


class _Tables:
    """Memory that holds tables and nothing else."""

    def __init__(self, tables, size):
        self._pages = {}
        for address, table in tables.items():
            maddr = int(address, 16)
            page = self._pages.setdefault(maddr & -PAGE_SIZE, bytearray(PAGE_SIZE))
            for index, value in table["entries"].items():
                struct.pack_into("<Q" if size == 8 else "<I", page,
                                 (maddr & 0xFFF) + int(index) * size, int(value, 16))

    def read_page(self, maddr):
        if maddr not in self._pages:
            raise BadPage(f"maddr {maddr:#x} is not in this snapshot")
        return bytes(self._pages[maddr])


class Snapshot(Guest):
    """A guest as it was."""

    def __init__(self, text):  # pylint: disable=super-init-not-called
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise SnapshotError(f"it has format {data['format']!r}, not {FORMAT!r}")
            self._fill(data)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error,
                paging.PagingError, BadPage) as error:
            raise SnapshotError(f"it was not made by xen pt save ({type(error).__name__}: {error})") from None

    def _fill(self, data):
        registers = Registers(*(int(data["registers"][name], 16) for name in Registers._fields))
        self.build_id, self.icount, self.bits = data["build-id"], data["icount"], data["bits"]
        self.cr3 = registers.cr3
        self.mode = paging.mode_of(registers.cr0, registers.cr4, registers.efer, self.bits)
        self.memory = Cached(_Tables(data["tables"], self.mode.entry_size))
        self.space = AddressSpace(self.memory, self.mode, self.cr3)
        self.boot = Boot(**data["boot"])
        self.translation = Identity()
        if self.has_m2p:
            self.xens = xens_part(self.mode, self.bits)
            self.translation = _Recorded({int(m, 16): int(p, 16) for m, p in data["pfns"].items()})
        self.space.entries(0, self.space.root)


@functools.lru_cache(maxsize=8)
def _parse(text):
    return Snapshot(text)


def load(path):
    """The guest in a file."""
    with open(path, encoding="utf-8") as file:
        try:
            return _parse(file.read())
        except (SnapshotError, UnicodeDecodeError) as error:
            raise SnapshotError(f"{path} is no snapshot of page tables: {error}") from None
