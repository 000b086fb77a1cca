# SPDX-License-Identifier: GPL-2.0-only
"""What QEMU has translated of the guest's code, when a checkpoint brings other code into memory.

QEMU 7.2 and 10.0 forget their translations whenever they load a snapshot. QEMU 11 does so only if the machine was running until
then, and ours has always been stopped. Where Xen, the guest or a reader had changed code since the checkpoint, the guest would
execute what is no longer in memory. So the machine is made to run on the spot first, and a `loadvm` that fails stops it.
"""

import contextlib
import time

from .packets import StubError, whole

# jmp . is what it runs, at the end of its page: nothing of that leaves the machine, whatever its next instruction would have
# been, and a breakpoint that GDB has left inserted is somewhere else.
ON_THE_SPOT, END_OF_PAGE = b"\xeb\xfe", 0xFFE
# Seconds in which a QEMU that forgets has done so: another of its threads does the work.
SOON = 0.1


def forgotten(monitor, load):
    """Whether QEMU forgets at this load."""
    before, end = monitor.flushes(), time.monotonic() + SOON
    load()
    while monitor.flushes() == before:
        if time.monotonic() > end:
            return False
    return True


def forget(stub, monitor):
    """Has QEMU forget. The machine is stopped before and afterwards, and in no state to run on: a snapshot has to be loaded."""
    with stub.breakpoints(()), whole():
        with contextlib.suppress(StubError):  # nothing is mapped here, so that it runs into a fault, and not far
            place = stub.registers().rip & ~0xFFF | END_OF_PAGE
            stub.write(place, ON_THE_SPOT)
            stub.set_register("rip", place)
        monitor.stop_by_failing_load()
