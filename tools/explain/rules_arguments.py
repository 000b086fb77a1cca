# SPDX-License-Identifier: GPL-2.0-only
"""Hypercalls that Xen refused for the way they were made: the arguments, their order, their registers, and the domain."""

import re
from errno import EPERM, ESRCH

from xenabi.headers import value
from xenabi.hypercalls import ARGUMENTS as TAKES

from .calls import ARGUMENTS, Call
from .disassembly import Instruction, function
from .facts import Facts
from .questions import refused, say, say_number
from .rule import rule
from .rules_calling import REGISTERS
from .rules_console_io import SAMPLE, is_text
from .rules_hypercall import in_page

LESSON = "3-remap"
SELF = value("DOMID_SELF")
OPERATIONS = ("event_channel_op", "sched_op", "xen_version", "memory_op", "physdev_op")  # an operation's number, and the address of its struct
MMU = ("mmu_update", "update_va_mapping", "mmuext_op")
MOST_COUNT, MOST_DOMAIN = 0x10000, 0xFFFF
NEAR_CALL = 16  # instructions


@rule("arguments-exchanged", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update", "mmuext_op"))
    if call and call.args[1] > MOST_COUNT and call.args[0] < MOST_COUNT:
        return f"""{call.name} got {call.args[0]:#x} as the address of its updates and {say(f, call.args[1])} as their number: the two are
            exchanged. The order is updates, count, done, domain."""
    call = refused(f, name=OPERATIONS)
    if call and call.args[1] < MOST_COUNT < call.args[0] and f.seen and f.seen.peek(call.args[0], 4):
        wrapper = next((way for way in f.source.inlined(call.caller - 1) if way.startswith("HYPERVISOR_")), "")
        where = f"""in the wrapper that makes the call, {wrapper}, or in the arguments that are given to it, at {f.source.place(call.caller)}. A compiler warns of the latter, an address in place of a number, and not of the former, where both are numbers""" if wrapper else \
            f"at {f.source.place(call.caller)} or where that is called"
        return f"""{call.name} got {say(f, call.args[0], "linked", "pv")} as its operation, and {call.args[1]:#x} as the address of its struct: the two are exchanged, {where}. The
            operation comes first."""
    call = refused(f, name=("update_va_mapping",))
    if call and f.is_a(call.args[1], "linked", "pv") and not f.is_a(call.args[0], "linked", "pv"):
        return f"""update_va_mapping got {call.args[0]:#x} as the VA of which the pte is to change, and {say(f, call.args[1], "linked", "pv")} as the entry: the two are exchanged. The VA comes first."""
    return None


@rule("argument-register", "2-hypercall-page: Why a page", "mute", "silence", "timeout", "failure")
def _(f):
    """An argument of console_io that came in a register which it does not take."""
    own, names = len(TAKES["console_io"].split()), REGISTERS[f.bits]
    for call in (c for c in f.calls if c.name == "console_io" and in_page(f, c.regs.rip & f.mask)):
        wrong = [n for n in range(1, own) if not call.args[n]]
        spare = [n for n in range(own, len(call.args)) if call.args[n]]
        pointer = spare[0] if wrong == [own - 1] and len(spare) == 1 else own - 1
        text = f.code(call.args[pointer], SAMPLE)
        if len(wrong) == len(spare) == 1 and len(text) == SAMPLE and is_text(text):
            number, other = wrong[0], spare[0]
            found = f'{call.args[other]:#x}, the address of a text, "{text.decode()}..."' if pointer == other else f"{call.args[other]}, which may be the text's length"
            return f"""console_io takes operation, count and address, in {", ".join(n.upper() for n in names[:own])}. Through the page Xen got 0 as argument {number + 1}, in {names[number].upper()}, and in {names[other].upper()}, where argument {other + 1} goes, which console_io does not have, stood {found}.
                In hypercall()'s asm the registers of a{number + 1} and a{other + 1} are exchanged, or, where it is called, the two arguments."""
    return None


@rule("count-not-a-number", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update", "mmuext_op"))
    if call and call.args[1] > MOST_COUNT:
        return f"""{call.name} got {say(f, call.args[1])} as the number of its updates. The order is updates, count, done, domain."""


@rule("bad-domain", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update", "mmuext_op"))
    domain = call.args[3] if call else SELF
    if not call or domain == SELF:
        return None
    number = f"{domain:#x}" if domain <= MOST_DOMAIN else say_number(f, domain)
    register, went = "R10" if f.bits == 64 else "ESI", loaded(f, call, SELF)
    if went:
        place = next((n for n, r in enumerate(ARGUMENTS[f.bits], 1) if r[-2:] == went.rstrip("d")[-2:]), 0)
        why = f"That is where argument {place} goes: either the arguments are in another order than updates, count, done, domain, or two registers of hypercall()'s asm are exchanged" if place else \
            "It goes there, and not into RCX as a function's does, since SYSCALL overwrites RCX: see hypercall()'s asm"
        return f"""{call.name} names DOMID_SELF ({SELF:#x}) as its domain, and Xen got {number}: before the call, at {f.source.place(call.caller)}, {SELF:#x} goes into {went.upper()}. The domain is argument 4, which a hypercall
            takes in {register}. {why}."""
    if domain > MOST_DOMAIN and (f.bits == 64 or domain & MOST_DOMAIN != SELF):
        return f"{call.name} got {number} as its domain, which is the number of none: a domain's has 16 bits. {fourth(f, call, register)}"
    if f.xen_said_then("Cannot specify itself as foreign domain"):
        return f"""{call.name} names domain {domain}, and that is the caller itself, by its own number. Xen takes a number only for a foreign domain: of its own a domain speaks as DOMID_SELF ({SELF:#x}), whatever its
            number is."""
    if domain & MOST_DOMAIN != SELF and not (domain and f.guest(f"^toolstack: created domain {domain}, ")) and (domain or -call.result in (ESRCH, EPERM)):
        word = {0x7FF1: "DOMID_IO, whose pages are those of devices"}.get(domain, number)
        unknown = f.xen_said_then(f"Unknown domain d{domain}$")
        why = "It does not exist, as Xen says" if unknown else "It is not one to act for, or does not own the page"
        return f"{call.name} names another domain than its caller: {word}. {why}. Use DOMID_SELF ({SELF:#x})."


def fourth(f: Facts, call: Call, register: str) -> str:
    """Who put an argument into the fourth's register: an instruction in front of the call, or none."""
    names = {"R10": ("%r10", "%r10d"), "ESI": ("%esi", "%rsi")}[register]
    put = next((i for i in reversed(before(f, call)) if i.operands.endswith(names)), None)
    if put:
        return f"""It was put into {register}, where a hypercall takes its fourth argument, by "{put.name} {put.operands}" at {f.source.place(put.address)}. The order is updates, count, done, domain."""
    return f"""No instruction in front of the call, at {f.source.place(call.caller)}, puts anything into {register}, where a hypercall takes its fourth argument: it did not come by {register}.""" + (
        " It goes there, and not into RCX as a function's does, since SYSCALL overwrites RCX." if f.bits == 64 else "")


def before(f: Facts, call: Call) -> list[Instruction]:
    """The code in front of a call."""
    end = (f.source.linked(call.caller) or [0])[0]
    return [i for i in function(f.source, call.caller - 1) if i.address < end][-NEAR_CALL:]


def loaded(f: Facts, call: Call, number: int) -> str:
    """The register that the code in front of a call loads with a number; empty if it is the one that the fourth argument goes into, or none."""
    found = next((m[1] for i in reversed(before(f, call)) for m in [re.fullmatch(rf"\${number:#x},%(\w+)", i.operands)] if m), "")
    return "" if found in ("esi", "r10", "r10d") and found != ("esi" if f.bits == 64 else "r10") else found
