# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: CS, and the tables of descriptors, of what runs before the kernel and of the kernel's head."""

import re

from .bare_descriptors import descriptor, is_code_segment
from .bare_questions import NAMES, NATIVE, PVH, fault, no_handler
from .bare_state import CR0_PE, EFER_LMA
from .disassembly import branch
from .facts import Facts
from .lgdt import lgdt
from .rule import rule
from .source import Source
from .unpacker import SETUP

FAR_JUMP_16 = b"\xff\x2e"  # without the prefix 66, in a segment of 16 bits
FAR_RETURN, NEXT = b"\xcb", 16  # LRET; bytes: so near behind the beginning of what was logged as one
SELECTORS = (10, 11, 12, 13)  # exceptions that name one
SMALL_CODE, LONG_CODE = 1 << 54, 1 << 53  # D and L of a descriptor


def _cs(step) -> int | None:
    """CS in real mode, from the linear address and IP."""
    ip = step.registers.get("EIP")
    return None if ip is None or (step.address - ip) % 16 else (step.address - ip) // 16


@rule("setup-far-return", NATIVE, "vanished", "silence", "timeout")
def _(f):
    """The setup part's first instructions make CS the segment that DS is."""
    setup = f.unpacker.source if f.bare and f.unpacker and not f.bare.entered and f.bare.reached == 1 else None
    for before, step in zip(f.steps, f.steps[1:]) if setup else ():
        was, now = _cs(before), _cs(step)
        code = setup.bytes(before.address - SETUP, NEXT) if f.unpacker.in_setup(before.address) else b""
        if was == now or now is None or FAR_RETURN not in code:
            continue
        at, ip, right = before.address + code.index(FAR_RETURN), step.registers["EIP"], SETUP // 16
        if now == right:
            return None  # what it is for
        exchanged = (ip * 16 + now) == at + 1
        how = f"The two are exchanged: CS {ip:#x} and IP {now:#x} would be {f.unpacker.place(at + 1)}, the next instruction. LRETW pops IP first and then CS, so CS is to be pushed before" if exchanged else \
            f"CS was to be the segment that DS has, {right:#x}, and IP the offset of the next instruction, {at + 1 - SETUP:#x}. LRETW pops IP first and then CS"
        return f"""The far return at {f.unpacker.place(at)} took IP {ip:#x} and CS {now:#x} from the stack, and the processor went on at {now * 16 + ip:#x} ({f.unpacker.place(now * 16 + ip) or 'no code of setup.S'}). {how}. What came after it, in another place of the code, follows from that."""
    return None


def _tables(f: Facts) -> list[int]:
    """Where the table of segments is that the code which runs would load: each address that it may have."""
    setup = f.unpacker.source.va("gdt") if f.unpacker and f.unpacker.source and not f.bare.entered else None
    own = f.source.va("gdt")
    return [SETUP + setup] if setup is not None else [] if own is None or f.pvh == "n" else [own, own - f.source.offset & f.mask]


@rule("bare-lgdt", PVH, "vanished")
def _(f):
    found = fault(f)
    right = _tables(f) if found else []
    gdt, idt = (f.bare.state.gdt, f.bare.state.idt) if right else (range(0), range(0))
    selector = bool(right) and found.vector in SELECTORS and found.error & ~7 and not found.error & 2
    if not right or gdt.start in right or not selector and idt.start not in right:
        return None
    began = f"The selector {found.error & ~7:#x} was to be loaded at {f.place(found.ip)}, from the GDT" if selector else f"The processor fell over {NAMES.get(found.vector, found.vector)} at {f.place(found.ip)}"
    if idt.start in right:
        return f"""{began}, and GDTR is {gdt.start:#x} with limit {gdt.stop - gdt.start - 1:#x}, as it was before. The kernel's table of segments, gdt ({idt.start:#x}, {len(idt)} bytes), is in IDTR: it was loaded by LIDT, which is for the gates of exceptions. For segments it is LGDT. {no_handler(f)}"""
    if len(gdt) <= 1:
        return f"""{began}, and GDTR is {gdt.start:#x} with limit {gdt.stop - gdt.start - 1:#x}: {lgdt(f)}. The operand is the six bytes with gdt's limit and base, and gdt is at {right[-1]:#x}. {no_handler(f)}"""
    if selector and not f.bare.entered and len(right) == 1:
        return f"""A selector was to be loaded at {f.place(found.ip)}, from the GDT at {gdt.start:#x}, and setup.S's table, gdt, is at {right[0]:#x}: {right[0] - SETUP:#x} bytes behind the beginning of the page, which lies at {SETUP:#x}. {_base(f.unpacker.source, gdt.start, right[0] - SETUP)} {no_handler(f)}"""
    return None


def _base(setup: Source, loaded: int, right: int) -> str:
    """Which of the two parts of the table's address is wrong: the file's word, or what was added to it."""
    at = setup.va("gdt_base")
    word = int.from_bytes(setup.bytes(at, 4), "little") if at is not None else right
    names = [s.name for s in setup.image.all_symbols if s.value == word] if setup.image else []
    kind = f" ({', '.join(names)})" if names else ""
    wrong = "" if word == right else f"gdt_base is {word:#x} in the file{kind}, and has to be gdt, {right:#x}."
    added = "" if loaded - word == SETUP else f"What was added to gdt_base is {loaded - word:#x}, and that address, DS * 16, has to be."
    return " ".join(filter(None, (wrong, added)))


@rule("bare-lgdt", PVH, "failure")
def _(f):
    told = re.match(r"segments: GDTR holds 0x([0-9a-f]+), and gdt is at paddr 0x([0-9a-f]+)", f.panic)
    if not told:
        return None
    now, right = (int(n, 16) for n in told.groups())
    head = f.source.va("startup_pvh")
    idt = f.bare.state.idt if f.bare and f.bare.state else range(0)
    how = "gdt is in IDTR: it was loaded by LIDT, which is for the gates of exceptions. For segments it is LGDT" if idt.start == right else \
        f"{now:#x} is {f.number(now)}" if f.number(now) else "that is what the loader left there"
    return f"""The processor's table of segments (GDTR) is at {now:#x}, and the kernel's own, gdt, is at paddr {right:#x}: {how}. The head, {f.source.place(head) if head is not None else 'startup_pvh'}, has to load gdt_pointer by LGDT before it loads a selector. It ran all
        the same, since the loader's table has something fitting at these selectors; the contract promises none of it."""


@rule("setup-far-jump", NATIVE, "vanished", "silence", "timeout")
def _(f):
    """Protected mode, and no far jump since: CS is what it was in real mode."""
    state = f.bare.state if f.bare and f.unpacker and not f.bare.entered and f.bare.reached == 1 else None
    found = fault(f, 13) if state else None
    if found and f.unpacker.in_setup(found.ip) and f.unpacker.source.bytes(found.ip - SETUP, 2) == FAR_JUMP_16:
        return f"""The far jump at {f.place(found.ip)} is one with an offset of 16 bits (ljmpw): it takes the first two bytes of its operand for the offset and the next two for the selector. far_pointer has an offset of four bytes, and so what was taken for the selector is
            the offset's upper half. ljmpl takes all six bytes."""
    if not state or not state["CR0"] & CR0_PE or state.code != 16 or any(_is_far_jump(f, step.address) for step in f.steps if f.unpacker.in_setup(step.address)):
        return None
    return f"""The processor is in protected mode (CR0 is {state["CR0"]:#x}), and still ran 16-bit code: CS is {state.cs:#x}, as it was loaded in real mode, and what is assembled for 32 bits behind (.code32) means something else then. A far jump to BOOT_CS (ljmpl *far_pointer) has to follow the move to CR0.
        What came after it, in another place of the code, follows from that."""


@rule("bare-code-width", PVH, "vanished", "silence", "timeout")
def _(f):
    """Protected mode, and CS is a segment of 16 bits."""
    state = f.bare.state if f.bare else None
    word = descriptor(f, state.cs)[0] if state and state.code == 16 and state["CR0"] & CR0_PE and state.cs else 0
    if not word or not is_code_segment(word) or word & (SMALL_CODE | LONG_CODE):
        return None
    began = next((b.address for a, b in zip(f.steps, f.steps[1:]) if _cs(a) is not None and _is_far_jump(f, a.address)), None)
    return f"""The processor runs code of 16 bits in protected mode: CS is {state.cs:#x}, and its descriptor in the GDT at {state.gdt.start:#x} is {word:#018x}, in which D (bit 54) is 0. With D 0 each instruction is read as one of 16 bits, so what was assembled for 32 (.code32) means something
        else{f', from {f.place(began)} on' if began is not None else ''}. A flat code segment of 32 bits is 0x00cf9b000000ffff. {no_handler(f) if fault(f) else ''}"""


@rule("bare-stack-width", PVH, "vanished", "silence", "timeout", "failure")
def _(f):
    """Code of 32 bits, and SS is a segment of 16."""
    state = f.bare.state if f.bare else None
    if not state or state.code != 32 or state["EFER"] & EFER_LMA or not state["CR0"] & CR0_PE or not state.ss or state.ss_flags << 32 & SMALL_CODE:
        return None
    if (state.ss & ~7) + 7 >= len(state.gdt):
        return None  # what real mode has left there: SS was not loaded since
    return f"""SS is {state.ss:#x}, and of its descriptor in the GDT the upper half is {state.ss_flags:#010x}, in which B (bit 54 of all) is 0: each PUSH, CALL and RET then uses the lower 16 bits of ESP alone ({state["ESP"] & 0xFFFF:#x} of {state["ESP"]:#x}), and so another place than the stack's. A flat data segment of
        32 bits is 0x00cf93000000ffff."""


@rule("bare-segment-base", PVH, "vanished", "silence", "timeout", "failure")
def _(f):
    """Code of 32 bits, and a segment of the kernel's table does not begin at 0."""
    state = f.bare.state if f.bare and f.bare.entered else None
    if not state or state.code != 32 or state["EFER"] & EFER_LMA or not state["CR0"] & CR0_PE:
        return None
    for name, selector, base in state.bases:
        word = descriptor(f, selector)[0] if base and selector else 0
        if base and base == (word >> 16 & 0xFFFFFF | word >> 56 << 24):
            return f"""{name} is {selector:#x}, and its segment begins at {base:#x}: that is the base in its descriptor, {word:#018x} in the GDT at {state.gdt.start:#x}{f" ({f.number(state.gdt.start)})" if f.number(state.gdt.start) else ""} (bits 16 to 39 and 56 to 63). So each address that is used by {name} leads
                {base:#x} bytes further on than it says. All segments have to be flat: base 0, as in 0x00cf9b000000ffff (code) and 0x00cf93000000ffff (data)."""
    return None


def _is_far_jump(f: Facts, address: int) -> bool:
    """Whether what was logged as one ends by a far jump: in the setup part the bytes are those of 16-bit code."""
    if f.unpacker and f.unpacker.in_setup(address):
        return b"\x66\xff\x2e" in f.unpacker.source.bytes(address - SETUP, 2 * NEXT)
    last = branch(f.source, address)
    return bool(last) and last.name.startswith("ljmp")
