# SPDX-License-Identifier: GPL-2.0-only
"""Running the machine for a while, and never for ever: what `xen attach`, `xen end` and `xen watch` have in common.

The limits are seconds of QEMU's own processor time: on a busy host nothing ends sooner.
"""

import os
import time

import gdb

from xenqemu.patience import patiently

# Boots take about a second, a Linux some thirty.
LIMIT = 120
# A boot prints all the time; if it has not for so long, it ended somewhere. Xen unpacks a large kernel silently.
SILENCE = 12
# Seconds on the clock without any work: the machine is halted for good. How often a waiting reader gets a line, and how
# often it is looked whether to wait on.
HALTED, NEWS, SLICE = patiently(5), 3, 0.5


class Wait:
    """One wait of the reader's, however often the machine stops for us meanwhile. machine may be None: nobody knows then
    how much it has worked, and only Ctrl-C ends the wait."""

    def __init__(self, machine, waiting_for, say=None):
        self._machine, self._waiting_for = machine, waiting_for
        self._began = self._printed = self._work = machine.processor_time() if machine else 0
        self._console = console_size(machine.folder) if machine else 0
        self._clock = self._worked = self._looked = time.monotonic()
        self._news = self._clock + NEWS
        self.over = None  # why it has ended
        self.say = say  # called now and then

    def run(self, stub):
        """To a breakpoint: True. False if nothing happens any more, or if it takes too long."""
        while True:
            stopped = stub.run(SLICE)
            if time.monotonic() - self._looked > SLICE:
                self.over = self._look()
            if stub.ended:
                self.over = "the machine has shut itself down"
            if stopped or self.over:
                return not self.over

    def _look(self):
        """Says now and then that it goes on; why it should not."""
        now = self._looked = time.monotonic()
        if self.say:
            self.say()
        if now > self._news:
            spent = f"{self._work - self._began:.0f} s of QEMU's time so far" if self._machine else \
                f"{now - self._clock:.0f} s so far; Ctrl-C ends this"
            gdb.write(f"({self._waiting_for}: {spent})\n")
            gdb.flush()
            self._news = now + NEWS
        if not self._machine:
            return None
        work, size = self._machine.processor_time(), console_size(self._machine.folder)
        if size != self._console:
            self._console, self._printed = size, work
        if work != self._work:
            self._work, self._worked = work, now
        if now - self._worked > HALTED:
            return "the machine is halted, and nothing wakes it"
        if work - self._printed > SILENCE:
            return f"nothing was printed for {SILENCE} s of QEMU's time"
        return f"this took more than {LIMIT} s of QEMU's time" if work - self._began > LIMIT else None


def console_size(folder):
    try:
        return os.path.getsize(os.path.join(folder, "log"))
    except OSError:
        return 0


def console_end(folder, lines=5):
    try:
        with open(os.path.join(folder, "log"), encoding="latin-1") as log:
            return "".join(log.readlines()[-lines:]).rstrip()
    except OSError:
        return "(nothing)"
