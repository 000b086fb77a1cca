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
PARAMETER = ("struct xen_hvm_param", "domid index value")
# Of each operation: its struct, and the names of the fields.
STRUCTS = {("memory_op", value("XENMEM_add_to_physmap")): ("struct xen_add_to_physmap", "domid space idx gpfn"),
           ("hvm_op", value("HVMOP_set_param")): PARAMETER, ("hvm_op", value("HVMOP_get_param")): PARAMETER}


def fields(f, call) -> str:
    """What each field of a call's struct holds, and which is not what it takes; empty if that is not known."""
    title, titles = STRUCTS.get((call.name, call.args[0]), ("", ""))
    layout = struct(64, title, *titles.split()) if title and kernel(f).source.bits == 64 else None
    data = Stored(kernel(f).source, call.caller).data(layout.size) if layout else b""
    if not data:
        return ""
    found = {name: layout.number(data, name) for name in layout.fields}
    odd = [f" The field {name}, {number:#x}, is {kind}." for name, number in found.items() if (kind := _odd(f, name, number))]
    told = ", ".join(f"{name} {number:#x}" for name, number in found.items())
    return f"By the instructions before the call its struct holds {told}.{''.join(odd)}"


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
    if name == "space" and number != SHARED_INFO:
        return f"{names('XENMAPSPACE_').get(number, 'no space that Xen has')}, and shared_info is in XENMAPSPACE_shared_info, {SHARED_INFO}"
    if name == "gpfn" and kernel(f).is_a(whole, "linked") or name == "gpfn" and kernel(f).source.linked(whole | -1 << 52 & kernel(f).mask):
        return "a VA's page number: a gpfn is the page number of a paddr, so LOAD_OFFSET has to be taken off before (__pa_symbol())"
    if name == "gpfn" and kernel(f).is_a(number, "pv") and kernel(f).thing(number):
        return f"a paddr ({kernel(f).thing(number)}): a gpfn is a page number"
    return ""
