# SPDX-License-Identifier: GPL-2.0-only
"""What a grade has started, so that nothing is left of it however it ends; and the lock that keeps two grades of one folder apart.

A signal ends all that runs; whoever waits for it in another thread then cleans up as always.
"""

import contextlib
import fcntl
import os
import signal
import threading
import time

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 2.0  # seconds that a process has to end by itself

_processes = set()
_ended = threading.Event()


@contextlib.contextmanager
def running(process):
    """While this holds, a signal ends the process too, with all that it started: it leads a session of its own."""
    _processes.add(process)
    try:
        if _ended.is_set():
            end(process)
        yield process
    finally:
        _processes.discard(process)


def end(process):
    """Asks, then kills."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        limit = time.monotonic() + GRACE
        while process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)


def end_on_signals():
    """From now on a signal ends the program with the status that a shell gives it."""
    def ended(number, _):
        for kind in SIGNALS:
            signal.signal(kind, signal.SIG_IGN)
        _ended.set()
        for process in list(_processes):
            end(process)
        raise SystemExit(128 + number)

    for kind in SIGNALS:
        signal.signal(kind, ended)


@contextlib.contextmanager
def locked(path):
    """Holds a lock; waits for whoever has it."""
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
