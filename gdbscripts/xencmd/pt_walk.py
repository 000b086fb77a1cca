# SPDX-License-Identifier: GPL-2.0-only
"""`xen pt walk`."""

import gdb

from xenpt import text

from .arguments import number
from .session import session
from .style import say


class Walk(gdb.Command):
    """How one virtual address is translated, level by level: xen pt walk ADDR.

    Each level shows its entry: where it stands, what it says, every flag spelt
    out, and the MFN and PFN that it names. At the end stands what all levels
    together allow, and which of them denies the rest."""

    def __init__(self):
        super().__init__("xen pt walk", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        va = number(argument, "xen pt walk ADDR")
        with session.guest() as guest:
            say(text.walk(guest, va))


Walk()
