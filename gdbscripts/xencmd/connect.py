# SPDX-License-Identifier: GPL-2.0-only
"""GDB for a guest of Xen's in any QEMU: what is set by itself, and `xen connect` for the rest.

QEMU always sends 64-bit registers. For a 32-bit image GDB gets a description of them
as pairs, before it connects.
"""

import importlib
import os

import gdb

from xenabi.entry import runs_linked

from .session import elf, plain_errors, session

TARGET = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "target-i386.xml")
USAGE = "usage: xen connect [xen-syms FILE]"


def describe(image):
    """Before GDB connects: the registers of a machine whose guest is this image."""
    if image.bits == 32:
        gdb.execute("set architecture i386", to_string=True)
        gdb.execute(f"set tdesc filename {TARGET}")
        # GDB would cut addresses to 32 bits.
        gdb.execute("set remoteaddresssize 64")
        # A new QEMU takes a single register by its number, and counts otherwise: another would be written. So: all at once.
        gdb.execute("set remote set-register-packet off", to_string=True)


def loaded(event=None):
    """GDB has loaded a file: if it is the program and 32-bit, its registers have to be described."""
    path = gdb.current_progspace().filename
    if not path or event and event.new_objfile.filename != path or gdb.selected_inferior().pid:
        return
    image = elf(path)
    if image:
        describe(image)


class Connect(gdb.Command):
    """Say what GDB cannot see of a QEMU that it is connected to: xen connect [xen-syms FILE].

    Loads the image's symbols for where it runs before its remap. xen-syms is the
    file of that very Xen with its symbols: `xen frame` needs it, and `xen hypercalls`.
    Everything else works without."""

    def __init__(self):
        super().__init__("xen connect", gdb.COMMAND_RUNNING, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if words and (len(words) != 2 or words[0] != "xen-syms"):
            raise gdb.GdbError(USAGE)
        with plain_errors():
            registers = session.stub.registers()
            if words:
                session.xen_file, session.gate = self.xen_file(words[1]), None
            at_load_address(session.image)
        importlib.import_module("xencmd.serve").adopt()  # which comes after this one
        where = f"VA {registers.rip:#x}" + (", in Xen" if registers.in_xen else "")
        print(f"connected; the machine stands at {where if registers.cr0 >> 31 else 'its beginning: paging is off'}; "
              f"the guest has {session.bits(registers)} bits")

    @staticmethod
    def xen_file(path):
        """A file that belongs to the Xen that runs: code of both is the same."""
        image = elf(path)
        place = image and image.symbols.get("__domain_crash")
        if not place:
            raise gdb.GdbError(f"{path} is no xen-syms: the file with symbols that Xen's build leaves beside xen")
        if session.stub.read(place, 64) != code(image, place, 64):
            raise gdb.GdbError(f"{path} belongs to another Xen than the one that runs here")
        return os.path.realpath(path)


def code(image, va, count):
    """Bytes at a linked address, as the file has them."""
    for part in image.loaded():
        if part.vaddr <= va < part.vaddr + part.filesz:
            return image.data[part.offset + va - part.vaddr:][:count]
    return None


def at_load_address(image):
    """The image's symbols again, for an image that Xen enters P=V; once."""
    again = sum(o.filename == gdb.current_progspace().filename for o in gdb.objfiles()) > 1
    if image and image.load_offset and not again and not runs_linked(image):
        # 64 bits: a negative offset would be cut to 32.
        gdb.execute(f'add-symbol-file "{image.path}" -o {-image.load_offset % (1 << 64):#x}', to_string=True)


gdb.events.new_objfile.connect(loaded)
loaded()
Connect()
