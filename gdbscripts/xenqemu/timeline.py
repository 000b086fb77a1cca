# SPDX-License-Identifier: GPL-2.0-only
"""Checkpoints of a machine, and the way from one to another.

QEMU cannot run backwards, but it can return to a checkpoint, and from there the
guest does the same again. back.py goes back by that.

Two things in QEMU shape this. A breakpoint makes virtual time jump to the next
timer, so Xen's ticks come at other moments when the way is gone again; the
guest's own instructions are the same. Therefore the way is measured in guest
instructions, never in QEMU's count, which has Xen's. And the machine cannot be
stopped after a number of instructions; so a place is reached by counting how
often its address comes by.
"""

import itertools

from . import trace
from .position import NoPosition, Position

# How many automatic checkpoints are kept (9 MiB each).
KEEP = 12
# A way longer than this (in instructions, Xen's included) is not traced from its beginning but from near its end.
LONG, NEAR = 600000, 5000
# A place that comes by more often than this is looked for from nearer; if that does not help, up to so often.
HITS, MOST_HITS = 1500, 20000
# Ticks of Xen's may come or not when a way is gone again: the counts differ by so much at most.
SLACK = 20000
# Instructions a second, freely and traced, on a fast machine.
FAST, SLOW = 200e6, 1e6
LIMIT = 20.0


class Lost(Exception):
    """The way back was not found; says why."""


class Checkpoint:
    """A saved state. parent is the one that was run on from; way is the trace from there, if it is known.

    earliest and latest: when it was, by the count of a run from the first checkpoint that nothing stopped."""

    def __init__(self, tag, position, parent, way):
        self.tag = tag
        self.position = position
        self.parent = parent
        self.way = way
        self.name = None
        since = position.icount - parent.position.icount if parent else position.icount
        self.earliest = since + (parent.earliest if parent else 0)
        self.latest = since + (parent.latest if parent else 0)

    def ancestors(self):
        """The checkpoints that were run on from to come here, from the nearest."""
        checkpoint = self.parent
        while checkpoint:
            yield checkpoint
            checkpoint = checkpoint.parent


class Timeline:
    """All checkpoints of a machine. `here` is the last one saved or loaded.

    guards are addresses just before QEMU would end: nothing runs past them by itself."""

    def __init__(self, stub, monitor, folder, guards=()):
        self.stub = stub
        self.monitor = monitor
        self.folder = folder
        self.guards = set(guards)
        self.checkpoints = []
        self.here = None
        self._tags = itertools.count()

    # ---- checkpoints --------------------------------------------------------------

    def save(self, position=None, parent=None, way=None):
        """A checkpoint of this moment."""
        position = position or Position(self.stub, self.monitor)
        tag = f"p{next(self._tags)}"
        self.monitor.save(tag)
        self.here = Checkpoint(tag, position, parent or self.here, way)
        self.checkpoints.append(self.here)
        return self.here

    def load(self, checkpoint):
        self.monitor.load(checkpoint.tag)
        self.here = checkpoint

    def named(self):
        return {c.name: c for c in self.checkpoints if c.name}

    def now(self):
        """The checkpoint of this moment, made if there is none."""
        position = Position(self.stub, self.monitor)
        if self.here and self.here.position.same_as(position):
            return self.here
        return self.save(position)

    def forget_old(self):
        """Deletes the oldest that have no name, first those that did not lead here.

        What was run on from a deleted one was run on from its parent, too."""
        led_here = [self.here, *self.here.ancestors()]
        spare = [c for c in self.checkpoints if not c.name and c not in led_here]
        needed = [c for c in reversed(led_here[2:]) if not c.name]
        for old in spare[:-KEEP] + needed[:-KEEP]:
            self.monitor.delete(old.tag)
            self.checkpoints.remove(old)
            for child in self.checkpoints:
                if child.parent is old:
                    child.parent, child.way = old.parent, None

    # ---- the way here ----------------------------------------------------------------

    def way_to(self, checkpoint, need=1):
        """The guest instructions executed since its parent, by address.

        The parent may become a nearer one, not so near that the way has fewer than `need`, if that can be."""
        if checkpoint.way is None:
            checkpoint.parent, checkpoint.way = self._trace(checkpoint.parent, checkpoint.position, need)
        return checkpoint.way

    def _trace(self, start, goal, need):
        """Tries what is likely to be quick first, in the end all the way from the start."""
        distance = goal.icount - start.position.icount
        for number, within in enumerate(self._windows(distance, need)):
            begin = self._approach(start, goal, within) if within else start
            way = begin and self._trace_from(begin, goal, MOST_HITS if number else HITS)
            if way is not None and (len(way) >= need or not within):
                return begin, way + [goal.address] * goal.attempted
        raise Lost("run again, the guest did not come to the same place: it reads the time, or was changed. "
                   "A checkpoint (`xen checkpoint`) after that moment helps")

    @staticmethod
    def _windows(distance, need):
        """How near to begin, from try to try; None is at the start."""
        if distance <= LONG:
            yield None
        within = max(NEAR, 4 * need)
        while within < distance:
            yield within
            within *= 8
        yield None

    def _trace_from(self, start, goal, hits):
        """The way from a checkpoint to a position, None if the position does not come."""
        self.load(start)
        hit = self._find(goal, hits)
        if not hit:
            return None
        self.load(start)
        way, seconds = [], 0.01
        while way.count(goal.address) < hit:
            # Nothing stops the machine there: what is too much is cut off.
            with trace.recording(self.monitor, self.folder) as more, self.stub.breakpoints(self.guards):
                stopped = self.stub.run(seconds)
            way += more
            seconds *= 2
            if stopped and self.stub.registers().rip != goal.address:
                self.stub.step()
            elif stopped:
                way.append(goal.address)
        end = -1
        for _ in range(hit):
            end = way.index(goal.address, end + 1)
        return way[:end]

    def _find(self, goal, hits):
        """How often its address comes by until a position is reached, looking so often; None if it is not.

        Of several that match, the one at its time counts, or the last."""
        matched = None
        with self.stub.breakpoints(self.guards | {goal.address}):
            hit = 0
            while hit < hits and self.stub.run(LIMIT):
                if self.stub.registers().rip == goal.address:
                    hit += 1
                    if goal.matches(self.stub):
                        matched = hit
                        if self.monitor.icount() > goal.icount - SLACK:
                            break
                elif self.monitor.icount() > goal.icount:
                    break
                self.stub.step()
        return matched

    def _approach(self, start, goal, within):
        """A checkpoint somewhere in the last `within` instructions before a position, None if that was not to be had."""
        self.load(start)
        boldness = 0.5
        for _ in range(100):
            remaining = goal.icount - self.monitor.icount()
            if remaining < within // 10:
                self.load(start)
                boldness /= 2
            elif remaining <= within:
                return self._save_in_guest(start)
            else:
                self._run_for(boldness * (remaining - within // 2), braked=remaining < 1000000)
        return None

    def _run_for(self, instructions, braked):
        """Lets the machine run for about so many; with tracing as a brake that is not many in a moment."""
        with self.stub.breakpoints(self.guards):
            if not braked:
                self.stub.run(max(0.0005, instructions / FAST))
                return
            with trace.recording(self.monitor, self.folder):
                self.stub.run(max(0.0005, instructions / SLOW))

    def _save_in_guest(self, start):
        """A checkpoint of this moment, or of the next at which the guest runs."""
        try:
            position = Position(self.stub, self.monitor)
        except NoPosition:
            return None
        if position.attempted:
            with self.stub.breakpoints(self.guards | {position.goes_on_at}):
                self.stub.run(LIMIT)
        return self.save(parent=start)

    def _run_for(self, seconds, braked):
        """Lets the machine run for a moment; with tracing as a brake, not far."""
        with self.stub.breakpoints(self.guards):
            if not braked:
                self.stub.run(seconds)
                return
            with trace.recording(self.monitor, self.folder):
                self.stub.run(seconds)
