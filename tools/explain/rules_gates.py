# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: the gates of the IDT, the selectors that they and others name, and the way back from a handler."""

import re

from xenpt.memory import PAGE_SIZE

from .bare_state import FIRMWARE_END, IDT
from .bare_descriptors import BEYOND, LEADS, OVERWRITTEN, UNMAPPED, descriptor, gate, is_code_segment
from .bare_questions import EXTERNAL, NAMES, PVH, fault, no_handler
from .fault import from_kernel
from .rule import rule

NO_CODE = "no code of the image"
ERROR_CODES = (8, 10, 11, 12, 13, 14, 17)  # vectors of which the processor pushes one
FIRST_LINE = 8  # the vector of the 8259's line 0, from the firmware
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


@rule("bare-iret", PVH, "vanished", "failure", rank=-1)
def _(f):
    found = fault(f)
    if found and f.bits == 64 and f.bare.read(found.ip, 1) == IRET[32]:
        whole = found.cr2 | f.mask ^ 0xFFFFFFFF
        by_esp = found.vector == 14 and found.cr2 >> 31 == 1 and f.number(whole)
        cut = f" QEMU pops them by ESP, and so at VA {found.cr2:#x}, the lower half of VA {whole:#x} ({f.number(whole)}), where RSP was." if by_esp else ""
        return f"""The handler is left, at {f.place(found.ip)}, by an IRET of 32 bits: it pops five words of 4 bytes (EIP, CS, EFLAGS, ESP, SS), and the frame that the processor had pushed has five of 8.{cut} The instruction is
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
    return f"The selector {selector:#x} could not be loaded ({NAMES[found.vector]}) at {f.place(found.ip)}: {why}.{_elsewhere(f, selector, word, wrong)}{_another_gdt(f)} {no_handler(f)}"


def _elsewhere(f, selector: int, word: int, wrong: str) -> str:
    """Which descriptors there are, if the one that was wanted has another selector."""
    if wrong and word:
        return ""
    code = f.bare.read(fault(f).ip, 1) != LOAD_SEGMENT if not word else not is_code_segment(word)
    good = {at: is_code_segment(d) for at in range(8, min(len(f.bare.state.gdt), SELECTORS), 8) for d, bad in [descriptor(f, at)] if not bad}
    shift = next((selector - at for at, kind in good.items() if kind == code and abs(selector - at) == 8), 0)
    table = ", ".join(f"{'code' if kind else 'data'} at {at:#x}" for at, kind in good.items())
    short, large = ("short", "large") if shift > 0 else ("long", "small")
    return shift and f" What the GDT has is {table}: what was wanted stands 8 bytes {'lower' if shift > 0 else 'higher'}. So the table is one entry too {short} in front of it, or the selector is 8 too {large}." or ""


def _another_gdt(f) -> str:
    """That the table which LGDT was given is none of the kernel's."""
    own, begin = f.source.va("gdt"), f.bare.state.gdt.start
    if own is None or f.source.linked(begin):
        return ""
    return f" That table is none of the kernel's: its own, gdt, is at P=V {own - f.source.offset & f.mask:#x}, and LGDT was given {begin:#x} as the base."


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


@rule("bare-line-not-masked", PVH, "vanished", "failure", rank=-1)
def _(f):
    found = fault(f)
    said = f.guest(r"^FAULT: vector (8|9|1[0-5]), error code 0x([0-9a-f]+)")
    # The processor pushes no error code for an interrupt, so what is taken for it is the address where it came.
    if found and said and f.source.is_code(int(said[2], 16)):
        return f"""Vector {said[1]} came at {f.place(int(said[2], 16))}, and not as an exception: what stands in the place of its error code is the address of that instruction. The 8259, a PC's
            old interrupt controller, raises its line {int(said[1]) - FIRST_LINE} by this number as long as nobody has masked it: all ones to ports 0x21 and 0xa1."""


@rule("bare-frame", PVH, "failure", rank=-1)
def _(f):
    """What the handler printed is not what the processor raised."""
    told, real = from_kernel(f.said) if f.bare and f.bare.entered else None, f.bare.exceptions[-1] if f.bare and f.bare.exceptions else None
    if not told or not real or real.vector not in NAMES or (real.vector, real.ip) == (told.vector, told.ip) or told.error == real.ip and real.vector in ERROR_CODES and told.vector == real.vector:
        return None
    how = "The word that is to tell the vector was not pushed, so each field is read one word too far up" if told.error == real.ip and told.vector == real.error else \
        "No 0 was pushed in the error code's place, so EIP stands there" if told.error == real.ip else \
        "One word too many lies below the vector" if told.error == real.vector else "What the stub pushes, and struct pt_regs, do not fit together"
    code = f", error code {real.error:#x}," if real.vector in ERROR_CODES else ","
    return f"""The processor raised vector {real.vector} ({NAMES[real.vector]}){code} at {f.place(real.ip)}. The handler, do_trap(), took it for vector {told.vector}, error code {told.error:#x}, at {told.ip:#x}. {how}: each stub pushes a 0 where the processor pushes no error
        code, and then its number (push_vector), and the registers come behind that."""


@rule("bare-gate", PVH, "vanished", "failure")
def _(f):
    found = fault(f) or (f.bare.exceptions[-1] if f.bare and f.bare.state and f.bare.exceptions else None)
    wrong = gate(f, found.vector) if found and not found.fetch and f.bare.state.idt.start >= FIRMWARE_END else ""
    if OVERWRITTEN in wrong:
        return f"""The GDT was written over while exceptions were handled: {wrong}. A stack that runs down as far as that does it: one exception follows another, from {f.place(found.ip)} or from its handler, and none is gone back from as it should be. Does
            the handler take off just what was pushed, after it was called?"""
    if wrong:
        expected = " was expected, and is in __ex_table; but the" if found.ip in [at for at, _ in f.source.fixups] else " has a gate, but its"
        return f"""The exception at {f.place(found.ip)}{expected} handler was never reached: {wrong}. {"" if any(known in wrong for known in (LEADS, UNMAPPED, BEYOND)) else
            "The processor looks at bit 47 (present), at the type, and at the selector of a gate, which has to be that of the kernel's code."}"""
