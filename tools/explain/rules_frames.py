# SPDX-License-Identifier: GPL-2.0-only
"""Exceptions and events of which the way in or back is wrong: the trap table, its stubs, the frame that iret is given."""

import itertools
import re

from xenabi.hypercalls import TRAP

from .calls import AROUND
from .facts import Facts
from .questions import JUMP, misread
from .rule import rule

CS_IN_FRAME = {32: 2, 64: 5}  # words: EAX, EIP, CS, or RAX, R11, RCX, flags, RIP, CS (xen/arch-x86/xen-x86_64.h)
RPL = 0xFFFC  # a selector without its ring, which Xen clears for a 64-bit kernel
STUB = re.compile(rb"\x59?(?:\x41\x5b)?(?:\x6a\0)?\x6a(.)[\xe9\xeb]", re.S)  # pop %rcx, pop %r11, push $0, push $vector, jmp


@rule("trap-stub", JUMP + ": What a kernel sets up first", "crash", "failure", "silence", "timeout")
def _(f):
    """The handler of an exception that came is no stub of its own."""
    if misread(f)[0] or not f.seen or f.source.va("trap_stubs") is None or selectors(f):
        return None  # with a wrong segment, exceptions follow each other until their frames lie where the stubs were
    came = {x.vector for x in f.seen.faults}
    for vector, address in gates(f):
        found = STUB.match(f.code(address, 16))
        if vector in came and f.code(address, 1) and not (found and found[1][0] == vector):
            return f"""The trap table leads vector {vector} to {f.source.place(address)} (trap_stubs + {address - f.source.va("trap_stubs"):#x}), where the code does not
                push {vector}: it is no stub, or another's. In the assembly they have to be as far apart as the table takes them to be, TRAP_STUB_SIZE bytes, each aligned."""
    return None


def gates(f: Facts) -> list[tuple[int, int]]:
    """Exceptions that the kernel has registered handlers for, each with the handler's address."""
    layout = TRAP[f.bits]
    tables = [c.data[:len(c.data) // layout.size * layout.size] for c in f.calls if c.name == "set_trap_table"]
    return [(gate[0], gate[3]) for table in tables for gate in itertools.takewhile(lambda gate: gate[3], layout.iter_unpack(table))]


@rule("iret-frame", JUMP + ": What a kernel sets up first", "crash", "failure")
def _(f):
    last = f.calls[-1] if f.calls else None
    word = f.bits // 8
    words = [int.from_bytes(last.data[at:at + word], "little") for at in range(0, len(last.data), word)] if last and last.name == "iret" else []
    at = AROUND + CS_IN_FRAME[f.bits]
    if len(words) <= at or words[at] & RPL == right_cs(f) & RPL:
        return None
    near = [n - at for n, w in enumerate(words) if w & RPL == right_cs(f) & RPL and f.source.linked(words[n - 1])]
    off = min(near, key=abs) if near else 0
    how = f"the frame that Xen had pushed lies {abs(off)} words {'further up: so much was left on the stack' if off > 0 else 'below: so much too much was taken off the stack'}" \
        if off else "no frame of Xen's is near"
    return f"""The way back from a handler, the iret hypercall, was given a frame with EIP (RIP) {words[at - 1]:#x} and CS {words[at] & 0xFFFF:#x}, and the code segment is
        {right_cs(f):#x}: {how}. What the entry pushes has to be taken off again, word by word{", with the flags for iret, one word, pushed last" if f.bits == 64 else ""}."""


@rule("trap-table-selector", JUMP + ": What a kernel sets up first", "timeout", "crash", "vanished", "silence", "failure")
def _(f):
    wrong = selectors(f)
    if wrong and (f.xen("Pre-exception") or f.repeated or f.fault and f.fault.vector == 13):
        return f"""The handlers were registered with the code segment {wrong[0]:#x}: the trap table, or the callbacks, must name FLAT_KERNEL_CS,
            {right_cs(f):#x}. Xen faulted on entering one{', again and again' if f.repeated else ''}."""


def right_cs(f: Facts) -> int:
    return 0xE033 if f.bits == 64 else 0xE019


def selectors(f: Facts) -> list[int]:
    """Code segments that handlers were registered with and that are not Xen's flat one."""
    layout = TRAP[f.bits]
    tables = [c.data[:len(c.data) // layout.size * layout.size] for c in f.calls if c.name == "set_trap_table"]
    found = [cs for table in tables for _, _, cs, _ in itertools.takewhile(lambda gate: gate[3], layout.iter_unpack(table))]
    found += [cs for c in f.calls if c.name == "set_callbacks" and f.bits == 32 for cs in (c.args[0], c.args[2])]
    return [cs for cs in found if cs != right_cs(f)]


@rule("frame-shifted", JUMP + ": What a kernel sets up first", "crash", "failure", "timeout", "silence")
def _(f):
    if f.fault and f.is_a(f.fault.ip, "selector"):
        return f"""The processor was to go on at {f.fault.ip:#x}, which is {f.number(f.fault.ip, "selector")}. So the frame that was returned by is a word
            off: something more was taken off the stack, or left on it, between the entry of the handler and its iret."""


@rule("trap-frame", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    real, told = misread(f)
    if real and told.vector != real.vector:
        return f"""The exception was vector {real.vector}, at {f.source.place(real.ip)}, and the handler took it for vector {told.vector} at EIP (RIP) {told.ip:#x}. The
            trap table leads vector {real.vector} to the stub of another: to the wrong address, or stubs are counted in the wrong size. Which of
            them have an error code differs, so the frame is off, too."""
    if real and f.source.is_code(real.ip):  # else it is iret's, of a frame that is wrong itself
        return f"""The exception, vector {real.vector}, came at {f.source.place(real.ip)}, and the handler read EIP (RIP) {told.ip:#x}: it takes its frame to be
            a word off. Is an error code pushed for just the exceptions that have none of their own, does struct pt_regs fit the order of the pushes?"""
