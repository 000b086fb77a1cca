# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: stage 5 natively, stage 7 as QEMU enters it. What the processor itself would not do: bare.py has looked."""

from __future__ import annotations

import functools
import re

from xenabi.loader import Loading
from xenpt.memory import PAGE_SIZE

from . import fault as fault_names
from .bare import CR0_PE, CR4_PAE, EFER_LMA, EFER_LME, FIRMWARE_END, IDT, BareFault
from .rule import rule

NATIVE, PVH = "5-boot-protocol: What the file does on a PC", "11-pvh"
EXTERNAL = 1  # a bit of an error code that names a selector
RESERVED = 8  # of a page fault's
NAMES = {**fault_names.NAMES, 4: "#OF", 5: "#BR", 7: "#NM", 16: "#MF", 19: "#XM"}
MOV_CR, MSR, SAME = {0xC0: "CR0", 0xD8: "CR3", 0xE0: "CR4"}, b"\x0f\x30", 0x1000
INTERRUPTS = 0x200  # EFLAGS.IF
NO_STACK = (1 << 32) - (1 << 20)  # a stack pointer that began at 0 has come no further


def fault(f, *vectors: int) -> BareFault | None:
    """The exception that it ended by, in the processor's words or the kernel's own."""
    found = f.bare.fault if f.bare else None
    if f.bare and f.bare.state and not found and f.fault:
        found = BareFault(f.fault.vector, f.fault.error, f.fault.ip, f.bare.state)
    return found if found and (not vectors or found.vector in vectors) else None


def wanted(f) -> str:
    """What the processor lacks of the paging mode that the image's tables are made for; empty if nothing."""
    state = f.bare.state
    if f.bits == 64 and not state["EFER"] & EFER_LMA:
        lacks = ["CR4.PAE (bit 5) is 0"] * (not state["CR4"] & CR4_PAE) + ["EFER.LME (bit 8) is 0"] * (not state["EFER"] & EFER_LME)
        return f"the image's tables have four levels, and the processor reads {f.bare.mode.name}: {' and '.join(lacks) or 'long mode is not on'}"
    if f.bits == 32 and _pae(f) != bool(state["CR4"] & CR4_PAE):
        return f"the image's tables have {'three levels (PAE)' if _pae(f) else 'two levels'}, and the processor reads {f.bare.mode.name}: CR4.PAE (bit 5) is {int(not _pae(f))}"
    return ""


@functools.lru_cache(maxsize=1)
def _pae(f) -> bool:
    return Loading(f.source.image).text("PAE_MODE").startswith("yes")


def cr3(f) -> str:
    """What CR3 holds."""
    value = f.bare.state["CR3"]
    if not value:
        return "CR3 is 0: it was never loaded"
    kind = f.number(value & -PAGE_SIZE)
    if value >= f.bare.size:
        return f"CR3 is {value:#x}{f' ({kind})' if kind else ''}, and the machine's memory ends at {f.bare.size:#x}: it takes a paddr"
    return f"CR3 is {value:#x}{f', {kind}' if kind else ''}"


def gate(f, vector: int) -> str:
    """What is wrong with a gate of the kernel's IDT; empty if nothing is."""
    idt, size = f.bare.state.idt, 16 if f.bare.state["EFER"] & EFER_LMA else 8
    if (vector + 1) * size > len(idt):
        return f"the IDT at {idt.start:#x} has {len(idt)} bytes and so {len(idt) // size} gates, and none of number {vector:#x}"
    data = f.bare.read(idt.start + vector * size, size)
    word = int.from_bytes(data[:8], "little")
    if not data:
        walk = f.bare.walk(idt.start)
        return f"the IDT is at {idt.start:#x}, where nothing is mapped{f' ({walk.problem})' if walk and walk.problem else ''}"
    if not word >> 47 & 1:
        return f"gate {vector:#x} of the IDT at {idt.start:#x} is {word:#018x}: {'it is empty' if not word else 'not present (bit 47)'}"
    to = word & 0xFFFF | word >> 48 << 16 | int.from_bytes(data[8:12], "little") << 32
    problem = f"its type is {word >> 40 & 15:#x}, neither an interrupt gate (14) nor a trap gate (15)" if word >> 40 & 15 not in (14, 15) else \
        f"it leads to {to:#x}, {f.source.place(to)}" if not f.source.is_code(to) or f.source.linked(to)[1] != "VA" else ""
    return problem and f"gate {vector:#x} of the IDT at {idt.start:#x} is {word:#018x}: {problem}"


def no_handler(f) -> str:
    """Why the exception became a reset."""
    if f.end != "vanished":
        return ""
    idt, found = f.bare.state.idt, fault(f)
    if idt.start < FIRMWARE_END:
        return "There is no IDT yet, so an exception resets the machine."
    wrong = gate(f, found.vector)
    return f"Nobody handled it, so the machine was reset: {wrong or 'its handler fell over something, too'}."


def left(f) -> tuple[str, int] | None:
    """Where the image's code was left, and for which address; the log may stop long before the end."""
    steps = f.steps
    last = next((n for n, step in reversed(list(enumerate(steps))) if f.source.is_code(step.address)), None)
    return (f.source.place(steps[last].address), steps[last + 1].address) if last is not None and last + 1 < len(steps) else None


def rsp(f) -> int:
    return f.bare.state["ESP"]


@rule("pvh-entry-note", PVH, "vanished", "silence", "timeout", "failure", "shutdown")
def _(f):
    note = Loading(f.source.image).notes.get("PHYS32_ENTRY") if f.source.image and f.pvh != "n" else None
    parts = f.source.image.loaded() if note else []
    start = f.source.va("startup_pvh") if note else None
    right = f" startup_pvh is at paddr {start - f.source.offset & f.mask:#x}." if start is not None else ""
    if not note or f.bits == 64 and start == note.number + f.source.offset or start is not None and start - f.source.offset & f.mask == note.number:
        return None
    if not any(p.paddr <= note.number < p.paddr + p.memsz for p in parts):
        kind = f.number(note.number, "linked")
        return f"""The note PHYS32_ENTRY holds {note.number:#x}{f', a {kind}' if kind else ''}, and the image is loaded at paddr {parts[0].paddr:#x} to
            {parts[-1].paddr + parts[-1].memsz:#x}: nothing of it is there. There is no paging yet, so the note takes a paddr.{right}"""
    if start is not None:
        return f"The note PHYS32_ENTRY holds {note.number:#x}, which is {f.number(note.number, 'pv') or 'elsewhere in the image'}.{right}"


@rule("pvh-paging-too-early", PVH, "vanished")
def _(f):
    found = fault(f, 14)
    walk = f.bare.walk(found.ip) if found else None
    if not walk or not found.fetch and walk.maddr == found.ip or f.source.linked(found.ip) == (found.ip, "VA"):
        return None
    lacks = wanted(f)
    how = f"could not be fetched: {walk.problem or 'a bit is set in an entry that is reserved there'}" if found.fetch else \
        f"was not what the processor ran there, since the tables lead to paddr {walk.maddr:#x}" if walk.maddr is not None else f"is not mapped any more: {walk.problem}"
    return f"""Paging is on, and the instruction at {f.source.place(found.ip)} {how}. {cr3(f)}{f'; {lacks}' if lacks else ''}. From the moment on that CR0.PG is set, each instruction is
        fetched through the tables, so they have to map the code where it runs (P=V), and CR3 has to lead to them before. {no_handler(f)}"""


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


@rule("pvh-long-mode-order", PVH, "vanished", "silence")
def _(f):
    state = f.bare.state if f.bare and f.bits == 64 else None
    if state and state["EFER"] & EFER_LME and not state.paging and not f.source.is_code(f.address or 0):
        lacks = "CR4.PAE (bit 5) is 0" if not state["CR4"] & CR4_PAE else f"CR3 is {state['CR3']:#x}"
        return f"""Long mode was asked for (EFER.LME is 1), and it is not on: CR0's PG is 0, and {lacks}. CR0's PG may be set only after CR4's PAE, CR3, and EFER's LME: a
            processor refuses it otherwise (#GP), and QEMU's TCG leaves it out without a word. The code behind it is for 64 bits, and was run as something else."""


@rule("bare-selector", PVH, "vanished", "failure")
def _(f):
    found = fault(f, 10, 11, 12, 13)
    if not found or not found.error & ~EXTERNAL:
        return None
    gdt, selector = f.bare.state.gdt, found.error & ~7
    if found.error & IDT:
        vector = found.error >> 3
        return f"""Vector {vector:#x} was raised{f' ({NAMES[vector]})' if vector in NAMES else ', by an interrupt or by INT,'} at {f.source.place(found.ip)}, and its gate cannot be used ({NAMES[found.vector]}):
            {gate(f, vector) or 'what it names is no code of ring 0'}. {_timer(f, vector)} {no_handler(f)}"""
    kind = f.number(gdt.start)
    where = f"the GDT at {gdt.start:#x}{f' ({kind})' if kind else ''}"
    data = f.bare.read(gdt.start + selector, 8)
    if selector + 7 >= len(gdt):
        why = f"{where} has {len(gdt)} bytes, and ends before it: LGDT's limit is too small, or the selector is not the kernel's"
    elif not data or not f.bare.state.paging and gdt.start + selector >= f.bare.size:
        walk = f.bare.walk(gdt.start)
        why = f"{where} is not in memory{f' ({walk.problem})' if walk else f', which ends at {f.bare.size:#x}: while paging is off, LGDT takes a paddr'}"
    else:
        why = f"its descriptor in {where} is {int.from_bytes(data, 'little'):#018x}{_descriptor(int.from_bytes(data, 'little'), bool(f.bare.state['EFER'] & EFER_LMA))}"
    return f"The selector {selector:#x} could not be loaded ({NAMES[found.vector]}) at {f.source.place(found.ip)}: {why}. {no_handler(f)}"


def _timer(f, vector: int) -> str:
    line = re.search(r"^LVTT\s.*\(vec (\d+)\)", f.bare.lapic, re.M)
    return "It is the one that the APIC's timer was told to raise (LVTT)." if line and int(line[1]) == vector else ""


def _descriptor(word: int, long: bool) -> str:
    access, flags = word >> 40 & 0xFF, word >> 52 & 0xF
    wrong = ["it is empty"] if not word else \
        ["it is not present (bit 47)"] if not access & 0x80 else ["it is of the system, neither code nor data (bit 44)"] if not access & 0x10 else \
        ["it has the bits of 64-bit code and of 32-bit code (53 and 54), which exclude each other"] if long and flags & 6 == 6 and access & 8 else \
        [f"its ring is {access >> 5 & 3}"] if access & 0x60 else []
    return f": {wrong[0]}" if wrong else f", {'code' if access & 8 else 'data'}, which is not what it was wanted for"


@rule("pvh-no-stack", PVH, "vanished")
def _(f):
    found = fault(f, 12, 14)
    if found and (not rsp(f) or rsp(f) % (1 << 32) >= NO_STACK) and abs(found.cr2 - rsp(f)) % (1 << 32) < SAME:
        return f"""The stack pointer is {rsp(f):#x}: it began at 0, since nobody gives this kernel a stack. The head has to load it before anything is pushed or
            called. {no_handler(f)}"""


@rule("bare-code-width", PVH, "vanished", "silence")
def _(f):
    state = f.bare.state if f.bare else None
    if state and f.bits == 64 and state["EFER"] & EFER_LMA and state.code == 32 and not (fault(f) and fault(f).fetch):
        return f"""Long mode is on, and the processor runs the image's code as 32-bit code: the descriptor in CS has no L (bit 53), which is what makes code 64-bit.
            {f'The exception, {NAMES.get(fault(f).vector, fault(f).vector)}, followed from instructions that mean something else then. ' if fault(f) else ''}It is
            {f.bare.read(state.gdt.start + 8, 8)[::-1].hex() or 'not to be read'} in the GDT at {state.gdt.start:#x}; 64-bit code has bit 53 set and bit 54 clear."""


@rule("bare-interrupts", PVH, "silence", "timeout")
def _(f):
    state = f.bare.state if f.bare else None
    if not state or not state.halted or not state["EFL"] & INTERRUPTS:
        return None
    told = {name: " ".join(rest.split()) for name, rest in re.findall(r"^(LVTT|Timer|SPIV|ISR|IRR)\t *(.*)$", f.bare.lapic, re.M)}
    serving = re.match(r"\d+", told.get("ISR", ""))
    if serving:
        return f"""The processor waits in HLT, interrupts are on, and none comes: vector {int(serving[0]):#x} is still in service (the APIC's ISR), since its
            handler has not written to EOI (0xb0). Until it does, nothing of the same priority or a lower one is delivered."""
    why = "The APIC itself is off (bit 8 of its spurious vector register)." if "disabled" in told.get("SPIV", "") else \
        "Its timer is masked." if " masked" in told.get("LVTT", "") else \
        "Its timer has no count: nobody has written the initial count (0x380), which starts it." if re.search("initial_count = 0", told.get("Timer", "")) else \
        f"A vector waits to be delivered, {told['IRR']}." if told.get("IRR", "(none)") != "(none)" else ""
    return f"""The processor waits in HLT, interrupts are on, and none comes. {why} The APIC says of its timer: LVTT {told.get('LVTT', '?')}; {told.get('Timer', '?')}."""


@rule("bare-gate", PVH, "vanished")
def _(f):
    found = fault(f)
    wrong = gate(f, found.vector) if found and f.bare.state.idt.start >= FIRMWARE_END and found.ip in [at for at, _ in f.source.fixups] else ""
    if wrong:
        return f"""The exception at {f.source.place(found.ip)} was expected, and is in __ex_table; but the handler was never reached: {wrong}. The processor looks
            at bit 47 (present), at the type, and at the selector of a gate, which has to be that of the kernel's code."""


@rule("bare-page-fault", NATIVE, "vanished", "failure", rank=1)
def _(f):
    found = fault(f, 14)
    if not found:
        return None
    doing = "writing" if found.error & 2 else "reading"
    walk, kind = f.bare.walk(found.cr2), f.number(found.cr2)
    problem = "a bit is set in an entry on the way that is reserved there (bit 3 of the error code)" if found.error & RESERVED else \
        walk.problem if walk and walk.problem else f"it is mapped, {walk.rights}, and that is not allowed there" if walk and found.error & 1 else "nothing is mapped there"
    lacks = wanted(f)
    first = f.first_seen(found.cr2)
    return f"""A page fault {doing} VA {found.cr2:#x} ({kind or 'nothing that is known here'}), at {f.source.place(found.ip)}: {problem}. {cr3(f)}{f'; {lacks}' if lacks else ''}.
        {f'The number was first in a register after {first}.' if first else ''} {f'ESP is {rsp(f):#x}.' if abs(found.cr2 - rsp(f)) < SAME else ''} {no_handler(f)}"""


@rule("native-reset", NATIVE, "vanished", rank=1)
def _(f):
    found = fault(f)
    if not found or found.vector == 14:
        return None
    code = f.bare.read(found.ip, 8)
    where = f.source.place(found.ip)
    left = f" The image's code was left at {f.left_at}." if not f.source.is_code(found.ip) and f.left_at else ""
    return f"""An exception, vector {found.vector} ({NAMES.get(found.vector, 'see the table of exceptions in the manuals')}){f', error code {found.error:#x}' if found.error else ''}, at {where}, where the
        bytes are {code.hex(' ') or 'none, since no memory is there'}.{left} {no_handler(f)} CR0 is {f.bare.state['CR0']:#x}, CR3 {f.bare.state['CR3']:#x}, CR4 {f.bare.state['CR4']:#x}, ESP
        {rsp(f):#x}."""


@rule("bare-never-entered", NATIVE, "vanished", "silence", rank=1)
def _(f):
    if f.bare and not f.bare.entered and f.bare.trail and f.bzimage:
        return """The kernel in the bzImage was never entered: what runs before it, the setup part or the unpacker, did not come to its end. The entry is
            startup_32, at 1 MiB and STARTUP_32_OFFSET, in protected mode without paging."""


@rule("pvh-no-code", PVH, "silence")
def _(f):
    gone = left(f) if f.bare and f.bare.entered and f.address is not None and not f.source.is_code(f.address) else None
    if gone:
        where, to = gone
        kind = f.number(to)
        linked = f.bare.state and not f.bare.state.paging and f.is_a(to, "linked")
        return f"""The processor runs what is no code. It left the image's code at {where}, for {to:#x}{f', {kind}' if kind else ''}
            {f": paging is off (CR0.PG is 0), so a linked address means nothing yet, and a jump to it leads beyond the machine's memory" if linked else ""}. ESP is
            {rsp(f):#x}{f' ({f.number(rsp(f))})' if f.number(rsp(f)) else ''}. {"" if linked else "A RET takes its address from the stack, which has to be memory; or a pointer held something else."}"""
