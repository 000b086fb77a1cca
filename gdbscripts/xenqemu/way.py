# SPDX-License-Identifier: GPL-2.0-only
"""The way from one checkpoint to another: the guest instructions that were executed, by address.

They are traced (trace.py), from the checkpoint before or from a nearer one that
is made for it: a boot executes millions of instructions, and tracing is slow.
The end of the way is known exactly if we went there ourselves. A reader's stop is
looked for: his breakpoints have moved Xen's ticks.
"""

from . import trace
from .approach import approach, exact_way
from .position import MOST_DIFFERENT, Moment
from .timeline import CHANGED, Lost

# A way longer than this (in instructions, Xen's included) is not traced from its beginning.
LONG = 600000
# How near to its end to begin then, if there is no landmark; the second is for places that come by very often.
WINDOWS = 150000, 5000
# A place that comes by more often than this is looked for from nearer.
HITS = 1000
TRIES = 5
# So often at a landmark, and the guest as it was: since QEMU 11 a stop at one can bring the tick that leads Xen to it again.
STUCK = 50
# Bytes of what Xen keeps of a guest that has called it: its general registers.
FRAME = 0x78
# Ticks of Xen's may come or not when a way is gone again: the counts differ by so much at most. A stop in Xen can
# spare it that much waiting, for the serial port. A stop brings a tick forward, which costs so many instructions.
SLACK, SPARED, TICK = 100000, 40000, 6000


def way_to(timeline, checkpoint):
    """The way to a checkpoint from its parent, which may become a nearer one."""
    if checkpoint.way is None:
        last_leg(timeline, checkpoint)
        if checkpoint.straight:
            checkpoint.parent, checkpoint.way = _straight(timeline, checkpoint.parent, checkpoint.arrival)
        else:
            checkpoint.parent, checkpoint.way = _trace(timeline, checkpoint.parent, checkpoint.position)
        checkpoint.hits = None
    return checkpoint.way


def last_leg(timeline, checkpoint):
    """Makes the last but one of several stops its parent, so that nothing stops between."""
    if checkpoint.hits:
        addresses, hits = checkpoint.hits
        if hits > 1:
            timeline.go(checkpoint.parent, addresses, hits - 1)
            checkpoint.parent = timeline.save(parent=checkpoint.parent, hits=(addresses, hits - 1))
            # Not the run on which it was saved: the count may differ.
            timeline.go(checkpoint.parent, addresses, 1)
            checkpoint.arrival = Moment(timeline.stub, timeline.monitor)
        checkpoint.hits, checkpoint.straight = (addresses, 1), True


def _straight(timeline, start, arrival):
    """(checkpoint, way) to where an unmarked run comes. Loading a checkpoint may disturb a timer: then once more."""
    for _ in range(TRIES):
        begin = approach(timeline, start, arrival.icount, WINDOWS[0])
        way = exact_way(timeline, begin, arrival.icount)
        if arrival.same_as(Moment(timeline.stub, timeline.monitor)):
            return begin, way
    raise Lost(CHANGED)


def _trace(timeline, start, goal):
    """(checkpoint, way) to a reader's stop. Tries what is likely to be quick first."""
    for begin, end in _beginnings(timeline, start, goal):
        way = _trace_from(timeline, begin, goal, end)
        if way is not None:
            return begin, way + [goal.address] * goal.attempted
    if goal.attempted and start.position.attempted and getattr(start.position, "address", None) == goal.address:
        return start, []  # Xen was at work for this very instruction there, and is still
    raise Lost(CHANGED)


def _beginnings(timeline, start, goal):
    """Checkpoints to trace from, and when the position comes if it is gone to from there."""
    end = goal.icount
    if end - start.position.icount > LONG:
        start, end = _at_landmarks(timeline, start, goal)
    if end - start.position.icount <= LONG:
        yield start, end
    for within in WINDOWS:
        if within < end - start.position.icount:
            yield approach(timeline, start, end, within), end


# ---- nearer beginnings -----------------------------------------------------------


def _at_landmarks(timeline, start, goal):
    """A checkpoint at the last landmark on the way to a position, and when the position comes if it is gone to from
    there; the start, if there is no landmark or if the position is not found. Makes others on the way, LONG apart."""
    passed, end = _landmarks_before(timeline, start, goal)
    if not passed:
        return start, goal.icount
    timeline.load(start)
    last, hits = start, 0
    with timeline.stub.breakpoints(timeline.landmarks):
        for following in passed[1:] + [None]:
            timeline.stub.step()
            if not timeline.run_until(end + SLACK):
                raise Lost(CHANGED)
            hits += 1
            if following is None or following - last.position.icount > LONG:
                last, hits = timeline.save(parent=last, hits=(timeline.landmarks, hits)), 0
    return last, end


def _landmarks_before(timeline, start, goal):
    """The instruction counts at the landmarks on the way to a position, and at the position; none if it is not found."""
    timeline.load(start)
    passed, hits, found, frame, same = [], 0, Best(), None, 0
    with timeline.stub.breakpoints(timeline.guards | timeline.landmarks | {goal.address}):
        while hits < HITS // 4 and same < STUCK:
            timeline.stub.step()
            if not timeline.run_until(_latest(goal.icount, hits + len(passed))):
                break
            here, icount = timeline.stub.registers().rip, timeline.monitor.icount()
            if here in timeline.landmarks:
                passed.append(icount)
                before, frame = frame, timeline.stub.peek(timeline.stub.registers().rsp, FRAME)
                same = same + 1 if frame == before else 0
            elif here == goal.address:
                hits += 1
                found.offer(goal.differences(timeline.stub), (passed[:], icount))
                if found.exact and icount > goal.icount - SLACK - SPARED * len(passed):
                    break
            if here in timeline.guards or icount > _latest(goal.icount, hits + len(passed)):
                break
    return found.what or ([], 0)


def _latest(end, stops):
    """When a moment has passed for certain, after so many stops."""
    return end + SLACK + TICK * stops


# ---- a reader's stop -------------------------------------------------------------


def _trace_from(timeline, start, goal, end):
    """The way from a checkpoint to a position, None if the position does not come."""
    hit = _find(timeline, start, goal, end)
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
        seconds = min(2 * seconds, 1)
        if timeline.stub.ended:
            break
        if stopped and timeline.stub.registers().rip != goal.address:
            timeline.stub.step()
        elif stopped:
            way.append(goal.address)
    if way.count(goal.address) < hit:
        return None
    end = -1
    for _ in range(hit):
        end = way.index(goal.address, end + 1)
    return way[:end]


def _find(timeline, start, goal, end):
    """How often its address comes by from a checkpoint to a position; None if it does not come, or too often.

    Of several that match, the one at its time, end, counts, or the last."""
    found = Best()
    timeline.load(start)
    with timeline.stub.breakpoints(timeline.guards | {goal.address}):
        hit = 0
        while hit < HITS and timeline.run_until(_latest(end, hit)):
            here, icount = timeline.stub.registers().rip, timeline.monitor.icount()
            if here == goal.address:
                hit += 1
                found.offer(goal.differences(timeline.stub), hit)
                if found.exact and icount > end - SLACK:
                    break
            if here in timeline.guards and icount != start.position.icount or icount > _latest(end, hit):
                break
            timeline.stub.step()
    return found.what


class Best:
    """What differs least; nothing if several differ alike. exact: no difference, and of these the last."""

    what, exact, _least = None, False, MOST_DIFFERENT + 1

    def offer(self, differences, what):
        if differences is None or differences > self._least:
            return
        self.what = None if differences == self._least > 0 else what
        self._least, self.exact = differences, differences == 0
