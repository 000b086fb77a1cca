# SPDX-License-Identifier: GPL-2.0-only
"""`set $eax = 1` in 32-bit code changes eax, and nothing else.

GDB sends all registers back when one was changed. QEMU's stub gives eight bytes for some
of them and takes four (gdb_write_reg_cs64, target/i386/gdbstub.c): what follows, CR0 and CR3 among it, is
garbled. So what a stopped machine had is remembered, and put back.
"""

import gdb

from xenqemu.registers import GENERAL

from .interrupts import uninterrupted
from .session import session


@uninterrupted
def remember(_=None):
    """The machine has stopped, or was led somewhere."""
    try:
        session.stopped_with = session.stub.registers().raw
    except (*session.errors, gdb.GdbError, OSError):
        session.stopped_with = None


@uninterrupted
def repair(_):
    """GDB has written registers."""
    before = session.stopped_with
    try:
        now = session.stub.registers().raw
        if before and now[GENERAL:] != before[GENERAL:]:
            session.stub.set_registers(now[:GENERAL] + before[GENERAL:])
    except (*session.errors, gdb.GdbError, OSError) as error:
        print(f"registers that you did not name may have changed: {error}")


gdb.events.stop.connect(remember)
gdb.events.register_changed.connect(repair)
