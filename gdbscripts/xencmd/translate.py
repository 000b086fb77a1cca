# SPDX-License-Identifier: GPL-2.0-only
"""`xen p2m` and `xen m2p`."""

import gdb

from xenpt import nested

from .arguments import number
from .session import plain_errors, session


class P2m(gdb.Command):
    """The machine page of one of the guest's: xen p2m PFN.

    Reads the guest's own table (start_info's mfn_list) and asks Xen's whether it agrees.
    A PVH guest has no such table: then the walk is shown that the processor does for it,
    through the second level of page tables."""

    def __init__(self):
        super().__init__("xen p2m", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        pfn = number(argument, "xen p2m PFN", is_address=False)
        if session.second_level:
            self.second_level(pfn)
            return
        with session.guest() as guest:
            under_xen(guest)
            mfn = guest.translation.p2m(pfn)
            if mfn is None:
                raise gdb.GdbError(f"PFN {pfn:#x} is beyond the guest's {guest.translation.nr_pages or 0:#x} pages")
            back = guest.translation.raw_m2p(mfn)
            agrees = "the m2p agrees" if back == pfn else f"but the m2p says PFN {in_hex(back)} for it"
            print(f"PFN {pfn:#x} is MFN {mfn:#x}; {agrees}")

    @staticmethod
    def second_level(pfn):
        """Of a PVH guest, by the tables that Xen has for it."""
        with plain_errors(), session.stub.physical():
            for line in nested.lines(session.guest_memory(session.stub.registers()), pfn):
                print(line)


class M2p(gdb.Command):
    """The guest's number for a machine page: xen m2p MFN.

    Reads Xen's table, and asks the guest's whether it agrees: entries of the m2p
    for pages that are not the guest's hold anything."""

    def __init__(self):
        super().__init__("xen m2p", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        mfn = number(argument, "xen m2p MFN", is_address=False)
        with session.guest() as guest:
            under_xen(guest)
            pfn = guest.translation.raw_m2p(mfn)
            if pfn is None:
                raise gdb.GdbError(f"MFN {mfn:#x} is beyond the m2p: the machine has no such page")
            back = guest.translation.p2m(pfn)
            if back == mfn:
                print(f"MFN {mfn:#x} is PFN {pfn:#x}; the p2m agrees")
            else:
                print(f"MFN {mfn:#x} is not this guest's: the m2p says {pfn:#x}, "
                      f"for which the p2m has {'nothing' if back is None else f'MFN {back:#x}'}")


def under_xen(guest):
    if guest.as_pvh:
        raise gdb.GdbError("only a PV guest has that: the tables, frames and traps of a PVH guest are its own"
                           + ("; `xen p2m PFN` shows the second level of tables" if session.second_level else ""))
    if not guest.has_m2p:
        raise gdb.GdbError("booted without Xen: a page has one number only")


def in_hex(number_or_none):
    return "none" if number_or_none is None else f"{number_or_none:#x}"


P2m()
M2p()
