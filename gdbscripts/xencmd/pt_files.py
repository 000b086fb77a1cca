# SPDX-License-Identifier: GPL-2.0-only
"""`xen pt save` and `xen pt diff`."""

import gdb

from xenpt import diff, snapshot

from . import connection, time
from .session import plain_errors, session
from .style import say


def write(path, text):
    """A file, or one line that says why not."""
    with plain_errors(), open(path, "w", encoding="utf-8") as file:
        file.write(text)
    print(f"wrote {path}")


class Save(gdb.Command):
    """Keep the page tables of this moment in a file: xen pt save FILE.

    The file is JSON, for `xen pt diff`, `xen pt svg` and programs of your own."""

    def __init__(self):
        super().__init__("xen pt save", gdb.COMMAND_DATA, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        arguments = gdb.string_to_argv(argument)
        if len(arguments) != 1:
            raise gdb.GdbError("usage: xen pt save FILE")
        with session.guest() as guest:
            text = snapshot.save(guest, session.stub.registers(), session.icount,
                                 session.image and session.image.build_id)
        write(arguments[0], text)


class Diff(gdb.Command):
    """What changed in the page tables: xen pt diff FILE [FILE], xen pt diff checkpoint NAME.

    Compares two files of `xen pt save`, or one with this moment, or a checkpoint
    (see xen restart) with this moment."""

    def __init__(self):
        super().__init__("xen pt diff", gdb.COMMAND_DATA, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        arguments = gdb.string_to_argv(argument)
        if len(arguments) not in (1, 2):
            raise gdb.GdbError("usage: xen pt diff FILE [FILE], or xen pt diff checkpoint NAME")
        if arguments[0] == "checkpoint" and arguments[1:]:
            old = at_checkpoint(arguments[1])
            with session.guest() as guest:
                show(old, guest)
            return
        with plain_errors():
            guests = [snapshot.load(path) for path in arguments]
        if len(guests) == 2:
            show(*guests)
            return
        with session.guest() as guest:
            show(guests[0], guest)


def at_checkpoint(name):
    """The tables of a checkpoint; the machine is here again afterwards."""
    with plain_errors():
        line = time.timeline()
        here, there = line.now(), time.named_checkpoint(name)
        line.load(there)
        try:
            with session.guest() as guest:
                return snapshot.Snapshot(snapshot.save(guest, session.stub.registers(), session.icount, ""))
        finally:
            line.load(here)
            connection.forget()


def show(old, new):
    if old.mode != new.mode:
        raise gdb.GdbError(f"these cannot be compared: one has {old.mode.name}, the other {new.mode.name}")
    say(diff.lines(old, new))


Save()
Diff()
