# SPDX-License-Identifier: GPL-2.0-only
"""Running the machine for a while, and never for ever: what `xen attach`, `xen end` and `xen watch` have in common.

The limits are instructions of the machine's, so that a busy host changes nothing. Its own clock will not do: that leaps
now and then, when the machine is stopped.
"""

import os
import time

import gdb

from xenqemu.patience import patiently, waiting_time

# A boot prints now and then: after so much silence it has ended somewhere. But Xen unpacks a large kernel without a word,
# and so does a kernel its initial ramdisk: Debian's Linux, of 8 MiB, takes 4400 million instructions. All in all it may
# be so often that; Linux takes 9000 million to its missing disk.
SILENCE, SILENCE_PER_MIB, ALL = 1000, 1000, 20  # million instructions
# Seconds of the host's clock without an instruction, though a processor was to be had: the machine is halted for good.
# How often a waiting reader gets a line, and how often it is looked whether to wait on.
HALTED, NEWS, SLICE = patiently(5), 3, 0.5


class Wait:
    """One wait of the reader's, however often the machine stops for us meanwhile. machine may be None: nobody knows then
    how much it has worked, and only Ctrl-C ends the wait."""

    def __init__(self, machine, waiting_for, say=None):
        self._machine, self._waiting_for = machine, waiting_for
        if machine:
            self._began = self._printed = self._count()
            self._console = console_size(machine.folder)
            self._last, self._waited, self._idle = machine.monitor.icount(), waiting_time(machine.pid), 0
            self._silence = SILENCE + SILENCE_PER_MIB * boot_size(machine.folder) // (1 << 20)
        self._start = self._looked = time.monotonic()
        self._news = self._start + NEWS
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
        passed, self._looked = time.monotonic() - self._looked, time.monotonic()
        if self.say:
            self.say()
        if self._looked > self._news:
            gdb.write(f"({self._waiting_for}: {self._so_far()})\n")
            gdb.flush()
            self._news = self._looked + NEWS
        return self._too_long(passed) if self._machine else None

    def _so_far(self):
        if not self._machine:
            return f"{self._looked - self._start:.0f} s so far; Ctrl-C ends this"
        return f"{self._count() - self._began} million instructions so far"

    def _count(self):
        """Of its instructions, in millions."""
        return self._machine.monitor.icount() // 1000000

    def _too_long(self, passed):
        """Why not to wait on, if so. passed are the host's seconds since this was asked last."""
        now, size = self._count(), console_size(self._machine.folder)
        last, waited = self._machine.monitor.icount(), waiting_time(self._machine.pid)
        self._idle = self._idle + max(0, passed - waited + self._waited) if last == self._last else 0
        self._last, self._waited = last, waited
        if size != self._console:
            self._console, self._printed = size, now
        if self._idle > HALTED:
            return "the machine is halted, and nothing wakes it"
        if now - self._printed > self._silence:
            return f"nothing was printed for {self._silence} million instructions"
        limit = ALL * self._silence
        return f"this took more than {limit} million instructions" if now - self._began > limit else None


def boot_size(folder):
    """Bytes of what is booted, as it is packed."""
    return sum(os.path.getsize(path) for path in (os.path.join(folder, name) for name in ("image", "module")) if os.path.exists(path))


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
