# SPDX-License-Identifier: GPL-2.0-only
"""The processor's registers, as QEMU's debugging stub sends them. Source: QEMU, target/i386/gdbstub.c."""

from __future__ import annotations

import struct

# Offsets into the registers as QEMU sends them (its gdb-xml/i386-64bit.xml).
_GPRS = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split()
_SYSTEM = "fs_base gs_base k_gs_base cr0 cr2 cr3 cr4 cr8 efer".split()
SHORT = "eflags cs ss ds es fs gs".split()
NAMES = _GPRS + SHORT + _SYSTEM
LAYOUT = struct.Struct("<17Q7I9Q")
# The bytes of those before the system's registers.
GENERAL = struct.calcsize("<17Q7I")


class Registers:
    """The processor's registers at a stop. `raw` compares equal if all are; `values` has them by name."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.values = dict(zip(NAMES, LAYOUT.unpack_from(raw)))

    def __getattr__(self, name: str) -> int:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def in_the_order_of_xen(self) -> list[int]:
        """The general registers as Xen saves a guest's (struct cpu_user_regs)."""
        names = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi".split()
        return [getattr(self, name) for name in names]

    @property
    def in_xen(self) -> bool:
        """Whether Xen itself runs: ring 0 with one of the selectors that Xen reserves."""
        return self.cs & 3 == 0 and self.cs >= 0xE000
