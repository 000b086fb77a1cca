# SPDX-License-Identifier: GPL-2.0-only
"""How patient all of this is: SLOW=n, a factor for limits in seconds of the clock, for a machine that is slow or busy."""

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


def work_clock(processor_time: Callable[[], float]) -> Callable[[], float]:
    """A clock that goes by the seconds that a process computes: a busy host slows it, too. A process that stands still does
    not stop it for good."""
    began = time.monotonic()
    return lambda: processor_time() + (time.monotonic() - began) / 10
