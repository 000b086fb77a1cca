# SPDX-License-Identifier: GPL-2.0-only
"""What a number is: an address of the image, linked or P=V, a machine address, an entry, a trap of Xen's, ...

Most mistakes of early boot are one kind of number in another's place. what() says each kind that a number can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

if TYPE_CHECKING:
    from .facts import Facts
    from .observe import Observation

CLOBBERED = 0xDEADF00D  # what a debug Xen leaves in a hypercall's argument registers
FRESH = 0xC2C2C2C2  # and in pages that it hands out
M2P = {32: 0xF5800000, 64: 0xFFFF800000000000}
SELECTORS = {0xE019: "FLAT_KERNEL_CS", 0xE021: "FLAT_KERNEL_DS", 0xE033: "FLAT_KERNEL_CS", 0xE02B: "FLAT_KERNEL_SS"}
EFLAGS, FIXED, INTERRUPTS = 0x0ED5, 0x2, 0x200  # the bits of a program, the one that is always 1, and IF, which Xen shows
NEAR = 0x1000  # so close to CLOBBERED or FRESH is something added to it
XEN_END = {32: 1 << 32, 64: 0xFFFF880000000000}


class Kind(NamedTuple):
    word: str
    text: str


def what(f: Facts, n: int) -> list[Kind]:
    """All that a number can be, the likelier first; empty if it means nothing."""
    n &= f.mask
    return [Kind(word, text) for word, text in _kinds(f, n) if text]


def _kinds(f: Facts, n: int):
    if 0 <= n - CLOBBERED + NEAR < 2 * NEAR or n & 0xFFFFFFFF == CLOBBERED:
        yield "clobbered", f"{CLOBBERED:#x} is what a debug Xen leaves in the argument registers of a hypercall"
    if FRESH in (n & 0xFFFFFFFF, n & 0xFFFFFFFF & -NEAR | FRESH & NEAR - 1, n >> 32):
        yield "fresh", f"{FRESH:#x} is what a debug Xen fills fresh pages with: memory that nobody has cleared"
    text = n.to_bytes(f.bits // 8, "little")
    if all(0x20 <= byte < 0x7F for byte in text[:4]) and n > PAGE_SIZE and all(0x20 <= byte < 0x7F or not byte for byte in text):
        yield "text", f'the characters "{text.decode().strip(chr(0))}": text, taken for a number'
    if n & ~EFLAGS == FIXED and n & INTERRUPTS:
        yield "flags", "EFLAGS (RFLAGS), as they stand in a frame beside the address"
    if n in SELECTORS:
        yield "selector", f"a segment selector, {SELECTORS[n]}"
    if n < PAGE_SIZE:
        yield "null", f"NULL and {n:#x} bytes" if n else "NULL"
    if n >> PAGE_SHIFT == f.mask >> PAGE_SHIFT:
        yield "invalid", f"INVALID_PFN, no page of this guest{'' if n == f.mask else ', made an address all the same'}"
    if M2P[f.bits] <= n < XEN_END[f.bits]:
        yield "xen", f"in Xen's own part of the address space (read as the m2p: entry of MFN {(n - M2P[f.bits]) // (f.bits // 8):#x})"
    top = f.source.top_of("init_stack")
    if top and n in (top, top - f.source.offset & f.mask):
        yield "stack", f"the top of init_stack, {'VA' if n == top else 'P=V'}"
    thing = f.thing(n)
    if thing:
        yield "pv", f"{'paddr' if f.virt_base else 'P=V address'} of {thing}"
    for offset, word in ((f.page_offset, "linked"), (f.source.offset, "linked")):
        thing = offset and f.thing(n - offset & f.mask)
        if thing:
            yield word, f"linked VA of {thing}"
            break
    for base in (f.info.pt_base, f.info.mfn_list, f.seen.start_info) if f.info else ():
        if n > PAGE_SIZE and 0 <= n - (base << PAGE_SHIFT & f.mask) < PAGE_SIZE:
            yield "shifted", f"P=V {base:#x}, {f.thing(base)}, shifted left by {PAGE_SHIFT}: an address, taken for a page number"
    whole = n | f.mask ^ 0xFFFFFFFF
    if f.bits == 64 and n >> 31 == 1 and whole - f.source.offset & f.mask in range(f.nr_pages << PAGE_SHIFT or f.bare and f.bare.size or 0):
        yield "half", f"the lower half of VA {whole:#x}, {f.number(whole) or 'in the image'}: it went through a register, or a variable, of 32 bits"
    if f.page_offset and f.bits == 64 and f.source.offset != f.page_offset:
        combined = {"LOAD_OFFSET - PAGE_OFFSET": f.source.offset - f.page_offset, "PAGE_OFFSET - LOAD_OFFSET": f.page_offset - f.source.offset,
                    "LOAD_OFFSET + PAGE_OFFSET": f.source.offset + f.page_offset}
        yield "combined", next((words for words, value in combined.items() if value & f.mask == n), "")
    yield from _onto_virt_base(f, n)
    twice = n - 2 * f.page_offset & f.mask
    if f.page_offset and f.thing(twice) and not f.virt_base:
        yield "twice", f"PAGE_OFFSET added twice to P=V {twice:#x}, {f.thing(twice)}"
    negative = n + f.page_offset & f.mask
    if f.page_offset and f.thing(negative) and not f.thing(n):
        yield "minus", f"P=V {negative:#x}, {f.thing(negative)}, less PAGE_OFFSET"
    elsewhere = n + f.source.offset & f.mask
    if f.bits == 64 and f.thing(elsewhere - f.page_offset & f.mask):
        yield "minus", f"VA {elsewhere:#x}, {f.thing(elsewhere - f.page_offset & f.mask)}, less LOAD_OFFSET, which is for addresses in the image (__pa_symbol()); others are PAGE_OFFSET more than their paddr (__pa())"
    thing = f.thing(elsewhere) if f.bits == 64 else ""
    if thing and not f.thing(n):
        yield "minus", f"P=V {elsewhere:#x}, {thing}, less LOAD_OFFSET: what runs P=V has paddrs already, and nothing is to be taken off"
    yield from _machine(f, n)
    yield from _passed(f, n)


def _onto_virt_base(f: Facts, n: int):
    """An offset, added to a VA of an image that Xen mapped at VIRT_BASE."""
    for name, offset in {"PAGE_OFFSET": f.page_offset, "LOAD_OFFSET": f.source.offset}.items() if f.virt_base else ():
        thing = offset and f.thing(n - offset - f.virt_base & f.mask)
        if thing:
            yield "twice", f"{name} added to VA {n - offset & f.mask:#x}, {thing}"
            break


def _passed(f: Facts, n: int):
    """A field of boot_params, or hvm_start_info, with an offset added or taken off."""
    struct = "boot_params" if f.pvh == "n" else "hvm_start_info"
    for name, paddr in f.passed.items():
        if n == paddr:
            yield "passed", f"the paddr that {struct}'s {name} holds"
        for offset, called in {f.source.offset: "LOAD_OFFSET", f.page_offset: "PAGE_OFFSET"}.items():
            if offset and n in (paddr + offset & f.mask, paddr - offset & f.mask):
                way = "with {} added" if n == paddr + offset & f.mask else "less {}"
                yield "passed", f"{struct}'s {name}, paddr {paddr:#x}, {way.format(called)}"


def _machine(f: Facts, n: int):
    shared = f.info.shared_info if f.info else 0
    if shared and n in (shared, shared >> PAGE_SHIFT):
        yield "maddr" if n == shared else "mfn", f"the {'machine address' if n == shared else 'MFN'} of shared_info, the page that Xen shares, as start_info has it"
    pfn = f.pfn_of.get(n >> PAGE_SHIFT)
    if pfn is not None:
        flags = n & PAGE_SIZE - 1
        if flags & 1 and n > PAGE_SIZE:
            yield "entry", f"a page-table entry's value: MFN {n >> PAGE_SHIFT:#x} (PFN {pfn:#x}) with flags {flags:#x}"
        yield "maddr", f"machine address of PFN {pfn:#x}, {f.thing(pfn << PAGE_SHIFT) or 'a page of this guest'}"
    elif (pfn := built(f, n >> PAGE_SHIFT)) is not None and n & 1:
        yield "entry", f"a page-table entry's value, with flags {n & PAGE_SIZE - 1:#x}: MFN {n >> PAGE_SHIFT:#x} is PFN {pfn:#x} of the domain that stage 6 builds"
    if n in f.pfn_of:
        yield "mfn", f"the MFN of PFN {f.pfn_of[n]:#x}, {f.thing(f.pfn_of[n] << PAGE_SHIFT) or 'a page of this guest'}"
    if 0 < n < f.nr_pages:
        yield "pfn", f"the PFN of {f.thing(n << PAGE_SHIFT) or 'a page of this guest'}"
    elif PAGE_SIZE <= n < f.nr_pages << PAGE_SHIFT and not f.thing(n):
        yield "pv", f"{'paddr' if f.virt_base else 'P=V'}, beyond all that Xen put there; PFN {n >> PAGE_SHIFT:#x} of {f.nr_pages:#x}"


def xens_pfn(seen: Observation, mfn: int) -> int | None:
    """What the m2p has for an MFN, Xen's own table, as it is now; None if it cannot be read there."""
    word = seen.bits // 8
    entry = seen.peek(M2P[seen.bits] + mfn * word, word)
    return int.from_bytes(entry, "little") if entry else None


def built(f: Facts, mfn: int) -> int | None:
    """The PFN of a page of the domain that stage 6 builds, by the m2p."""
    pages = f.guest(r"^toolstack: (\d+) pages, PFN 0 is MFN")
    pfn = xens_pfn(f.seen, mfn) if pages and f.seen and 0 < mfn < 1 << 24 else None
    return pfn if pages and pfn is not None and pfn < int(pages[1]) else None
