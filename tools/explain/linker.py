# SPDX-License-Identifier: GPL-2.0-only
"""A linked address that assembly took from the image as it stands: from an instruction, or from data."""

from __future__ import annotations

import re

from .disassembly import LONGEST, absolute, instructions, memory, operand
from .facts import Facts
from .fault import Fault
from .questions import is_linked


def by_linker(f: Facts, fault: Fault) -> str:
    """Where the linker put the address that was used; empty if it is not known to come from there. C adds LOAD_OFFSET on purpose (linked_va())."""
    if not is_linked(f, fault.cr2):
        return ""
    right = "A symbol's address is the linked one, and code that runs P=V needs its paddr, LOAD_OFFSET less (pa())"
    if _assembly(f, fault.ip) and absolute(f.source, fault.ip) == fault.cr2:
        return f"The instruction at {f.place(fault.ip)} reads what stands at an address, and has that address in itself. {right}; if the address is meant, and not what stands there, it takes a $ before it, too."
    used = operand(f.source, fault.ip, fault.regs)
    held = fault.cr2 if fault.fetch or not used else next((n for n in used[1:] if f.is_a(n, "linked")), fault.cr2)
    for step in reversed(fault.way):
        at = f.source.linked(step.address) if _assembly(f, step.address) else None
        code = next(iter(instructions(f.source, at[0], at[0] + LONGEST)), None) if at else None
        if code and re.search(rf"\${held:#x}(?!\w)", code.operands):
            return f"{held:#x} is the number in the instruction at {f.place(step.address)}, where the linker put it. {right}{', or is named by its distance, as in a direct call or jump' if fault.fetch else ''}."
        read = memory(f.source, re.sub(r",%\w+$", "", code.operands), step.registers) if code else None
        data = f.source.linked(read) if read is not None else None
        if data and f.source.bytes(data[0], f.bits // 8) == held.to_bytes(f.bits // 8, "little"):
            return f"{held:#x} was read from P=V {data[0] - f.source.offset & f.mask:#x} ({f.source.name(data[0])}), at {f.place(step.address)}: the linker put it there. {right}, so that is what is to stand there."
    return ""


def _assembly(f: Facts, address: int) -> bool:
    return f.source.line(address).partition(":")[0].endswith(".S")
