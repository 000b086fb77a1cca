# SPDX-License-Identifier: GPL-2.0-only
"""A run once more: a machine in a folder of its own, both of which are gone when the `with` ends."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from typing import Any, TypeVar

from xenqemu.machine import Machine

from .trail import Trail

PATIENCE = 600.0  # seconds by the clock, on a host that is busy

Run = TypeVar("Run", bound="Again")


class Again:
    """Base of Observation (under Xen) and Bare (without)."""

    machine: Machine
    trail: Trail

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="explain.", dir=os.environ.get("BUILD") or "build")

    def start(self, image: str, options: list[str], words: str = "", **settings: Any) -> None:
        """Like the run that failed, by the environment. words begin the kernel's command line."""
        self.machine = Machine(self.folder, image, module=os.environ.get("MODULE", ""), cmdline=f"{words} {os.environ.get('CMDLINE', '')}".strip(),
                               options=options, **settings)

    def late(self, seconds: float, ended: Callable[[], bool]) -> Callable[[], bool]:
        """Whether so many seconds of QEMU's processor time have passed, or it has ended otherwise. The log is kept short meanwhile."""
        begin, clock = self.machine.processor_time(), time.monotonic()
        return lambda: self.trail.look(self.machine) or ended() or self.machine.processor_time() - begin > seconds or time.monotonic() - clock > PATIENCE

    def __enter__(self: Run) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.machine.close()
        shutil.rmtree(self.folder, ignore_errors=True)
