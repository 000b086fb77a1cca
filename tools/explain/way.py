# SPDX-License-Identifier: GPL-2.0-only
"""How a run came to its end: what ran last, who called it, and where a number came from. The part of Facts that is about code."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from xenpt.memory import PAGE_SIZE

if TYPE_CHECKING:
    from .bare import Bare
    from .fault import Fault
    from .observe import Observation
    from .source import Source
    from .trail import Trail
    from .unpacker import Unpacker

BLOCK = 0x100  # bytes: so long are the runs of instructions that QEMU logs the registers of
STACK = 1024  # bytes: so far return addresses are looked for


class Way:
    """What Facts has to know for it."""

    bits: int
    mask: int
    source: Source
    seen: Observation | None
    bare: Bare | None
    fault: Fault | None
    unpacker: Unpacker | None

    def place(self, address: int) -> str:
        """Function and line, also of what runs before the kernel in a bzImage."""
        before = self.unpacker.place(address) if self.unpacker and self.bare and not self.bare.entered else ""
        return before or self.source.place(address)

    # ---- code, and the stack ---------------------------------------------------------

    def code(self, address: int, count: int) -> bytes:
        """Bytes of code, in the machine."""
        return (self.seen.peek(address, count) if self.seen else None) or b""

    def on_stack(self):
        """Addresses of code on the stack at the end, the innermost first."""
        word = self.bits // 8
        top = self.seen.regs.rsp & self.mask
        data = self.seen.peek(top, min(STACK, PAGE_SIZE - top % PAGE_SIZE) or STACK) or b""
        words = (int.from_bytes(data[at:at + word], "little") for at in range(0, len(data) - word + 1, word))
        return [w - 1 for w in words if self.source.is_code(w - 1) and self.is_behind_call(w)]

    def callers(self):
        """Those of them that the last instruction returns to: each is behind a call of the function that the one before is in. What
        functions have left on the stack that returned before is none."""
        inside = self.source.begin(self.seen.regs.rip & self.mask)
        for address in self.on_stack():
            call = self.code(address - 4, 5)
            target = address + 1 + int.from_bytes(call[1:], "little", signed=True) & self.mask
            if call[:1] == b"\xe8" and self.source.begin(target) == inside:
                inside = self.source.begin(address)
                yield address

    def is_behind_call(self, address: int) -> bool:
        """Whether it can be a return address: CALL with a distance, or through a register or memory."""
        code = self.code(address - 7, 7)
        return len(code) == 7 and (code[2] == 0xE8 or code[5] == 0xFF and code[6] & 0x38 == 0x10)

    # ---- the log of what ran ----------------------------------------------------------

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
        found = self.last_before(address)
        return "" if found is None else self.source.place(found)

    def last_before(self, address: int) -> int | None:
        """The same as an address: where that run of instructions begins."""
        at = max((n for n, s in enumerate(self.steps) if s.address == address), default=0)
        return next((s.address for s in reversed(self.steps[:at]) if self.source.is_code(s.address)), None)

    @functools.cached_property
    def left_at(self) -> str:
        """The last place in the image's code, when the processor has left it."""
        if self.cut:
            return ""
        for step in reversed(self.steps):
            if self.source.is_code(step.address):
                return self.source.place(step.address)
        return ""
