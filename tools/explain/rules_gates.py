# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: segments, the gates of the IDT, and the interrupt that is waited for."""

import re

from xenpt.memory import PAGE_SIZE

from .bare_state import FIRMWARE_END, IDT
from .bare_questions import EXTERNAL, NAMES, OVERWRITTEN, PVH, descriptor, fault, gate, is_code_segment, no_handler
from .rule import rule

APIC = 0xFEE00000  # paddr
LARGE_PAGE = (1 << 52) - 1 & ~0x1FFFFF  # the address in an entry
NO_CODE = "no code of the image"
FIRST_LINE = 8  # the vector of the 8259's line 0, from the firmware
INTERRUPTS = 0x200  # EFLAGS.IF
LOAD_SEGMENT, SS = b"\x8e", 2  # mov to a segment register, of which this is the number
IRET = {32: b"\xcf", 64: b"\x48\xcf"}
NEAR, SELECTORS = 20, 0x100  # words on either side of ESP; bytes of a small GDT
REGISTERS = "EAX ECX EDX EBX ESP EBP ESI EDI".split()


@rule("bare-iret", PVH, "vanished", "failure")
def _(f):
    """A return from a handler, with something else than the frame at ESP."""
    found = fault(f, 10, 11, 12, 13, 14)
    if not found or found.fetch or f.bare.read(found.ip, 2)[:1 + (f.bits == 64)] != IRET[f.bits]:
        return None
    if found.vector == 14 and abs(found.cr2 - found.state["ESP"]) < PAGE_SIZE:
        return None  # it is the stack that is not mapped, and not what a selector on it leads to
    word, sp = f.bits // 8, found.state["ESP"]
    # Where the exception found a handler, that has pushed a frame of its own since.
    around = (sp + at * word for at in sorted(range(-NEAR, NEAR), key=abs))
    frame = next((at for at in around if _is_frame(f, at)), None) if f.end == "vanished" else None
    off = "" if frame is None else f"A frame lies {abs(sp - frame)} bytes {'below' if frame < sp else 'above'} it: {'more' if frame < sp else 'less'} was popped than had been pushed."
    return not _is_frame(f, sp) and f"""IRET was to go back from a handler at {f.place(found.ip)}, and no frame is on the stack: at ESP {sp:#x} there is no EIP of the kernel's with its CS above
        ({NAMES[found.vector]}, error code {found.error:#x}). {off} The handler has to pop exactly what it, and its stub, have pushed."""


@rule("bare-iret", PVH, "vanished", "failure")
def _(f):
    found = fault(f)
    if found and f.bits == 64 and f.bare.read(found.ip, 1) == IRET[32]:
        return f"""The handler is left, at {f.place(found.ip)}, by an IRET of 32 bits: it pops three words of 4 bytes, and the frame of a 64-bit processor has five of 8. {f"So it took {found.cr2:#x}{f', {f.number(found.cr2)},' if f.number(found.cr2) else ''} for an address. " if found.vector == 14 else ""}The instruction is
            IRETQ."""
    return None


def _is_frame(f, at: int) -> bool:
    """Whether EIP and CS of the kernel's stand there."""
    word = f.bits // 8
    ip, cs = (int.from_bytes(f.bare.read(at + n * word, word) or bytes(word), "little") for n in (0, 1))
    return f.source.is_code(ip) and cs % 8 == 0 and 0 < cs < SELECTORS and is_code_segment(descriptor(f, cs)[0])


@rule("bare-selector", PVH, "vanished", "failure")
def _(f):
    found = fault(f, 10, 11, 12, 13)
    if not found or not found.error & ~EXTERNAL or NO_CODE in f.place(found.ip):
        return None  # what lies where there is no code loads anything
    selector = found.error & ~7
    if found.error & IDT:
        vector = found.error >> 3
        if f.bits == 64 and not gate(f, vector).startswith("gate") and _timer(f, found.error >> 4):
            vector = found.error >> 4  # in this error code QEMU counts a gate of 64 bits as two
        return f"""Vector {vector:#x} was raised{f' ({NAMES[vector]})' if vector in NAMES else ', by an interrupt or by INT,'} at {f.place(found.ip)}, and its gate cannot be used ({NAMES[found.vector]}):
            {gate(f, vector) or 'what it names is no code of ring 0'}. {_timer(f, vector)} {no_handler(f)}"""
    word, wrong = descriptor(f, selector)
    why = wrong or f"its descriptor is {word:#018x}, {'code' if is_code_segment(word) else 'data'}, which is not what it was wanted for"
    return f"The selector {selector:#x} could not be loaded ({NAMES[found.vector]}) at {f.place(found.ip)}: {why}. {no_handler(f)}"


def _timer(f, vector: int) -> str:
    line = re.search(r"^LVTT\s.*\(vec (\d+)\)", f.bare.lapic, re.M)
    return "It is the one that the APIC's timer was told to raise (LVTT)." if line and int(line[1]) == vector else ""


@rule("bare-selector", PVH, "vanished")
def _(f):
    found = fault(f, 13)
    code = f.bare.read(found.ip, 2) if found and not found.error else b""
    if code[:1] == LOAD_SEGMENT and code[1] >> 6 == 3 and code[1] >> 3 & 7 == SS:
        register, value = REGISTERS[code[1] & 7], f.bare.state[REGISTERS[code[1] & 7]]
        return f"""SS was loaded, at {f.place(found.ip)}, with the selector {value & 0xFFFF:#x} from {register}: 0 is no segment, and SS has to be one. The selector of the kernel's data has to be
            in the register that the instruction reads. {no_handler(f)}"""


def elsewhere(f) -> str:
    """Whether the kernel's apic leads to another place than the APIC."""
    variable, place = f.source.va("apic"), f.source.va("apic_write")
    size = f.bits // 8
    va = int.from_bytes(f.bare.read(variable, size), "little") if variable and place else 0
    walk = f.bare.walk(va) if va else None
    if not walk or walk.maddr == APIC:
        return ""
    return f" The variable apic is {va:#x}, which leads to {f'paddr {walk.maddr:#x}' if walk.maddr is not None else 'nothing'}, and the APIC is at paddr {APIC:#x}: what the kernel wrote went elsewhere.{_why_there(f, va, walk)}"


def _why_there(f, va: int, walk) -> str:
    """What is in the entry that pvh_map_device() was to store."""
    entry = walk.path[-1] if walk.path else None
    if not entry:
        return ""
    page = entry.value & LARGE_PAGE
    size = 1 << (22 if f.guest("^  paging on: two") else 21)
    device = f.page_offset + (1 << 30) - size
    if va & -size != device:
        return f" pvh_map_device() maps the large page at VA {device:#x} (PAGE_OFFSET + PVH_MAPPED), and apic does not lead into that: the VA that it returned is wrong."
    if page == va - f.page_offset & LARGE_PAGE & f.mask:
        return f" Its entry, {entry.name}, is {entry.value:#x}, that of memory, as it was filled in at first: what pvh_map_device() stored went into another place than this entry, so see own_pmd(), and next_table() (pvh-mmu.c)."
    if page != APIC & LARGE_PAGE:
        return f" Its entry, {entry.name}, is {entry.value:#x}: pvh_map_device() was to store the large page that the APIC is in, {APIC & LARGE_PAGE:#x}, and its flags there."
    return f" Its entry, {entry.name}, is {entry.value:#x}, which is the right large page: the APIC is {APIC - (APIC & LARGE_PAGE):#x} bytes behind its beginning."


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
    expired = re.search(r"initial_count = [1-9]\d* .*current_count = 0\b", told.get("Timer", "")) and "one-shot" in told.get("LVTT", "")
    if expired and " masked" not in told["LVTT"] and told.get("IRR", "(none)") == "(none)":
        return """The processor waits in HLT for an interrupt, and the last one that was asked for has come: the APIC's timer has run out (one-shot, current_count is 0), and its vector neither waits
            nor is in service, so the handler ran and wrote to EOI. What the kernel waits for did not change by that: the handler does not count it, or the count that is looked at is another; or
            the timer was to be started once more."""
    why = "The APIC itself is off (bit 8 of its spurious vector register)." if "disabled" in told.get("SPIV", "") else \
        "Its timer is masked." if " masked" in told.get("LVTT", "") else \
        "Its timer has no count: nobody has written the initial count (0x380), which starts it." if re.search("initial_count = 0", told.get("Timer", "")) else \
        f"A vector waits to be delivered, {told['IRR']}." if told.get("IRR", "(none)") != "(none)" else ""
    return f"""The processor waits in HLT, interrupts are on, and none comes.{elsewhere(f)} {why} The APIC says of its timer: LVTT {told.get('LVTT', '?')}; {told.get('Timer', '?')}."""


@rule("bare-line-not-masked", PVH, "vanished", "failure", rank=-1)
def _(f):
    found = fault(f)
    said = f.guest(r"^FAULT: vector (8|9|1[0-5]), error code 0x([0-9a-f]+)")
    # The processor pushes no error code for an interrupt, so what is taken for it is the address where it came.
    if found and said and f.source.is_code(int(said[2], 16)):
        return f"""Vector {said[1]} came at {f.place(int(said[2], 16))}, and not as an exception: what stands in the place of its error code is the address of that instruction. The 8259, a PC's
            old interrupt controller, raises its line {int(said[1]) - FIRST_LINE} by this number as long as nobody has masked it: all ones to ports 0x21 and 0xa1."""


@rule("bare-gate", PVH, "vanished")
def _(f):
    found = fault(f)
    wrong = gate(f, found.vector) if found and not found.fetch and f.bare.state.idt.start >= FIRMWARE_END else ""
    if OVERWRITTEN in wrong:
        return f"""The GDT was written over while exceptions were handled: {wrong}. A stack that runs down as far as that does it: one exception follows another, from {f.place(found.ip)} or from its handler, and none is gone back from as it should be. Does
            the handler take off just what was pushed, after it was called?"""
    if wrong:
        expected = " was expected, and is in __ex_table; but the" if found.ip in [at for at, _ in f.source.fixups] else " has a gate, but its"
        return f"""The exception at {f.place(found.ip)}{expected} handler was never reached: {wrong}. The processor looks
            at bit 47 (present), at the type, and at the selector of a gate, which has to be that of the kernel's code."""


@rule("bare-woken", PVH, "failure")
def _(f):
    """It gave up waiting: whether it slept, and whether anything came."""
    if not f.bare or not f.bare.entered or not f.guest("PANIC: timer: woken") or f.cut:
        return None
    came = sum(f.source.linked(s.address) == (f.source.va("pvh_interrupt"), "VA") for s in f.steps)
    place = next((f.source.place(s.address) for s in reversed(f.steps) if f.source.function(s.address) == "wait_for_tick"), "wait_for_tick()")
    why = "the interrupt came, and the count that the loop looks at did not change: see pvh_do_interrupt()" if came else \
        "HLT is to put the processor to sleep, with interrupts on, until one comes: STI, HLT, CLI. Without HLT, or with interrupts off, the loop is over long before the timer's 10 ms"
    return f"The loop was gone through a thousand times, at {place}, and pvh_interrupt() was entered {came} times: {why}."
