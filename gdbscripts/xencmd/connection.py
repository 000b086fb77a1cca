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


NOT_CONNECTED = ("not connected to QEMU: start with `make gdb STAGE=n`, or begin with `target remote ADDRESS` "
                 "of a QEMU that was started with -gdb or -s")


SOCKET_PATH = 100  # bytes for a folder's; Linux takes 107 for that of a socket in it
kits = None  # the address of a machine that `make gdb` started


def reachable(folder):
    """A machine's folder by a path that holds after `cd`, too, and is short enough for the sockets in it."""
    path = os.path.abspath(folder)
    if len(os.fsencode(path)) < SOCKET_PATH:
        return path
    return f"/proc/{os.getpid()}/fd/{os.open(path, os.O_PATH)}"  # for as long as this GDB is there


def lasting(details):
    """What GDB has connected to, in words that mean the same after `cd`."""
    folder, name = os.path.split(details)
    return os.path.join(reachable(folder), name) if os.path.exists(details) else details


def remote():
    """GDB's connection to the machine, as it is now."""
    connection = gdb.selected_inferior().connection
    if not gdb.selected_inferior().pid or not isinstance(connection, gdb.RemoteTargetConnection):
        raise gdb.GdbError(f"GDB has let go of the machine: `target remote {kits}` connects to it again" if kits else NOT_CONNECTED)
    return connection


def borrow(connection):
    """A Stub over the socket of GDB's connection."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            found = socket.socket(fileno=os.dup(int(name)))
            if leads_to(found, connection.details):
                return Stub(found)
            found.close()
        except OSError:
            continue
    raise gdb.GdbError(f"the socket of GDB's connection to {connection.details} is not found: connect by `target remote "
                       "HOST:PORT`, or to a UNIX socket, not through a pipe or a serial line")


def leads_to(found, details):
    """Whether a socket is connected to what GDB's user has named: a path, or [tcp:]HOST:PORT."""
    if found.family == socket.AF_UNIX:
        # QEMU's own name for its end is relative to the folder that it runs in.
        return os.path.basename(found.getpeername()) == os.path.basename(details)
    return found.family in (socket.AF_INET, socket.AF_INET6) and str(found.getpeername()[1]) == details.rpartition(":")[2]


def arrived(session):
    """After the machine was moved: as forget(), and a breakpoint here is passed, not hit at once. Shows the place.

    GDB takes a breakpoint for hit where it saw the machine stop last; connecting again lets it see."""
    forget()
    session.stopped_with = session.stub.registers().raw
    if session.timeline:
        session.timeline.stopped()
    pc = gdb.selected_frame().pc()
    if any(pc == place.address for b in gdb.breakpoints() if b.enabled for place in b.locations):
        standing = session.stub.standing
        session.give_back()
        gdb.execute("disconnect", to_string=True)
        gdb.execute(f"target remote {session.address}", to_string=True)  # shows it
        session.stub.stand(standing)
    else:
        gdb.execute("frame")


def symbol_at(va):
    """The name of what is at a VA, as GDB has it; empty if there is none. At P=V some versions of GDB count from where the
    symbol is linked, which is whole GiB away; no section is so large."""
    said = gdb.execute(f"info symbol {va:#x}", to_string=True).partition(" in section")[0].strip()
    name, _, offset = said.partition(" + ")
    beyond = int(offset or 0) % (1 << 30)
    return "" if said.startswith("No symbol") else f"{name} + {beyond}" if beyond else name


def forget():
    """Has GDB read registers and memory anew."""
    gdb.execute("maintenance flush register-cache", to_string=True)
    gdb.execute("maintenance flush dcache", to_string=True)
