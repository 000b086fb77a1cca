# SPDX-License-Identifier: GPL-2.0-only
"""`xen checkpoint`, `xen restart` and `xen back`: what they share is `session.timeline`.

Each stop of the machine becomes a checkpoint by itself, so that the way back is short.
"""

import contextlib
import itertools
import re

import gdb

from xenqemu import back
from xenqemu.patience import work_clock
from xenqemu.position import NoPosition
from xenqemu.timeline import Timeline

from . import registers
from .arguments import number
from .connection import arrived, forget
from .interrupts import uninterrupted
from .log import follower
from .places import ends, hypercall_gate
from .session import plain_errors, session

# A stop fewer instructions than this after the last checkpoint needs none of its own.
SMALL = 100
# The checkpoint that `xen attach` makes.
ENTRY = "entry"
# Words that end a location where it begins.
NO_LOCATION = r"\s*((if|thread|task|inferior|-force-condition)\b|$)"


def timeline():
    """The machine's checkpoints. The first, at the entry, was made by `xen attach`."""
    stub = session.stub
    if session.second_level:
        raise gdb.GdbError("no checkpoints here: QEMU does not load one of a machine whose guest has virtualization (PVH under Xen)")
    if not session.timeline:
        session.timeline = Timeline(stub, session.monitor, session.folder,
                                    clock=work_clock(session.machine.processor_time))
    session.timeline.stub = stub
    session.timeline.guards = set(ends())
    # Not where it is taken: a stop there can make Xen put it off, again and again.
    session.timeline.landmarks = set(hypercall_gate()[1:])
    return session.timeline


@uninterrupted
def on_stop(_):
    """GDB's machine has stopped."""
    if not session.timeline:
        return
    try:
        line = timeline()
        line.stopped()
        if not line.here or abs(session.monitor.icount() - line.here.position.icount) > SMALL:
            line.now()
            line.forget_old()
    except (gdb.GdbError, NoPosition):
        pass  # not every moment can be gone back to


@uninterrupted
def on_change(event):
    """The reader has changed memory or a register."""
    registers.repair(event)  # before it is kept
    if not session.timeline or session.deciding:
        return
    try:
        timeline().changed()
    except (*session.errors, gdb.GdbError) as error:
        print(f"what you changed is not kept if you go back: {error}")


@contextlib.contextmanager
def moving():
    """For a command that lets the machine run: shows where it stands then, after Ctrl-C too, and keeps that moment."""
    try:
        with plain_errors():
            yield
    except KeyboardInterrupt:
        print("interrupted, here:")
    except gdb.GdbError:
        with contextlib.suppress(gdb.error):  # QEMU may be gone
            forget()  # or it has run before that
        raise
    follower.show()
    with plain_errors():
        arrived(session)
    on_stop(None)


def moved():
    """After a jump in time: has GDB look again, and show where the guest is. What the console said on the way is not new."""
    if follower.shown is not None:
        follower.skip()
    with plain_errors():
        arrived(session)


def named_checkpoint(name):
    named = timeline().named()
    if name not in named:
        raise gdb.GdbError(f"there is no checkpoint {name}; there are: {', '.join(named)}")
    return named[name]


class Checkpoint(gdb.Command):
    """Keep this moment, to come back to it: xen checkpoint [NAME].

    The image's first instruction is kept by itself, as `entry`."""

    def __init__(self):
        super().__init__("xen checkpoint", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        name = argument.strip()
        if name and not re.fullmatch(r"\w[\w.-]{0,30}", name):
            raise gdb.GdbError("usage: xen checkpoint [NAME], a name of letters and digits, 31 at most")
        if name == ENTRY:
            raise gdb.GdbError(f"the checkpoint {ENTRY} is the image's first instruction, and stays there: use another name")
        with plain_errors():
            line = timeline()
            name = name or next(str(n) for n in itertools.count(1) if str(n) not in line.named())
            for other in [c for c in line.checkpoints if c.name == name]:
                other.name = None
            here = line.now()
            if here.name:  # which it keeps
                here = line.save(way=[])
            here.name = name
        print(f"checkpoint {name}: `xen restart {name}` comes back here")


class Restart(gdb.Command):
    """Go to a moment that was kept: xen restart NAME.

    Without NAME, lists what there is."""

    def __init__(self):
        super().__init__("xen restart", gdb.COMMAND_RUNNING)

    def complete(self, text, _):
        return [name for name in timeline().named() if name.startswith(text)]

    def invoke(self, argument, from_tty):
        name = argument.strip()
        with plain_errors():
            named = timeline().named()
            if not name:
                print("checkpoints: " + ", ".join(named))
                return
            timeline().load(named_checkpoint(name))
        moved()


class Back(gdb.Command):
    """Go back in time: xen back [N], xen back to LOCATION.

    By N of the guest's instructions (1), or to the last time that LOCATION was
    executed, at its linked address or P=V. Xen's own instructions do not count:
    inside Xen, `xen back` leads to the guest instruction that Xen is at work for."""

    def __init__(self):
        super().__init__("xen back", gdb.COMMAND_RUNNING)

    def complete(self, text, _):
        return gdb.COMPLETE_LOCATION if text.startswith("to ") else [w for w in ("to",) if w.startswith(text)]

    def invoke(self, argument, from_tty):
        with plain_errors():
            line = timeline()
            changes = line.changes()
            if argument.startswith("to "):
                back.back_to(line, addresses(argument[3:].strip()))
            else:
                count = number(argument or "1", "xen back [N], or xen back to LOCATION", is_address=False)
                if not 0 < count <= 1000000:
                    raise gdb.GdbError(f"xen back {argument}: between 1 and 1000000 instructions")
                back.back(line, count)
            for change in set(changes) - set(line.changes()):
                print(f"this is before your change, which is undone here: `xen restart {change}` comes back to it")
        moved()


def addresses(location):
    """Where a location is, in every phase that there are symbols for."""
    try:
        # GDB's own Python does not survive what is no location (13.1: decode_line("*")), its command does, or takes it for none.
        gdb.execute(f"info line {'*' if re.match(NO_LOCATION, location) else location}", to_string=True)
        places = {sal.pc for sal in gdb.decode_line(location)[1] or ()}
    except gdb.error as error:
        raise gdb.GdbError(f"{location or 'xen back to'}: {error}; usage: xen back to LOCATION") from None
    # *ADDRESS and $pc name one phase; code that moved ran in the other, too.
    offset = session.image.load_offset
    symbolic = not location.startswith(("*", "0x", "$"))
    mask = (1 << session.image.bits) - 1
    return {place & mask for place in places} | \
        {place + step & mask for place in places for step in (offset, -offset) if symbolic and in_image(place + step & mask)}


def in_image(address):
    """Whether there are symbols for an address."""
    return gdb.current_progspace().block_for_pc(address) is not None


gdb.events.stop.connect(on_stop)
gdb.events.memory_changed.connect(on_change)
gdb.events.register_changed.connect(on_change)
Checkpoint()
Restart()
Back()
