# SPDX-License-Identifier: GPL-2.0-only
"""A machine for another GDB, such as an editor's: `xen serve` here, `xen connect` there."""

import json
import os
import signal

import gdb

from xenpt.guest import Boot
from xenqemu.monitor import Monitor
from xenqemu.patience import processor_time

from . import end_stop
from .arguments import none
from .connection import reachable, remote
from .session import plain_errors, session
from .time import ENTRY, timeline


# What the GDB that serves a machine knows of its start, and another has to: a file in the machine's folder.
START = "start.json"


class Serve(gdb.Command):
    """Leave the machine to another GDB: xen serve. `make gdbserver` does this.

    Says where to connect, and waits until the machine ends, or for Ctrl-C."""

    def __init__(self):
        super().__init__("xen serve", gdb.COMMAND_RUNNING, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen serve")
        folder = session.kits("this leaves a machine to another GDB")
        with open(session.path(START), "w", encoding="utf-8") as file:
            json.dump([session.machine.pid, session.boot, session.second_level, session.hvm_start_info], file)
        stub = os.path.join(os.path.realpath(folder), os.path.basename(remote().details))
        session.monitor.close()
        session.give_back()
        gdb.execute("disconnect", to_string=True)
        print(f"stopped at the first instruction of {session.image.path}\n"
              f"  gdb -x gdbscripts/xen.gdb {session.image.path} -ex 'target remote {os.path.relpath(stub)}' -ex 'xen connect'\n"
              "waiting for a debugger; Ctrl-C ends the machine", flush=True)
        for ends in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # GDB itself hears of them only when this is over
            signal.signal(ends, signal.default_int_handler)
        session.machine.qemu.wait()


class Served:
    """The machine of a GDB that serves: as xenqemu.machine.Machine, but somebody else's."""

    def __init__(self, folder, pid):
        self.folder, self.pid = folder, pid
        self.monitor = Monitor(os.path.join(folder, "qmp"))

    def processor_time(self):
        """Seconds that QEMU has computed; 0 if it has ended."""
        return processor_time(self.pid)


def adopt():
    """If GDB is connected to a machine that is served, all that `make gdb` can do can be done with it."""
    folder = os.path.dirname(remote().details)
    if session.folder or not session.image or not all(os.path.exists(os.path.join(folder, name)) for name in ("qmp", START, "log")):
        return
    folder = reachable(folder)
    session.begin(folder, session.image)
    with plain_errors():
        with open(session.path(START), encoding="utf-8") as file:
            qemu, boot, session.second_level, session.hvm_start_info = json.load(file)
        session.machine, session.boot = Served(folder, qemu), Boot(*boot)
        session.stopped_with = session.stub.registers().raw
        if not session.second_level:
            timeline().now().name = ENTRY
        end_stop.watch()


Serve()
