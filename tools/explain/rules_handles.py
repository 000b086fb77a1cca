# SPDX-License-Identifier: GPL-2.0-only
"""Hypercalls that Xen refused for an address inside their struct, a guest handle: the struct itself could be read."""

from errno import EFAULT

from xenabi.headers import value
from xenabi.structs import struct

from .questions import refused, say
from .rule import rule

# By hypercall and operation: the argument that is the struct's address, the struct, its handle, and what that is to lead to.
HANDLES = {("sched_op", value("SCHEDOP_poll")): (1, "struct sched_poll", "ports", "the ports to wait for"),
           ("memory_op", value("XENMEM_memory_map")): (1, "struct xen_memory_map", "buffer", "where the map goes"),
           ("memory_op", value("XENMEM_populate_physmap")): (1, "struct xen_memory_reservation", "extent_start", "the PFNs"),
           ("grant_table_op", value("GNTTABOP_setup_table")): (1, "struct gnttab_setup_table", "frame_list", "where the MFNs go")}


@rule("handle-not-mapped", "3-remap: Asking Xen", "failure")
def _(f):
    call = refused(f, EFAULT)
    if not call or (call.name, call.args[0]) not in HANDLES or not f.seen:
        return None
    place, name, field, what = HANDLES[call.name, call.args[0]]
    layout = struct(f.bits, name, field)
    data = f.seen.peek(call.args[place], layout.size)
    at = layout.number(data, field) if data else 0
    if not data or at and f.seen.peek(at, 1) is not None:
        return None
    why = "0 (NULL): nobody has set it. That is what set_xen_guest_handle() is for, before the call" if not at else f"{say(f, at)}, which is not mapped"
    return f"""{call.name} got a struct that is mapped, {name} at VA {say(f, call.args[place])}, and Xen answered EFAULT for an address in it: the field {field}, which has to be that of {what}, is {why}. So Xen has not looked at what it should lead to. The call was made at
        {f.source.place(call.caller)}."""
