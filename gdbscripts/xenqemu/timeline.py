# SPDX-License-Identifier: GPL-2.0-only
"""Checkpoints of a machine.

QEMU cannot run backwards, but it can return to a checkpoint, and from there the
guest does the same again: the way (way.py). back.py goes back by that.

Two things in QEMU shape this. A breakpoint makes virtual time jump to the next
timer, so Xen's ticks come at other moments when the way is gone again; the
guest's own instructions are the same. Therefore a place is found again by
guest instructions, or by how often addresses come by; by QEMU's count, which
has Xen's instructions, only if no breakpoint lies between (approach.py). And the
machine cannot be stopped after a number of instructions.
"""

import contextlib
import itertools

from .patience import patiently
from .position import Position
from .stub import TooLate

# How many automatic checkpoints are kept (9 MiB each).
KEEP = 40
# Seconds that going back may take, and a slice of running before a look at where it is.
PATIENCE, SLICE = patiently(15), 0.3


class Lost(Exception):
    """The way back was not found; says why."""


class Checkpoint:
    """A saved state. parent is the one that was run on from; what is known of the run from there:

    way: its guest instructions; hits: (addresses, n), it is their n-th stop after the parent's own instruction;
    straight: no breakpoint was met before, so that its moment, arrival, comes exactly so again. None of these: a
    reader's stop."""

    def __init__(self, tag, position, parent, way, hits, straight):
        self.tag = tag
        self.position = position
        self.parent = parent
        self.way = way
        self.hits = hits
        self.straight = straight
        self.arrival = position
        self.name = None

    def ancestors(self):
        """The checkpoints that were run on from to come here, from the nearest."""
        checkpoint = self.parent
        while checkpoint:
            yield checkpoint
            checkpoint = checkpoint.parent


CHANGED = ("run again, the guest did not come to the same place: it reads the time, or was changed. "
           "A checkpoint (`xen checkpoint`) after that moment helps")


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

    def save(self, position=None, parent=None, way=None, hits=None, straight=False):
        """A checkpoint of this moment."""
        position = position or Position(self.stub, self.monitor)
        tag = f"p{next(self._tags)}"
        self.monitor.save(tag)
        self.here = Checkpoint(tag, position, parent or self.here, way, hits, straight)
        self.checkpoints.append(self.here)
        return self.here

    def load(self, checkpoint):
        self.monitor.load(checkpoint.tag)
        self.here = checkpoint

    def go(self, start, addresses, hits):
        """To the n-th stop at these addresses after the instruction at which the start is."""
        self.load(start)
        with self.stub.breakpoints(addresses):
            for _ in range(hits):
                self.stub.step()
                if not self.stub.run(PATIENCE) or self.stub.registers().rip not in addresses:
                    raise Lost(CHANGED)

    def run_until(self, latest):
        """To a breakpoint; False if QEMU's count was passed, or the reader's patience, before there was one."""
        while not self.stub.run(SLICE):
            if self.monitor.icount() > latest:
                return False
        return True

    @contextlib.contextmanager
    def journey(self):
        """Going back from `now`, which this gives: it ends in time, and here again if it ends without success."""
        origin = self.now()
        try:
            with self.stub.patience(PATIENCE):
                yield origin
        except BaseException as error:
            self.load(origin)
            if isinstance(error, TooLate):
                raise Lost(f"not found in {PATIENCE:g} s, so this is where you were: go back from a moment nearer to it, "
                           "or `xen restart` a checkpoint before it and go forward") from None
            if isinstance(error, KeyboardInterrupt):
                raise Lost("interrupted: this is where you were") from None
            raise
        finally:
            self.forget_old()

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
                    child.parent, child.way, child.hits = old.parent, None, None
                    child.straight = child.straight and old.straight and old.arrival is old.position
