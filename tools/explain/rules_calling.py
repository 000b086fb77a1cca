# SPDX-License-Identifier: GPL-2.0-only
"""How a hypercall is made: its number, and the registers of its arguments. Stage 2."""

from xenabi.headers import errors, names, value
from xenabi.hypercalls import ARGUMENTS

from .facts import Facts
from .numbers import CLOBBERED
from .rule import rule
from .rules_hypercall import LESSON, STUB, in_page

REGISTERS = {32: ("ebx", "ecx", "edx", "esi", "edi"), 64: ("rdi", "rsi", "rdx", "r10", "r8")}
SYSCALL = b"\x0f\x05"
MOST_OPERATIONS = 32
AGAIN = 4  # so often the same is no accident
GET_FEATURES = value("XENVER_get_features")


@rule("clobbered-argument", LESSON + ": The code")
def _(f):
    for call in f.calls:
        found = [n for n, a in enumerate(call.args[:len(ARGUMENTS.get(call.name, "").split())], 1) if a & 0xFFFFFFFF == CLOBBERED]
        if found:
            return f"""Argument {found[0]} of {call.name} was {CLOBBERED:#x}, which is what a debug Xen leaves in the argument registers of a hypercall:
                the compiler took a register for unchanged by an earlier call, or nothing puts the argument into {REGISTERS[f.bits][found[0] - 1].upper()}, which is where it goes. In its asm (hypercall(), hypercall_by_gate()) an argument has to be
                {'"+D", "+S", ..., read and written, and not "D", "S"' if f.bits == 64 else '"+b", "+c", ..., read and written, and not "b", "c"'}."""
    if f.fault and f.fault.page and f.is_a(f.fault.cr2, "clobbered") and f.source.line(f.fault.ip).partition(":")[0].endswith(".S"):
        return f"""VA {f.fault.cr2:#x} comes from a register that nobody has set since the last hypercall: {f.number(f.fault.cr2, "clobbered")}. In this assembly, at
            {f.source.place(f.fault.ip)}, another register is meant."""
    if f.fault and f.fault.page and f.is_a(f.fault.cr2, "clobbered") and f.source.is_code(f.fault.ip):
        return f"""The address {f.fault.cr2:#x} comes from a register that held an argument of a hypercall: {f.number(f.fault.cr2, "clobbered")}.
            To the compiler such a register must count as changed: {'"+D", "+S", ... and not "D", "S"' if f.bits == 64 else '"+b", "+c", ... and not "b", "c"'} in hypercall()'s asm."""


def on_stack(f: Facts, n: int) -> bool:
    return n in f.said.layout.get("Boot stack", range(0))


@rule("hypercall-page-differs", LESSON + ": Why a page", "failure")
def _(f):
    if f.panic.startswith("hypercall page: "):
        calls = [c for c in f.calls if c.regs.rip != 0][-6:]
        ways = [c for c in calls if c.number == value("__HYPERVISOR_xen_version")]
        if "gives version" in f.panic and len(ways) == 2 and ways[0].args[0] != ways[1].args[0] and max(c.args[0] for c in ways) < MOST_OPERATIONS:
            known = names("XENVER_")
            by = {in_page(f, c.regs.rip & f.mask): f"{known.get(c.args[0], 'operation')} ({c.args[0]})" for c in ways}
            return f"""The two ways were asked for different things: by Xen's gate {by.get(False, "?")}, and through the page {by.get(True, "?")}. Both answered; the numbers can only be compared if the question is the same."""
        # What prints this are operations 0 of console_io.
        asked = ", then ".join(f"{c.name}({c.args[0]:#x}, {c.args[1]:#x}) = {c.result}" for c in calls if c.name != "console_io" or c.args[0])
        number = value("__HYPERVISOR_xen_version")
        first = next((c for c in calls if not c.number and in_page(f, c.regs.rip & f.mask)), None)
        if first:
            return f"""The hypercall page was called at its beginning, which is stub 0 ({first.name}), for hypercall {number}: made at {f.source.place(first.caller)}. Each hypercall has a stub of its own, {STUB} bytes each, and stub n is the one that puts n into EAX
                (RAX): a number that is there already is lost."""
        sizes = [c.number // number for c in calls if c.number > number and not c.number % number]
        if sizes:
            return f"""The hypercall page was called at stub {sizes[0] * number}, for hypercall {number}: the kernel takes a stub to have {STUB * sizes[0]} bytes (struct
                hypercall_entry), and it has {STUB}."""
        syscall = next((a for c in calls for a in c.args[:2] if f.bits == 64 and f.source.is_code(a) and f.code(a - 2, 2) == SYSCALL), None)
        if syscall:
            return f"""An argument was {syscall:#x}, which is the address behind a SYSCALL: SYSCALL leaves it in RCX, and RFLAGS in R11, and the compiler took both for
                unchanged. The asm has to name them as clobbered, "rcx" and "r11"."""
        features = [c for c in calls if c.name == "xen_version" and c.args[0] == GET_FEATURES]
        lost = next((c for c in features if not c.args[1] or f.seen.peek(c.args[1], 8) is None), None)
        if lost and "features" in f.panic:
            astray = next((n for n in range(2, len(lost.args)) if on_stack(f, lost.args[n]) and in_page(f, lost.regs.rip & f.mask)), 0)
            where = f"{REGISTERS[f.bits][astray].upper()}, where argument {astray + 1} goes, has {lost.args[astray]:#x}, an address on the stack: in hypercall()'s asm the registers of a2 and a{astray + 1} are exchanged, or the arguments are where it is called" if astray else \
                "The argument is the address of a variable"
            return f"""Of two calls that are to be the same, the one {"through the page" if in_page(f, lost.regs.rip & f.mask) else "by Xen's gate"} gave Xen {lost.args[1]:#x} as the address of its struct, and nothing of this
                kernel's is there: Xen wrote its answer elsewhere, or nowhere. {where}."""
        twice = next((c for c in features if f.seen and on_stack(f, c.args[1]) and on_stack(
            f, int.from_bytes(f.seen.peek(c.args[1], f.bits // 8) or b"", "little")) and c.result), None)
        if twice:
            return f"""{"Through the page" if in_page(f, twice.regs.rip & f.mask) else "By the gate"} Xen got VA {twice.args[1]:#x} as the struct's address, and what stands there, {f.seen.peek(twice.args[1], f.bits // 8)[::-1].hex().lstrip("0")}, is itself an address: the address of
                the pointer was passed, and not the pointer. The answer was {twice.result}."""
        last = [c.args[:3] for c in features[-1:]] + [c.args[:3] for c in calls if c.number == number][-1:]
        if len(last) == 2 and GET_FEATURES in last[1] and last[1][0] != GET_FEATURES and last[0][0] == GET_FEATURES:
            return f"""Through the page, Xen got {GET_FEATURES:#x}, the operation (XENVER_get_features), as argument {last[1].index(GET_FEATURES) + 1} and {last[1][0]:#x} as argument 1, where the operation belongs; by the gate they came in their order. Arguments go into
                {", ".join(r.upper() for r in REGISTERS[f.bits])}, in this order: in hypercall()'s asm two of them are exchanged."""
        return f"""The same hypercall gave two answers, by Xen's gate and by the page: it does not get to Xen as it was meant. Xen took
            {asked or "nothing"}. Compare the number (the stub that is called) and the registers of the arguments, in their order."""


@rule("refused-again", "7-debugging: Every hypercall", "silence", "timeout", rank=1)
def _(f):
    calls = [c for c in f.calls[-AGAIN:] if c.result is not None]
    if len(calls) >= AGAIN - 1 and len({(c.name, c.args[0], c.result) for c in calls}) == 1 and calls[-1].refused:
        call, first = calls[-1], next(c for c in f.calls if c.refused)
        return f"""The same hypercall is made again and again, and Xen refuses it each time: {call.name}({call.args[0]:#x}, {call.args[1]:#x}) = {call.result}
            ({errors().get(-call.result, "?")}), made at {f.source.place(call.caller)}. Nobody looks at the
            result, nor at that of the first one that was refused: number {first.number} ({first.name}). Are these the numbers of the calls that
            were meant?"""
