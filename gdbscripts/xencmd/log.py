# SPDX-License-Identifier: GPL-2.0-only
"""`xen log`: what the console has said, and what it says while the machine runs."""

import contextlib
import os
import signal
import threading
import time

import gdb

from .session import plain_errors, session

USAGE = "usage: xen log [LINES], a number of lines from 1 on, or xen log on, or xen log off"
OFTEN = 0.2  # seconds


def path():
    return session.path("log", "this needs the console's transcript")


def console():
    """Its bytes up to this moment of the machine: without those of moments that were gone back from."""
    with open(path(), "rb") as log:
        data = log.read()
    return b"".join(data[first:last] for first, last in session.timeline.console()) if session.timeline else data


@contextlib.contextmanager
def unpaged():
    """For what is printed while the machine runs: nobody is asked there whether to go on."""
    paged = gdb.parameter("pagination")
    gdb.execute("set pagination off")
    try:
        yield
    finally:
        gdb.execute(f"set pagination {'on' if paged else 'off'}")


class Follower:
    """Prints new lines: from a thread while GDB waits for the machine, else when it is called."""

    def __init__(self):
        self.shown = None  # so many bytes of the log; None while this is off
        self._wakes = 0

    def on(self):
        self.skip()
        self._wakes += 1
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are GDB's
        try:
            threading.Thread(target=self._wake, args=(self._wakes,), daemon=True).start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def off(self):
        self.shown = None

    def skip(self):
        """What is in the log already is not new."""
        self.shown = os.path.getsize(path())

    def show(self, _=None):
        """Every line that is whole."""
        if self.shown is None or not session.folder:
            return
        try:
            with open(path(), "rb") as log:
                log.seek(self.shown)
                lines = log.read()
        except OSError:
            return  # the machine is gone
        lines = lines[:lines.rfind(b"\n") + 1]
        self.shown += len(lines)
        with unpaged():
            gdb.write(lines.decode("latin-1").replace("\r", ""))
            gdb.flush()

    def _wake(self, number):
        while self.shown is not None and number == self._wakes:
            gdb.post_event(self.show)
            time.sleep(OFTEN)


class Log(gdb.Command):
    """The console so far, Xen's lines and the guest's: xen log [LINES].

    LINES shows that many of the last ones only. xen log on shows new ones as they
    come, while the machine runs; xen log off ends that. After GDB has ended, the
    console of the latest session is in build/gdb.log."""

    def __init__(self):
        super().__init__("xen log", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        if argument in ("on", "off"):
            path()
            getattr(follower, argument)()
            return
        if argument and not (argument.isdecimal() and int(argument)):
            raise gdb.GdbError(f"xen log: {argument} is not understood; {USAGE}")
        with plain_errors():
            lines = console().decode("latin-1").splitlines()
        for line in lines[-int(argument or len(lines)):]:
            print(line.rstrip("\r"))


follower = Follower()
gdb.events.stop.connect(follower.show)
Log()
