# SPDX-License-Identifier: GPL-2.0-only
"""A check of the kernel's own that is wrong: what it says is not what the machine shows."""

from __future__ import annotations

import re
from collections.abc import Callable

from xenpt.memory import PAGE_SHIFT

from .calls import IRET
from .facts import Facts
from .questions import hexadecimals
from .rule import rule
from .rules_arrival import arrived
from .rules_events import failsafe_for_events
from .rules_pointers import went_on_elsewhere
from .rules_stack import STACK_END_MAGIC
from .rules_updates import overflowed

ROOM = 40  # words above the frame of the function that the jump leads to
ARRIVAL = ("stack: ", "jump: ")  # these are made without Xen, too
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
    # Another number than the name's may have been called, and that was refused.
    if calls and told and not any(c.refused and c.name == told[1] or c.result == int(told[2]) for c in f.calls):
        return f"""Xen did what {calls[-1].name} asked for, and returned {calls[-1].result} in EAX (RAX). What was looked at, {told[2]}, is another number: is that register the
            output of the asm, is it what hypercall() and those that call it return, and has the variable that takes it the size of a long"""
    return None


def same_page(f: Facts) -> str | None:
    pv, va = hexadecimals(f.panic)[:2]
    ways = [f.walk(pv), f.walk(va)]
    if all(w and w.maddr is not None for w in ways) and ways[0].maddr == ways[1].maddr:
        return f"""P=V {pv:#x} and VA {va:#x} are both mapped, and lead to the same maddr, {ways[0].maddr:#x}. Are both numbers that are compared read in the same size, each from
            its own address"""
    return None


def magic(f: Facts) -> str | None:
    va = hexadecimals(f.panic)[0]
    if f.seen and va == f.seen.start_info and (f.seen.peek(va, 7) or b"") == b"xen-3.0":
        return f"""The seven bytes at P=V {va:#x} are "xen-3.0". memcmp() is to return 0 for bytes that are equal, and its result to be compared with that"""
    return None


def stack(f: Facts) -> str | None:
    bottom, top = f.source.va("init_stack"), f.source.top_of("init_stack")
    if f.panic.startswith("stack: the lower end") and f.word("init_stack") is not None and f.word("init_stack") & 0xFFFFFFFF == STACK_END_MAGIC:
        return f"The word at VA {bottom:#x}, the lower end of init_stack, is {STACK_END_MAGIC:#x} (STACK_END_MAGIC), as it was put there"
    at = (hexadecimals(f.panic) or [0])[0]
    word = f.bits // 8
    if f.panic.startswith("stack: pvh_entry") and bottom and top:
        first = next((n for n in (at, first_stack(f, "pvh_entry")) if n is not None and bottom <= n + f.source.offset & f.mask < top), None)
        return first and f"The stack pointer of pvh_entry() is paddr {first:#x}, and that is in init_stack, paddr {bottom - f.source.offset & f.mask:#x} to {top - f.source.offset & f.mask:#x}"
    name = arrived(f, "stack")
    if name and top and top - ROOM * word <= at < top and not at % word:
        return f"VA {at:#x} is in init_stack, {top - at} bytes below its top, VA {top:#x}, and a multiple of {word}"
    esp = first_stack(f, name) if name else None
    if top and esp is not None and top - ROOM * word <= esp < top and not esp % word:
        return f"""When {name}() began, {"RSP" if f.bits == 64 else "ESP"} was VA {esp:#x}, {top - esp} bytes below the top of init_stack, VA {top:#x}, as it should be. What was
            compared, {at:#x}, is another number: it has to be __builtin_frame_address(0), or an address near it"""
    return None


def first_stack(f: Facts, name: str) -> int | None:
    """The stack pointer at the first instruction of a function."""
    begin = f.source.va(name)
    step = next((s for s in f.steps if begin is not None and (f.source.linked(s.address) or [0])[0] == begin), None)
    return step.registers.get("ESP", step.registers.get("RSP")) if step else None


def jump(f: Facts) -> str | None:
    at = hexadecimals(f.panic)[0]
    now = f.seen.regs.rip & f.mask if f.seen else f.steps[-1].address if f.steps else 0
    if f.source.linked(at) == (at, "VA") and f.source.linked(now) == (now, "VA"):
        return f"VA {at:#x} is a linked address"
    return None


def dropped(f: Facts) -> str | None:
    left = re.search(r"pgd\[(\d+)\] is 0x([0-9a-f]+)", f.panic)
    if left and not int(left[2], 16) & 1:
        return f"The entry, {int(left[2], 16):#x}, is not present: bit 0 is 0"
    walk = f.walk(0)
    meant = next((x for x in f.seen.faults if x.cr2 == 0 and x.page), None)
    if f.panic.startswith("P=V is still mapped: VA 0") and walk and walk.problem and meant and not went_on_elsewhere(f, meant):
        return f"""The read at VA 0 faulted ({walk.problem}), and the handler went on as __ex_table says: probe_kernel_read() is to return false then. The movb that says that nothing
            faulted is skipped by the fixup"""
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


def entry(f: Facts) -> str | None:
    """An entry that is to be copied."""
    pv = hexadecimals(f.panic)[-1]
    value = int.from_bytes((f.seen.peek(pv, 8) if f.seen else None) or b"", "little")
    if value & 1 and f.p2m and pv >> PAGE_SHIFT < len(f.p2m) and f.va_of_entry(f.p2m[pv >> PAGE_SHIFT] << PAGE_SHIFT | pv & 0xFFF):
        return f"The entry at P=V {pv:#x} is {value:#x}: bit 0, PRESENT, is set"
    return None


def table(f: Facts) -> str | None:
    if overflowed(f):
        return None  # there is more that is wrong
    """An entry that leads to a table."""
    value = hexadecimals(f.panic)[-1]
    pfn = f.pfn((value & (1 << 52) - 1) >> PAGE_SHIFT)
    if value & 1 and pfn is not None and (pfn << PAGE_SHIFT) in f.said.layout.get("Page tables", range(0)):
        return f"""The entry {value:#x} is present, and its MFN is that of PFN {pfn:#x}, {f.thing(pfn << PAGE_SHIFT)}. The test, or what takes the MFN out of an entry and asks the m2p for
            it (pteval_mfn(), early_m2p()), is wrong"""
    return None


def limit(f: Facts) -> str | None:
    asked, last = hexadecimals(f.panic)[:2]
    return f"The limit, {asked:#x}, is not beyond {last:#x}" if asked <= last else None


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


def features(f: Facts) -> str | None:
    known = (f.word("features") or 0) & 0xFFFFFFFF
    return f"The features of Xen are known: features[0] is {known:#x}, and not 0" if known else None


def memory(f: Facts) -> str | None:
    told = re.search(r"says (\d+) pages, and Xen has given this domain (\d+)", f.panic)
    if told and told[1] == told[2]:
        return f"Both numbers of pages that were compared are {told[1]}"
    call = next((c for c in f.calls if c.name == "memory_op"), None)
    if told and call and call.result == f.nr_pages == int(told[1]):
        return f"Xen returned {call.result} in EAX (RAX) to XENMEM_current_reservation, which is start_info's nr_pages, and {told[1]} and {told[2]} were compared"
    return None


def ticks(f: Facts) -> str | None:
    told = re.match(r"timer: (\d+) ticks came, and (\d+) were waited for", f.panic)
    return f"{told[1]} ticks are not fewer than {told[2]}" if told and int(told[1]) >= int(told[2]) else None


def upcalls(f: Facts) -> str | None:
    return "It has not run" if " has run 0 times" in f.panic else None


def none_run(f: Facts) -> str | None:
    first, end = hexadecimals(f.panic)[:2]
    code = f.seen.peek(first, end - first) if end > first else b""
    found = (code or b"").find(b"\xc3")
    return f"""The byte at P=V {first + found:#x} is 0xc3, the instruction RET: so one was run, and the number that is looked at afterwards, or how, is wrong; or verify_executable()'s loop, which has to compare each byte with that one, went past it""" if found >= 0 else None


CHECKS: dict[str, Contradiction] = {
    "events: masked": events, "hypercall refused: ": result, "verify: P=V": same_page, "verify: a store": same_page, "remap: limit paddr": limit, "stack: ": stack, "jump: ": jump, "P=V is still mapped": dropped,
    "hypercall page: ": page, "remap: the entry at": entry, "page table walk: ": table, "virq ": port, "Xen could not return": failsafe, "start_info at": magic, "memory: start_info says": memory, "verify: no byte": none_run, "timer: ": ticks, "features: ": features, "events: xen_hypervisor_callback": upcalls,
}


@rule("check-wrong", "7-debugging", "failure", rank=-1)
def _(f):
    about = next((check for begin, check in CHECKS.items() if f.panic.startswith(begin)), None)
    looked = f.seen or f.bare and f.panic.startswith(ARRIVAL)
    told = about(f) if about and looked and not f.wrong_result else None
    if told:
        return f"What the kernel says of itself is not so. {' '.join(told.split())}. The check is at fault, or what it compares: {f.where or 'where it panics'}, and what leads there."
