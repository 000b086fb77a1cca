# SPDX-License-Identifier: GPL-2.0-only
"""Hypercalls that Xen refused for the way they were made: arguments, their order and number, where they point to."""

import re
from errno import EFAULT, EPERM, ESRCH

from xenabi.headers import value
from xenabi.hypercalls import ARGUMENTS as TAKES
from xenpt.memory import PAGE_SHIFT

from .calls import ARGUMENTS, MOST_UPDATES, UPDATE, Call
from .disassembly import function
from .facts import Facts
from .questions import hexadecimals, operation_meant, refused, say
from .rule import rule
from .rules_calling import REGISTERS
from .rules_console_io import SAMPLE, is_text
from .rules_handles import HANDLES
from .rules_hypercall import in_page
from .rules_updates import p2m_pointer

LESSON = "3-remap"
SELF = value("DOMID_SELF")
OPERATIONS = ("event_channel_op", "sched_op", "xen_version", "memory_op", "physdev_op")  # an operation's number, and the address of its struct
MMU = ("mmu_update", "update_va_mapping", "mmuext_op")
MOST_COUNT = 0x10000
NEAR_CALL = 16  # instructions
POINTERS = {"mmu_update": (0, 2), "mmuext_op": (0, 2), "console_io": (2,), "set_trap_table": (0,), "event_channel_op": (1,),
            "xen_version": (1,), "physdev_op": (1,), "sched_op": (1,), "memory_op": (1,), "vcpu_op": (2,)}


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
    if call and domain > 0xFFFF and f.bits == 64:
        return f"""{call.name} got {say(f, domain)} as its domain, which is the number of none: its fourth argument did not come by R10. A hypercall's
            fourth goes there, and not into RCX as a function's does, since SYSCALL overwrites RCX."""
    went = loaded(f, call, SELF) if call and domain != SELF else ""
    if went:
        place = next((n for n, r in enumerate(ARGUMENTS[f.bits], 1) if r[-2:] == went.rstrip("d")[-2:]), 0)
        why = f"That is where argument {place} goes: either the arguments are in another order than updates, count, done, domain, or two registers of hypercall()'s asm are exchanged" if place else \
            "It goes there, and not into RCX as a function's does, since SYSCALL overwrites RCX: see hypercall()'s asm"
        return f"""{call.name} names DOMID_SELF ({SELF:#x}) as its domain, and Xen got {say(f, domain)}: before the call, at {f.source.place(call.caller)}, {SELF:#x} goes into {went.upper()}. The domain is argument 4, which a hypercall
            takes in {"R10" if f.bits == 64 else "ESI"}. {why}."""
    if call and domain & 0xFFFF != SELF and not (domain and f.guest(f"^toolstack: created domain {domain}, ")) and (domain or -call.result in (ESRCH, EPERM)):
        word = {0x7FF1: "DOMID_IO, whose pages are those of devices"}.get(domain, f"{say(f, domain, 'pv', 'linked', 'clobbered')}")
        return f"""{call.name} names another domain than its caller: {word}. It does not exist, is not one to act for, or does not own the
            page. Use DOMID_SELF ({SELF:#x})."""


def loaded(f: Facts, call: Call, number: int) -> str:
    """The register that the code in front of a call loads with a number; empty if it is the one that the fourth argument goes into, or none."""
    code = [i for i in function(f.source, call.caller - 1) if i.address < (f.source.linked(call.caller) or [0])[0]]
    found = next((m[1] for i in reversed(code[-NEAR_CALL:]) for m in [re.fullmatch(rf"\${number:#x},%(\w+)", i.operands)] if m), "")
    return "" if found in ("esi", "r10", "r10d") and found != ("esi" if f.bits == 64 else "r10") else found


@rule("update-size", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update",))
    data = f.seen.peek(call.args[0], UPDATE.size) if call and f.seen else None
    if not data or f.bits != 32:
        return None
    first, second = (int.from_bytes(data[at:at + 4], "little") for at in (0, 4))
    if second and f.pfn(first >> PAGE_SHIFT) is not None and f.pfn(second >> PAGE_SHIFT) is not None:
        return f"""struct mmu_update has two fields of 64 bits, ptr and val, also in a 32-bit guest. In memory, two of 32 bits stand there:
            {first:#x} and {second:#x}. Xen takes both for ptr, {second:#x}{first:08x}."""


@rule("empty-updates", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update",))
    if call and call.updates and set(call.updates) == {(0, 0)} and not p2m_pointer(f):
        end = call.args[0] + call.args[1] * UPDATE.size
        behind = UPDATE.unpack((f.seen.peek(end, UPDATE.size) if f.seen else None) or bytes(UPDATE.size))
        if f.pfn(behind[0] >> PAGE_SHIFT) is not None and behind[1]:
            return f"""At VA {call.args[0]:#x} ({f.number(call.args[0]) or "nothing that is known here"}), where mmu_update was told to find {call.args[1]} updates, there are zeros, and right behind them, at VA {end:#x}, stands a good
                one, maddr {behind[0]:#x} := {behind[1]:#x}. It was put one place too far: the first update belongs at index 0, and the index grows afterwards."""
        return f"""At VA {call.args[0]:#x} ({f.number(call.args[0]) or "nothing that is known here"}), where mmu_update was told to find
            {call.args[1]} updates, there are zeros: they were never written, or the address is not theirs."""


@rule("empty-update", LESSON + ": Asking Xen", "failure")
def _(f):
    if refused(f, name=("mmu_update",)) and f.update == (0, 0) and f.refused.done and f.refused.updates[0] != (0, 0):
        return f"""Update number {f.refused.done + 1} of {f.refused.args[1]} was never filled in: the count given to mmu_update is larger than
            the number of updates."""


@rule("count-too-large", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update",))
    told = re.search(r": mmu_update, (?:number|after) \d+ of (\d+)\b", f.panic)
    if call and told and call.args[1] > int(told[1]) > 0 and call.done >= int(told[1]):
        size = f", {told[1]} times the {UPDATE.size} bytes of struct mmu_update" if call.args[1] == int(told[1]) * UPDATE.size else ""
        return f"""mmu_update was told that there are {call.args[1]:#x} updates{size}. The kernel's line speaks of {told[1]}, and Xen has made as many; what it read behind them is no update. The count is one of updates."""
    if call and f.seen and not call.updates and call.done == 0 and MOST_UPDATES < call.args[1] <= MOST_COUNT:
        return f"""mmu_update was told that there are {call.args[1]:#x} updates at VA {say(f, call.args[0])}, of {UPDATE.size} bytes each. The count is one of
            updates, not of bytes, and only as many as were filled in."""


@rule("address-not-mapped", LESSON + ": Asking Xen", "failure", "silence")
def _(f):
    call = refused(f, EFAULT)
    if not call or call.name != "mmuext_op" and operation_meant(f)[1] not in (None, call.args[0]):
        return None
    bad = [call.args[i] for i in POINTERS.get(call.name, ()) if call.args[i] and f.seen.peek(call.args[i], 1) is None]
    null = [n for n in POINTERS.get(call.name, ())[:1] if not call.args[n]]
    if not bad and call.args and (call.name, call.args[0]) in HANDLES:
        return None  # it is an address in the struct
    word = f" VA {say(f, bad[0])} is not mapped." if bad else f" Argument {null[0] + 1}, which is to be the address of a struct, is 0." if null else ""
    number = next((i for i in POINTERS.get(call.name, ()) if bad and call.args[i] == bad[0]), 0)
    meant = next((n for n in hexadecimals(f.panic) if n > MOST_COUNT and n not in call.args), 0)
    if meant and call.name in ("console_io", "set_trap_table"):
        return f"""The kernel's line speaks of VA {meant:#x}, and Xen got {bad[0] if bad else 0:#x} as argument {number + 1} of {call.name}, in {("E" if f.bits == 32 else "R") + ARGUMENTS[f.bits][number][1:].upper()}: what the function was given did not arrive there. See hypercall(): which register is each argument put into?"""
    if bad and bad[0] < MOST_COUNT:
        return f"""Argument {number + 1} of {call.name} is to be an address, and was {bad[0]:#x}{", DOMID_SELF" if bad[0] == SELF else ""}: a small number, in place of the address of a struct or variable. The arguments were {", ".join(f"{a:#x}" for a in call.args[:4])},
            made at {f.source.place(call.caller)}."""
    return f"""Xen could not read or write an argument of {call.name} at the virtual address it was given:
        {", ".join(f"{a:#x}" for a in call.args[:4])}.{word} Before the remap only P=V addresses work, afterwards both, and once P=V is
        dropped only linked ones."""


@rule("address-not-mapped", LESSON + ": Asking Xen", "failure", rank=1)
def _(f):
    if f.panic.startswith("hypercall refused: ") and f.panic.endswith("(EFAULT)") and not f.refused:
        return """Xen could not read or write what an argument of this hypercall points to: an address that is not mapped, NULL where a struct is wanted, or
            another operation than was meant, which wants one. The line tells what the code calls it, not what Xen got."""
