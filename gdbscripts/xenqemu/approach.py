# SPDX-License-Identifier: GPL-2.0-only
"""Near to a moment, by stops that leave no mark.

A breakpoint makes virtual time jump to the next timer; stopping the machine from outside does not. So a run that is
only stopped from outside executes the same instructions, Xen's included, as one that was not stopped: QEMU's count of
them tells exactly where it is. Where such a stop falls is chance, and worse on a busy host: it is tried until it falls well, or
until the patience with the machine's work is at its end (timeline.py).
"""

from . import trace
from .position import Moment

# Instructions a second, freely and traced, on a fast machine.
FAST, SLOW = 200000000, 2000000
# How many instructions are better stepped than stopped before.
STEPPED = 1000


def approach(timeline, start, end, within):
    """A checkpoint in the last `within` instructions before the count `end` of an unmarked run from start."""
    if end - start.position.icount <= within:
        return start
    base, caution = start, 1
    timeline.load(base)
    while True:
        remaining = end - timeline.monitor.icount()
        if remaining < within // 10:
            timeline.load(base)
            caution *= 4
            remaining = end - base.position.icount
        elif remaining <= within:
            return keep(timeline, start)
        elif remaining < end - base.position.icount:
            # Not all the way again, should the next run go too far.
            base = keep(timeline, start)
        _run_for(timeline, remaining / caution)
        caution = max(1, caution // 2)


def keep(timeline, start):
    """A checkpoint of this moment of an unmarked run."""
    return timeline.save(Moment(timeline.stub, timeline.monitor), parent=start, straight=True)


def _run_for(timeline, instructions):
    """Lets the machine run for about so many, at most; with tracing as a brake, if they are few."""
    with timeline.stub.breakpoints(timeline.guards):
        if instructions > FAST // 1000:
            timeline.stub.run(instructions / FAST)
        else:
            with trace.recording(timeline.monitor, timeline.folder):
                timeline.stub.run(max(0.0002, instructions / SLOW))


def exact_way(timeline, start, end):
    """The guest instructions on an unmarked run from start, up to the count `end`."""
    way, base, brake = [], start, 1
    timeline.load(start)
    while end - base.position.icount > STEPPED:
        moment = max(0.0002, (end - base.position.icount) / SLOW / brake)
        with trace.recording(timeline.monitor, timeline.folder) as more, timeline.stub.breakpoints(timeline.guards):
            timeline.stub.run(moment)
        if timeline.monitor.icount() <= end:
            way += more
            base = keep(timeline, start)
        else:
            timeline.load(base)
            brake *= 2
    with timeline.stub.interrupted_steps():  # Xen's own interrupts, the serial port's for one, belong to the run
        while timeline.monitor.icount() < end:
            now = timeline.stub.registers()
            way += [now.rip] * (not now.in_xen)
            timeline.stub.step()
    return way
