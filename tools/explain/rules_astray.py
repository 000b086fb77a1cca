# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: the processor left the image's code, for the hypercall page, the unpacker or anything else."""

from __future__ import annotations

from xenpt.memory import PAGE_SIZE

from .bare_questions import NAMES, PVH, fault, left_step
from .disassembly import branch
from .left_code import came_back, in_frame, is_stub_of_page_fault, leaves, left_by_return, may_fault, named, unpacker_again, went
from .rule import rule
from .rules_bzimage import UNPACKED

OPS = ("name", "show", "exit")  # of struct paravirt_ops
THUNK = "__x86."  # how the compiler reads EIP in 32-bit code


@rule("bare-hypercall", PVH, "vanished", "failure", "silence", "timeout", rank=-1)
def _(f):
    n = leaves(f) if fault(f) else left_step(f) if f.bare and f.bare.entered else None
    if n is None or n + 1 >= len(f.steps) or "hypercall page" not in f.number(f.steps[n + 1].address):
        return None
    name = f.source.function(f.steps[n].address)
    others = [s for s in f.steps[:n] if f.source.function(s.address) not in (name, "") and not f.source.function(s.address).startswith(THUNK)]
    way = f" It came there from {f.place(others[-1].address)}." if others else ""
    return f"""The kernel made a hypercall, and there is no Xen. What is called at {f.place(f.steps[n].address)} is the {f.number(f.steps[n + 1].address)}, and nobody has written code into that page.{way} On a bare machine the head
        has to lead to code that needs no hypercall, and what prints has to use the serial port."""


@rule("bare-left-code", PVH, "vanished", "failure")
def _(f):
    found, n = fault(f), leaves(f)
    if unpacker_again(f) or n is not None and f.steps[n + 1].address == UNPACKED:
        left_at = f" It left its code at {f.place(f.steps[n].address)}, for {f.steps[n + 1].address:#x}{named(f, f.steps[n + 1].address)}." if n is not None else ""
        return f"""The unpacker had done its work, and the kernel was entered. Then the processor came to the unpacker once more, which finds nothing any more where the boot loader's data was. So it is the kernel that went astray.{left_at}"""
    return n is not None and f"""The processor fell over {NAMES.get(found.vector, f'vector {found.vector}')} where the image has no code, at {f.place(found.ip)}{named(f, found.ip)}. It left the code at {f.place(f.steps[n].address)}, for
        {f.steps[n + 1].address:#x}{named(f, f.steps[n + 1].address)}: {went(f, n)}"""


@rule("frame-shifted", PVH, "vanished", "failure")
def _(f):
    """A RET, and no call, led to a number that is no address."""
    found = fault(f, 14)
    n = None if not found or found.cr2 >= PAGE_SIZE or found.ip != found.cr2 else left_by_return(f, found.cr2)
    if n is None:
        return None
    last = branch(f.source, f.steps[n].address)
    handler = came_back(f, n)
    how = f"That is the end of a handler, which is left by IRET{'Q' if f.bits == 64 else ''}: it takes all of the frame that the processor has pushed, so nothing of that is to be popped before." if handler == f.source.place(last.address) else f"Before that a handler was left by RET, at {handler}: that takes one word, where to go on, off the frame that the processor has pushed, and leaves the others on the stack, where the next RET finds them. A handler is left by IRET{'Q' if f.bits == 64 else ''}." if handler else \
        "Was everything popped that had been pushed, and nothing more, and was that function called, not jumped to?"
    return f"""A RET, at {f.source.place(last.address)}, took {found.cr2:#x} off the stack, which is {in_frame(f, found.cr2)}. {how}"""


@rule("bare-null-call", PVH, "vanished", "failure")
def _(f):
    """The first time: a handler that goes by a pointer may have done the same since."""
    found, stubs = fault(f, 14), f.source.va("pvh_trap_stubs")
    if not found or found.cr2 >= PAGE_SIZE or found.ip != found.cr2 or stubs is None or left_by_return(f, found.cr2) is not None:
        return None
    pairs = zip(f.steps, f.steps[1:])
    faulted = (a.address for a, b in pairs if is_stub_of_page_fault(f, b.address))
    first = next((at for at in faulted if f.source.function(at) and not may_fault(f, at)), None)
    ops = f.source.va("paravirt_ops")
    size = f.bits // 8
    data = f.bare.read(ops, len(OPS) * size) if ops is not None else b""
    unset = [name for n, name in enumerate(OPS) if data and not any(data[n * size:][:size])]
    empty = f" paravirt_ops has NULL for {', '.join(unset)}: pvh_start_kernel() has to fill it in." if unset else ""
    if first is None and not unset:
        return f"""The processor was to run code at {hex(found.cr2)}, which is no address: either a pointer to a function was called that is {"NULL" if not found.cr2 else "none"}, or a RET took that off the stack."""
    return f"""A pointer to a function was called, and it is {"NULL" if not found.cr2 else hex(found.cr2)}{f": first in {f.source.function(first)}(), by what begins at {f.source.place(first)}" if first else ""}.{empty}"""
