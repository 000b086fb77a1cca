# SPDX-License-Identifier: GPL-2.0-only
"""QEMU has ended under GDB's feet: a line each, at once. Run by tests/gdb/session.bash; nothing can come after it."""

import time

from inside import LOOKS, TRAVELS, check, refused, run, session


@check
def without_qemu_each_command_says_so():
    assert session.stub and session.monitor.icount() >= 0
    session.monitor.execute("quit")
    time.sleep(0.3)
    for command in (*LOOKS, *TRAVELS):
        refused(command, "QEMU is gone")  # not: does not answer, which would be a wait


run()
