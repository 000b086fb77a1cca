# SPDX-License-Identifier: GPL-2.0-only
"""Exceptions that are no page faults, and those that nobody handles."""

import re

from xenpt.memory import PAGE_SHIFT

from .bad_iret import bad_iret
from .calls import IRET
from .disassembly import branch, operand, writers
from .frames import pushes
from .questions import JUMP, MACHINE, hexadecimals, say, stack_in_code
from .rule import rule
from .msr_value import WRMSR
from .rules_numbers import stack_for_code
from .subarch import SUBARCH, field
from .verdict import level

INT = b"\xcd"
PAGE_FAULT = 14  # its vector
PORT = ("e4", "e5", "e6", "e7", "ec", "ed", "ee", "ef")  # IN and OUT


@rule("bad-selector", JUMP + ": What a kernel sets up first", "crash", "failure")
def _(f):
    if f.fault and not f.native and f.pvh == "n" and f.fault.vector in (10, 11, 12, 13) and f.fault.error:
        code = f.code(f.fault.ip, 2)
        if code[:1] == INT and len(code) == 2:
            return f"""INT {code[1]:#x}, and there is no gate by that number that a guest's kernel may use. {"A 64-bit guest enters Xen by SYSCALL; INT 0x82 is the way of 32-bit guests."
                if f.bits == 64 else "A 32-bit guest enters Xen by INT 0x82."}"""
        if bad_iret(f):
            return None
        selector = f.fault.error & 0xFFFC
        word = f"an interrupt gate, {f.fault.error >> 3:#x}" if f.fault.error & 2 else f"the segment selector {selector:#x}"
        return f"""A general protection fault whose error code, {f.fault.error:#x}, is not 0: it names {word}. Segments are Xen's flat
            ones: FLAT_KERNEL_CS, DS and SS. A frame that was changed on the way back from a handler names others, or a trap was raised by
            INT that the guest may not raise."""


@rule("ran-on", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    if f.fault and not f.source.is_code(f.fault.ip) and f.left_at and f.ran_on and not f.source.is_code(f.fault.regs.rsp & f.mask):
        by = branch(f.source, f.left_from or 0)
        if by and by.name.startswith("jmp") and "*" in by.operands:
            to = f.landed or f.fault.ip
            behind = f" That is right behind a CALL: the return address of {f.left_by}(), if it took its target from the wrong place on the stack."
            return f"The jump at {f.left_at} goes to what its register holds, and led to {to:#x}, behind the last code.{behind if f.is_behind_call(to) else ''}"
        last = f.source.function(f.source.code.stop - 1)
        return f"""The processor ran on behind the last code, and took what lies there ({f.source.name(f.fault.ip) or "data"}) for instructions. Last it was at {f.left_at}. The
            function that is last in the code{f", {last}()," if last else ""} came to its end without returning, or is one that the compiler takes not to return (noreturn): behind
            its last call there is nothing, so that call must not return, either."""


def beyond(f) -> tuple[int, int, int] | None:
    """An operand that is not canonical, and the two registers that it is made of."""
    if not f.fault or f.fault.vector != 13 or f.fault.error or f.bits == 32:
        return None
    used = operand(f.source, f.fault.ip, f.fault.regs)
    return used if used and used[0] >> 47 not in (0, 0x1FFFF) else None


@rule("not-canonical", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    """An address that no page table can translate is no page fault."""
    used = beyond(f)
    if not used:
        return None
    address, base, index = used
    pages = index << PAGE_SHIFT & f.mask
    kind = f" It is {f.number(address, 'twice')}." if f.number(address, "twice") else f" Its index, {index:#x}, is the page number of {f.number(pages, 'minus', 'linked', 'twice')}." if index and f.number(pages, "minus", "linked", "twice") else \
        f" The register has {f.number(base)}." if f.number(base) else ""
    return f"""A general protection fault at an access to VA {address:#x}, which is not canonical: bits 63 to 48 have to repeat bit 47, and no page table
        translates such an address, so it is no page fault.{kind} The number was worked out wrongly."""


@rule("privileged-instruction", MACHINE + ": Ring 1", "crash", "failure")
def _(f):
    if f.fault and f.fault.vector == 13 and not f.fault.error and not f.native and f.pvh == "n" and f.code(f.fault.ip, 2) != WRMSR and f.source.is_code(f.fault.ip) and not beyond(f):
        code = (f.code(f.fault.ip, 8) or f.compiled(f.fault.ip, 8)).hex(" ")
        if code[:2] in PORT and f.seen and f.function.startswith("serial_") and not any(c.name == "physdev_op" for c in f.calls):
            ring = f.fault.regs.cs & 3
            why = f"The kernel took itself to be in ring 0 (not_under_xen()): CS is {f.fault.regs.cs:#x}, so this is ring {ring}, and current_ring() has to be that, CS's two low bits" if not f.cut and "not_under_xen" in {f.source.function(s.address) for s in f.steps} else \
                f"CS is {f.fault.regs.cs:#x}, so this is ring {ring}. The common head took this for a PC (boot_params' hardware_subarch is 0)" if field(f, "boot_params", SUBARCH) == 0 else \
                f"CS is {f.fault.regs.cs:#x}, so this is ring {ring}; a console was chosen that is not for it (console_select())"
            return f"""A general protection fault at an access to the serial port, in {f.function}(): that way of printing is for a machine without Xen, and Xen is there. {why}."""
        if code[:2] in PORT:
            return f"""A general protection fault at an access to an I/O port (bytes {code}). Ports belong to Xen; dom0 may have them after
                PHYSDEVOP_set_iopl with level 1, any other domain may not.{level(f)}"""
        return f"""A general protection fault at the bytes {code}: most often an instruction that only ring 0 may use. A paravirtual kernel does
            not run there: cli, sti, hlt, lgdt, mov to cr3 are Xen's, and hypercalls take their place."""


@rule("division", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    if f.fault and f.fault.vector == 0:
        return "A division by zero, or one whose result does not fit. Its operands are in the registers and in the line of source."


@rule("undefined-instruction", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    if f.fault and f.fault.vector == 6 and f.function != "proof_of_life" and not stack_in_code(f):
        if f.function == "startup_xen" and f.seen and not f.seen.entered and f.source.va("xen_entry"):
            return """The head came to its ud2 without having called xen_entry(): that was never entered. The call is missing, or leads elsewhere."""
        at, insns = f.fault.ip, [i for i, to in f.source.fixups if to == f.fault.ip]
        if insns and at not in dict(f.source.fixups):
            return f"""The undefined instruction at {f.source.place(at)} is one to go on at, by __ex_table, where the one at VA {insns[0]:#x} has faulted, and is in no entry as one that may fault. If it is meant, the entry's two halves
                are exchanged: first the instruction that may fault, then where to go on."""
        if f.code(f.fault.ip, 2) == b"\x0f\x0b" or not f.seen:
            return """An undefined instruction: a ud2 that says "this cannot happen" (Linux's BUG(), or the end of a function that must not
                return). Without a trap table it is mute."""
        left = f" It was left at {f.left_at}." if not f.source.is_code(f.fault.ip) and f.left_at else ""
        return f"""The bytes {f.code(f.fault.ip, 6).hex(" ")} at VA {f.fault.ip:#x} are no instruction:
            {"they are no code of the image." if left else "the code there was written over, or the jump went into its middle."}{left}{stack_for_code(f, f.landed or f.fault.ip)}"""


@rule("shutdown-crash", MACHINE, "crash")
def _(f):
    if not f.fault and f.xen("^Hardware Dom0 crashed") and not f.xen(r"^Domain 0 \(vcpu#0\) crashed"):
        return "There was no fault: the guest itself asked for SCHEDOP_shutdown with SHUTDOWN_crash."


@rule("stub-of-another-vector", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    told = re.match(r"traps: the page fault at VA 0 came by the stub of vector (\d+)", f.panic)
    if told and not writers(f.source, "last_vector"):
        return f"""No instruction of the image stores to last_vector, so that it is {told[1]} still. do_trap() has to set it, to regs->vector, before anything else."""
    if told and pushes(f, PAGE_FAULT) == PAGE_FAULT:
        return f"""A page fault is vector {PAGE_FAULT}, and the stub that the table names for it pushes {PAGE_FAULT}; what the handler read in the vector's place is {told[1]}. So the stub is right, and struct pt_regs (ptrace_{f.bits}.h) has another field where
            the stub's number stands: its fields have to be in the order of the pushes, the last push first, and each the size of a word."""
    if told:
        return f"""A page fault is vector 14, and it came by the stub that pushes {told[1]}. The table leads each vector to trap_stubs + vector * TRAP_STUB_SIZE, and that stub pushes the vector: is one of them counted from another number, or
            is the size of a stub another (.balign 16)?"""


@rule("probe-wrong", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    if f.panic.startswith("probe: VA "):
        va = hexadecimals(f.panic)[0]
        walk = f.walk(va) if f.seen else None
        mapped = f" It is mapped, to maddr {walk.maddr:#x}." if walk and walk.maddr is not None else ""
        return f"""probe_kernel_read() was asked for VA {va:#x}, where a variable of the caller's lies, and counts as having said that it is not mapped.{mapped} Where nothing faults, the instruction behind the read has to clear `faulted`, and the fixup alone skips that; true
            is the result then. Or the caller takes the result the wrong way round."""


@rule("fault-loop", JUMP + ": No trap table", "silence", "timeout", "crash", rank=1)
def _(f):
    faults = f.seen.faults if f.seen and f.repeated else []
    first = next((x for x in faults if x.ip != f.repeated[0].ip and not any(c.name == IRET for c in f.calls[x.calls:f.repeated[0].calls])), None)
    if first:
        read = f", with VA {say(f, first.cr2)}" if first.page else ""
        written = f.is_a(f.repeated[0].ip, "entry")
        why = "that is what was written over an address of code, or over the stack that held one" if written else "the fault is in the handler, or in what it was given"
        return f"""The first exception that was not returned from was vector {first.vector}, at {f.source.place(first.ip)}{read}. Its handler caused the next, at VA {say(f, f.repeated[0].ip)}, and that one the same again, {len(f.repeated)} times: {why}."""
    if f.repeated:
        return f"""The same exception came {len(f.repeated)} times: the handler returns to the instruction that caused it, without a change, or
            causes it itself. An entry of __ex_table that leads back to its own instruction does that."""
