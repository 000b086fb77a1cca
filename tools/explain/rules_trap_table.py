# SPDX-License-Identifier: GPL-2.0-only
"""The table of exceptions that a PV kernel gives to Xen, as it is in memory."""

from xenabi.hypercalls import TRAP

from .questions import JUMP
from .rule import rule

NR_TRAPS, LEAST_GATES = 20, 4  # exceptions that the kit's kernel has stubs for; so many entries in a row are the table


@rule("trap-table-end", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    """The table is on the stack still, when the kernel says of its last entry that it has an address."""
    if not f.panic.startswith("trap table: its last entry") or not f.seen or not f.seen.regs:
        return None
    layout, rsp = TRAP[f.bits], f.seen.regs.rsp & f.mask
    data = f.seen.peek(rsp, (f.source.va("init_stack") or 0) + len(f.source.extent_of("init_stack")) - rsp & f.mask) or b""
    for at in range(0, len(data) - layout.size, 4):
        entries = list(layout.iter_unpack(data[at:at + (len(data) - at) // layout.size * layout.size]))
        count = next((n for n, e in enumerate(entries) if e[0] != n or not e[3]), len(entries))
        if count < LEAST_GATES or count == len(entries):
            continue
        table = f"The table, VA {rsp + at:#x}, has {count} entries with an address, of vectors 0 to {count - 1}"
        return f"{table}, and the next one's address is 0, which is the end: the table is right, so the check at {f.place(f.address)} looks at another entry. Counted from 0, the last is ARRAY_SIZE(table) - 1." \
            if not entries[count][3] and count == NR_TRAPS else f"{table}, and there are {NR_TRAPS} exceptions: the entry behind theirs has to keep its address 0, by which Xen knows the end."
    return None
