# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: paging is turned on, and long mode. What QEMU and the processor would not take; bare.py has looked."""

import re

from xenpt.entry import Walk
from xenpt.memory import PAGE_SIZE

from .bare_descriptors import descriptor
from .bare_questions import EXTERNAL, NAMES, PVH, cr3, fault, no_handler, wanted
from .bare_state import CR0_PE, CR0_PG, CR4_PAE, EFER_LMA, EFER_LME, IDT
from .reserved import reserved
from .rule import rule

PSE, ACCESSED = 1 << 7, 1 << 5  # of an entry; the second is set by the processor
LONG, LONG_OR_32 = 1 << 53, 3 << 53  # L, and D, of a code descriptor
MOV_CR, MSR, MOV_TO_CR0 = {0xC0: "CR0", 0xD8: "CR3", 0xE0: "CR4"}, b"\x0f\x30", b"\x0f\x22\xc0"


@rule("paging-too-early", PVH, "vanished")
def _(f):
    found = fault(f, 14)
    walk = f.bare.walk(found.ip) if found else None
    if not walk or not found.fetch and walk.maddr == found.ip or f.source.linked(found.ip) == (found.ip, "VA") or not f.source.is_code(found.ip):
        return None
    if f.guest("^  paging on: "):
        return None  # it was on long before
    mode = wanted(f)
    lacks = mode
    small = next((e for e in walk.path if e.name.startswith("pmd") and e.value & 1 and not e.value & PSE), None)
    if small and not lacks:
        lacks = f"""{small.name} is {small.value & ~ACCESSED:#x}, without PSE (bit 7): the processor takes it for the address of a table of ptes, at paddr {small.value & -0x1000 & (1 << 52) - 1:#x}, and
            it is to be that of a large page"""
    last = walk.path[-1] if walk.path and walk.path[-1].present else None
    how = f"could not be fetched: {reserved(f, walk).rstrip('.')}" if found.fetch and reserved(f, walk) else f"could not be fetched: {f'{last.name} is {last.value:#x}, and ' if last and walk.problem else ''}{walk.problem or 'a bit is set in an entry that is reserved there'}" if found.fetch else \
        f"was not what the processor ran there, since the tables lead to paddr {walk.maddr:#x}{_astray(f, walk, found.ip)}" if walk.maddr is not None else f"is not mapped any more: {walk.problem}"
    if mode and not found.fetch and walk.maddr is None:
        how = f"was fetched through tables that the processor read amiss, and what ran in its place used VA {found.cr2:#x}"
    if mode:
        efer = " LME is 0x100 of EFER, MSR 0xc0000080, and WRMSR has to set it before CR0.PG is set." if "LME" in mode else ""
        return f"Paging is on, but {mode}.{efer} So the instruction at {f.place(found.ip)} {how}. {cr3(f)}. {no_handler(f)}"
    return f"""Paging is on, and the instruction at {f.place(found.ip)} {how}. {cr3(f)}{f'; {lacks}' if lacks else ''}. From the moment on that CR0.PG is set, each instruction is
        fetched through the tables, so they have to map the code where it runs (P=V), and CR3 has to lead to them before. {no_handler(f)}"""


def _astray(f, walk: Walk, ip: int) -> str:
    """The entry that maps an address elsewhere than to itself, and what it is to be."""
    last = walk.path[-1]
    right = ip - ip % last.size
    wrong = walk.maddr - ip + right  # what it maps
    where = f", in {f.thing(last.maddr)}" if f.thing(last.maddr) else ""
    entries = abs(wrong - right) // last.size
    far = f", {entries} entr{'ies' if entries > 1 else 'y'} {'further on' if wrong > right else 'before'}{', a whole table' if entries * 8 == PAGE_SIZE else ''}" if entries and not (
        wrong - right) % last.size else ""
    return f": {last.name} is {last.value:#x} (paddr {last.maddr:#x}{where}), which maps paddr {wrong:#x}, and it has to map {right:#x}{far}"


@rule("bare-code-low", PVH, "vanished", "failure")
def _(f):
    """The tables were right when paging was turned on, and what they mapped P=V is gone since."""
    found = fault(f, 14)
    walk = f.bare.walk(found.ip) if found and found.fetch and f.guest("^  paging on: ") else None
    if not walk or not walk.problem or not f.source.is_code(found.ip):
        return None
    if f.source.linked(found.ip)[1] == "VA":
        return f"""The image's own mapping is gone: the next instruction, VA {found.ip:#x} ({f.source.function(found.ip)}), could not be fetched, for {walk.problem}. It was there when the jump led to it. What was taken away since is to be P=V alone, the pgd's entries below pgd_index(PAGE_OFFSET): see pvh_drop_identity_map(). {no_handler(f)}"""
    went_on = f.source.linked(found.ip)[0]
    last = next((f.source.function(s.address) for s in reversed(f.steps) if f.source.function(s.address) == "pvh_drop_identity_map"), "")
    dropped = f"{last}() has run, which takes it away on purpose, and the code still ran there" if last else "something has changed the entry since"
    return f"""Code was to be run at P=V {found.ip:#x} ({f.source.place(found.ip)}), and P=V is mapped no more ({walk.problem}): {dropped}. The same instruction is at VA {went_on:#x}: the jump to the linked address (jump_to(),
        linked_va()) has to come before P=V is dropped, and no pointer to code may hold a P=V address by then. {no_handler(f)}"""


@rule("pvh-cr0", PVH, "failure")
def _(f):
    told = re.match(r"CR0 is 0x([0-9a-f]+): PG", f.panic)
    cr0 = int(told[1], 16) if told else 0
    if told and cr0 & CR0_PE and cr0 & CR0_PG:
        return f"CR0 is {cr0:#x}, in which PG (bit 31) and PE (bit 0) are both set: the check in check_cr0() is wrong."
    if told:
        lacks = "PE (bit 0), which was 1 at the entry, is 0 now" if cr0 & CR0_PG else "PG (bit 31) is 0"
        first = f" A processor refuses PG without PE (#GP), and QEMU's TCG does not look. {'No other bit is set, but 4, which always is. ' if not cr0 & 0x7FFFFFEE else ''}CR0 is to be read, the bit set in what was read, and that written back." if cr0 & CR0_PG else \
            " What was written to CR0 has to have the bit."
        return f"native_enable_paging() (src/stage5-boot-protocol/native-paging_32.c) has written CR0, and {lacks}: it holds {cr0:#x}.{first}"
    return None


@rule("pvh-cr0", PVH, "vanished", "silence", "timeout")
def _(f):
    state = f.bare.state if f.bare and f.bare.entered else None
    if state and not state["CR0"] & CR0_PE:
        return f"""CR0 is {state["CR0"]:#x}: PE (bit 0) is 0, and it was 1 at the entry, for a kernel is entered in protected mode. So a move to CR0 took it away{": it wrote PG alone, where it was to be added to what CR0 had" if state["CR0"] & CR0_PG else ""}. A processor refuses PG without
            PE (#GP); QEMU's TCG runs on, in real mode, where the code means something else."""
    return None


@rule("pvh-long-mode-order", PVH, "vanished")
def _(f):
    found = fault(f, 13)
    code = f.bare.read(found.ip, 3) if found and not found.error else b""
    state = f.bare.state if found else None
    if code[:2] == b"\x0f\x22" and code[2] & 0xF8 == 0xC0:
        long = state["EFER"] & EFER_LME and not state["CR4"] & CR4_PAE
        lacks = ["CR4.PAE (bit 5) is 0"] * bool(long) + ["CR0.PE is 0"] * (not state["CR0"] & CR0_PE)
        return f"""The move to CR0 was refused (#GP): {' and '.join(lacks) or 'some of its bits do not go together'}. CR0's PG may be set only after CR4's PAE, CR3, and
            EFER's LME. CR0 is {state['CR0']:#x}, CR3 {state['CR3']:#x}, CR4 {state['CR4']:#x}, EFER {state['EFER']:#x}."""
    if code[:2] == MSR:
        return f"""WRMSR was refused (#GP): MSR {state['ECX']:#x} got {state['EDX']:#x}:{state['EAX']:#x}. It is no MSR of this processor, or a bit that is reserved there was set. EFER
            is MSR 0xc0000080."""
    if code[:2] == b"\x0f\x22":
        return f"A move to {MOV_CR.get(code[2] & 0xF8, 'a control register')} was refused (#GP): a bit was set that is reserved there."


def _past_cr0(f) -> bool:
    """Whether the head has moved EAX to CR0, by where it ended: behind that, or in other code."""
    at, head = f.address or 0, f.source.va("startup_pvh")
    if not f.source.is_code(at) or f.source.function(at) != "startup_pvh" or head is None:
        return True
    return MOV_TO_CR0 in f.bare.read(at - (at - head & 0xFFF), at - head & 0xFFF)


@rule("pvh-long-mode-order", PVH, "vanished", "silence")
def _(f):
    state = f.bare.state if f.bare and f.bits == 64 else None
    if state and state["EFER"] & EFER_LME and not state.paging and _past_cr0(f):
        lacks = "CR4.PAE (bit 5) is 0" if not state["CR4"] & CR4_PAE else f"CR3 is {state['CR3']:#x}"
        return f"""Long mode was asked for (EFER.LME is 1), and it is not on: CR0's PG is 0, and {lacks}. CR0's PG may be set only after CR4's PAE, CR3, and EFER's LME: a
            processor refuses it otherwise (#GP), and QEMU's TCG leaves it out without a word. The code behind it is for 64 bits, and was run as something else."""


def no_descriptor(f) -> bool:
    """Whether it was a selector whose descriptor cannot be read at all."""
    found = fault(f, 11, 13)
    return bool(found and found.error & ~(EXTERNAL | IDT) and not descriptor(f, found.error)[0])


@rule("bare-code-width", PVH, "vanished", "silence")
def _(f):
    state = f.bare.state if f.bare else None
    if state and f.bits == 64 and state["EFER"] & EFER_LMA and state.code == 32 and not (fault(f) and fault(f).fetch) and not no_descriptor(f) and f.source.linked(state.gdt.start):
        if int.from_bytes(f.bare.read(state.gdt.start + 8, 8), "little") & LONG_OR_32 == LONG:
            return None if fault(f) and fault(f).error & ~(EXTERNAL | IDT) else f"""Long mode is on, and the processor still runs 32-bit code: CS holds selector {state.cs:#x}, as it was loaded before. The kernel's own code descriptor, in the GDT at {state.gdt.start:#x}, is one of 64 bits; it counts from the far
                jump (LJMP) on that loads CS."""
        return f"""Long mode is on, and the processor runs the image's code as 32-bit code: the descriptor in CS has no L (bit 53), which is what makes code 64-bit.
            {f'The exception, {NAMES.get(fault(f).vector, fault(f).vector)}, followed from instructions that mean something else then. ' if fault(f) else ''}It is
            {f.bare.read(state.gdt.start + 8, 8)[::-1].hex() or 'not to be read'} in the GDT at {state.gdt.start:#x}; 64-bit code has bit 53 set and bit 54 clear."""
