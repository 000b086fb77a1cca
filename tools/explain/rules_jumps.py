# SPDX-License-Identifier: GPL-2.0-only
"""Where a jump went: its target was read beside a table, or it missed the beginning of a stub in the hypercall page."""

from __future__ import annotations

from xenabi.headers import names

from .calls import Saved
from .decode import operand
from .facts import Facts
from .questions import JUMP, say
from .rule import rule
from .trail import Step

INDIRECT = {0xD0: "CALL", 0xE0: "JMP"}  # FF /2 and FF /4
STUB = 32  # bytes
INT3 = 3  # its address is that of the next instruction


def last_in_code(f: Facts) -> Step | None:
    return next((s for s in reversed(f.steps) if f.source.is_code(s.address)), None) if f.left_at and not f.cut else None


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
    target = int.from_bytes(f.stored(read[0], f.bits // 8), "little")
    if target not in (f.landed, f.fault.ip):
        return None
    at = f.source.name(read[0])
    return f"""{INDIRECT[code[1] & 0x38 | 0xC0]} at {f.source.place(step.address)} read its target from memory, at {read[0]:#x}{f' ({at})' if at else ''}, and found {say(f, target)} there, which is no address of code. Is the index within
        the table, is it scaled by the size of the table's entries ({f.bits // 8} bytes, or 4 if it is made by .long), and does the table begin there?"""


@rule("stub-missed", "2-hypercall-page: Why a page", "crash", "failure")
def _(f):
    page = f.source.va("hypercall_page")
    if not f.fault or page is None or not f.left_at:
        return None
    at = f.landed or f.fault.ip - (f.fault.vector == INT3)
    found = f.source.linked(at)
    offset = found[0] - page if found else -1
    if not 0 <= offset < STUB * STUB or not offset % STUB:
        return None
    name = names("__HYPERVISOR_").get(offset, "").removeprefix("__HYPERVISOR_")
    meant = f" {offset} is the number of {name}: a stub's place is the number times {STUB}." if name else ""
    return f"""The hypercall page was entered {offset} bytes behind its beginning, from {f.left_at}. It has a stub for each hypercall, every {STUB} bytes, and they can be entered at their first instruction alone.{meant}"""
