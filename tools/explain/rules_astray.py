# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: the processor left the image's code, for the hypercall page, the unpacker or anything else."""

from __future__ import annotations

from xenpt.memory import PAGE_SIZE

from .bare_questions import NAMES, PVH, fault, left_step
from .disassembly import branch, memory
from .facts import Facts
from .rule import rule

OPS = ("name", "show", "exit")  # of struct paravirt_ops
STUB = 16  # bytes of a trap stub
THUNK = "__x86."  # how the compiler reads EIP in 32-bit code


def unpacker_again(f: Facts) -> bool:
    """Whether the bzImage's unpacker ran once more, when the kernel had been entered."""
    return bool(f.bare and f.bare.entered and f.end == "failure" and f.guest(r"^bzImage: .*\. Stop\.$"))


def _leaves(f: Facts) -> int | None:
    """The last step in the image's code, before others that are in none."""
    found = fault(f)
    if not unpacker_again(f) and (not found or not f.bare.entered or f.source.is_code(found.ip) or found.fetch) or f.cut:
        return None
    return next((n for n, (a, b) in enumerate(zip(f.steps, f.steps[1:])) if f.source.is_code(a.address) and not f.source.is_code(b.address)), None)


@rule("bare-hypercall", PVH, "vanished", "failure", "silence", "timeout", rank=-1)
def _(f):
    n = _leaves(f) if fault(f) else left_step(f) if f.bare and f.bare.entered else None
    if n is None or n + 1 >= len(f.steps) or "hypercall page" not in f.number(f.steps[n + 1].address):
        return None
    name = f.source.function(f.steps[n].address)
    others = [s for s in f.steps[:n] if f.source.function(s.address) not in (name, "") and not f.source.function(s.address).startswith(THUNK)]
    way = f" It came there from {f.place(others[-1].address)}." if others else ""
    return f"""The kernel made a hypercall, and there is no Xen. What is called at {f.place(f.steps[n].address)} is the {f.number(f.steps[n + 1].address)}, and nobody has written code into that page.{way} On a bare machine the head
        has to lead to code that needs no hypercall, and what prints has to use the serial port."""


@rule("bare-left-code", PVH, "vanished", "failure")
def _(f):
    found, n = fault(f), _leaves(f)
    if unpacker_again(f):
        left_at = f" It left its code at {f.place(f.steps[n].address)}, for {f.steps[n + 1].address:#x}{_named(f, f.steps[n + 1].address)}." if n is not None else ""
        return f"""The unpacker had done its work, and the kernel was entered. Then the processor came to the unpacker once more, which finds nothing any more where the boot loader's data was. So it is the kernel that went astray.{left_at}"""
    return n is not None and f"""The processor fell over {NAMES.get(found.vector, f'vector {found.vector}')} where the image has no code, at {f.place(found.ip)}{_named(f, found.ip)}. It left the code at {f.place(f.steps[n].address)}, for
        {f.steps[n + 1].address:#x}{_named(f, f.steps[n + 1].address)}: {went(f, n)}"""


def went(f: Facts, n: int) -> str:
    """By what instruction the image's code was left at a step, and what that looked at."""
    step, to = f.steps[n], f.steps[n + 1].address
    last = branch(f.source, step.address)
    if last and last.name.startswith(("ret", "iret")):
        return "a return takes whatever ESP points to for its address. Was everything popped that had been pushed, and nothing more; and is a handler of exceptions left by IRET?"
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


def _named(f: Facts, n: int) -> str:
    return f" ({f.number(n)})" if f.number(n) else ""


@rule("bare-null-call", PVH, "vanished", "failure")
def _(f):
    """The first time: a handler that goes by a pointer may have done the same since."""
    found, stubs = fault(f, 14), f.source.va("pvh_trap_stubs")
    if not found or found.cr2 >= PAGE_SIZE or found.ip != found.cr2 or stubs is None:
        return None
    stub = stubs + 14 * STUB
    pairs = ((a.address, f.source.linked(b.address)) for a, b in zip(f.steps, f.steps[1:]))
    first = next((at for at, to in pairs if to == (stub, "VA") and f.source.function(at) not in ("", "probe_kernel_read")), None)
    ops = f.source.va("paravirt_ops")
    size = f.bits // 8
    data = f.bare.read(ops, len(OPS) * size) if ops is not None else b""
    unset = [name for n, name in enumerate(OPS) if data and not any(data[n * size:][:size])]
    empty = f" paravirt_ops has NULL for {', '.join(unset)}: pvh_start_kernel() has to fill it in." if unset else ""
    return f"""A pointer to a function was called, and it is {"NULL" if not found.cr2 else hex(found.cr2)}{f": first in {f.source.function(first)}(), by what begins at {f.source.place(first)}" if first else ""}.{empty}"""
