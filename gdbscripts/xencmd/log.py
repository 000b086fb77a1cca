# SPDX-License-Identifier: GPL-2.0-only
"""`xen log`: what the console has said."""

import gdb

from .session import plain_errors, session

USAGE = "usage: xen log [LINES], a number of lines from 1 on"


class Log(gdb.Command):
    """The console so far, Xen's lines and the guest's: xen log [LINES].

    LINES shows that many of the last ones only. After GDB has ended, the console
    of the latest session is in build/gdb.log."""

    def __init__(self):
        super().__init__("xen log", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        if argument and not (argument.isdecimal() and int(argument)):
            raise gdb.GdbError(f"xen log: {argument} is not understood; {USAGE}")
        with plain_errors(), open(session.path("log", "this needs the console's transcript"), encoding="latin-1") as log:
            lines = log.read().splitlines()
        for line in lines[-int(argument or len(lines)):]:
            print(line.rstrip("\r"))


Log()
