# SPDX-License-Identifier: GPL-2.0-only
"""The handler of exceptions, do_trap(): what it is given by the assembly that calls it."""

from .calls import IRET
from .facts import Facts
from .frames import pushes
from .probes import HANDLER
from .questions import JUMP, vectors
from .returns import entered
from .rule import rule
from .rules_registers import register


def given(f: Facts) -> tuple[int, int] | None:
    """Its argument, when it was first called, and where the registers lie that were pushed before."""
    if f.seen and f.seen.probes and f.seen.probes.handled:
        return f.seen.probes.handled[0]
    step = entered(f, HANDLER) if f.repeated else None  # in a storm of exceptions no call has come back, and its stack is as it was
    if not step:
        return None
    word, stack = f.bits // 8, step.registers.get("ESP", step.registers.get("RSP", 0)) & f.mask
    argument = step.registers["RDI"] if f.bits == 64 else int.from_bytes(f.code(stack + word, word), "little")
    if f.bits == 32 and not argument:
        return None  # the stack has been written over since
    return argument, stack + (word if f.bits == 64 else 2 * word)


def misled(f: Facts) -> bool:
    """Whether it was given something else than what was pushed."""
    found = given(f)
    return bool(found) and found[0] & f.mask != found[1] & f.mask


@rule("handler-not-called", JUMP + ": What a kernel sets up first", "crash", "failure", rank=-1)
def _(f):
    """An exception that was meant went to its stub, and back by iret, without the handler."""
    meant = [x for x in f.seen.faults if x.ip in dict(f.source.fixups) and x.vector in vectors(f)] if f.seen and f.seen.probes else []
    back = meant and any(c.name == IRET for c in f.calls[meant[0].calls:])
    if back and pushes(f, meant[0].vector) == meant[0].vector and f.source.va(HANDLER) is not None and f.seen.probes.entries and not f.seen.probes.handled:
        return f"""Vector {meant[0].vector} came, at {f.source.place(meant[0].ip)}, and {HANDLER}() was never entered: the code behind the stub (call_do_trap) did not call it. It has to push all registers, to call it, and to take off what was pushed, the vector and the error
            code with it."""
    return None


@rule("handler-argument", JUMP + ": What a kernel sets up first", "crash", "failure", "silence", "timeout", rank=-1)
def _(f):
    if not misled(f) or f.source.va("trap_stubs") is None or not f.fault and not f.panic.startswith("traps: "):
        return None
    argument, right = (n & f.mask for n in given(f))
    values = f.seen.faults[0].regs.values if f.seen.faults else {}
    holders = [name for name, n in values.items() if n & f.mask == argument and name[0] == "r" and name != "rip"]
    words = abs(argument - right) * 8 // f.bits
    origin = f", which is what {register(f, holders[0])} held where the exception came," if len(holders) == 1 else ""
    off = f", {words} word{'s' if words > 1 else ''} {'below' if argument > right else 'above'}" if words < 32 else ""
    return f"""do_trap() was given {argument:#x}{origin} as the address of struct pt_regs. The registers of the exception had been pushed at {right:#x}{off}, right above {"the argument" if f.bits == 32 else "the return address"}: what
        call_do_trap has to pass is the stack pointer as it is then{", pushed" if f.bits == 32 else ", in RDI"}."""
