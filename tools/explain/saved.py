# SPDX-License-Identifier: GPL-2.0-only
"""A guest's registers, as Xen saved them when the guest came to it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xenqemu.registers import Registers
    from xenqemu.stub import Stub

# struct cpu_user_regs: general registers, vector and error code, then what the processor saved.
_SAVED = struct.Struct("<15QQ5Q")
_NAMES = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi vector rip cs eflags rsp ss".split()


class Saved:
    """A guest's registers, as Xen saved them, by name."""

    def __init__(self, values: dict[str, int]) -> None:
        self.values = values

    def __getattr__(self, name: str) -> int:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    @classmethod
    def now(cls, regs: Registers) -> Saved:
        return cls(dict(regs.values))

    SIZE = _SAVED.size

    @classmethod
    def unpack(cls, data: bytes) -> Saved:
        saved = dict(zip(_NAMES, _SAVED.unpack(data)))
        saved["cs"] &= 0xFFFF
        return cls(saved)


def saved_at(stub: Stub, frame: int) -> Saved:
    return Saved.unpack(stub.read(frame, Saved.SIZE))
