# SPDX-License-Identifier: GPL-2.0-only
"""Exceptions that are no page faults, and those that nobody handles."""

import itertools
import re

from xenabi.hypercalls import TRAP
from xenpt.memory import PAGE_SHIFT

from .calls import AROUND
from .decode import operand
from .facts import Facts
from .questions import JUMP, MACHINE, misread
from .rules_hypercall import WRMSR
from .rule import rule

CS_IN_FRAME = {32: 2, 64: 5}  # words: EAX, EIP, CS, or RAX, R11, RCX, flags, RIP, CS (xen/arch-x86/xen-x86_64.h)
RPL = 0xFFFC  # a selector without its ring, which Xen clears for a 64-bit kernel
INT = b"\xcd"
PORT = ("e4", "e5", "e6", "e7", "ec", "ed", "ee", "ef")  # IN and OUT


STUB = re.compile(rb"\x59?(?:\x41\x5b)?(?:\x6a\0)?\x6a(.)[\xe9\xeb]", re.S)  # pop %rcx, pop %r11, push $0, push $vector, jmp


@rule("trap-stub", JUMP + ": What a kernel sets up first", "crash", "failure", "silence", "timeout")
def _(f):
    """The handler of an exception that came is no stub of its own."""
    if misread(f)[0] or not f.seen or f.source.va("trap_stubs") is None:
        return None
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


@rule("bad-selector", JUMP + ": What a kernel sets up first", "crash", "failure")
def _(f):
    if f.fault and f.fault.vector in (10, 11, 12, 13) and f.fault.error:
        code = f.code(f.fault.ip, 2)
        if code[:1] == INT and len(code) == 2:
            return f"""INT {code[1]:#x}, and there is no gate by that number that a guest's kernel may use. {"A 64-bit guest enters Xen by SYSCALL; INT 0x82 is the way of 32-bit guests."
                if f.bits == 64 else "A 32-bit guest enters Xen by INT 0x82."}"""
        selector = f.fault.error & 0xFFFC
        word = f"an interrupt gate, {f.fault.error >> 3:#x}" if f.fault.error & 2 else f"the segment selector {selector:#x}"
        return f"""A general protection fault whose error code, {f.fault.error:#x}, is not 0: it names {word}. Segments are Xen's flat
            ones: FLAT_KERNEL_CS, DS and SS. A frame that was changed on the way back from a handler names others, or a trap was raised by
            INT that the guest may not raise."""


@rule("ran-on", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    if f.fault and not f.source.is_code(f.fault.ip) and f.left_at and f.ran_on and not f.source.is_code(f.fault.regs.rsp & f.mask):
        return f"""The processor ran on behind the last code, and took what lies there ({f.source.name(f.fault.ip) or "data"}) for instructions. Last it was at {f.left_at}. The
            function that is last in the code came to its end without returning, or is one that the compiler takes not to return (noreturn): behind
            its last call there is nothing, so that call must not return, either."""


@rule("trap-frame", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    real, told = misread(f)
    if real and told.vector != real.vector:
        return f"""The exception was vector {real.vector}, at {f.source.place(real.ip)}, and the handler took it for vector {told.vector} at EIP (RIP) {told.ip:#x}. The
            trap table leads vector {real.vector} to the stub of another: to the wrong address, or stubs are counted in the wrong size. Which of
            them have an error code differs, so the frame is off, too."""
    if real:
        return f"""The exception, vector {real.vector}, came at {f.source.place(real.ip)}, and the handler read EIP (RIP) {told.ip:#x}: it takes its frame to be
            a word off. Is an error code pushed for just the exceptions that have none of their own, does struct pt_regs fit the order of the pushes?"""


@rule("not-canonical", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    """An address that no page table can translate is no page fault."""
    if not f.fault or f.fault.vector != 13 or f.fault.error or f.bits == 32:
        return None
    used = operand(f.source, f.fault.ip, f.fault.regs)
    if not used or used[0] >> 47 in (0, 0x1FFFF):
        return None
    address, base, index = used
    pages = index << PAGE_SHIFT & f.mask
    kind = f" Its index, {index:#x}, is the page number of {f.number(pages, 'minus', 'linked', 'twice')}." if index and f.number(pages, "minus", "linked", "twice") else \
        f" The register has {f.number(base)}." if f.number(base) else ""
    return f"""A general protection fault at an access to VA {address:#x}, which is not canonical: bits 63 to 48 have to repeat bit 47, and no page table
        translates such an address, so it is no page fault.{kind} The number was worked out wrongly."""


@rule("privileged-instruction", MACHINE + ": Ring 1", "crash", "failure")
def _(f):
    if f.fault and f.fault.vector == 13 and not f.fault.error and f.code(f.fault.ip, 2) != WRMSR and (f.source.is_code(f.fault.ip) or not f.seen):
        code = f.code(f.fault.ip, 8).hex(" ")
        if code[:2] in PORT:
            return f"""A general protection fault at an access to an I/O port (bytes {code}). Ports belong to Xen; dom0 may have them after
                PHYSDEVOP_set_iopl with level 1, any other domain may not."""
        return f"""A general protection fault at the bytes {code or "?"}: most often an instruction that only ring 0 may use. A paravirtual kernel does
            not run there: cli, sti, hlt, lgdt, mov to cr3 are Xen's, and hypercalls take their place."""


@rule("division", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    if f.fault and f.fault.vector == 0:
        return "A division by zero, or one whose result does not fit. Its operands are in the registers and in the line of source."


@rule("undefined-instruction", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    if f.fault and f.fault.vector == 6:
        if f.function == "startup_xen" and f.seen and not f.seen.entered and f.source.va("xen_entry"):
            return """The head came to its ud2 without having called xen_entry(): that was never entered. The call is missing, or leads elsewhere."""
        if f.code(f.fault.ip, 2) == b"\x0f\x0b" or not f.seen:
            return """An undefined instruction: a ud2 that says "this cannot happen" (Linux's BUG(), or the end of a function that must not
                return). Without a trap table it is mute."""
        left = f" It was left at {f.left_at}." if not f.source.is_code(f.fault.ip) and f.left_at else ""
        return f"""The bytes {f.code(f.fault.ip, 6).hex(" ")} at VA {f.fault.ip:#x} are no instruction:
            {"they are no code of the image." if left else "the code there was written over, or the jump went into its middle."}{left}"""


@rule("shutdown-crash", MACHINE, "crash")
def _(f):
    if not f.fault and f.xen("^Hardware Dom0 crashed") and not f.xen(r"^Domain 0 \(vcpu#0\) crashed"):
        return "There was no fault: the guest itself asked for SCHEDOP_shutdown with SHUTDOWN_crash."


@rule("fault-loop", JUMP + ": No trap table", "silence", "timeout", "crash", rank=1)
def _(f):
    if f.repeated:
        return f"""The same exception came {len(f.repeated)} times: the handler returns to the instruction that caused it, without a change, or
            causes it itself. An entry of __ex_table that leads back to its own instruction does that."""
