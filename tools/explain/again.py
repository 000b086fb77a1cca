# SPDX-License-Identifier: GPL-2.0-only
"""A run once more: a machine in a folder of its own, both of which are gone when the `with` ends."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from typing import Any, TypeVar

from xenqemu.machine import AWAKE, Machine
from xenqemu.patience import scheduled

from .trail import Trail

LOOK_EVERY = 0.02  # seconds between looks at how long the log is, and the time
PATIENCE = 600.0  # seconds by the clock, on a host that is busy

Run = TypeVar("Run", bound="Again")


class Again:
    """Base of Observation (under Xen) and Bare (without)."""

    machine: Machine
    trail: Trail

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="explain.", dir=os.environ.get("BUILD") or "build")

    def start(self, image: str, options: list[str], **settings: Any) -> None:
        """Like the run that failed, by the environment."""
        self.machine = Machine(self.folder, image, module=os.environ.get("MODULE", ""), cmdline=os.environ.get("CMDLINE", ""),
                               options=[*options, *AWAKE], **settings)

    def late(self, seconds: float, ended: Callable[[], bool]) -> Callable[[], bool]:
        """Whether the machine has computed, or been idle, for so many seconds, or it has ended otherwise. To be asked every LOOK_EVERY seconds while it
        runs; then those for which QEMU had no processor do not count. The log is kept short meanwhile."""
        begin, start, idle = time.monotonic(), self.machine.processor_time(), 0.0
        busy = sum(scheduled(self.machine.pid))

        def looked() -> bool:
            nonlocal idle, busy
            before, busy = busy, sum(scheduled(self.machine.pid))
            idle += max(0.0, LOOK_EVERY - (busy - before))
            passed = self.machine.processor_time() - start + idle
            return self.trail.look(self.machine) or ended() or passed > seconds or time.monotonic() - begin > PATIENCE
        return looked

    def __enter__(self: Run) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.machine.close()
        shutil.rmtree(self.folder, ignore_errors=True)
