# SPDX-License-Identifier: GPL-2.0-only
"""Who called what ran last: the code in the machine, the stack, and the return addresses on it. A part of Facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenpt.memory import PAGE_SIZE

if TYPE_CHECKING:
    from .observe import Observation
    from .saved import Saved
    from .source import Source

STACK = 1024  # bytes: so far return addresses are looked for


def _call_size(code: bytes) -> int:
    """How long a CALL through a register or memory is, by the bytes behind its first, 0xff; 0 if it is none."""
    mode, number = code[0] >> 6, code[0] & 7
    if code[0] & 0x38 != 0x10:
        return 0
    index = mode != 3 and number == 4
    base = code[1] & 7 if index and len(code) > 1 else number
    return 2 + index + (1 if mode == 1 else 4 if mode == 2 or not mode and base == 5 else 0)


class Callers:
    """What it has to know of the others."""

    bits: int
    mask: int
    source: Source
    seen: Observation | None

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
