# SPDX-License-Identifier: GPL-2.0-only
"""Hypercalls that Xen refused for what an argument points to: a list of updates, how many are in it, and an address that is not mapped."""

import re
from errno import EFAULT

from xenpt.memory import PAGE_SHIFT

from .calls import ARGUMENTS, MOST_UPDATES, UPDATE
from .questions import hexadecimals, operation_meant, refused, say
from .rule import rule
from .rules_arguments import LESSON, MOST_COUNT, SELF
from .rules_handles import HANDLES
from .rules_updates import p2m_pointer

POINTERS = {"mmu_update": (0, 2), "mmuext_op": (0, 2), "console_io": (2,), "set_trap_table": (0,), "event_channel_op": (1,),
            "xen_version": (1,), "physdev_op": (1,), "sched_op": (1,), "memory_op": (1,), "vcpu_op": (2,)}


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
        return f"""mmu_update was told that there are {f.refused.args[1]} updates, and number {f.refused.done + 1} was never filled in: the count that Xen was given is larger than
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
