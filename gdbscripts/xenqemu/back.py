# SPDX-License-Identifier: GPL-2.0-only
"""Going back: by a number of guest instructions, or to the last time that a place ran."""

from collections import Counter

from . import trace
from .position import Moment
from .search import last_run
from .timeline import CHANGED, SLICE, Lost
from .way import way_to

# How many instructions before its goal a landing may switch from breakpoints to steps.
STEPS = 200
# A place that came by more often than this is gone to from nearer.
CLOSE = 50
# How near, and how many instructions a second are traced, at most.
NEAR, SPEED = 1000, 2000000


def back(timeline, count):
    """To `count` guest instructions before this moment."""
    with timeline.journey() as checkpoint:
        gone = 0
        while checkpoint.parent:
            way = way_to(timeline, checkpoint)
            if count - gone <= len(way):
                return land(timeline, checkpoint, len(way) - (count - gone))
            gone += len(way)
            checkpoint = checkpoint.parent
        raise Lost(f"only {gone} guest instructions have run since the first checkpoint")


def back_to(timeline, addresses):
    """To the last time before this moment that one of these addresses was executed."""
    with timeline.journey() as checkpoint:
        while checkpoint.parent:
            if checkpoint.way is None and (checkpoint.hits or checkpoint.straight):
                if last_run(timeline, checkpoint, addresses):
                    return
            else:
                way = way_to(timeline, checkpoint)
                for index in range(len(way) - 1, -1, -1):
                    if way[index] in addresses:
                        return land(timeline, checkpoint, index)
            checkpoint = checkpoint.parent
        raise Lost("it has not run since the first checkpoint")


def land(timeline, checkpoint, target):
    """To instruction number target on the way from a checkpoint's parent to it."""
    start, way = checkpoint.parent, checkpoint.way
    timeline.load(start)
    if target == 0 and not start.position.attempted:
        return
    if min(way.count(address) for address in set(way[max(0, target - STEPS):target + 1])) > CLOSE:
        start, gone = _closer(timeline, start, way, target)
        way, target = way[gone:], target - gone
    anchor, hits = _anchor(way, target)
    _run_by(timeline.stub, {way[anchor]}, hits)
    for index in range(anchor, target):
        timeline.stub.step()
        if timeline.stub.registers().in_xen:
            _run_by(timeline.stub, {way[index + 1]}, 1)
    if timeline.stub.registers().rip != way[target]:
        raise Lost(CHANGED)
    timeline.save(parent=start, way=way[:target])


def _run_by(stub, addresses, hits):
    """To the n-th time from now that one of these addresses is about to be executed."""
    with stub.breakpoints(addresses):
        for hit in range(hits):
            if hit:
                stub.step()
            stub.run_on(SLICE)
            if stub.registers().rip not in addresses:
                raise Lost(CHANGED)


def _closer(timeline, start, way, target):
    """(checkpoint, index): one at most NEAR instructions before the target, if that was to be had.

    Where it goes round and round there is nothing to stop at, but a trace tells how far a moment's run has gone."""
    gone, moment = 0, target / SPEED
    for _ in range(40):
        if target - gone <= NEAR:
            break
        with trace.recording(timeline.monitor, timeline.folder) as more, timeline.stub.breakpoints(timeline.guards):
            timeline.stub.run(max(0.0002, moment))
        there = gone + len(more)
        reached = Moment(timeline.stub, timeline.monitor)
        if there < target and (reached.attempted or reached.registers.rip == way[there]):
            start, gone = timeline.save(reached, parent=start, way=way[gone:there]), there
            moment = (target - gone) / SPEED
        else:
            timeline.load(start)
            moment /= 4
    return start, gone


def _anchor(way, target):
    """(index, hits): where to stop by breakpoint, so that few stops and few steps are needed."""
    candidates = range(max(0, target - STEPS), target + 1)
    wanted = {way[index] for index in candidates}
    seen = Counter(address for address in way[:candidates[0]] if address in wanted)
    best = None
    for index in candidates:
        seen[way[index]] += 1
        cost = 2 * seen[way[index]] + target - index
        if best is None or cost < best[0]:
            best = cost, index, seen[way[index]]
    return best[1:]
