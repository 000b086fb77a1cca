# SPDX-License-Identifier: GPL-2.0-only
"""How a run came to its end, by the log of what ran: where the code was left, and where a number came from. A part of Facts."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .callers import Callers

if TYPE_CHECKING:
    from .bare import Bare
    from .fault import Fault
    from .trail import Step, Trail
    from .unpacker import Unpacker

BLOCK = 0x100  # bytes: so long are the runs of instructions that QEMU logs the registers of


def _stack(step: Step) -> int:
    return step.registers.get("ESP", step.registers.get("RSP", 0))


class Way(Callers):
    """What Facts has to know for it."""

    bare: Bare | None
    fault: Fault | None
    unpacker: Unpacker | None

    def place(self, address: int) -> str:
        """Function and line, also of what runs before the kernel in a bzImage."""
        before = self.unpacker.place(address) if self.unpacker and self.bare and not self.bare.entered else ""
        return before or self.source.place(address)

    @property
    def trail(self) -> Trail | None:
        watched = self.seen or self.bare
        return watched.trail if watched else None

    @property
    def cut(self) -> bool:
        """Whether the log does not reach to the end."""
        return bool(self.trail and self.trail.cut)

    @functools.cached_property
    def steps(self):
        return self.trail.steps() if self.trail else []

    def first_seen(self, value: int) -> str:
        """The line of source that ran when a value first appeared in a register, before the end."""
        steps = [] if self.cut else self.steps
        if self.fault:
            last = [i for i, s in enumerate(steps) if 0 <= self.fault.ip - s.address < BLOCK]
            steps = steps[:last[-1] + 1] if last else []
        for before, step in zip(steps, steps[1:]):
            if value in step.registers.values() and value not in before.registers.values():
                name = next(n for n, v in step.registers.items() if v == value)
                if name not in ("EIP", "RIP", "EFL", "RFL"):
                    return self.source.place(before.address)
        return ""

    @functools.cached_property
    def landed(self) -> int | None:
        """The first address outside the image's code that the processor ran at, when it has left that."""
        if self.steps and self.source.is_code(self.steps[-1].address):
            return None
        for before, step in zip(reversed(self.steps[:-1]), reversed(self.steps)):
            if self.source.is_code(before.address) and not self.source.is_code(step.address):
                return None if self.cut else step.address
        return None

    @property
    def ran_on(self) -> bool:
        """Whether the code was left at its end, by running on behind it."""
        at = self.source.linked(self.fault.ip if self.landed is None else self.landed)
        return bool(at) and 0 <= at[0] - self.source.code.stop < BLOCK

    def before(self, address: int) -> str:
        """The last place in the image's code before the processor came to an address for the last time."""
        at = max((n for n, s in enumerate(self.steps) if s.address == address), default=0)
        found = next((s.address for s in reversed(self.steps[:at]) if self.source.is_code(s.address)), None)
        return "" if found is None else self.source.place(found)

    @functools.cached_property
    def left_at(self) -> str:
        """The last place in the image's code, when the processor has left it."""
        return "" if self.left_from is None else self.source.place(self.left_from)

    @property
    def left_by(self) -> str:
        """The function that this is in."""
        return "" if self.left_from is None else self.source.function(self.left_from)

    @property
    def ran_into_next(self) -> str:
        """The function that last ran on behind its end, into the one behind it, before the exception; empty if none did."""
        way = self.fault.way if self.fault else ()
        for before, step in zip(reversed(way[:-1]), reversed(way)):
            begins, called = self.source.begin(step.address) == step.address, _stack(step) < _stack(before)
            through = self.source.begin(before.address) == self.source.begin(step.address - 1) and 0 < step.address - before.address < BLOCK
            if begins and not called and (through or self.is_behind_call(step.address)):  # the last instruction may be a call
                return self.source.function(step.address - 1)
        return ""

    @property
    def left_from(self) -> int | None:
        """The address of that place."""
        # What came after an exception that the kernel handled itself is its handler. The few steps before it may all lie outside.
        way, steps = self.fault.way if self.fault else (), [] if self.cut else self.steps
        return next((s.address for part in (way, steps) for s in reversed(part) if self.source.is_code(s.address)), None)
