# SPDX-License-Identifier: GPL-2.0-only
"""GDB's own commands that would start the image as a program of this host, or end QEMU: refused.

A kernel that is executed as a program runs with the reader's rights, up to its
first privileged instruction; and without its machine a session has nothing left.
"""

import gdb

from .session import session

STARTS = "run", "start", "starti"


class Refused(gdb.Command):
    """Refused: the image is a kernel. It runs in QEMU, not as a program of this host."""

    def __init__(self, name):
        self.name = name
        super().__init__(name, gdb.COMMAND_RUNNING, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        what = "would end the machine" if self.name == "kill" else "would execute the kernel on this host"
        advice = "`xen restart entry` begins the boot again" if session.timeline else "start it with `make gdb STAGE=n`"
        raise gdb.GdbError(f"{self.name} is refused: it {what}; {advice}")


for command in (*STARTS, "kill"):
    Refused(command)
