# SPDX-License-Identifier: GPL-2.0-only
"""`xen attach`: switches a machine on and leads it to the image's first instruction.

Called by tools/gdb, with an empty folder. The way to the entry is run over a
connection of our own, with a limit; GDB connects when the machine stands there,
so it never sees the processor in real mode.
"""

import os
import subprocess

import gdb

from xenabi.entry import as_pvh, native_entry, pvh_entry, xen_entry
from xenabi.image import ElfError, Image
from xenpt.guest import NATIVE, PVH, Boot
from xenpt.memory import BadPage
from xenpt.nested import has_guest
from xenqemu.machine import GUESTS_PART, TOP, Machine
from xenqemu.patience import patiently
from xenqemu.packets import StubError

from . import connection, end_stop, second_level
from .connect import at_load_address, describe
from .running import Wait, console_end
from .session import plain_errors, session
from .time import ENTRY, timeline


CHECKPOINTS = "checkpoints"
QEMU_IMG_SECONDS = patiently(300)
OPTIONS = (
    # A crash stops the machine, and it can still be looked at.
    "-no-shutdown",
    # Where checkpoints go; the guest does not see it.
    "-drive", f"if=none,format=qcow2,file={CHECKPOINTS},cache=unsafe",
    # Going back in time reads the guest's steps from a trace, and leaves Xen's out.
    "-D", "trace", "-dfilter", GUESTS_PART,
)


class Attach(gdb.Command):
    """Boot an image and go to its first instruction: xen attach FOLDER IMAGE [SYMBOLS].

    FOLDER is an empty one. SYMBOLS is the ELF file with the symbols, if IMAGE has
    none itself. `make gdb` does this."""

    prompted = False  # the reader has seen a prompt: then an error does not end GDB

    def __init__(self):
        super().__init__("xen attach", gdb.COMMAND_RUNNING)
        gdb.events.before_prompt.connect(self.at_prompt)

    def at_prompt(self):
        self.prompted = True
        gdb.events.before_prompt.disconnect(self.at_prompt)

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        arguments = gdb.string_to_argv(argument)
        if len(arguments) not in (2, 3):
            raise gdb.GdbError("usage: xen attach FOLDER IMAGE [SYMBOLS]")
        if gdb.selected_inferior().pid:
            raise gdb.GdbError("this GDB has a machine already: `make gdb` starts another one with another GDB")
        try:
            self.attach(*arguments[:2], arguments[-1], os.environ.get("NATIVE") == "y")
        except gdb.GdbError as error:
            if self.prompted:
                raise
            # Without a machine there is nothing to do here.
            gdb.write(f"gdb: {error}\n", gdb.STDERR)
            gdb.execute("quit 1")

    @staticmethod
    def attach(folder, path, symbols, native):
        folder = connection.reachable(folder)
        with plain_errors():
            image = Image(kernel_of(symbols, folder))
            machine = switch_on(folder, path, native)
            boot, root = run_to_entry(machine, image, native)
            stub = second_level.serve(folder, root) if root else f"{folder}/stub"
        load_symbols(image)
        gdb.execute(f"target remote {stub}", to_string=True)
        session.begin(folder, image)
        connection.kits = stub
        session.machine, session.boot, session.second_level = machine, boot, root
        with plain_errors():
            session.stopped_with = session.stub.registers().raw
            if as_pvh():
                session.hvm_start_info = session.stub.registers().rbx
            if not root:
                timeline().now().name = ENTRY
            end_stop.watch()


def kernel_of(path, folder):
    """The path of an ELF file: the one given, or the kernel in a bzImage, unpacked into a folder."""
    with open(path, "rb") as file:
        if file.read(4) == b"\x7fELF":
            return path
    kernel = os.path.join(folder, os.path.basename(path) + ".elf")
    done = subprocess.run([os.path.join(TOP, "tools/bzimage"), path, kernel], check=False, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ElfError(f"{path}: {done.stdout.strip().splitlines()[-1:] or done.stderr.strip()}; SYMBOLS=vmlinux names its ELF file")
    return kernel


def switch_on(folder, path, native):
    """Starts QEMU with a place for checkpoints. It ends when GDB does, not when the guest says so: without symbols nobody
    knows where that is, but the shutdown that follows is seen."""
    made = subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", os.path.join(folder, CHECKPOINTS), "8M"],
                          check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=QEMU_IMG_SECONDS)
    if made.returncode:
        raise StubError(f"no file for checkpoints: {made.stderr.strip()}")
    return Machine(folder, path, native=native, module=os.environ.get("MODULE", ""), cmdline=os.environ.get("CMDLINE", ""),
                   options=OPTIONS, VERDICT="null")


def run_to_entry(machine, image, native):
    """Leaves the machine at the image's first instruction. Returns its Boot, and the root of the second level of its page
    tables, if it has one."""
    entries = entry_addresses(image, native)
    stub = machine.connect()
    try:
        wait = Wait(machine, "on the way to the image's first instruction")
        with stub.breakpoints(entries):
            # Xen may have code of its own at the same address.
            while wait.run(stub) and not is_guests(stub.registers(), native):
                stub.step()
            registers = stub.registers()
        if registers.rip not in entries:
            raise StubError("the image was not started (`make run` says why). The console's last lines:\n"
                            + console_end(machine.folder))
        if as_pvh():
            return PVH, None if native else second_level.find(stub)
        if native:
            return NATIVE, None
        with stub.physical():
            return Boot.at_entry(Physical(stub), registers, image.bits, registers.rsi), None
    finally:
        stub.close()


def is_guests(registers, native):
    """Whether it is the image that runs."""
    if as_pvh() and not native:
        return has_guest(registers)
    return not registers.in_xen


def entry_addresses(image, native):
    """Where the image begins."""
    if native:
        return {native_entry(image)}
    return {pvh_entry(image) if as_pvh() else xen_entry(image)}


class Physical:
    """Machine memory through the stub, before there is a session."""

    def __init__(self, stub):
        self._stub = stub

    def read_page(self, maddr):
        try:
            return self._stub.read(maddr, 4096)
        except StubError as error:
            raise BadPage(str(error)) from None


def load_symbols(image):
    """Symbols at the linked address, and the same again at P=V, if the image runs there."""
    describe(image)
    gdb.execute(f'file "{image.path}"', to_string=True)
    at_load_address(image)


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
