# SPDX-License-Identifier: GPL-2.0-only
"""Registers and variables that code did not find as it had left them, when it was interrupted. Stage 4."""

import re

from .calls import IRET
from .disassembly import BLOCK, function, instructions
from .entry_code import by_code
from .facts import Facts
from .frames import frame, iret_flags, pushed
from .questions import JUMP
from .returns import returned
from .rule import rule

KEPT = {32: "rbx rcx rdx rsi rdi rbp", 64: "rbx rdx rsi rdi rbp r8 r9 r10 r12 r13 r14 r15"}  # what iret's stub leaves as it was
IN_SYSCALL = 0x100  # iret's flags
DIRECTION = 1 << 10  # of EFLAGS
REGISTERS_KEPT = "Between that entry and its iret a register is not pushed, or another is popped in its place: all that a C function may change has to be saved, and taken back in the opposite order."
PUSHED = {32: "rax", 64: "rax r11 rcx"}  # and what it pushes, the last first


def lost(f: Facts, events: bool = True) -> list[str]:
    """Registers that were not what they had been, when the last exception that was meant, or an event right after it, had been handled; events: whether those count."""
    fixups = dict(f.source.fixups)
    fault = next((x for x in reversed(f.seen.faults if f.seen else []) if x.ip in fixups), None)
    backs = [c for c in f.calls[fault.calls:] if c.name == IRET] if fault else []
    found = []
    for back in backs[:1] + [b for b in backs[1:] if events and f.source.function(frame(f, b)) == "registers_kept"]:
        after = {name: back.regs.values[name] for name in KEPT[f.bits].split()} | {name: pushed(f, back, n)
                                                                                   for n, name in enumerate(PUSHED[f.bits].split())}
        found += [f"{register(f, name)} was {fault.regs.values[name] & f.mask:#x} before and {value & f.mask:#x} after"
                  for name, value in after.items() if fault and (fault.regs.values[name] ^ value) & f.mask]
    return list(dict.fromkeys(found))


def taken_off(f: Facts) -> list[str]:
    """Registers that held another number at the check's exception than is taken off them afterwards."""
    at = next((x for x in f.seen.faults if x.vector == 6 and f.source.function(x.ip) == "registers_kept"), None) if f.seen else None
    code = instructions(f.source, at.ip, at.ip + BLOCK) if at else ()  # the assembly gives it no size
    code = code[:next((n for n, i in enumerate(code) if i.name.startswith('ret')), 0)]
    taken: dict[str, int] = {}
    for match in (re.fullmatch(r"\$0x([0-9a-f]+),%(\w+)", i.operands) for i in code if i.name.startswith("sub")):
        if match:
            taken[match[2]] = taken.get(match[2], 0) + int(match[1], 16)
    looked = [m[1] for m in (re.fullmatch(r"%(\w+),%\w+", i.operands) for i in code if i.name.startswith("or")) if m]
    held = {name: at.regs.values.get("r" + name.removeprefix("r").removeprefix("e"), 0) & f.mask for name in [*taken, *looked]} if at else {}
    return [f"{name.upper()} held {n:#x}, and {taken.get(name, 0)} is taken off it" for name, n in held.items() if n != taken.get(name, 0)]


def given_and_compared(f: Facts) -> str:
    """Numbers that a function's variables are given, and that they are compared with, if these differ."""
    at = f.source.va("variables_kept")
    code = function(f.source, at) if at is not None else ()
    stored, compared = ([m[1] for m in (re.fullmatch(rf"\$0x([0-9a-f]+),{where}", i.operands) for i in code if i.name.startswith(name)) if m]
                        for name, where in (("mov", r".*\(%[er]sp\)"), ("cmp", r".*")))
    stored = stored[-len(compared):]  # the compiler may fill in a copy first
    return f"variables_kept() gives them {', '.join(stored)}, and compares them with {', '.join(compared)}" if stored and compared and stored != compared else ""


def register(f: Facts, name: str) -> str:
    return name.upper() if name[1].isdigit() else ("R" if f.bits == 64 else "E") + name[1:].upper()


@rule("direction-flag", "1-notes", "crash", "failure", rank=-1)
def _(f):
    regs = f.fault.regs if f.fault else f.seen.regs if f.seen else None
    astray = f.address is not None and not f.source.is_code(f.address)  # what was taken for flags may be anything
    said = f.panic.startswith("the direction flag is set")
    if said and f.seen and regs and not getattr(regs, "eflags", DIRECTION) & DIRECTION:
        return f"""The kernel says that the direction flag is set, and it is not: EFLAGS is {regs.eflags:#x}, and its bit 10 is clear. So the check is at fault, direction_is_up(): which bit of what PUSHF pushed does it look at, and how?"""
    if said or not astray and regs and getattr(regs, "eflags", 0) & DIRECTION:
        return """The direction flag is set (bit 10 of EFLAGS): string instructions (rep movs, rep stos) run towards lower addresses, and what is to be copied or cleared lies above. C code takes it to be clear, so a kernel's head clears it
            (cld) before anything else."""


@rule("register-lost", JUMP + ": What a kernel sets up first", "failure", rank=-1)
def _(f):
    fixups = dict(f.source.fixups)
    caught = next((x for x in reversed(f.seen.faults if f.seen else []) if x.ip in fixups), None)
    within = caught and f.function == f.source.function(caught.ip) != "registers_kept"
    went_on = f.fault and (f.fault.page and f.fault.ip in fixups.values() or within and lost(f))
    if not went_on and not f.panic.startswith("entries: an exception "):
        return None
    if lost(f):
        entry = f"entry_{f.bits}.S"
        how = f"An exception came and was handled, by its stub and trap_common ({entry}, call_do_trap)" if lost(f, events=False) else \
            f"An exception came and was handled, and all registers were as before. Then an event came and was handled, by xen_hypervisor_callback ({entry})"
        return f"{how}, and {'; '.join(lost(f)[:3])} it. {by_code(f) or REGISTERS_KEPT}"
    fast = next((c for c in f.calls if c.name == IRET and iret_flags(f, c) == IN_SYSCALL), None)
    if fast:
        return f"""The iret hypercall was given the flags {IN_SYSCALL:#x}, VGCF_in_syscall, to go back to {f.source.place(frame(f, fast))}. With these, Xen returns by SYSRET, as from a system call: RCX and R11 then hold RIP and RFLAGS,
            and what they held is lost. Behind an exception or an event the flags are 0 (entry_64.S)."""
    kept = returned(f, "registers_kept") if f.panic else None
    if kept is not None and kept & 0xFF:
        return f"""registers_kept() returned true (AL was {kept & 0xFF}): no register was changed. And the kernel says that one was. Where it is called, its result is taken the wrong way round."""
    came = [c for c in f.calls if c.name == IRET and f.source.function(frame(f, c)) == "registers_kept"]
    if f.panic and came:
        unequal = taken_off(f)
        return f"""The kernel says that a register was changed. {"An exception and an event were" if len(came) > 1 else "An exception was"} seen to come, and to go back with all registers as they were, and nothing else
            interrupted it: so the check is at fault, registers_kept(). What is loaded into the registers, and what is taken off afterwards, has to be the same, number by number.{f" At its UD2 {'; '.join(unequal)}." if unequal else ""}"""
    if f.panic:
        if by_code(f):
            return f"A register was changed by an exception or an event. {by_code(f)}"
        return f"""A register was changed by an exception or an event. What could be seen of the exception's way back was right. So either it is xen_hypervisor_callback and
            what it saves, or the check itself loads other numbers into the registers than it takes off. An event comes between any two instructions, so all that a C function may change ({"EAX, ECX, EDX" if f.bits == 32 else "RAX, RCX, RDX, RSI, RDI, R8 to R11"}) has to be pushed, and
            popped in the opposite order."""
    meant = next((x for x in reversed(f.seen.faults if f.seen else []) if f.source.function(x.ip) == "registers_kept" and x.vector == 6), None)
    counter = f.source.va("timer_ticks") or 0
    if f.function == "registers_kept" and meant and f.fault.regs.rax & 0xFFFFFFFF == counter & 0xFFFFFFFF:
        return f"""registers_kept() had {f.fault.cr2:#x} where it is to have the address of a counter, and where it is to have a number of ticks, that address, VA {counter:#x} (timer_ticks): its two arguments are exchanged,
            where it is called, or where it reads them."""
    if f.function == "registers_kept" and meant and meant.regs.rdi & f.mask == f.fault.cr2:
        return f"""registers_kept() itself had VA {f.fault.cr2:#x} in the register that is to hold the address of a counter, {"RDI" if f.bits == 64 else "EDI"}, before anything interrupted it: its argument was read from the
            wrong place."""
    if f.function == "registers_kept" and f.fault.regs.rdi & f.mask == counter != f.fault.cr2:
        return f"""registers_kept() has the address of the counter, VA {counter:#x} (timer_ticks), in {"RDI" if f.bits == 64 else "EDI"}, as it should be, and the instruction at {f.source.place(f.fault.ip)} takes its operand from VA {f.fault.cr2:#x}: by another register."""
    if f.function == "registers_kept":
        where = f"registers_kept() was interrupted, and went on with VA {f.fault.cr2:#x} in the register that holds the address of a counter ({'RDI' if f.bits == 64 else 'EDI'})"
        return f"{where}. {by_code(f)}" if by_code(f) else f"""{where}: the entry of an exception, or of an event
            (xen_hypervisor_callback), does not save and restore all that a C function may change."""
    return None


@rule("red-zone", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    if f.panic.startswith("entries: an event has changed a variable"):
        if (returned(f, "variables_kept") or 0) & 0xFF:
            return "variables_kept() returned true: its variables were what they had been. And the kernel says that one was changed. Where it is called, its result is taken the wrong way round."
        if given_and_compared(f):
            return f"""The kernel says that an event has changed a function's variables, and {given_and_compared(f)}: the check itself is wrong, whatever the event does."""
        zone = """The function keeps them below its stack pointer, if it is compiled with -mred-zone, in the 128 bytes that the ABI of 64 bits calls the red zone, and Xen, as the processor does, puts
            its frame right there (-mno-red-zone)""" if f.bits == 64 else "With 32 bits nothing lies below the stack pointer"
        return f"""A function's variables did not hold what they were given when an event had come and gone. {zone}. Else the entry of the event puts back another stack pointer, or writes above its
            frame."""
