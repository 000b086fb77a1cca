# SPDX-License-Identifier: GPL-2.0-only
"""Exceptions and events of which the way in or back is wrong: the trap table, its stubs, the frame that iret is given."""

import re

from .bad_iret import bad_iret
from .calls import IRET
from .entry_code import by_code
from .frames import gates, pushes, right_cs, selectors, words_off
from .questions import JUMP, misread
from .rule import rule

STUB_SIZE, STUBS = 16, 20 * 16  # bytes of one, and of all
STUB = re.compile(rb"\x59?(?:\x41\x5b)?(?:\x6a\0)?\x6a(.)[\xe9\xeb]", re.S)  # pop %rcx, pop %r11, push $0, push $vector, jmp
JUMP_AFTER_POP = re.compile(rb"(?:\x41?[\x58-\x5f])+[\xe9\xeb]")  # pop %r11, jmp
RUNS_ON = re.compile(rb"(?:\x41\x5b|[\x58-\x5f]|\x6a\0)*\x6a.[^\xe8\xe9\xeb\x6a]", re.S)  # and if it does neither


@rule("trap-stub", JUMP + ": What a kernel sets up first", "crash", "failure", "silence", "timeout")
def _(f):
    """The handler of an exception that came is no stub of its own."""
    if misread(f)[0] or not f.seen or f.source.va("trap_stubs") is None or selectors(f):
        return None  # with a wrong segment, exceptions follow each other until their frames lie where the stubs were
    came = {x.vector for x in f.seen.faults}
    for vector, address in gates(f):
        found = STUB.match(f.source.bytes(address, 16))  # in memory a stack that ran over may have been written over it
        code = f.source.bytes(address, 16)
        at = code.find(bytes((0x6A, vector)))
        if vector in came and not found and at >= 0 and JUMP_AFTER_POP.match(code[at + 2:]):
            return f"""The stub of vector {vector}, {f.source.place(address)}, pushes {vector}, and pops a register afterwards: so that register gets the vector, and what the handler reads in its place is a word of Xen's. What Xen has pushed on top (RCX, R11) is
                taken off first, before the stub pushes anything."""
        if vector in came and f.code(address, 1) and not (found and found[1][0] == vector) and pushes(f, vector) != vector:
            offset = address - f.source.va("trap_stubs")
            return f"""The trap table leads vector {vector} to {f.source.place(address)} (trap_stubs + {offset:#x}), where the code does not push {vector}: {apart(f, vector, offset)}"""
    return None


def apart(f, vector: int, offset: int) -> str:
    """Why the code so far behind the first stub is not that of a vector."""
    pushed = pushes(f, vector)
    if offset == vector * STUB_SIZE and pushed is not None:
        return f"""it pushes {pushed}. It lies where the stub of vector {vector} belongs, {vector} * {STUB_SIZE} bytes behind the first, so it is what the stubs push that is wrong (push_vector, and how vector is counted): the vector has to come last, right before the
            jump."""
    if pushed is not None and offset == pushed * STUB_SIZE:
        return f"""it is the stub of vector {pushed}, which lies where it belongs. So the table's entry names the stub or the vector {abs(vector - pushed)} off: in both, entries and stubs are counted from 0."""
    if vector and not offset % vector and offset // vector != STUB_SIZE:
        return f"""that is {vector} * {offset // vector} bytes behind the first stub, and in the assembly the stubs are aligned to {STUB_SIZE} bytes, TRAP_STUB_SIZE. In both places they have to be equally far apart."""
    return "it is no stub, or another's. In the assembly they have to be as far apart as the table takes them to be, TRAP_STUB_SIZE bytes, each aligned."


@rule("iret-frame", JUMP + ": What a kernel sets up first", "crash", "failure")
def _(f):
    return bad_iret(f)


@rule("iret-by-processor", JUMP + ": What a kernel sets up first", "crash", "failure", rank=-1)
def _(f):
    code = f.code(f.fault.ip, 2) if f.fault and not f.native else b""
    if f.bits != 64 or not code or code[0] != 0xCF or not f.source.is_code(f.fault.ip):
        return None
    cut = f" (QEMU looks for them at VA {f.fault.cr2:#x}, the lower half of RSP)" if f.fault.page and f.fault.cr2 == f.fault.regs.rsp & 0xFFFFFFFF else ""
    return f"""A handler is left, at {f.source.place(f.fault.ip)}, by the processor's own IRET, and by that of 32 bits, which takes five words of 4 bytes off the stack, where Xen's frame has five of 8{cut}. The way
        back is the iret hypercall (hypercall_iret): Xen has to know of it, since it alone can let events in again."""


@rule("iret-missing", JUMP + ": What a kernel sets up first", "silence", "timeout")
def _(f):
    """The same, and what it went on to waits for an event."""
    fixups = dict(f.source.fixups)
    then = [(x, f.calls[x.calls].name) for x in f.seen.faults if x.ip in fixups and x.calls < len(f.calls)] if f.seen else []
    meant = next((x for x, name in then if name not in (IRET, "console_io")), None)
    if meant and f.shared_info and f.shared_info.evtchn_upcall_mask:
        return f"""Events are masked (evtchn_upcall_mask is 1), and one is waited for. The exception at {f.source.place(meant.ip)} was meant, Xen masked events when it called the handler for it, and no iret hypercall followed: the handler came back
            by another instruction. The processor's IRET knows nothing of that mask; the way back is hypercall_iret, at which Xen takes it away."""


@rule("iret-missing", JUMP + ": What a kernel sets up first", "crash", "failure")
def _(f):
    """The handler of an exception that was meant came back, and not by the hypercall."""
    fixups = dict(f.source.fixups)
    meant = next((x for x in f.seen.faults if x.ip in fixups), None) if f.seen and f.fault else None
    if meant and not any(c.name == IRET for c in f.calls[meant.calls:]) and fixups[meant.ip] in [s.address for s in f.fault.way]:
        return f"""The exception at {f.source.place(meant.ip)} was handled, and the code went on at VA {fixups[meant.ip]:#x}, as __ex_table says, but no iret hypercall was made in between. The handler came back by another
            instruction: RET takes one word, EIP, and leaves the rest of Xen's frame on the stack, where the next RET finds it; IRET leaves events masked. The way back is hypercall_iret."""
    return None


@rule("trap-table-selector", JUMP + ": What a kernel sets up first", "timeout", "crash", "vanished", "silence", "failure")
def _(f):
    wrong = selectors(f)
    if wrong and (f.xen("Pre-exception") or f.repeated or f.fault and f.fault.vector == 13):
        return f"""The handlers were registered with the code segment {wrong[0]:#x}: the trap table, or the callbacks, must name FLAT_KERNEL_CS,
            {right_cs(f):#x}. Xen faulted on entering one{', again and again' if f.repeated else ''}."""


@rule("frame-shifted", JUMP + ": What a kernel sets up first", "crash", "failure", "timeout", "silence")
def _(f):
    if f.fault and f.is_a(f.fault.ip, "selector", "flags") and not bad_iret(f):
        return f"""The processor was to go on at {f.fault.ip:#x}, which is {f.number(f.fault.ip, "selector", "flags")}.{" A RET took it off the stack: the function that it ends was jumped to, not called, or what was pushed before it has not been taken off." if f.fault.returned_to else ""} So the frame that was returned by is a word
            off: something more was taken off the stack, or left on it, between the entry of the handler and its iret."""


@rule("trap-frame", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    real, told = misread(f)
    if not real or not told:
        return None
    came = f"The exception was vector {real.vector}, at {f.source.place(real.ip)}"
    pushed = pushes(f, real.vector)
    if told.error == real.vector and told.ip in (real.error, 0):
        called = f", which is {f.source.place(told.vector)}, behind a CALL, and the way to the handler is a jump" if f.source.is_code(
            told.vector) and f.is_behind_call(told.vector) else ""
        return f"""{came}, and the handler found its frame one word off, with {told.vector:#x} in the vector's place{called}. One word too many was pushed between the vector and
            struct pt_regs, or the struct lacks a field before the vector."""
    stubs, leads = f.source.va("trap_stubs"), dict(gates(f)).get(real.vector)
    if stubs is not None and leads is not None and 0 <= leads - stubs < STUBS and (leads - stubs) % STUB_SIZE:
        return f"""{came}. The trap table leads that vector to trap_stubs + {leads - stubs:#x}, into the middle of a stub: they are {STUB_SIZE} bytes (TRAP_STUB_SIZE) apart, so the one of vector {real.vector} is at trap_stubs + {real.vector * STUB_SIZE:#x}. What ran there pushed
            other words than a stub does."""
    if pushed is not None and pushed != real.vector:
        return f"""{came}, and the handler took it for vector {told.vector}. The trap table leads vector {real.vector} to the stub of another, or to one that has another's number:
            {f.source.place(dict(gates(f))[real.vector])}, where {pushed} is pushed. Where the table leads, how far apart the stubs are (TRAP_STUB_SIZE, .balign), and what each pushes (vector) have to fit."""
    if real.vector == told.vector and told.ip in dict(f.source.fixups).values():
        return f"""{came}, and it was meant: the handler found it in __ex_table, and put the address to go on at, VA {told.ip:#x}, into its frame. Then it went on as if it had found nothing: is
            fixup_exception()'s result, true, returned and looked at?"""
    if f.bits == 64 and told.ip == real.ip & 0xFFFFFFFF:
        return f"""{came}, and the handler read RIP {told.ip:#x}: the lower 32 bits of {real.ip:#x}. In struct pt_regs (ptrace_64.h) that field, and each that Xen or a stub has pushed, has 64 bits: unsigned long, not int."""
    at = dict(gates(f)).get(real.vector, 0)
    if pushed is None and RUNS_ON.match(f.source.bytes(at, 16)):
        return f"""{came}, and the handler took it for vector {told.vector}. The stub of vector {real.vector}, {f.source.place(at)}, pushes its number and then runs on into the next one, which pushes its own on top, and so
            on to the last: the jump behind the number is missing."""
    off = words_off(f, real, told)
    if off:
        return f"""{came}, and the handler looked for it {abs(off)} word{"s" if abs(off) > 1 else ""} too {"high" if off > 0 else "low"} on the stack, and took it for vector {told.vector} at EIP (RIP) {told.ip:#x}.
            Between Xen's frame and do_trap() so many words {"fewer" if off > 0 else "more"} were pushed than struct pt_regs has: an error code or a 0 for it, the vector, then {
            "PUSHA's eight" if f.bits == 32 else "fifteen registers"}. {by_code(f)}"""
    if told.vector != real.vector:
        return f"""{came}, and the handler took it for vector {told.vector} at EIP (RIP) {told.ip:#x}. Its frame is a word or more off: what the stub pushes (an error code
            or 0 for it, then the vector) and then all registers have to be struct pt_regs, word by word."""
    if f.source.is_code(real.ip) and not (real.vector == 13 and real.error):  # else it is iret's, of a frame that is wrong itself
        return f"""{came}, and the handler read EIP (RIP) {told.ip:#x}: it takes its frame to be
            a word off. Is an error code pushed for just the exceptions that have none of their own, does struct pt_regs fit the order of the pushes?"""
    return None
