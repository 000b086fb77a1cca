# SPDX-License-Identifier: GPL-2.0-only
"""The hypercalls of an observed boot: name, arguments, result, and what Xen said meanwhile."""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from xenabi.headers import value

from .saved import Saved

ARGUMENTS = {32: "rbx rcx rdx rsi rdi".split(), 64: "rdi rsi rdx r10 r8".split()}
ABOUT_GUEST = re.compile(r"^\(XEN\) .*\bd\d+(v\d+)?\b")  # Xen's lines about a domain, not about itself
UPDATE = struct.Struct("<QQ")  # struct mmu_update: ptr, val
MOST_UPDATES = 1024
AROUND = 16  # words of the stack, on either side of iret's frame
MOST_TEXT, BEHIND = 160, 64  # bytes of console_io's text that are kept, and of what follows it in memory
SAMPLE, LINE = 8, 0x1000  # of another call whose arguments are as console_io's: characters of what would be the text, and how many that has at most
TIME, CLOCK = 32, 32  # bytes of shared_info, from where on the clock of processor 0 stands, and how many
SET_IOPL, LEVEL = value("PHYSDEVOP_set_iopl"), 4  # the operation, and the bytes of its struct
# What does not come back to where it was called; and the one in which a guest may sleep.
IRET, SHUTDOWN = "iret", ("sched_op", 2)
EVENTFUL = ("sched_op", "set_timer_op")  # events come in them, and the handlers' own calls are to be seen


class Call(NamedTuple):
    name: str
    number: int
    args: tuple[int, ...]
    regs: Saved
    caller: int  # where it returns to, in the guest's code
    result: int | None  # None: it did not come back
    said: list[str]  # Xen's lines
    updates: list[tuple[int, int]]  # mmu_update: ptr and val of each
    data: bytes = b""  # set_trap_table: the table; console_io: the text; event_channel_op: its struct, with Xen's answer; set_timer_op: the clock; iret: the stack around its frame; mmu_update of 0 updates: where the first would be; PHYSDEVOP_set_iopl: its struct; else what would be the text if it were console_io
    done: int = 0  # mmu_update: how many Xen did
    before: tuple[int | None, ...] = ()  # mmu_update: what stood at each ptr, of the first ones

    @property
    def refused(self) -> bool:
        return self.result is not None and self.result < 0


Calls = list[Call]
