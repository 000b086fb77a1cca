# SPDX-License-Identifier: GPL-2.0-only
"""`xen pt svg`."""

import os

import gdb

from xenpt import snapshot, svg

from .connection import symbol_at
from .pt_files import write
from .session import plain_errors, session


class Svg(gdb.Command):
    """Draw the page tables: xen pt svg FILE [BEFORE].

    FILE becomes an SVG picture of this moment. With BEFORE, a file of
    `xen pt save`, what changed since then is marked."""

    def __init__(self):
        super().__init__("xen pt svg", gdb.COMMAND_DATA, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        arguments = gdb.string_to_argv(argument)
        if len(arguments) not in (1, 2):
            raise gdb.GdbError("usage: xen pt svg FILE [BEFORE]")
        with plain_errors():
            before = snapshot.load(arguments[1]) if arguments[1:] else None
        with session.guest() as guest:
            if before and before.mode != guest.mode:
                raise gdb.GdbError(f"{arguments[1]} has {before.mode.name}, the machine {guest.mode.name}")
            picture = svg.draw(guest, before, title(guest))
        write(arguments[0], picture)


def title(guest):
    """Which image, and where it stands."""
    name = os.path.splitext(os.path.basename(session.image.path))[0] if session.image else "a guest"
    registers = session.stub.registers()
    where = "in Xen" if registers.in_xen else f"at {symbol_at(registers.rip) or f'VA {registers.rip:#x}'}"
    mode = guest.mode.name.split(" below")[0]
    return f"{name}, {mode}, {where}"


Svg()
