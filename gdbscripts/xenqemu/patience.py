# SPDX-License-Identifier: GPL-2.0-only
"""How patient all of this is: SLOW=n, a factor for limits in seconds of the clock, for a machine that is slow or busy; and
what a process has computed, by which other limits go.
"""

import contextlib
import glob
import os
import re
import time
from collections.abc import Callable

_given = os.environ.get("SLOW") or "1"
SLOW = int(_given) if re.fullmatch("[1-9][0-9]{0,2}", _given) else 1  # tools/boot and make refuse what is no factor


def patiently(seconds: float) -> float:
    return seconds * SLOW


# What QEMU may take to open a socket, or for an answer, by the clock: only a QEMU that hangs needs as long.
ANSWER = patiently(100)
# What it may compute for an answer, where that is known: it stops behind the block of instructions that it is in.
COMPUTED = patiently(5)


def work_clock(processor_time: Callable[[], float]) -> Callable[[], float]:
    """A clock that goes by the seconds that a process computes: a busy host slows it, too. A process that stands still does
    not stop it for good."""
    began = time.monotonic()
    return lambda: processor_time() + (time.monotonic() - began) / 50


def processor_time(pid: int) -> float:
    """Seconds that a process has computed; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def scheduled(pid: int) -> tuple[float, float]:
    """Seconds for which its threads ran, and for which they could have run and had no processor."""
    ran = waited = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            times = file.read().split()
            ran, waited = ran + int(times[0]), waited + int(times[1])
    return ran / 1e9, waited / 1e9


def waiting_time(pid: int) -> float:
    """The second alone."""
    return scheduled(pid)[1]
