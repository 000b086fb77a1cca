# SPDX-License-Identifier: GPL-2.0-only
"""What can be read of an observed boot: memory, the guest, and what Xen told it at its first instruction. A part of Observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenpt.guest import Boot, Guest
from xenpt.memory import PAGE_SIZE, BadPage
from xenpt.paging import PagingError
from xenpt.start_info import StartInfo
from xenqemu.packets import StubError

if TYPE_CHECKING:
    from xenqemu.registers import Registers
    from xenqemu.stub import Stub


class Looking:
    """What it has to know of the rest:"""

    bits: int
    stub: Stub
    at_entry: Registers
    outside: bool
    cr3: int | None
    keepers: list[int]
    argument: int | None
    boot: Boot | None

    def read_page(self, maddr: int) -> bytes:
        """For xenpt."""
        try:
            return self.stub.read(maddr, PAGE_SIZE, physical=True)
        except StubError as error:
            raise BadPage(str(error)) from None

    def _at_entry(self) -> None:
        regs = self.at_entry
        self.start_info = regs.rsi
        self.boot: Boot | None = None
        self.info: StartInfo | None = None
        try:
            self.boot = Boot.at_entry(self, regs, self.bits, regs.rsi)
            guest = self.guest()
            self.info = guest.start_info()
            count = self.info.nr_pages * self.bits // 8
            table = guest.space.read(self.info.mfn_list, count) or b""
            self.p2m = [int.from_bytes(table[at:at + self.bits // 8], "little") for at in range(0, len(table), self.bits // 8)]
        except (PagingError, BadPage):
            self.p2m = []
        self.pfn_of = {mfn: pfn for pfn, mfn in enumerate(self.p2m)}

    def only_this(self, keepers: list[int]) -> None:
        """From now on, what other guests do is passed over: theirs are other page tables. But if one of them comes to one of
        these addresses, it gives this one up."""
        self.cr3, self.keepers = self.at_entry.cr3, keepers
        for address in keepers:
            self.stub.breakpoint(address)

    def guest(self) -> Guest:
        """The guest as it is now."""
        now = self.stub.registers()
        if self.cr3 is not None:
            now.values["cr3"] = self.cr3
        return Guest(self, now, self.bits, self.boot)

    def peek(self, va: int, count: int) -> bytes | None:
        """The guest's memory, at a VA."""
        if self.outside:
            return self.guest().space.read(va & (1 << self.bits) - 1, count)
        try:
            return self.stub.peek(va & (1 << self.bits) - 1, count)
        except StubError:
            return None

    @property
    def lost_start_info(self) -> int | None:
        """What xen_entry() got in place of start_info; None if it got that."""
        return None if self.argument in (None, self.start_info) else self.argument
