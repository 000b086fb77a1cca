# SPDX-License-Identifier: GPL-2.0-only
"""Checkpoints of a machine.

QEMU cannot run backwards, but it can return to a checkpoint, and from there the
guest does the same again: the way (way.py). back.py goes back by that.

Two things in QEMU shape this. A breakpoint makes virtual time jump to the next
timer, so Xen's ticks come at other moments when the way is gone again; the
guest's own instructions are the same. Therefore the way is measured in guest
instructions, never in QEMU's count, which has Xen's. And the machine cannot be
stopped after a number of instructions; so a place is reached by counting how
often its address comes by.
"""

import itertools

from .position import Position

# How many automatic checkpoints are kept (9 MiB each).
KEEP = 12
# Seconds to wait for a place that has to come by.
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

    guards are addresses just before QEMU would end: nothing runs past them by itself.
    landmarks are addresses that come by now and then, but not often: where a hypercall is done."""

    def __init__(self, stub, monitor, folder, guards=(), landmarks=()):
        self.stub = stub
        self.monitor = monitor
        self.folder = folder
        self.guards = set(guards)
        self.landmarks = set(landmarks)
        self.checkpoints = []
        self.here = None
        self._tags = itertools.count()

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
