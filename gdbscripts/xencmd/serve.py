# SPDX-License-Identifier: GPL-2.0-only
"""A machine for another GDB, such as an editor's: `xen serve` here, `xen connect` there."""

import os
import socket
import struct

import gdb

from xenpt.guest import NATIVE

from . import end_stop
from .arguments import none
from .connection import remote
from .session import plain_errors, session
from .time import ENTRY, timeline


class Serve(gdb.Command):
    """Leave the machine to another GDB: xen serve. `make gdbserver` does this.

    Says where to connect, and waits until the machine ends, or for Ctrl-C."""

    def __init__(self):
        super().__init__("xen serve", gdb.COMMAND_RUNNING, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen serve")
        folder = session.kits("this leaves a machine to another GDB")
        session.monitor.close()
        session.give_back()
        gdb.execute("disconnect", to_string=True)
        print(f"stopped at the first instruction of {session.image.path}\n"
              f"  gdb -x gdbscripts/xen.gdb {session.image.path} -ex 'target remote {folder}/stub' -ex 'xen connect'\n"
              "waiting for a debugger; Ctrl-C ends the machine", flush=True)
        session.machine.qemu.wait()


class Served:
    """The machine of a GDB that serves."""

    def __init__(self, folder, stub):
        self.folder = folder
        peer = stub.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self._stat = f"/proc/{struct.unpack('3i', peer)[0]}/stat"

    def processor_time(self):
        """Seconds that QEMU has computed; 0 if it has ended."""
        try:
            with open(self._stat, encoding="latin-1") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def adopt():
    """If GDB is connected to a machine that is served, all that `make gdb` can do can be done with it."""
    folder = os.path.dirname(os.path.abspath(remote().details))
    if session.folder or not session.image or not all(os.path.exists(os.path.join(folder, name)) for name in ("qmp", "stub", "log")):
        return
    session.begin(folder, session.image)
    with plain_errors():
        session.machine = Served(folder, session.stub)
        session.stopped_with = session.stub.registers().raw
        if os.environ.get("NATIVE") == "y":
            session.boot = NATIVE
        else:
            with session.guest(needs_start=True):
                pass  # which leaves what is known of the start in the session
        timeline().now().name = ENTRY
        end_stop.watch()


Serve()
