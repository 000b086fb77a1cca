# SPDX-License-Identifier: GPL-2.0-only
"""The last time that a place ran, on a run from one checkpoint to the next of which no trace is needed: back.py asks.

Each breakpoint that is met disturbs what comes after it; so each run here meets one only, and how far it came is exact.
"""

from .approach import STEPPED, approach
from .timeline import SLICE
from .way import last_leg

# A place that ran more often than this is not counted.
RUNS = 30


def last_run(timeline, checkpoint, addresses):
    """Goes to the last time that one of these addresses ran between a checkpoint's parent and it. Whether it did."""
    if checkpoint.hits:
        runs = _count(timeline, checkpoint, addresses)
        if runs is not None:
            return runs > 0 and _arrive(timeline, checkpoint.parent, addresses, runs)
        last_leg(timeline, checkpoint)
    return _narrow(timeline, checkpoint.parent, checkpoint.arrival.icount, addresses)


def _count(timeline, checkpoint, addresses):
    """How often, None if it is too often."""
    start, (stops, hits) = checkpoint.parent, checkpoint.hits
    timeline.load(start)
    runs = int(timeline.stub.registers().rip in addresses)
    with timeline.stub.breakpoints(stops | addresses):
        while runs <= RUNS:
            timeline.stub.step()
            timeline.stub.run_on(SLICE)
            here = timeline.stub.registers().rip
            hits -= here in stops
            if not hits:
                return runs
            runs += here in addresses
    return None


def _arrive(timeline, start, addresses, runs):
    """To where one of the addresses has run so often, that where the start is included."""
    timeline.load(start)
    runs -= timeline.stub.registers().rip in addresses
    if runs:
        timeline.go(start, addresses, runs)
        timeline.save(parent=start, hits=(addresses, runs))
    return True


def _narrow(timeline, start, end, addresses):
    """Between a checkpoint and a count on an unmarked run from it: closes in on the last time from both sides."""
    first = _first(timeline, start, end, addresses)
    if first is None:
        return False
    near = first + STEPPED
    while end - first > STEPPED:
        # Most places run once: just behind. Else the half in which the last time is, again and again.
        middle = approach(timeline, start, near, STEPPED - 1) if near else approach(timeline, start, end, (end - first) // 2)
        near = None
        later = _first(timeline, middle, end, addresses)
        if later is None:
            end = middle.position.icount
        else:
            start, first = middle, later
    return _arrive(timeline, start, addresses, _count_stepping(timeline, start, end, addresses))


def _first(timeline, start, end, addresses):
    """The count at which one of the addresses runs next, None if not before the end."""
    timeline.load(start)
    with timeline.stub.breakpoints(timeline.guards | addresses):
        if not timeline.run_until(end) or timeline.stub.registers().rip not in addresses:
            return None
    icount = timeline.monitor.icount()
    return icount if icount < end else None


def _count_stepping(timeline, start, end, addresses):
    """How often one of the addresses runs from its next time on, until the end, which is near that."""
    _first(timeline, start, end, addresses)
    runs = 0
    with timeline.stub.interrupted_steps():
        while timeline.monitor.icount() < end:
            runs += timeline.stub.registers().rip in addresses
            timeline.stub.step()
    return runs
