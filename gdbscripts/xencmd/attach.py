# SPDX-License-Identifier: GPL-2.0-only
"""`xen attach`: from a machine that has just been switched on to the image's first instruction.

Called by tools/gdb, which has started QEMU, stopped, with its sockets in a folder.
The way to the entry is run over a connection of our own, with a limit; GDB
connects when the machine stands there, so it never sees the processor in real mode.
"""

import os
import time

import gdb

from xenpt.elf import ElfError, Image
from xenpt.guest import NATIVE, Boot
from xenpt.memory import BadPage
from xenqemu.stub import Stub, StubError

from . import end_stop
from .running import LIMIT, console_end, run_while_printing
from .session import plain_errors, session
from .time import ENTRY, timeline


class Attach(gdb.Command):
    """Go to the image's first instruction: xen attach FOLDER IMAGE [native].

    FOLDER has QEMU's sockets, IMAGE is the ELF file that boots, natively if it
    is not started by Xen. `make gdb` does this."""

    def __init__(self):
        super().__init__("xen attach", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        arguments = gdb.string_to_argv(argument)
        if len(arguments) not in (2, 3) or arguments[2:] not in ([], ["native"]):
            raise gdb.GdbError("usage: xen attach FOLDER IMAGE [native]")
        folder, path = arguments[:2]
        try:
            self.attach(folder, path, len(arguments) == 3)
        except gdb.GdbError as error:
            # Without a machine there is nothing to do here.
            gdb.write(f"gdb: {error}\n", gdb.STDERR)
            gdb.execute("quit 1")

    @staticmethod
    def attach(folder, path, native):
        with plain_errors():
            image = Image(path)
            boot = run_to_entry(folder, image, native)
        load_symbols(image)
        gdb.execute(f"target remote {folder}/stub", to_string=True)
        session.attach(folder, image)
        session.boot = boot
        with plain_errors():
            timeline().now().name = ENTRY
            end_stop.watch()


def run_to_entry(folder, image, native):
    """Leaves the machine at the image's first instruction. Returns its Boot."""
    stub = patient_connection(folder)
    entries = entry_addresses(image, native)
    try:
        with stub.breakpoints(entries):
            run_while_printing(stub, folder)
            registers = stub.registers()
        if registers.rip not in entries:
            raise StubError("the image was not started (`make run` says why). The console's last lines:\n"
                            + console_end(folder))
        if native:
            return NATIVE
        with stub.physical():
            return Boot.at_entry(Physical(stub), registers, image.bits, registers.rsi)
    finally:
        stub.socket.close()


def entry_addresses(image, native):
    """Where the image may begin: P=V, or at its linked address if its notes ask for that."""
    if not native:
        return {image.entry, image.entry + image.load_offset}
    symbols = image.symbols
    if "startup_32" in symbols:
        return {symbols["startup_32"] - image.load_offset}
    raise ElfError(f"{image.path} has no startup_32: it boots under Xen only")


class Physical:
    """Machine memory through the stub, before there is a session."""

    def __init__(self, stub):
        self._stub = stub

    def read_page(self, maddr):
        try:
            return self._stub.read(maddr, 4096)
        except StubError as error:
            raise BadPage(str(error)) from None


def patient_connection(folder):
    """QEMU opens its socket a moment after it was started."""
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            return Stub.connect(os.path.join(folder, "stub"))
        except OSError:
            if time.monotonic() > deadline:
                raise StubError(f"there is no QEMU in {folder}: start with `make gdb STAGE=n`") from None
            time.sleep(0.02)


def load_symbols(image):
    """Symbols at the linked address, and the same again at P=V."""
    if image.bits == 32:
        gdb.execute("set architecture i386", to_string=True)
        gdb.execute(f"set tdesc filename {os.path.dirname(__file__)}/../target-i386.xml")
        # GDB would cut addresses to 32 bits.
        gdb.execute("set remoteaddresssize 64")
    gdb.execute(f'file "{image.path}"', to_string=True)
    if image.load_offset:
        # 64 bits: a negative offset would be cut to 32.
        offset = -image.load_offset % (1 << 64)
        gdb.execute(f'add-symbol-file "{image.path}" -o {offset:#x}', to_string=True)


def hang_up(_):
    """GDB is about to quit. Its own way is to detach, which lets the machine run on: a boot may then end, and QEMU
    with it, before GDB has read the answer."""
    if session.folder and gdb.selected_inferior().pid:
        session.give_back()
        try:
            gdb.execute("disconnect", to_string=True)
        except gdb.error:
            pass  # the machine runs, or GDB has not read yet that it stopped: then it leaves in its own way


gdb.events.gdb_exiting.connect(hang_up)
Attach()
