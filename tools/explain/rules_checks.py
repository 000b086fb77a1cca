# SPDX-License-Identifier: GPL-2.0-only
"""A check of the kernel's own that is wrong: what it says is not what the machine shows."""

from __future__ import annotations

import re
from collections.abc import Callable

from . import checks_memory as of
from .calls import IRET
from .facts import Facts
from .rule import rule
from .rules_events import failsafe_for_events

ARRIVAL = ("stack: ", "jump: ")  # these are made without Xen, too
PRINTED = "memory map: "  # this contradicts what was printed
Contradiction = Callable[[Facts], "str | None"]


def events(f: Facts) -> str | None:
    if f.shared_info and not f.shared_info.evtchn_upcall_mask and f.word("HYPERVISOR_shared_info") == f.source.va("shared_info_page"):
        return "evtchn_upcall_mask in shared_info is 0, so events are let in"
    return None


def result(f: Facts) -> str | None:
    """Of a hypercall that Xen did not refuse."""
    told = re.match(r"hypercall refused: (\w+).*: (-\d+) \(", f.panic)
    calls = [c for c in f.calls if told and c.name == told[1] and c.result is not None]
    if told and told[1] == "console_io":
        calls = calls[:1]  # the others printed this
    if f.seen and f.seen.deaf:
        return None  # the call may be one that was not seen
    # Another number than the name's may have been called, and that was refused.
    if calls and told and not any(c.refused and c.name == told[1] or c.result == int(told[2]) for c in f.calls):
        return f"""Xen did what {calls[-1].name} asked for, and returned {calls[-1].result} in EAX (RAX). What was looked at, {told[2]}, is another number: is that register the
            output of the asm, is it what hypercall() and those that call it return, and has the variable that takes it the size of a long"""
    return None


def page(f: Facts) -> str | None:
    """Of the hypercall page."""
    calls = [c for c in f.calls if c.name == "xen_version"]
    told = re.search(r"gives version 0x([0-9a-f]+), and by Xen's gate 0x([0-9a-f]+)", f.panic)
    if told and [c.args[0] for c in calls] == [0, 0] and calls[0].result and calls[0].result == calls[1].result:
        ways = ("through the page (hypercall())", "by the gate (hypercall_by_gate())")
        wrong = [way for way, number in zip(ways, told.groups(), strict=True) if int(number, 16) != calls[0].result]
        if not wrong:
            return f"Both numbers that were compared are {calls[0].result:#x}, which is what Xen returned to both"
        return f"""Xen returned {calls[0].result:#x} in EAX (RAX) to both. {" and ".join(wrong).capitalize()}, another number was looked at: is that register the output of the asm, is it what the function
            returns, and is the variable that takes it a long"""
    calls = [c for c in calls if c.args[0]]
    if len(calls) > 1 and len({(c.args[0], c.result) for c in calls}) == 1 and all(f.seen and c.args[1] and c.args[1] in range(c.regs.rsp & f.mask, (c.regs.rsp & f.mask) + 0x200) for c in calls):
        told = [f.seen.peek(c.args[1], 8) for c in calls]
        if told[0] and len(set(told)) == 1:
            return f"""Xen was asked the same, xen_version({calls[0].args[0]:#x}), by both ways, returned {calls[0].result} and wrote the same to VA {calls[0].args[1]:#x} and VA
                {calls[1].args[1]:#x}"""
    return None


def failsafe(f: Facts) -> str | None:
    """Xen calls it back after an iret that failed, and for events if it was told so."""
    calls = [c.name for c in f.calls if c.name not in ("console_io", "physdev_op")]
    if calls and calls[-1] != IRET and not failsafe_for_events(f):
        return f"""Xen did not come there: the last hypercall before was {calls[-1]}, and not iret, so there was no return that could fail. The kernel's own code jumped to the failsafe callback, or
            ran into it"""
    return None


def port(f: Facts) -> str | None:
    told = re.match(r"virq \d+: port (\d+), and there are handlers for (\d+)", f.panic)
    return f"Port {told[1]} is below {told[2]}, so it has a place in the table of handlers" if told and int(told[1]) < int(told[2]) else None


def itself(f: Facts) -> str | None:
    """Two numbers of one line that are to differ."""
    told = re.search(r"\b(0x[0-9a-f]+|\d+), (?:not |and .* (?:is|says) (?:at )?(?:paddr |P=V |VA )?)\1\b", f.panic)
    if re.match(r"grant_table_op\(\w+\): status 0$", f.panic):
        return "Status 0 is GNTST_okay: Xen has done what it was asked for"
    return f"{told[1]} is what it finds, and what it wants" if told else None


def ram(f: Facts) -> str | None:
    """Of stage 7: what was printed of the map of memory."""
    told = re.match(r"memory map: no RAM at paddr (0x[0-9a-f]+)", f.panic)
    ranges = [re.match(r"^\s*memory: paddr (0x[0-9a-f]+) to (0x[0-9a-f]+)", line) for line in f.said.guest] if told else []
    held = next((m for m in ranges if m and int(m[1], 16) <= int(told[1], 16) <= int(m[2], 16)), None)
    return f"Paddr {told[1]} is in the range of usable memory that it has printed, {held[1]} to {held[2]}" if held else None


def features(f: Facts) -> str | None:
    known = (f.word("features") or 0) & 0xFFFFFFFF
    return f"The features of Xen are known: features[0] is {known:#x}, and not 0" if known else None


def ticks(f: Facts) -> str | None:
    told = re.match(r"timer: (\d+) ticks came, and (\d+) were waited for", f.panic)
    return f"{told[1]} ticks came, and so many were waited for" if told and told[1] == told[2] else None


def upcalls(f: Facts) -> str | None:
    return "It has not run" if " has run 0 times" in f.panic else None


CHECKS: dict[str, Contradiction] = {
    "events: masked": events, "hypercall refused: ": result, "verify: P=V": of.same_page, "verify: a store": of.same_page, "remap: limit paddr": of.limit, "stack: ": of.stack, "jump: ": of.jump, "P=V is still mapped": of.dropped,
    "hypercall page: ": page, "remap: the entry at": of.entry, "page table walk: ": of.table, "virq ": port, "Xen could not return": failsafe, "start_info at": of.magic, "memory: start_info says": of.memory, "verify: no byte": of.none_run, "timer: ": ticks, "features: ": features, "events: xen_hypervisor_callback": upcalls, "memory map: ": ram,
}


@rule("check-wrong", "7-debugging", "failure", rank=-1)
def _(f):
    about = next((check for begin, check in CHECKS.items() if f.panic.startswith(begin)), None)
    looked = f.seen or f.panic.startswith(PRINTED) or f.bare and f.panic.startswith(ARRIVAL)
    told = (about(f) if about and looked and not f.wrong_result else None) or itself(f)
    if told:
        return f"What the kernel says of itself is not so. {' '.join(told.split())}. The check is at fault, or what it compares: {f.where or 'where it panics'}, and what leads there."
