# SPDX-License-Identifier: GPL-2.0-only
"""`xen`, and `xen pt`."""

import gdb

from xenpt import text

from .session import session


class Xen(gdb.Command):
    """Page tables, both sides of the translation, hypercalls, and going back in time."""

    def __init__(self):
        super().__init__("xen", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        if argument:
            raise gdb.GdbError(f"xen {argument.split()[0]} is not known here: `xen` alone lists the commands")
        gdb.execute("help xen")


class PageTables(gdb.Command):
    """The guest's mappings, merged into ranges: xen pt [all].

    Rights are those that all levels together allow. Xen's own part is hidden
    unless `all` is given."""

    def __init__(self):
        super().__init__("xen pt", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        if argument not in ("", "all"):
            raise gdb.GdbError(f"xen pt: {argument} is not known here: xen pt [all], or see help xen pt")
        with session.guest() as guest:
            for line in text.ranges(guest, argument == "all"):
                print(line)


Xen()
PageTables()
