# SPDX-License-Identifier: GPL-2.0-only
"""Where a jump went: its target was read beside a table, or it missed the beginning of a stub in the hypercall page."""

from __future__ import annotations

from xenabi.headers import names

from .disassembly import operand
from .facts import Facts
from .questions import JUMP, say
from .rule import rule
from .saved import Saved
from .trail import Step

INDIRECT = {0xD0: "CALL", 0xE0: "JMP"}  # FF /2 and FF /4
STUB, STUBS = 32, 128  # bytes of one, and how many a page has
GENERAL_PROTECTION, PAGE_FAULT = 13, 14
INT3 = 3  # its address is that of the next instruction


def last_in_code(f: Facts) -> Step | None:
    """The step by which the processor left the code, for where it fell."""
    ways = zip(reversed(f.steps[:-1]), reversed(f.steps)) if f.fault and not f.cut else ()
    return next((a for a, b in ways if f.source.is_code(a.address) and b.address in (f.landed, f.fault.ip)), None) or \
        (f.steps[-1] if f.steps and not f.cut and f.fault and f.fault.vector == PAGE_FAULT and f.source.is_code(f.steps[-1].address) else None)


def stub_as_pointer(f: Facts) -> tuple[Step, int, int] | None:
    """The last call that took its target from a stub of the hypercall page: the step, where in the page, and the target. By now the page may have been written over."""
    page = f.source.va("hypercall_page")
    if page is None or f.cut or not f.steps or not f.fault:
        return None
    after_each = [*(s.address for s in f.steps[1:]), f.landed or f.fault.ip]
    for step, after in zip(reversed(f.steps), reversed(after_each)):
        code = f.code(step.address, 2) if f.source.is_code(step.address) and not f.source.is_code(after) else b""
        if len(code) < 2 or code[0] != 0xFF or code[1] & 0xC0 == 0xC0 or code[1] & 0x38 not in (0x10, 0x20):
            continue
        read = operand(f.source, step.address, Saved({name.lower(): value for name, value in step.registers.items()}))
        linked = f.source.linked(read[0]) if read else None
        return (step, linked[0] - page, after) if linked and 0 <= linked[0] - page < STUB * STUBS else None
    return None


@rule("stub-as-pointer", "2-hypercall-page: Why a page", rank=-1)
def _(f):
    found = stub_as_pointer(f)
    if not found:
        return None
    step, offset, target = found
    name = names("__HYPERVISOR_").get(offset // STUB, "").removeprefix("__HYPERVISOR_")
    return f"""The call at {f.source.place(step.address)} took its target from memory, at byte {offset:#x} of the hypercall page, where the stub of hypercall {offset // STUB}{f" ({name})" if name else ""} is. What stands there is the stub's code, {target.to_bytes(f.bits // 8, "little").hex(" ")}, and as an address that is {target:#x}. The stub itself is to be called,
        by its address (call *%{"e" if f.bits == 32 else "r"}ax), and not what it contains (call *(%{"e" if f.bits == 32 else "r"}ax)): a pointer was followed once too often."""


@rule("jump-through-memory", JUMP + ": The jump", "crash", "failure", rank=-1)
def _(f):
    step = last_in_code(f) if f.fault and not f.source.is_code(f.fault.ip) else None
    code = f.code(step.address, 2) if step else b""
    if len(code) < 2 or code[0] != 0xFF or code[1] & 0xC0 == 0xC0 or code[1] & 0x38 not in (0x10, 0x20):
        return None
    regs = Saved({name.lower(): value for name, value in step.registers.items()})
    read = operand(f.source, step.address, regs)
    if not read:
        return None
    target = int.from_bytes((f.seen.peek(read[0], f.bits // 8) if f.seen else None) or b"", "little")
    if target not in (f.landed, f.fault.ip) or f.source.is_code(read[0]):
        return None
    at = f.source.name(read[0]) or f.number(read[0])
    why = f"Is the index, {read[2]}, within the table, is it scaled by the size of an entry ({f.bits // 8} bytes, or 4 if it is made by .long), and does the table begin there?" if read[2] else \
        "Is that the place where the function's address was put, and was it put there before?"
    return f"""{INDIRECT[code[1] & 0x38 | 0xC0]} at {f.source.place(step.address)} read its target from memory, at {read[0]:#x}{f' ({at})' if at else ''}, and found {say(f, target)} there, which is no address of code.
        {why}"""


def entered_page(f: Facts) -> int | None:
    """How far behind the beginning of the hypercall page the processor came, from the image's code, if it fell there."""
    page = f.source.va("hypercall_page")
    if not f.fault or page is None or not f.left_at or f.fault.vector == GENERAL_PROTECTION and f.fault.error:
        return None  # with an error code it is about a selector, at an iret, and says where that was to go back to
    found = f.source.linked(f.landed or f.fault.ip - (f.fault.vector == INT3))
    return found[0] - page if found else None


@rule("stub-missed", "2-hypercall-page: Why a page", "crash", "failure")
def _(f):
    offset = entered_page(f)
    if offset is None or not 0 <= offset < STUB * STUB or not offset % STUB:
        return None
    name = names("__HYPERVISOR_").get(offset, "").removeprefix("__HYPERVISOR_")
    meant = f" {offset} is the number of {name}: a stub's place is the number times {STUB}." if name else ""
    return f"""The hypercall page was entered {offset} bytes behind its beginning, from {f.left_at}. It has a stub for each hypercall, every {STUB} bytes, and they can be entered at their first instruction alone.{meant}"""
