# SPDX-License-Identifier: GPL-2.0-only
"""The way from one checkpoint to another: the guest instructions that were executed, by address.

They are traced (trace.py), from the checkpoint before or from a nearer one that
is made for it: a boot executes millions of instructions, and tracing is slow.
Where the way ends is found by counting how often its last address comes by.
"""

from . import trace
from .position import NoPosition, Position
from .timeline import LIMIT, Lost

# A way longer than this (in instructions, Xen's included) is not traced from its beginning.
LONG = 600000
# How near to its end to begin then, if there is no landmark; the second is for places that come by very often.
WINDOWS = 150000, 5000
# A place that comes by more often than this is looked for from nearer; if that does not help, up to so often.
HITS, MOST_HITS = 1000, 20000
# Ticks of Xen's may come or not when a way is gone again: the counts differ by so much at most. A stop in Xen can
# spare it that much waiting, for the serial port.
SLACK, SPARED = 100000, 40000
# Instructions a second, freely and traced, on a fast machine.
FAST, SLOW = 200000000, 2000000


def way_to(timeline, checkpoint):
    """The way to a checkpoint from its parent, which may become a nearer one."""
    if checkpoint.way is None:
        checkpoint.parent, checkpoint.way = _trace(timeline, checkpoint.parent, checkpoint.position)
    return checkpoint.way


def _trace(timeline, start, goal):
    """Tries what is likely to be quick first, in the end all the way from the start."""
    for begin, end in _beginnings(timeline, start, goal):
        way = begin and _trace_from(timeline, begin, goal, end, HITS)
        if way is not None:
            break
    else:
        begin, way = start, _trace_from(timeline, start, goal, goal.icount, MOST_HITS)
    if way is None:
        raise Lost("run again, the guest did not come to the same place: it reads the time, or was changed. "
                   "A checkpoint (`xen checkpoint`) after that moment helps")
    return begin, way + [goal.address] * goal.attempted


def _beginnings(timeline, start, goal):
    """Checkpoints to trace from, None if one cannot be had; and when the position comes if it is gone to from there."""
    end = goal.icount
    if end - start.position.icount > LONG:
        start, end = _at_landmarks(timeline, start, goal)
    if end - start.position.icount <= LONG:
        yield start, end
    for within in WINDOWS:
        if within < end - start.position.icount:
            yield _approach(timeline, start, end, within), end


# ---- nearer beginnings -----------------------------------------------------------


def _at_landmarks(timeline, start, goal):
    """A checkpoint at the last landmark on the way to a position, and when the position comes if it is gone to from
    there; the start, if there is no landmark or if the position is not found. Makes others on the way, LONG apart."""
    passed, end = _landmarks_before(timeline, start, goal)
    if not passed:
        return start, goal.icount
    timeline.load(start)
    last = start
    with timeline.stub.breakpoints(timeline.landmarks):
        for following in passed[1:] + [None]:
            timeline.stub.step()
            if not timeline.stub.run(LIMIT):
                break
            if following is None or following - last.position.icount > LONG:
                last = timeline.save(parent=last)
                last.earliest = start.earliest  # each stop here has moved the clock on
    return last, end


def _landmarks_before(timeline, start, goal):
    """The instruction counts at the landmarks on the way to a position, and at the position; none if it is not found."""
    timeline.load(start)
    passed, found, hits = [], ([], 0), 0
    with timeline.stub.breakpoints(timeline.guards | timeline.landmarks | {goal.address}):
        while hits < HITS // 4:
            timeline.stub.step()
            if not timeline.stub.run(LIMIT):
                break
            here, icount = timeline.stub.registers().rip, timeline.monitor.icount()
            if here in timeline.landmarks:
                passed.append(icount)
            elif here == goal.address:
                hits += 1
                if goal.matches(timeline.stub):
                    found = passed[:], icount
                    if icount > goal.icount - SLACK - SPARED * len(passed):
                        break
            if here in timeline.guards:
                break
    return found


def _approach(timeline, start, end, within):
    """A checkpoint somewhere in the last `within` instructions before a moment, None if that was not to be had."""
    base, caution = start, 1
    timeline.load(base)
    for _ in range(40):
        remaining = end - timeline.monitor.icount()
        if remaining < within // 10:
            timeline.load(base)
            caution *= 4
        elif remaining <= within:
            return _save_in_guest(timeline, start)
        else:
            # Not all the way again, should the next run go too far.
            base = _save_in_guest(timeline, start) or base
            _run_for(timeline, remaining / caution)
            caution = max(1, caution // 2)
    return None


def _run_for(timeline, instructions):
    """Lets the machine run for about so many, at most; with tracing as a brake, if they are few."""
    with timeline.stub.breakpoints(timeline.guards):
        if instructions > FAST // 1000:
            timeline.stub.run(instructions / FAST)
        else:
            with trace.recording(timeline.monitor, timeline.folder):
                timeline.stub.run(max(0.0005, instructions / SLOW))


def _save_in_guest(timeline, start):
    """A checkpoint of this moment, or of the next at which the guest runs."""
    try:
        position = Position(timeline.stub, timeline.monitor)
    except NoPosition:
        return None
    if position.attempted:
        with timeline.stub.breakpoints(timeline.guards | {position.goes_on_at}):
            timeline.stub.run(LIMIT)
    return timeline.save(parent=start)


# ---- tracing ---------------------------------------------------------------------


def _trace_from(timeline, start, goal, end, hits):
    """The way from a checkpoint to a position, None if the position does not come."""
    timeline.load(start)
    hit = _find(timeline, start, goal, end, hits)
    if not hit:
        return None
    timeline.load(start)
    way, seconds = [], 0.01
    while way.count(goal.address) < hit:
        # Nothing stops the machine there: what is too much is cut off.
        with trace.recording(timeline.monitor, timeline.folder) as more, \
                timeline.stub.breakpoints(timeline.guards):
            stopped = timeline.stub.run(seconds)
        way += more
        seconds *= 2
        if stopped and timeline.stub.registers().rip != goal.address:
            timeline.stub.step()
        elif stopped:
            way.append(goal.address)
    end = -1
    for _ in range(hit):
        end = way.index(goal.address, end + 1)
    return way[:end]


def _find(timeline, start, goal, end, hits):
    """How often its address comes by from a checkpoint to a position, looking so often; None if it does not come.

    Of several that match, the one at its time, end, counts, or the last."""
    matched = None
    with timeline.stub.breakpoints(timeline.guards | {goal.address}):
        hit = 0
        while hit < hits and timeline.stub.run(LIMIT):
            here = timeline.stub.registers().rip
            if here == goal.address:
                hit += 1
                if goal.matches(timeline.stub):
                    matched = hit
                    if timeline.monitor.icount() > end - SLACK:
                        break
            if here in timeline.guards and timeline.monitor.icount() != start.position.icount:
                break
            timeline.stub.step()
    return matched
