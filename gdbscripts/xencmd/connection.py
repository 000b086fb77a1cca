# SPDX-License-Identifier: GPL-2.0-only
"""GDB's own connection to QEMU, borrowed.

While GDB waits for its user nothing is under way on its socket, and QEMU's stub
serves one client only. So the commands speak to the stub over that very socket:
faster than GDB's own commands, with full 64-bit addresses whatever the
architecture, and able to let the machine run and stop it. What they changed,
GDB is then told to forget.
"""

import os
import socket
import stat

import gdb

from xenqemu.stub import Stub


def borrow(path):
    """A Stub over the socket that GDB has connected to path."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            connection = socket.socket(fileno=os.dup(int(name)))
            # QEMU's own name for its end is relative to the folder that it runs in.
            if connection.family == socket.AF_UNIX and connection.getpeername() == os.path.basename(path):
                return Stub(connection)
            connection.close()
        except OSError:
            continue
    raise gdb.GdbError("not connected to QEMU: start with `make gdb STAGE=n`")


def arrived(session):
    """After the machine was moved: as forget(), and a breakpoint here is passed, not hit at once. Shows the place.

    GDB takes a breakpoint for hit where it saw the machine stop last; connecting again lets it see."""
    forget()
    pc = gdb.selected_frame().pc()
    if any(pc == place.address for b in gdb.breakpoints() if b.enabled for place in b.locations):
        standing = session.stub.standing
        session.give_back()
        gdb.execute("disconnect", to_string=True)
        gdb.execute(f"target remote {session.path('stub')}", to_string=True)  # shows it
        session.stub.stand(standing)
    else:
        gdb.execute("frame")


def forget():
    """Has GDB read registers and memory anew."""
    gdb.execute("maintenance flush register-cache", to_string=True)
    gdb.execute("maintenance flush dcache", to_string=True)
