# SPDX-License-Identifier: GPL-2.0-only
"""`xen`, and `xen pt`."""

import gdb

from xenpt import text
from xenpt.memory import PAGE_SIZE

from .arguments import span
from .session import session
from .style import say

RIGHTS = "w", "x", "w+x", "user"
USAGE = "xen pt [all] [ADDR | FIRST-LAST] [w] [x] [user] [pfn N] [mfn N] [limit N]"


class Xen(gdb.Command):
    """Page tables, both sides of the translation, hypercalls, and going back in time."""

    def __init__(self):
        super().__init__("xen", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        if argument:
            raise gdb.GdbError(f"xen {argument.split()[0]} is not known here: `xen` alone lists the commands")
        gdb.execute("help xen")


class PageTables(gdb.Command):
    """The guest's mappings, merged into ranges: xen pt [all] [FILTER...].

    Rights are those that all levels together allow. Filters, all of which have to
    hold: an ADDR or FIRST-LAST (VAs), `w`, `x`, `w+x` or `user` (the rights have
    it), `pfn N` or `pfn FIRST-LAST`, `mfn N` or `mfn FIRST-LAST`. `limit N` is how many
    ranges are shown (100; 0 for all). Xen's own part is hidden unless `all` is given."""

    def __init__(self):
        super().__init__("xen pt", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        wanted = self.wanted(argument)
        with session.guest() as guest:
            say(text.ranges(guest, wanted))

    @staticmethod
    def wanted(argument):
        """The filters in what was typed."""
        wanted, words = text.Wanted(), gdb.string_to_argv(argument)
        while words:
            word = words.pop(0)
            if word == "all":
                wanted = wanted._replace(everything=True)
            elif word in RIGHTS:
                wanted = wanted._replace(rights=wanted.rights + word)
            elif word == "limit" and words and words[0].isdecimal():
                wanted = wanted._replace(limit=int(words.pop(0)))
            elif word in ("pfn", "mfn"):
                first, last = span(words.pop(0) if words else "", USAGE, is_address=False)
                wanted = wanted._replace(**{word + "s": range(first, last + 1)})
            else:
                first, last = span(word, USAGE)
                wanted = wanted._replace(within=(first & -PAGE_SIZE, last + 1))
        return wanted


Xen()
PageTables()
