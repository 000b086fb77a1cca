# SPDX-License-Identifier: GPL-2.0-only
"""Stage 7 on Xen: the struct of an operation that was refused, by the instructions that filled it in."""

import re

from xenabi.headers import names, value
from xenabi.structs import struct
from xenpt.memory import PAGE_SHIFT

from .rule import rule
from .rules_pvh_guest import LESSON, kernel
from .rules_pvh_run import calls, ran
from .stored import Stored

SELF, SHARED_INFO = value("DOMID_SELF"), value("XENMAPSPACE_shared_info")
MEMORY_MAP = value("XENMEM_memory_map")
PARAMETER = ("struct xen_hvm_param", "domid index value")
# Of each operation: its struct, and the names of the fields.
STRUCTS = {("memory_op", MEMORY_MAP): ("struct xen_memory_map", "nr_entries buffer"),
           ("memory_op", value("XENMEM_add_to_physmap")): ("struct xen_add_to_physmap", "domid space idx gpfn"),
           ("hvm_op", value("HVMOP_set_param")): PARAMETER, ("hvm_op", value("HVMOP_get_param")): PARAMETER}


def fields(f, call) -> str:
    """What each field of a call's struct holds, and which is not what it takes; empty if that is not known."""
    title, titles = STRUCTS.get((call.name, call.args[0]), ("", ""))
    layout = struct(64, title, *titles.split()) if title and kernel(f).source.bits == 64 else None
    stored = Stored(kernel(f).source, call.caller) if layout else None
    read = {name: stored.number(*layout.fields[name]) for name in layout.fields} if layout and stored else {}
    found = {name: number for name, number in read.items() if number is not None}
    if not found or len(found) < len(read) and not any(_odd(f, name, number) for name, number in found.items()):
        return ""
    odd = [f" The field {name}, {number:#x}, is {kind}." for name, number in found.items() if (kind := _odd(f, name, number))]
    told = ", ".join(f"{name} {number:#x}" for name, number in found.items())
    return f"By the instructions before the call its struct holds {told}.{''.join(odd)}"


@rule("pvh-no-entries", LESSON, "failure")
def _(f):
    """A map of memory that Xen was asked for, and that had no entry."""
    begin = kernel(f).source.va("show_range")
    asked = [c for c in calls(f) if c.name == "memory_op" and c.args[0] == MEMORY_MAP] if f.guest(r"PANIC: memory map: no RAM at") and ran(f) else []
    if asked and begin is not None and not any(ran(f).linked(s) == begin for s in ran(f).steps) and not ran(f).trail.cut:
        return f"""No range of the map was looked at, show_range() was never called: the map that the kernel got from Xen has no entry. It asked for it by XENMEM_memory_map, at {kernel(f).source.place(asked[-1].caller)}, and Xen returned {asked[-1].result}. {fields(f, asked[-1])}"""


@rule("pvh-struct", LESSON, "failure")
def _(f):
    said = re.match(r"hypercall refused: (\w+\(\w+\)).*: -\d+ \((\w+)\)", f.panic or "")
    refused = [c for c in calls(f) if c.result is not None and c.result < 0] if said and ran(f) else []
    told = fields(f, refused[-1]) if refused else ""
    return told and f"Xen refused {said[1]}, made at {kernel(f).source.place(refused[-1].caller)}: {refused[-1].result} ({said[2]}). {told}{'' if told.count('.') > 1 else ' Is each what the operation takes?'}"


def _odd(f, name: str, number: int) -> str:
    """What a field holds that is not what it takes."""
    whole = number << PAGE_SHIFT & kernel(f).mask
    if name == "domid" and number != SELF:
        return f"another domain's number: a guest's own is DOMID_SELF, {SELF:#x}"
    if name == "nr_entries" and not number:
        return "room for no entry: Xen is told there how many the buffer can hold, and answers there how many it has written"
    if name == "space" and number != SHARED_INFO:
        return f"{names('XENMAPSPACE_').get(number, 'no space that Xen has')}, and shared_info is in XENMAPSPACE_shared_info, {SHARED_INFO}"
    if name == "gpfn" and kernel(f).is_a(whole, "linked") or name == "gpfn" and kernel(f).source.linked(whole | -1 << 52 & kernel(f).mask):
        return "a VA's page number: a gpfn is the page number of a paddr, so LOAD_OFFSET has to be taken off before (__pa_symbol())"
    if name == "gpfn" and kernel(f).is_a(number, "pv") and kernel(f).thing(number):
        return f"a paddr ({kernel(f).thing(number)}): a gpfn is a page number"
    return ""
