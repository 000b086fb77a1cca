# SPDX-License-Identifier: GPL-2.0-only
"""`xen end`: to the last moment at which the guest can still be looked at."""

import gdb

from .connection import forget
from .running import run_while_printing
from .session import plain_errors, session

# Where a stage ends: src/stage2-hypercall/exit.c, and stage 1's deliberate crash.
GOOD_ENDS = ("xen_exit", "native_exit", "proof_of_life")
# Where Xen ends a guest that did something it could not go on from.
BAD_END = "__domain_crash"


class End(gdb.Command):
    """Run to the end of the boot: xen end.

    That is where the image reports how it went, or where Xen is about to end a
    guest that crashed. Page tables are still there to be looked at."""

    def __init__(self):
        super().__init__("xen end", gdb.COMMAND_RUNNING, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        stub, places = session.stub, ends()
        with plain_errors():
            with stub.breakpoints(places):
                if stub.registers().rip in places:
                    raise gdb.GdbError("this is the end already")
                run_while_printing(stub, session.folder)
            rip = stub.registers().rip
        forget()
        print(f"the end: {places.get(rip, 'nothing happened for a while, so the machine was stopped where it was')}")
        gdb.execute("frame")


def ends():
    """Address -> what it means to arrive there."""
    symbols, offset = session.image.symbols(), session.image.load_offset
    places = {}
    for name in GOOD_ENDS:
        if name in symbols:
            places[symbols[name]] = f"{name}, at its linked VA"
            places[symbols[name] - offset & (1 << 64) - 1] = f"{name}, P=V"
    crash = session.boot.p2m_frames and session.xen_symbol(BAD_END)
    if crash:
        places[crash] = "Xen ends the guest, which crashed (`xen back 1` leads to the instruction)"
    return places


End()
