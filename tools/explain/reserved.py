# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: the entry on the way to an address that has a bit set which is reserved there, and which bits are. Source: Intel SDM volume 3A, chapter 4."""

from __future__ import annotations

from xenpt import paging
from xenpt.entry import Entry, Walk

from .facts import Facts

ADDRESS = 40  # bits of an address that QEMU's processor has
EFER_NXE = 1 << 11
MOST_OTHERS = 2
GIB = 30  # shift of a pud's entry


def _bits(f: Facts, entry: Entry) -> dict[int, str]:
    """What is reserved in it, and set: why, by bit."""
    value, level = entry.value, entry.level
    low = {n: "it has to be 0 on this level" for n in range(12) if level.reserved >> n & 1}
    high = {n: f"the processor's addresses have {ADDRESS} bits" for n in range(ADDRESS, 52)}
    if level.reserved >> 52:
        high |= {n: "with three levels it has to be 0" for n in range(52, 63)}
    if not f.bare.state["EFER"] & EFER_NXE:
        high[63] = "EFER.NXE is 0"
    if value & paging.PSE and level.large:
        large = f"the entry maps a page of {entry.size >> 20} MiB, whose address begins at bit {level.shift}"
        low |= {n: large for n in range(13, level.shift)}
        if level.shift == GIB:
            low |= {7: "it says that the entry maps a page of 1 GiB, which this processor does not have"}
    return {n: why for n, why in sorted({**low, **high}.items()) if value >> n & 1}


def reserved(f: Facts, walk: Walk | None) -> str:
    """In a sentence; empty if none is found, or the tables have two levels."""
    path = walk.path if walk and f.bare.mode.entry_size == 8 else ()
    entry, bits = next(((e, _bits(f, e)) for e in path if e.present and _bits(f, e)), (None, {}))
    if not entry:
        return ""
    first, why = next(iter(bits.items()))
    size = f.bare.mode.entry_size
    table = f.bare.read_paddr(entry.table, size * entry.level.entries)
    values = [int.from_bytes(table[at:at + size], "little") for at in range(0, len(table), size)]
    good = [n for n, value in enumerate(values) if value & 1 and n != entry.index and not _bits(f, entry._replace(value=value))]
    others = [f"{entry.level.name}[{n}] is {values[n]:#x}" for n in good]
    beside = f" Of the same table {' and '.join(others[:MOST_OTHERS])}." if others else ""
    near = f.number((entry.value + 0xFFF) & -0x1000, "pv") if 0 < -entry.value % 0x1000 < 0x10 else ""
    less = f" It is {-entry.value % 0x1000:#x} less than {(entry.value + 0xFFF) & -0x1000:#x}, {near}: flags are added to a table's paddr." if near else ""
    return f"{entry.name} on the way there is {entry.value:#x}, and bit {first} is reserved in it: {why}.{less}{beside}"
