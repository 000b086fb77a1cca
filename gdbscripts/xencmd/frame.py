# SPDX-License-Identifier: GPL-2.0-only
"""`xen frame`."""

import gdb

from xenabi.xensyms import frame_layout
from xenpt import frame

from .arguments import complete_first, number, word
from .places import page_numbers
from .pt_aliases import Aliases
from .session import session
from .style import say
from .translate import under_xen

USAGE = "xen frame MFN, or xen frame pfn PFN, or xen frame va ADDR"


class Frame(gdb.Command):
    """What Xen thinks of a machine page: owner, type, counts, pinned, validated: xen frame MFN.

    The page may be named otherwise: xen frame pfn PFN, xen frame va ADDR. The type
    decides what Xen allows: a page table is never mapped writable."""

    def __init__(self):
        super().__init__("xen frame", gdb.COMMAND_DATA)

    def complete(self, text, _):
        return complete_first(("pfn", "va"), text)

    def invoke(self, argument, from_tty):
        kind, rest = word(argument, ("pfn", "va", "mfn"))
        value = number(rest, USAGE, is_address=kind == "va")
        numbers = page_numbers()
        with session.guest() as guest:
            under_xen(guest)
            mfn = Aliases.mfn(guest, {None: "mfn", "va": None}.get(kind, kind), value)
            lines = frame.lines(guest, frame_layout(session.known_xen_syms()), numbers, mfn)
        if lines is None:
            raise gdb.GdbError(f"Xen keeps nothing about MFN {mfn:#x}: the machine has no such page, or this "
                               "Xen's frame table lies elsewhere than that of Xen 4.17")
        say(lines)


Frame()
