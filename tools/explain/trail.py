# SPDX-License-Identifier: GPL-2.0-only
"""The guest's instructions, each with the registers before it: what QEMU's log has, as long as that stays short.

A loop over all of memory would make a log of hundreds of megabytes, so there is a limit, from one hypercall to the next.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from xenqemu.machine import Machine

MOST_BYTES, WINDOW = 20 << 20, 8 << 20
LAST = 16 << 10  # bytes: some twenty steps
_TABLE = re.compile(r"^([GI]DT)= *([0-9a-f]+) ([0-9a-f]+)", re.M)
_REGISTER = re.compile(r"\b([ER][A-Z][A-Z]|R[ 0-9][0-9])=([0-9a-f]+)")


class Step(NamedTuple):
    """One instruction, about to be executed."""
    address: int
    registers: dict[str, int]  # by QEMU's names: EAX or RAX


class Trail:
    """A window: what came after the last hypercall but a few, unless that alone is too long (cut)."""

    def __init__(self, folder: str, always: str = "") -> None:
        """always: what else QEMU logs, also when this has become too long."""
        self.folder, self.number, self.always = folder, 0, always
        self.running = False
        self.cut = False

    @property
    def path(self) -> str:
        return os.path.join(self.folder, f"trace{self.number}")

    def start(self, machine: Machine) -> None:
        machine.monitor.order(f"logfile trace{self.number}")
        machine.monitor.order("log exec,cpu,nochain" + (f",{self.always}" if self.always else ""))
        self.running, self.cut = True, False

    def look(self, machine: Machine) -> bool:
        """Stops logging at the limit. Never late itself."""
        if self.running and _size(self.path) > MOST_BYTES:
            machine.monitor.order(f"log {self.always or 'none'}")
            self.running, self.cut = False, True
        return False

    def new_window(self, machine: Machine) -> None:
        """At a hypercall: begins anew if much was logged before it."""
        if _size(self.path) > WINDOW:
            before, self.number = self.path, self.number + 1
            self.start(machine)
            os.unlink(before)

    def steps(self) -> list[Step]:
        """All of them, in order."""
        return list(self._read())

    def last(self) -> tuple[Step, ...]:
        """The last few, so far: whoever asks later may find them gone with their window."""
        return () if self.cut else tuple(self._read(LAST))

    def table(self, name: str) -> tuple[int, int] | None:
        """The GDT or the IDT at the end: address and bytes."""
        if not os.path.exists(self.path):
            return None
        with open(self.path, encoding="latin-1") as log:
            log.seek(max(0, _size(self.path) - LAST))
            found = [(base, limit) for kind, base, limit in _TABLE.findall(log.read()) if kind == name]
        return (int(found[-1][0], 16), int(found[-1][1], 16) + 1) if found else None

    def _read(self, tail: int = 0) -> Iterator[Step]:
        """Of the log's last bytes, so many, if not of all."""
        if not os.path.exists(self.path):
            return
        with open(self.path, encoding="latin-1") as log:
            log.seek(max(0, _size(self.path) - tail) if tail else 0)
            blocks = log.read().split("Trace ")[1:]
        for number, block in enumerate(blocks):
            # A block that was entered but had to wait is logged twice, and counts once.
            if number + 1 < len(blocks) and "\nStopped " in block:
                continue
            address = int(block.split("/", 2)[1], 16)
            yield Step(address, {name: int(value, 16) for name, value in _REGISTER.findall(block, 0, 700)})


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0
