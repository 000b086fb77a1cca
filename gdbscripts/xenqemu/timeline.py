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
import os
import time

from . import translations
from .position import NoPosition, Position
from .packets import TooLate

# How many automatic checkpoints are kept (9 MiB each).
KEEP = 40
# Seconds of the machine's work that going back may take, and a slice of running before a look at where it is.
PATIENCE, SLICE = 15, 0.3


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
        self.change = False  # made where the reader changed the machine: no run leads here
        self.kept = False
        self.console = ()

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
    landmarks are addresses that come by now and then, but not often: where a hypercall is done. clock tells seconds."""

    def __init__(self, stub, monitor, folder, guards=(), landmarks=(), clock=time.monotonic):
        self.stub = stub
        self.monitor = monitor
        self.folder = folder
        self.clock = clock
        self.guards = set(guards)
        self.landmarks = set(landmarks)
        self.checkpoints = []
        self.here = self.stop = None
        self._tags = itertools.count()
        self._said, self._log_from = (), 0  # parts of the log
        self._forgets = None  # whether this QEMU forgets its translations by itself

    def save(self, position=None, parent=None, way=None, hits=None, straight=False):
        """A checkpoint of this moment."""
        position = position or Position(self.stub, self.monitor)
        tag = f"p{next(self._tags)}"
        self.monitor.save(tag)
        self.here = Checkpoint(tag, position, parent or self.here, way, hits, straight)
        self.here.console = self.console()
        self.checkpoints.append(self.here)
        return self.here

    def load(self, checkpoint):
        self.monitor.wake()
        if self._forgets is None:
            self._forgets = translations.forgotten(self.monitor, lambda: self.monitor.load(checkpoint.tag))
        if not self._forgets:
            translations.forget(self.stub, self.monitor)
        self.monitor.load(checkpoint.tag)
        self.stub.stop = ""  # whatever it was, it is not to come any more
        self.here = checkpoint
        self._said, self._log_from = checkpoint.console, self._log_size()

    def console(self):
        """What the console has said up to this moment: parts of the log, which keeps what is gone back from, too."""
        return (*self._said, (self._log_from, self._log_size()))

    def _log_size(self):
        return os.path.getsize(os.path.join(self.folder, "log"))

    def go(self, start, addresses, hits):
        """To the n-th stop at these addresses after the instruction at which the start is."""
        self.load(start)
        with self.stub.breakpoints(addresses):
            for _ in range(hits):
                self.stub.step()
                self.stub.run_on(SLICE)
                if self.stub.registers().rip not in addresses:
                    raise Lost(CHANGED)

    def run_until(self, latest):
        """To a breakpoint; False if QEMU's count was passed before there was one, or if the machine has shut itself down."""
        while not self.stub.run(SLICE):
            if self.monitor.icount() > latest:
                return False
        return not self.stub.ended

    @contextlib.contextmanager
    def journey(self):
        """Going back from `now`, which this gives: it ends in time, and here again if it ends without success."""
        origin = self.now()
        try:
            with self.stub.patience(PATIENCE, self.clock):
                yield origin
        except BaseException as error:
            self.load(origin)
            if isinstance(error, TooLate):
                raise Lost(f"not found in {PATIENCE} s of the machine's work, so this is where you were: go back from a moment nearer to it, "
                           "or `xen restart` a checkpoint before it and go forward") from None
            if isinstance(error, KeyboardInterrupt):
                raise Lost("interrupted: this is where you were") from None
            raise
        finally:
            self.forget_old()

    def changes(self):
        """The names of the reader's changes on the way here."""
        return [c.name for c in (self.here, *self.here.ancestors()) if c.change] if self.here else []

    def named(self):
        return {c.name: c for c in self.checkpoints if c.name}

    def now(self):
        """The checkpoint of this moment, made if there is none."""
        position = Position(self.stub, self.monitor)
        if self.here and self.here.position.same_as(position):
            return self.here
        return self.save(position)

    # ---- what a reader changes ----------------------------------------------------------

    def stopped(self):
        """The machine has stopped for the reader: what he may change was so."""
        try:
            self.stop = Position(self.stub, self.monitor)
        except NoPosition:
            self.stop = None  # then nothing before it can be gone back to

    def changed(self):
        """He has changed it. What is behind the change is kept; its parent is what was before, as if no time had passed."""
        now, old = Position(self.stub, self.monitor), None
        before = self.here if self.here and self.here.position.icount == now.icount else None
        if before and before.change:
            before, old = before.parent, before
        if not before and self.stop:
            before = Checkpoint(None, self.stop, self.here, None, None, False)
            before.kept = True
            self.checkpoints.append(before)
        self.here = before  # the parent, also if that is nobody
        made = self.save(now, way=[])
        made.change = True
        made.name = old.name if old else next(name for name in (f"change{n}" for n in itertools.count(1)) if name not in self.named())
        if old:
            self.monitor.delete(old.tag)
            self.checkpoints.remove(old)
        return made

    def forget_old(self):
        """Deletes the oldest that have no name, first those that did not lead here.

        What was run on from a deleted one was run on from its parent, too."""
        led_here = [self.here, *self.here.ancestors()]
        spare = [c for c in self.checkpoints if not (c.name or c.kept or c in led_here)]
        needed = [c for c in reversed(led_here[2:]) if not (c.name or c.kept)]
        for old in spare[:-KEEP] + needed[:-KEEP]:
            self.monitor.delete(old.tag)
            self.checkpoints.remove(old)
            for child in self.checkpoints:
                if child.parent is old:
                    child.parent, child.way, child.hits = old.parent, None, None
                    child.straight = child.straight and old.straight and old.arrival is old.position
