# SPDX-License-Identifier: GPL-2.0-only
"""The end of a boot stops GDB, too: `continue` does not run into a crash, or beyond the image's report.

Set up by `xen attach`. As with `xen hypercalls`, GDB's breakpoint for a place in Xen
is at the lower half of its address if the guest has 32 bits, and the one that
really stops the machine is set beside it.
"""

import os
import subprocess

import gdb

from xenqemu.patience import patiently
from xenqemu.position import NoPosition, Position

from .hypercall_watch import lower
from .interrupts import uninterrupted
from .log import follower
from .places import at_end, crashes, ends, in_xen
from .session import plain_errors, session
from .style import say

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
EXPLAIN = [os.path.join(TOP, "tools", "python"), "-m", "explain"]
EXPLAIN_SECONDS = patiently(600)  # it boots the image again: half a second on a quiet host


class EndStop(gdb.Breakpoint):
    """GDB's breakpoint at an end. Says which."""

    def __init__(self, address):
        super().__init__(f"*{lower(address):#x}", type=gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent = True  # or it would be called "Breakpoint -3"
        self.commands = "frame"

    @uninterrupted  # it stops anyhow
    def stop(self):
        session.deciding = True
        try:
            rip = session.stub.registers().rip
            if rip not in ends():
                return False  # only the lower half was the same
            follower.show()
            say(f"the end: {ends()[rip]}")
            explain(rip)
        except (*session.errors, gdb.GdbError, OSError) as error:
            print(f"the end of the boot: {error}")
        finally:
            session.deciding = False
        return True


def explain(rip):
    """After a crash, what `make run` says of it. The only call of the explainer."""
    if rip not in crashes():
        return
    try:
        where = f"{Position(session.stub, session.monitor).address:#x}"
    except NoPosition:
        where = "xen"
    image = os.path.realpath(session.path("image"))
    said = subprocess.run([*EXPLAIN, session.path("log"), "crash", image, where],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=EXPLAIN_SECONDS, check=False)
    print(said.stdout or said.stderr, end="")


STOPS = []


def watch():
    """From now on each end stops GDB."""
    STOPS.extend(EndStop(address) for address in ends())
    session.stub.stand(in_xen())


def forget():
    """No end stops GDB any more: it is about to turn to another kernel."""
    while STOPS:
        STOPS.pop().delete()
    session.stub.stand(set())


class AtEnd(gdb.Command):
    """Before GDB continues: refused at the end of the boot, beyond which there is no machine to come back from."""

    def __init__(self):
        super().__init__("xen-at-end", gdb.COMMAND_RUNNING, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        if (session.timeline or session.second_level) and gdb.selected_inferior().pid:
            with plain_errors():
                over = at_end()
            if over:
                raise gdb.GdbError("this is the end of the boot" + (": `xen back` goes back from here, `xen restart entry` to the beginning"
                                                                    if session.timeline else ""))


@uninterrupted
def on_shutdown(event):
    """QEMU has stopped a machine that shut itself down where no end is known: of an image and a Xen without symbols."""
    if session.folder and getattr(event, "stop_signal", "") == "SIGQUIT":
        follower.show()
        print("the end: the machine has shut itself down")


gdb.events.stop.connect(on_shutdown)
AtEnd()
for command in "continue step stepi next nexti finish until advance jump signal".split():
    gdb.execute(f"define hook-{command}\nxen-at-end\nend")
