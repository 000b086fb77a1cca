# SPDX-License-Identifier: GPL-2.0-only
"""`xen guest`: from the toolstack of stage 6 to the domain that it builds, and back.

One machine, two kernels. The commands, GDB's symbols and its idea of the registers
are those of one of them at a time. Stage 6 is linked so that no address in its image
is one in a stage's.
"""

import os

import gdb

from xenabi.entry import pvh_entry, xen_entry
from xenabi.image import Image
from xenpt.guest import PVH, Boot
from xenpt.nested import has_guest

from . import end_stop, second_level
from .attach import Physical, kernel_of
from .connect import at_load_address, describe
from .connection import arrived
from .running import Wait, console_end
from .session import plain_errors, session

USAGE = "usage: xen guest 1 runs to the first instruction of the domain that stage 6 builds, xen guest 0 back to dom0"
# The domain's file with symbols, wherever GDB's user goes later.
GUEST = os.environ.get("GUEST_SYMBOLS") and os.path.abspath(os.environ["GUEST_SYMBOLS"]) or ""
# Where dom0 looks after its guests: src/stage6-toolstack/serve.c.
SERVING = "attend"
TO_DOMAIN = "on the way to the domain's first instruction"


class Domain(gdb.Command):
    """Turn to the domain that stage 6 builds: xen guest 1. Back to dom0: xen guest 0.

    xen guest 1 runs to the domain's first instruction. From there on the commands
    are about the domain, and so are GDB's symbols. xen guest 0 runs to where dom0
    looks after its guest next."""

    dom0 = None  # its image and its Boot, while the commands are about the other

    def __init__(self):
        super().__init__("xen guest", gdb.COMMAND_RUNNING)

    def complete(self, text, _):
        return [word for word in ("0", "1") if word.startswith(text)]

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        if argument not in ("0", "1"):
            raise gdb.GdbError(USAGE)
        session.kits("this runs to another kernel's first instruction")
        try:
            if argument == "1":
                self.to_guest(GUEST)
            else:
                self.to_dom0()
        except KeyboardInterrupt:
            arrived(session)
            raise gdb.GdbError("interrupted on the way: the commands are about the same domain as before") from None

    def to_guest(self, path):
        if not os.path.exists(path):
            raise gdb.GdbError("there is no other domain here: `make gdb STAGE=6` builds one, of GUEST=")
        if self.dom0:
            raise gdb.GdbError("the commands are about the domain already; `xen guest 0` leads back to dom0")
        dom0 = session.image, session.boot
        with plain_errors():
            image = Image(kernel_of(path, session.folder))
            if os.environ.get("PVH") == "domU":
                turn_to_pvh(image)
            else:
                registers = run_to(xen_entry(image), TO_DOMAIN)
                with session.stub.physical():
                    boot = Boot.at_entry(Physical(session.stub), registers, image.bits, registers.rsi)
                turn_to(image, boot)
        self.dom0 = dom0

    def to_dom0(self):
        if not self.dom0:
            raise gdb.GdbError("the commands are about dom0 already; `xen guest 1` leads to the domain that it builds")
        image, boot = self.dom0
        with plain_errors():
            run_to(image.symbols[SERVING], "on the way to dom0")
        turn_to(image, boot)
        self.dom0 = None


def run_to(va, waiting_for, is_there=lambda registers: not registers.in_xen):
    """To an address of a guest's: the registers there. Xen may have code at the same one."""
    stub, wait = session.stub, Wait(session.machine, waiting_for)
    with stub.breakpoints({va}):
        while True:
            wait.run(stub)
            registers = stub.registers()
            if registers.rip != va:
                raise gdb.GdbError("it has not come there. The console's last lines:\n" + console_end(session.folder))
            if is_there(registers):
                return registers
            stub.step()


def turn_to_pvh(image):
    """The same for a domain with tables of its own."""
    registers = run_to(pvh_entry(image), TO_DOMAIN, has_guest)
    root = second_level.find(session.stub)
    turn_to(image, PVH, second_level.serve(session.folder, root))
    session.second_level, session.hvm_start_info = root, registers.rbx


def turn_to(image, boot, stub=None):
    """Everything that this GDB knows is about this kernel from now on; checkpoints were the other one's. GDB takes a
    description of other registers only while it is not connected."""
    folder, machine, cr3 = session.folder, session.machine, session.stub.registers().cr3
    end_stop.forget()
    address = stub or os.path.join(session.folder, "stub")
    session.give_back()
    gdb.execute("disconnect", to_string=True)
    gdb.execute("symbol-file", to_string=True)
    gdb.execute("unset tdesc filename", to_string=True)
    gdb.execute("set architecture i386:x86-64", to_string=True)
    describe(image)
    gdb.execute(f'file "{image.path}"', to_string=True)
    at_load_address(image)
    session.begin(folder, image)
    session.machine, session.boot, session.cr3 = machine, boot, cr3
    gdb.execute(f"target remote {address}")  # shows the place
    end_stop.watch()


Domain()
