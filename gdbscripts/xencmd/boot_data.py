# SPDX-License-Identifier: GPL-2.0-only
"""What the guest and Xen tell each other at the start: `xen notes` and `xen start-info`."""

import gdb

from xenabi import loader_text
from xenpt import hvm_start_info, start_info_text

from .arguments import none
from .session import plain_errors, session
from .style import say


class Notes(gdb.Command):
    """The ELF notes that the image has for Xen: xen notes."""

    def __init__(self):
        super().__init__("xen notes", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen notes")
        with plain_errors():
            say(loader_text.lines(loaded_file()))


def loaded_file():
    """The guest's ELF file."""
    if not session.image:
        raise gdb.GdbError("no image is loaded: start with `make gdb STAGE=n`, or give GDB a `file`")
    return session.image


class StartInfo(gdb.Command):
    """start_info, field by field, and what each means at this moment: xen start-info.

    Of a kernel that was entered as PVH, hvm_start_info."""

    def __init__(self):
        super().__init__("xen start-info", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen start-info")
        if session.hvm_start_info is not None:
            with plain_errors(), session.stub.physical():
                memory = session.guest_memory(session.stub.registers())
                say(hvm_start_info.lines(memory, session.hvm_start_info))
            return
        with session.guest(needs_start=True) as guest:
            say(start_info_text.lines(guest))


Notes()
StartInfo()
