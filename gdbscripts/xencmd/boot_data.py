# SPDX-License-Identifier: GPL-2.0-only
"""What the guest and Xen tell each other at the start: `xen notes` and `xen start-info`."""

import gdb

from xenabi import notes
from xenabi.image import Image
from xenpt import start_info_text

from .arguments import none
from .session import plain_errors, session


class Notes(gdb.Command):
    """The ELF notes that the image has for Xen: xen notes."""

    def __init__(self):
        super().__init__("xen notes", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen notes")
        with plain_errors():
            for line in notes.lines(session.image or loaded_file()):
                print(line)


def loaded_file():
    """Without a session, the file that GDB has loaded."""
    path = gdb.current_progspace().filename
    if not path:
        raise gdb.GdbError("no image is loaded: start with `make gdb STAGE=n`, or give GDB a `file`")
    return Image(path)


class StartInfo(gdb.Command):
    """start_info, field by field, and what each means at this moment: xen start-info."""

    def __init__(self):
        super().__init__("xen start-info", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen start-info")
        with session.guest() as guest:
            for line in start_info_text.lines(guest):
                print(line)


Notes()
StartInfo()
