# SPDX-License-Identifier: GPL-2.0-only
"""`xen pt aliases`."""

import gdb

from xenpt import text

from .arguments import complete_first, number, word
from .session import session
from .style import say

USAGE = "xen pt aliases ADDR, or xen pt aliases mfn MFN, or xen pt aliases pfn PFN"


class Aliases(gdb.Command):
    """All virtual addresses of a page, and all entries that name it: xen pt aliases ADDR.

    The page is named by one of its addresses, or by number: xen pt aliases mfn MFN,
    xen pt aliases pfn PFN. Fewer entries than addresses: a table is shared."""

    def __init__(self):
        super().__init__("xen pt aliases", gdb.COMMAND_DATA)

    def complete(self, text_, _):
        return complete_first(("mfn", "pfn"), text_)

    def invoke(self, argument, from_tty):
        kind, rest = word(argument, ("mfn", "pfn"))
        value = number(rest, USAGE, is_address=not kind)
        with session.guest() as guest:
            say(text.aliases(guest, self.mfn(guest, kind, value)))

    @staticmethod
    def mfn(guest, kind, value):
        if kind == "mfn":
            return value
        if kind == "pfn":
            mfn = guest.translation.p2m(value)
            if mfn is None:
                raise gdb.GdbError(f"PFN {value:#x} is beyond the guest's {guest.translation.nr_pages or 0:#x} pages")
            return mfn
        walk = guest.space.walk(value)
        if walk.problem:
            raise gdb.GdbError(f"VA {value:#x} is not mapped: {walk.problem}")
        return walk.maddr >> 12


Aliases()
