# SPDX-License-Identifier: GPL-2.0-only
"""Ctrl-C while code of ours runs inside GDB, at a breakpoint or a stop: it must neither tear that apart nor get lost.

GDB hands a Ctrl-C on to Python, which raises KeyboardInterrupt wherever it is: in the first instruction of a
function that GDB has just called, too, where nothing can catch it. So what Python does then is ours: in a command it
raises, as ever; in a function that is marked here it is noted.
"""

import contextlib
import ctypes
import functools
import signal

_SIGACTION = 256  # bytes, more than any struct sigaction has
_noted = False


def uninterrupted(function):
    """For what GDB calls when the machine has stopped for good: there is nothing left to interrupt."""
    @functools.wraps(function)
    def guarded(*arguments):
        try:
            return function(*arguments)
        finally:
            _take()
    _guarded.add(guarded.__code__)
    return guarded


def stops_if_interrupted(function):
    """For a breakpoint's stop(): after a Ctrl-C the machine does not run on."""
    @functools.wraps(function)
    def guarded(*arguments):
        with _hearing():
            result = function(*arguments)
        if _take():
            print("interrupted, in Xen, at a hypercall")
            return True
        return result
    _guarded.add(guarded.__code__)
    return guarded


_guarded = set()


def noted():
    """Whether Ctrl-C was pressed since a marked function was called."""
    return _noted


def _take():
    global _noted
    noted, _noted = _noted, False
    return noted


def _on_interrupt(_, frame):
    global _noted
    while frame:
        if frame.f_code in _guarded:
            _noted = True
            return
        frame = frame.f_back
    raise KeyboardInterrupt


@contextlib.contextmanager
def _hearing():
    """While this holds the signal comes to Python alone; then GDB's own handler is back. GDB 16 keeps it to itself while the machine
    runs, in its eyes, which it does when a breakpoint's stop() is called."""
    gdbs, libc = ctypes.create_string_buffer(_SIGACTION), ctypes.CDLL(None)
    libc.sigaction(signal.SIGINT, None, gdbs)
    signal.signal(signal.SIGINT, _on_interrupt)
    try:
        yield
    finally:
        libc.sigaction(signal.SIGINT, gdbs, None)


with _hearing():
    pass  # it stays Python's part of the signal
