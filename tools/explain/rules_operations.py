# SPDX-License-Identifier: GPL-2.0-only
"""Hypercalls that Xen refused: one that there is not, another operation than was meant, and what no other rule knows."""

import re
from collections import Counter
from errno import ENOENT, ENOSYS

from xenabi.headers import errors, names, value
from xenpt.memory import PAGE_SHIFT

from . import entry_address
from .calls import Call
from .facts import Facts
from .questions import hexadecimals, operation_meant, refused, say
from .relation import also
from .rule import rule
from .rules_arguments import LESSON, MMU, OPERATIONS

BIND_VIRQ = value("EVTCHNOP_bind_virq")
FIELDS = {"EVTCHNOP_bind_virq": "virq vcpu port", "EVTCHNOP_bind_ipi": "vcpu port",
          "EVTCHNOP_send": "port", "EVTCHNOP_unmask": "port", "EVTCHNOP_close": "port"}  # of 32 bits
ON_PORT = {value(f"EVTCHNOP_{name}"): f"EVTCHNOP_{name}" for name in ("close", "send", "unmask")}


@rule("no-such-hypercall", "2-hypercall-page: Why a page", "failure", "silence")
def _(f):
    call = refused(f, ENOSYS)
    if call and call.name == "console_io" and not call.args[1] and call.args[2]:
        return f"""console_io got {call.args[0]:#x} as its operation and 0 as the count, and Xen has no such operation. CONSOLEIO_write is 0, and {call.args[0]} may well be a count: the first two arguments are exchanged. The order is operation, count, text."""
    if call and call.name not in ("mmu_update", "domctl", "console_io"):
        return f"""Xen has no hypercall {call.number} ({call.name}), or no operation {call.args[0]:#x} of it. Is the number right, and is
            __XEN_INTERFACE_VERSION__ defined? Undefined, it gives sched_op and others the numbers of 2004."""


@rule("another-operation", "7-debugging: Every hypercall", "failure")
def _(f):
    """What the kernel's line speaks of is not what Xen was asked for."""
    told, meant = operation_meant(f)
    call = refused(f, name=(told[1],)) if told else None
    if not told or not call:
        return None
    known = names(told[2].partition("_")[0] + "_")
    first = f.seen.peek(call.args[0], 4) if f.seen and call.name == "mmuext_op" else None
    got = int.from_bytes(first, "little") if first else call.args[0]
    if meant is None or got == meant or call.name == "mmuext_op" and not first:
        return None
    place = call.args.index(meant) + 1 if meant and meant in call.args[1:] else 0
    if place:
        return f"""{told[2]} is operation {meant} of {call.name}, and Xen got {meant} as argument {place} and {call.args[0]:#x} as argument 1, where the operation belongs: the arguments are in another order. Made at {f.source.place(call.caller)}."""
    return f"""The kernel's line speaks of {told[2]}, operation {meant} of {call.name}, and Xen got operation {got:#x}, {known.get(got, "which there is not")}: {errors().get(-call.result, call.result)}. Another one was asked for than was meant, at {f.source.place(call.caller)}."""


@rule("no-such-vcpu", "4-start-kernel: What a kernel sets up first", "failure")
def _(f):
    call = refused(f, ENOENT, name=("vcpu_op", "event_channel_op"))
    if call and call.name == "event_channel_op":
        virq, vcpu = (int.from_bytes(call.data[at:at + 4], "little") for at in (0, 4))
        return f"""EVTCHNOP_bind_virq was to bind virtual interrupt {virq} of virtual processor {vcpu} (the field vcpu of struct evtchn_bind_virq), and this domain has no such one: {errors()[ENOENT]}. They are counted from 0, and here there is only that. Made at {f.source.place(call.caller)}.""" \
            if call.args[0] == BIND_VIRQ and vcpu else None
    if call and call.args[1]:
        return f"""vcpu_op was made for virtual processor {say(f, call.args[1], "pv", "linked")}, and this domain has no such one: {errors()[ENOENT]}. They are counted from 0, and here there is only that. Its arguments are operation, vcpu, and the address
            of a struct. Made at {f.source.place(call.caller)}."""


@rule("operations-not-done", "7-debugging: Every hypercall", "failure")
def _(f):
    """Of a list of them, though Xen refused none."""
    told = re.match(r"(mmuext_op|mmu_update)(?:\((\w+)\))?: Xen did (\d+) of (\d+)", f.panic)
    call = next((c for c in reversed(f.calls) if told and c.name == told[1]), None)
    if not told or not call:
        return None
    given = f"{told[1]} was made at {f.source.place(call.caller)}, for {told[2] or 'a list'}, and returned {call.result}"
    if call.args[1] != int(told[4]):
        return f"""{given}: but its second argument, the number of operations at VA {call.args[0]:#x}, was {call.args[1]}, and not {told[4]}. Xen does as many as it is told to{", and so did nothing" if not call.args[1] else ""}."""
    if not call.args[2]:
        return f"{given}. It was given NULL in place of the address to which Xen writes how many it did, so that number is still what it was before."
    return f"{given}. It was given {call.args[1]} as the number of operations, and VA {call.args[2]:#x} for how many were done. Is that the variable that was looked at?"


@rule("another-call-refused", LESSON + ": Asking Xen", "failure", rank=1)
def _(f):
    """What is refused without any of the above."""
    call = refused(f)
    if call and call.name in MMU:
        operation = int.from_bytes((f.seen.peek(call.args[0], 4) if f.seen and call.name == "mmuext_op" else None) or b"", "little")
        about = f"{names('MMUEXT_').get(operation, f'operation {operation}')}, at VA {call.args[0]:#x}" if call.name == "mmuext_op" else f"ptr {say(f, f.update[0] & ~3, 'maddr', 'pv', 'linked')}, val {say(f, f.update[1], 'entry', 'pv', 'linked')}" if f.update else \
            ", ".join(f"{a:#x}" for a in call.args[:4])
        walk = f.walk(call.args[0]) if call.name == "update_va_mapping" else None
        if walk and walk.problem and len(walk.path) < len(f.levels):
            return f"""update_va_mapping was to change the pte of VA {call.args[0]:#x}, and there is none: {walk.problem}. The address has to lie in a
                mapping that exists.{"".join(also(f, call.args[0], va) for va in hexadecimals(f.panic)[:1]) or " Is it still the P=V one?"}"""
        table = f.pfn((f.update[1] & (1 << 52) - 1) >> PAGE_SHIFT) if f.update and f.info and call.name == "mmu_update" else None
        if table is not None and f.info.pt_base >> PAGE_SHIFT <= table < (f.info.pt_base >> PAGE_SHIFT) + f.info.nr_pt_frames and "linear" in "".join(call.said):
            return f"""Xen refused mmu_update: {call.result} ({errors().get(-call.result, "?")}), for a page table would lead to itself, or to one of its own level. ptr {say(f, f.update[0] & ~3, "maddr")} is to become {f.update[1]:#x}, and that names
                PFN {table:#x}, {f.thing(table << PAGE_SHIFT)}, as what is mapped there. To copy a mapping, val is what stands in the entry that has it, and not where that entry, or its table, is."""
        if f.update and call.name == "mmu_update" and entry_address.for_value(f):
            return f"""Xen refused mmu_update: {call.result} ({errors().get(-call.result, "?")}). {entry_address.for_value(f)}"""
        if f.update and not f.update[0] and call.name == "mmu_update":
            about += f". ptr of update number {call.done + 1} is 0, which is no entry's address: it was never filled in, or lost"
        return f"""Xen refused {call.name}: {call.result} ({errors().get(-call.result, "?")}). {about}.
            {"Xen said: " + call.said[-1].removeprefix("(XEN) ") if call.said else "Xen gave no reason."}"""


def odd_numbers(f) -> str:
    """What the numbers mean that stand in the kernel's line and are too large for what they count."""
    found = [(n, f.number(n, "linked", "pv", "half", "twice", "maddr", "entry", "clobbered", "text"))
             for n in map(int, re.findall(r"(?<![-x\w])\d{5,}", f.panic))]
    return "".join(f" {n} is {n:#x}, {kind}: an address, where a number is wanted; were two arguments exchanged?" for n, kind in found if kind)


def port(f: Facts, call: Call | None) -> str:
    """Of an operation on an event channel: which one, of which that the kernel was given."""
    if not call or call.name != "event_channel_op" or call.args[0] not in ON_PORT or len(call.data) < 4:
        return ""
    number = int.from_bytes(call.data[:4], "little")
    if not number:
        made = Counter(c.args[0] for c in f.calls if c.name == "event_channel_op" and not c.refused)
        told = ", ".join(f"{names('EVTCHNOP_').get(operation, operation)} {count} times" for operation, count in made.items())
        return f" It is {ON_PORT[call.args[0]]}, and its struct names port 0, which is none: what was kept is a field that no call has filled in. Where a port is dom0's end, it is local_port of bind_interdomain. Made were {told or 'none of these operations'}."
    bound = [c.data for c in f.calls if c.name == "event_channel_op" and c.args[0] == BIND_VIRQ and not c.refused]
    given = [int.from_bytes(data[8:12], "little") for data in bound if len(data) >= 12]
    return f" It is {ON_PORT[call.args[0]]}, and its struct names port {number}; bind_virq has given the kernel {', '.join(f'port {n}' for n in given) or 'none'}."


@rule("hypercall-refused", "7-debugging: Every hypercall", "failure", rank=2)
def _(f):
    call = refused(f)
    told = re.match(r"hypercall refused: (.*): (\d+) \(", f.panic)
    if told:
        return f"""{told[1]} was not refused: its result is {told[2]} ({int(told[2]):#x}), and what Xen refuses has a negative one, the error's number. hypercall_must() took it for a refusal."""
    if call or f.panic.startswith("hypercall refused: "):
        known = f"""The call was {call.name}({', '.join(f'{a:#x}' for a in call.args[:5])}) = {call.result}
            ({errors().get(-call.result, "?")}), made at {f.source.place(call.caller)}.""" if call else ""
        return f"Xen did not do what it was asked for. {known or f'In the words of the kernel: {f.panic}.'}{port(f, call) or struct_of(f, call)}{odd_numbers(f)}"


def struct_of(f: Facts, call: Call | None) -> str:
    """What the struct begins with that an operation was given."""
    at = call.args[1] if call and call.name in OPERATIONS else 0
    data = f.seen.peek(at, 16) if at and f.seen else None
    words = [int.from_bytes(data[n:n + 4], "little") for n in range(0, 16, 4)] if data else []
    fields = FIELDS.get(names("EVTCHNOP_").get(call.args[0], ""), "").split() if call and call.name == "event_channel_op" else []
    if words and fields:
        return f" Its struct, at VA {at:#x}, has {', '.join(f'{name} {n:#x}' for name, n in zip(fields, words))}: is each what this operation takes?"
    return f" Its struct, at VA {at:#x}, begins with {', '.join(f'{n:#x}' for n in words)} (words of 32 bits): is each field what this operation takes?" if words else ""
