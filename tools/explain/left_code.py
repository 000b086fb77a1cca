# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: the step at which the image's code was left, by what instruction, and whether that was a handler's return."""

from __future__ import annotations

from .bare_descriptors import descriptor, is_code_segment
from .bare_questions import fault
from .disassembly import branch, memory
from .facts import Facts

STUB, STUBS = 16, 20 * 16  # bytes of a trap stub, and of all
PAGE_FAULT = 14  # its vector


def unpacker_again(f: Facts) -> bool:
    """Whether the bzImage's unpacker ran once more, when the kernel had been entered."""
    return bool(f.bare and f.bare.entered and f.end == "failure" and f.guest(r"^bzImage: .*\. Stop\.$"))


def leaves(f: Facts) -> int | None:
    """The last step in the image's code, before others that are in none."""
    found = fault(f)
    if not unpacker_again(f) and (not found or not f.bare.entered or f.source.is_code(found.ip) or found.fetch) or f.cut:
        return None
    return next((n for n, (a, b) in enumerate(zip(f.steps, f.steps[1:])) if f.source.is_code(a.address) and not f.source.is_code(b.address)), None)


def went(f: Facts, n: int) -> str:
    """By what instruction the image's code was left at a step, and what that looked at."""
    step, to = f.steps[n], f.steps[n + 1].address
    last = branch(f.source, step.address)
    if last and last.name.startswith(("ret", "iret")):
        handler = came_back(f, n)
        left = f" The last one was not: it ended with RET, at {handler}, which takes one word off the frame and leaves the others there." if handler else ""
        return f"a return takes whatever ESP points to for its address. Was everything popped that had been pushed, and nothing more; and is a handler of exceptions left by IRET?{left}"
    if not last or not last.operands.startswith("*"):
        return f"the last instruction there is {last.name} {last.operands}." if last else "no jump and no return ends the code there, so it ran on."
    said = f"the instruction is {last.name.upper()} {last.operands}, at {f.source.line(last.address)}"
    if "(" not in last.operands and "0x" not in last.operands:
        return f"{said}: what is in that register is no address of code. Where does it come from?"
    # The registers are those at the beginning of what was logged as one.
    at = memory(f.source, last.operands, step.registers) if f.source.linked(step.address)[0] == last.address or "%" not in last.operands else None
    if at is None:
        return f"{said}, which takes its address from memory, and what lies there, {to:#x}, is no address of code."
    inside = f.source.linked(at)
    name = f.source.name(inside[0]) if inside else ""
    data = f.bare.read(at, f.bits // 8)
    gone = f"paging is off, so that is a paddr, and the machine's memory ends at {f.bare.size:#x}" if not f.bare.state.paging and at >= f.bare.size else "nothing is mapped there" if not data else ""
    low = f" As a paddr it is {at - f.source.offset & f.mask:#x} (pa(): LOAD_OFFSET less)." if gone and inside and inside[1] == "VA" else ""
    return f"""{said}: it takes its address from memory at {at:#x}{f' ({name})' if name else ''}. {f'There is none: {gone}, and so {to:#x} was read.{low}' if gone else
        f'What lies there is {int.from_bytes(data, "little"):#x}, which is to be the address of code where it runs.'}"""


def named(f: Facts, n: int) -> str:
    return f" ({f.number(n)})" if f.number(n) else ""


def came_back(f: Facts, before: int) -> str:
    """Which handler was left by RET, before a step: what began at a gate, or in a stub, and ended so in assembly."""
    begin = next((n for n in range(before, -1, -1) if _is_handler(f, f.steps[n].address)), None)
    for step in f.steps[begin:before + 1] if begin is not None else ():
        last = branch(f.source, step.address) if f.source.line(step.address).partition(":")[0].endswith(".S") else None
        if last and last.name.startswith(("ret", "iret")):
            return "" if last.name.startswith("iret") else f.source.place(last.address)
    return ""


def _is_handler(f: Facts, address: int) -> bool:
    """Whether an interrupt or an exception enters the kernel there."""
    found, stubs = f.source.linked(address), f.source.va("pvh_trap_stubs")
    if not found or stubs is None:
        return False
    return found[0] == f.source.va("pvh_interrupt") or 0 <= found[0] - stubs < STUBS and not (found[0] - stubs) % STUB


def in_frame(f: Facts, n: int) -> str:
    """What a small number on the stack may be that is no address."""
    if f.is_a(n, "flags"):
        return f"{f.number(n, 'flags')}"
    if n and not n % 8 and descriptor(f, n)[0]:
        return f"the selector of a segment of the kernel's, as a frame has for {'CS' if is_code_segment(descriptor(f, n)[0]) else 'SS'}"
    return "no address: jump_to() pushes a 0 below the first frame, and a stub one in an error code's place" if not n else "no address: an error code, a vector, or another number that was pushed"


def left_by_return(f: Facts, to: int) -> int | None:
    """The step in the image's code that the processor left by RET for an address, if it did so the first time that it came there."""
    n = None if f.cut else next((n for n, (a, b) in enumerate(zip(f.steps, f.steps[1:])) if f.source.is_code(a.address) and (
        b.address == to or is_stub_of_page_fault(f, b.address)) and not may_fault(f, a.address)), None)
    last = branch(f.source, f.steps[n].address) if n is not None else None
    return n if last and last.name.startswith("ret") else None


def may_fault(f: Facts, address: int) -> bool:
    """Whether the run of instructions that begins there has one that is in __ex_table."""
    at, last = f.source.linked(address), branch(f.source, address)
    return bool(at and last) and any(at[0] <= insn <= last.address for insn, _ in f.source.fixups)


def is_stub_of_page_fault(f: Facts, address: int) -> bool:
    stubs = f.source.va("pvh_trap_stubs")
    return stubs is not None and f.source.linked(address) == (stubs + PAGE_FAULT * STUB, "VA")
