# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: large pages, of which the kernel found an entry wrong, or its own was written over."""

from .bare_questions import PVH
from .facts import Facts
from .first_use import first_use, printed_since
from .questions import hexadecimals
from .rule import rule

PTE_BITS = {1: "RW", 2: "USER", 5: "ACCESSED", 6: "DIRTY", 7: "PSE", 8: "GLOBAL"}
LARGE, ADDRESS = 0x83, ((1 << 52) - 1) & ~0xFFF  # of an entry
LARGE_PAGE = 2 << 20  # bytes; without PAE it is twice that


@rule("bare-image-elsewhere", PVH, "vanished", "silence", "timeout", "failure", rank=-1)
def _(f):
    """The entry of the image's own large page was written over."""
    first = f.source.extent.start if f.bare and f.bare.entered and f.bare.state and f.bare.state.paging and f.guest("^  paging on: ") else None
    walk = f.bare.walk(first) if first is not None else None
    paddr = first - f.source.offset & f.mask if walk else 0
    if walk and walk.maddr is not None and walk.maddr != paddr:
        entry = walk.path[-1]
        told = f"VA {first:#x}, the image's first, leads to paddr {walk.maddr:#x} now, and the image is at paddr {paddr:#x}: {entry.name} is {entry.value:#x}."
        if not printed_since(f):
            return f"{told} {first_use(f, entry.value & ADDRESS)} {_filler(f)}"
        stores = " (pvh_map_device(), by own_pmd())" if f.source.va("pvh_map_device") is not None else ""
        return f"""{told} At the jump that was right, for the kernel has printed since, and runs there. So it was
            written over since: what stores an entry{stores} took this one for another's, by a wrong index or table."""
    return None


@rule("pgd-entry-bits", PVH, "failure")
def _(f):
    if not f.panic.startswith("page tables: pgd["):
        return None
    entry, reserved = hexadecimals(f.panic)[:2]
    named = ", ".join(f"{name} (bit {bit})" for bit, name in PTE_BITS.items() if entry & reserved >> bit << bit & 1 << bit)
    others = entry & reserved & ~sum(1 << bit for bit in PTE_BITS)
    return f"""pgd[0], {entry:#x}, has {named}{f" and {others:#x}" if others else ""} set. With PAE a pgd entry has none of {reserved:#x}: these bits belong to the entries of lower levels, and a processor faults when it loads such a table (QEMU lets it pass, so the kernel looks). It is to be the paddr of the pmd table,
        {entry & ADDRESS:#x}, with PRESENT alone: see what native_map() (native-paging_32.c) stores there."""


@rule("large-pages", PVH, "failure")
def _(f):
    if not f.panic.startswith("page tables: VA"):
        return None
    va, told, paddr = hexadecimals(f.panic)[:3]
    if paddr % LARGE_PAGE:
        return None  # somebody has jumped into the loop
    walk = f.bare.walk(va) if f.bare and f.bare.state else None
    entry = walk.path[-1] if walk and walk.path else None
    at = f"{entry.name}, by the tables in CR3," if entry else "the entry"
    if entry and entry.value != told and entry.value & LARGE == LARGE and entry.value & ADDRESS == paddr:
        above = walk.path[-2] if len(walk.path) > 1 else None
        flags = above.value & 0xFFF if above else 0
        step = (told & ADDRESS) - paddr
        if told & LARGE == LARGE and step and not step % LARGE_PAGE:
            return f"""The tables are right: {entry.name} for VA {va:#x} is {entry.value:#x}, a large page at paddr {paddr:#x}. The kernel read {told:#x} in its place, which is the entry of paddr {told & ADDRESS:#x}: in verify_large_pages() (large-pages.c) the pointer to the entry and the paddr have to
                go on in step, from the same beginning."""
        if f.pvh == "n":
            return f"""The tables are right: {entry.name} for VA {va:#x} is {entry.value:#x}, a large page at paddr {paddr:#x}. The kernel read {told:#x} in its place: native_get_pmd() (native-paging_32.c) led it elsewhere."""
        looked = f" An entry's flags are no part of the address: {above.name} is {above.value:#x}, the table is at paddr {above.value & ADDRESS:#x}, and with its flags {flags:#x} read as an address it would be {flags:#x} bytes further on." if above else ""
        return f"""The tables are right: {entry.name} for VA {va:#x} is {entry.value:#x}, a large page at paddr {paddr:#x}. The kernel read {told:#x} in its place, so own_pmd() led it elsewhere (pvh-mmu.c): CR3 and each entry hold the next table's
            paddr, next_table() takes it out (PTE_MFN_MASK) and __va() makes it a VA; then comes the index of the level.{looked}"""
    if not told & 1:
        return f"""{at} of VA {va:#x} is {told:#x}, not present, and memory is to be mapped there, paddr {paddr:#x}. {'All before it are right' if paddr else 'It is the first'}: the loop that fills them in ended early, went on by another distance than an entry's
            {8 if f.bits == 64 or 'three' in _paging(f) else 4} bytes, or wrote elsewhere. {_filler(f)}"""
    if told & ADDRESS != paddr:
        factor = f", {(told & ADDRESS) // paddr} times as much" if paddr and not (told & ADDRESS) % paddr else ""
        return f"""{at} of VA {va:#x} is {told:#x}: it maps paddr {told & ADDRESS:#x}, and should map {paddr:#x}{factor}. {'Those before it are right' if paddr else 'It is the first'}: a large page has {_size(f):#x} bytes, and so much more is each entry's address
            than that of the one before. {_filler(f)}"""
    return f"{at} of VA {va:#x} is {told:#x}: it lacks of {LARGE:#x} (PRESENT, RW, PSE) the bits {LARGE & ~told:#x}. {_filler(f)}"


def _paging(f: Facts) -> str:
    said = f.guest("^  paging on: (.*)")
    return said[1] if said else ""


def _size(f: Facts) -> int:
    return 1 << 22 if "two" in _paging(f) else 1 << 21


def _filler(f: Facts) -> str:
    return "They are filled in by startup_pvh (pvh-head_64.S)." if f.bits == 64 else "They are filled in by native_map() (native-paging_32.c)."
