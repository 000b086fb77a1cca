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
    from .saved import Saved
    from .source import Source
    from .trail import Step, Trail
    from .unpacker import Unpacker

BLOCK = 0x100  # bytes: so long are the runs of instructions that QEMU logs the registers of
STACK = 1024  # bytes: so far return addresses are looked for


def _call_size(code: bytes) -> int:
    """How long a CALL through a register or memory is, by the bytes behind its first, 0xff; 0 if it is none."""
    mode, number = code[0] >> 6, code[0] & 7
    if code[0] & 0x38 != 0x10:
        return 0
    index = mode != 3 and number == 4
    base = code[1] & 7 if index and len(code) > 1 else number
    return 2 + index + (1 if mode == 1 else 4 if mode == 2 or not mode and base == 5 else 0)


def _stack(step: Step) -> int:
    return step.registers.get("ESP", step.registers.get("RSP", 0))


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

    def compiled(self, address: int, count: int) -> bytes:
        """Bytes of the image's code, as the file has them: in the machine a stack may have run over them."""
        linked = self.source.linked(address)
        return self.source.bytes(linked[0], count) if linked else b""

    def stack_words(self, regs: Saved | None = None) -> list[int]:
        """What is on the stack, at the end or another moment, the top first."""
        word = self.bits // 8
        top = (regs or self.seen.regs).rsp & self.mask
        data = self.seen.peek(top, min(STACK, PAGE_SIZE - top % PAGE_SIZE) or STACK) or b""
        return [int.from_bytes(data[at:at + word], "little") for at in range(0, len(data) - word + 1, word)]

    def on_stack(self, regs: Saved | None = None) -> list[int]:
        """The addresses of code among them, the innermost first."""
        return [w - 1 for w in self.stack_words(regs) if self.source.is_code(w - 1) and self.is_behind_call(w)]

    def callers(self, regs: Saved | None = None) -> list[int]:
        """Those of them that the last instruction then returns to: each is behind a call of the function that the one before is in. What
        functions have left on the stack that returned before is none, nor is the address of a function, which may lie behind a call that
        ends another: so it is the longest way that counts."""
        found = self.on_stack(regs)
        ways: dict[int | None, list[int]] = {}  # by the function that is called; those of the stack's upper end come first
        for address in reversed(found):
            called = self._calls(address)
            way = [address, *ways.get(self.source.begin(address), [])]
            if called is not None and len(way) >= len(ways.get(called, [])):
                ways[called] = way
        return ways.get(self.source.begin((regs or self.seen.regs).rip & self.mask), [])

    def _calls(self, address: int) -> int | None:
        """The function that a CALL with a distance leads to, of which this is the last byte."""
        call = self.compiled(address - 4, 5)
        return self.source.begin(address + 1 + int.from_bytes(call[1:], "little", signed=True) & self.mask) if call[:1] == b"\xe8" else None

    def is_behind_call(self, address: int) -> bool:
        """Whether it can be a return address: CALL with a distance, or through a register or memory."""
        code = self.compiled(address - 7, 7)
        return len(code) == 7 and (code[2] == 0xE8 or any(code[-size] == 0xFF and _call_size(code[1 - size:]) == size for size in range(2, 8)))

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
