# SPDX-License-Identifier: GPL-2.0-only
"""Stage 7 on Xen: the struct of an operation that was refused, by the instructions that filled it in."""

import re
import struct

from xenabi.headers import names, value
from xenpt.memory import PAGE_SHIFT

from .rule import rule
from .rules_pvh_guest import LESSON, kernel
from .rules_pvh_run import calls, ran
from .stored import Stored

SELF = 0x7FF0  # DOMID_SELF
# Of each operation: the layout, and the names of its fields.
STRUCTS = {("memory_op", value("XENMEM_add_to_physmap")): (struct.Struct("<HHI2Q"), "domid size space idx gpfn"),
           ("hvm_op", value("HVMOP_set_param")): (struct.Struct("<HHIQ"), "domid pad index value"),
           ("hvm_op", value("HVMOP_get_param")): (struct.Struct("<HHIQ"), "domid pad index value")}


def fields(f, call) -> str:
    """What each field of a call's struct holds, and which is not what it takes; empty if that is not known."""
    layout, titles = STRUCTS.get((call.name, call.args[0]), (None, ""))
    data = Stored(kernel(f).source, call.caller).data(layout.size) if layout and kernel(f).source.bits == 64 else b""
    if not data:
        return ""
    found = dict(zip(titles.split(), layout.unpack(data)))
    odd = [f" The field {name}, {number:#x}, is {kind}." for name, number in found.items() if (kind := _odd(f, name, number))]
    told = ", ".join(f"{name} {number:#x}" for name, number in found.items() if name not in ("size", "pad"))
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
    if name == "space" and number:
        return f"{names('XENMAPSPACE_').get(number, 'no space that Xen has')}, and shared_info is in XENMAPSPACE_shared_info, 0"
    if name == "gpfn" and kernel(f).is_a(whole, "linked") or name == "gpfn" and kernel(f).source.linked(whole | -1 << 52 & kernel(f).mask):
        return "a VA's page number: a gpfn is the page number of a paddr, so LOAD_OFFSET has to be taken off before (__pa_symbol())"
    if name == "gpfn" and kernel(f).is_a(number, "pv") and kernel(f).thing(number):
        return f"a paddr ({kernel(f).thing(number)}): a gpfn is a page number"
    return ""
