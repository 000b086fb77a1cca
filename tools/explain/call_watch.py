# SPDX-License-Identifier: GPL-2.0-only
"""Follows the hypercalls of an observed boot, one after the other, and takes down of each what calls.py has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xenabi.headers import names
from xenpt.memory import PAGE_SIZE, BadPage
from xenqemu.packets import StubError

from .calls import ABOUT_GUEST, ARGUMENTS, AROUND, BEHIND, CLOCK, EVENTFUL, IRET, LEVEL, LINE, MOST_TEXT, MOST_UPDATES, SAMPLE, SET_IOPL, SHUTDOWN, TIME, UPDATE, Call
from .saved import Saved, saved_at

if TYPE_CHECKING:
    from xenqemu.registers import Registers

    from .observe import Observation

MOST_BEFORE = 16  # updates of which it is kept what they change
STUB_END = b"\x41\x5b\x59\xc3"  # of 64 bits: pop %r11, pop %rcx, ret; of 32 bits the last byte alone
MOST_EVENT = 16  # bytes of an event channel's struct
MOST_TABLE = 320  # bytes of a trap table that are kept: of the twenty exceptions


class CallWatch:
    """Follows one call after the other: from where Xen takes it to where the guest goes on.

    In between Xen is not stopped: a timer that is due after a stop makes Xen break the call off and begin it anew, again and again."""

    def __init__(self, seen: Observation) -> None:
        self.seen, self.stub, self.bits = seen, seen.stub, seen.bits
        self.back: int | None = None  # where the call that is under way returns to
        self.under_way = 0  # its number
        self.final = False
        self.log = os.path.join(seen.folder, "log")
        self.stub.breakpoint(seen.places.call)

    def taken(self, regs: Registers) -> None:
        """Xen has a call before it."""
        saved = saved_at(self.stub, regs.rdi)
        mask = (1 << self.bits) - 1
        number = saved.rax & 0xFFFFFFFF
        name = names("__HYPERVISOR_").get(number, f"__HYPERVISOR_{number}").removeprefix("__HYPERVISOR_")
        if self.back is not None and name != IRET:
            return  # the guest blocked, and an event is handled
        args = tuple(saved.values[a] & mask for a in ARGUMENTS[self.bits])
        caller = self._caller(saved)
        self.size = os.path.getsize(self.log)
        updates = self._updates(name, args)
        before = tuple(self._entry(ptr & -8) for ptr, _ in updates[:MOST_BEFORE])
        self.seen.calls.append(Call(name, number, args, saved, caller, None, [], updates, self._data(name, args, saved), before=before))
        self.final = (name, args[0]) == SHUTDOWN
        if name != IRET and not self.final:
            self.under_way = len(self.seen.calls) - 1
            self.back = saved.rip
            self.stub.breakpoint(self.back)
            if name not in EVENTFUL:
                self.stub.remove_breakpoint(self.seen.places.call)

    def forget(self) -> None:
        """No call stops the machine any more."""
        if self.back is None or self.seen.calls[self.under_way].name in EVENTFUL:
            self.stub.remove_breakpoint(self.seen.places.call)
        if self.back is not None:
            self.stub.remove_breakpoint(self.back)

    def _caller(self, saved: Saved) -> int:
        """Where the call was made: behind the gate, or where the stub's RET leads to."""
        code = self.seen.peek(saved.rip, len(STUB_END)) or b""
        pushed = 0 if code[:1] == STUB_END[-1:] else 2 if code == STUB_END else None
        if pushed is None:
            return saved.rip
        return int.from_bytes(self.seen.peek(saved.rsp + pushed * self.bits // 8, self.bits // 8) or b"", "little")

    def _updates(self, name: str, args: tuple[int, ...]) -> list[tuple[int, int]]:
        if name != "mmu_update" or args[1] > MOST_UPDATES:
            return []
        data = self.seen.peek(args[0], UPDATE.size * args[1])
        return list(UPDATE.iter_unpack(data)) if data else []

    def _entry(self, maddr: int) -> int | None:
        """The entry at a machine address; None if there is no memory."""
        try:
            return int.from_bytes(self.stub.read(maddr, 8, physical=True), "little")
        except StubError:
            return None

    def _data(self, name: str, args: tuple[int, ...], saved: Saved) -> bytes:
        if name == IRET:
            return self.seen.peek(saved.rsp - AROUND * self.bits // 8, 2 * AROUND * self.bits // 8) or b""
        if name == "console_io":
            return self.seen.peek(args[2], min(args[1], MOST_TEXT) + BEHIND) or b""
        if name == "set_trap_table" and args[0] and not args[1]:  # else another call's arguments
            return self.seen.peek(args[0], MOST_TABLE) or b""
        if name == "set_timer_op":
            return self._clock()
        if name == "mmu_update" and not args[1]:
            return self.seen.peek(args[0], UPDATE.size) or b""
        if name == "physdev_op" and args[0] == SET_IOPL:
            return self.seen.peek(args[1], LEVEL) or b""
        return (self.seen.peek(args[2], SAMPLE) if args[2] and 0 < args[1] < LINE else None) or b""

    def _clock(self) -> bytes:
        try:
            return self.seen.read_page(self.seen.info.shared_info & -PAGE_SIZE)[TIME:][:CLOCK] if self.seen.info else b""
        except BadPage:
            return b""

    def returned(self, regs: Registers) -> None:
        """The guest goes on behind it."""
        self.stub.remove_breakpoint(regs.rip)
        self.back = None
        if self.seen.calls[self.under_way].name not in EVENTFUL:
            self.stub.breakpoint(self.seen.places.call)
        result = regs.rax & (1 << self.bits) - 1
        result -= (result >> self.bits - 1) << self.bits
        with open(self.log, encoding="latin-1") as log:
            log.seek(self.size)
            said = [line.rstrip() for line in log if ABOUT_GUEST.search(line)]
        call = self.seen.calls[self.under_way]
        if call.name == "event_channel_op":
            call = call._replace(data=self.seen.peek(call.args[1], MOST_EVENT) or call.data)
        done = self.seen.peek(call.args[2], 4) if call.updates and call.args[2] else None
        self.seen.calls[self.under_way] = call._replace(result=result, said=said, done=int.from_bytes(done or b"", "little"))
