# SPDX-License-Identifier: GPL-2.0-only
"""A failed run without Xen, once more: the exception that nobody handled, and the processor as it was then.

	with Bare(image, entry, seconds) as bare: ...		bare.fault, bare.state, bare.walk(va), ...

There is no hypervisor to stop at and none that prints. QEMU logs each exception with all registers, stops a machine that would be
reset, and keeps its memory. From the kernel's first instruction on it logs what runs, too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from xenpt import paging
from xenpt.memory import PAGE_SIZE, BadPage
from xenpt.entry import Walk
from xenpt.space import AddressSpace
from xenqemu.monitor import MonitorError
from xenqemu.packets import StubError
from xenqemu.registers import Registers

from .again import LOOK_EVERY, Again
from .bare_state import EFER_LMA, BareFault, State, exceptions, first_of, rests
from .trail import Trail

TO_ENTRY = 4.0  # seconds of QEMU's processor time to the first instruction
LOOPS, LEAST = 2.0, 0.2  # multiples of what that took, and seconds: so long it may go on from there
RESTS = 15  # looks


class Bare(Again):
    """way: addresses that the processor comes to one after the other, the last of which is the kernel's entry; none if that is not known.
    end: how the run ended, in tools/boot's words; parts: paddr and bytes of what has to be in memory at the entry, first that itself;
    log_from: which of the addresses the log of what runs begins at."""

    def __init__(self, image: str, way: Sequence[int], end: str, parts: list[tuple[int, bytes]], log_from: int = 0) -> None:
        super().__init__()
        self.parts, self.way, self.log_from = parts, way, log_from
        self.lost: tuple[int, bytes, bytes] | None = None  # of them the first that was not: paddr, what was there, what should have been
        self.trail = Trail(self.folder, "int")
        self.entered = self.reset = False
        self.reached = 0  # so many addresses of the way
        self.looks = 0
        self.exceptions: list[BareFault] = []  # all that the log has
        self.fault: BareFault | None = None
        self.state: State | None = None
        self.size = 0  # bytes of memory
        self.infos: list[int] = []  # ESI (EBX of PVH) at each address of the way
        self.jumped_to = 0  # EAX at the last of them, by which the unpacker jumps there
        self.info = 0  # what was passed at the last of them: the paddr of hvm_start_info, of boot_params
        self.lapic = ""  # its interrupt controller, in QEMU's words
        self.ends = end == "vanished"
        # A verdict would end QEMU, and all that is to be looked at.
        self.start(image, ["-no-shutdown", "-d", "int", "-D", "trace0"], native=True, VERDICT="null" if end == "failure" else "testdev")
        try:
            self.stub = self.machine.connect()
            self._run()
            self._look()
        except (StubError, MonitorError):
            pass
        except BaseException:
            self.close()
            raise

    def _rests(self) -> bool:
        """Whether the processor has been in HLT each of the last times that it was looked at: QEMU computes nothing then."""
        self.looks = self.looks + 1 if rests(self.machine.monitor.human("info registers")) else 0
        return self.looks > RESTS

    def _limit(self) -> float:
        return LOOPS * self.machine.processor_time() + LEAST

    def _come_to(self, number: int) -> Registers | None:
        """The registers at an address of the way; None if the machine does not come there."""
        self.stub.breakpoint(self.way[number])
        if not self.stub.run_till(self.late(self._limit() if number else TO_ENTRY, self._rests), LOOK_EVERY) or self.stub.ended:
            return None
        self.stub.remove_breakpoint(self.way[number])
        regs = self.stub.registers()
        self.info = (regs.rbx if os.environ.get("PVH", "n") != "n" else regs.rsi) & 0xFFFFFFFF
        self.infos.append(self.info)
        if number >= self.log_from:
            self.trail.start(self.machine)
        return regs

    def _run(self) -> None:
        regs = None
        for number in range(len(self.way)):
            regs = self._come_to(number)
            if not regs:
                break
            self.reached += 1
        if regs:
            there = [(paddr, self.stub.read(paddr, len(data), physical=True), data) for paddr, data in self.parts]
            lost = sorted(part for part in there if part[1] != part[2])
            self.lost = lost[0] if lost else None
            # Without the kernel there it was entered only if it was jumped to: what lies there may have run on to it.
            self.jumped_to = regs.rax
            self.entered = regs.rax == self.way[-1] or all(paddr != self.way[-1] for paddr, _, _ in lost)
        if regs or not self.way:
            self.stub.run_till(self.late(TO_ENTRY if self.ends else self._limit(), self._rests), LOOK_EVERY)
        self.reset = self.machine.monitor.shut_down()

    def _look(self) -> None:
        self.size = self.machine.monitor.memory_size()
        with open(self.trail.path, encoding="latin-1") as log:
            text = log.read()
        self.exceptions = list(exceptions(text))
        if self.reset:
            self.fault = first_of(self.exceptions, self.entered)
        self.state = self.fault.state if self.fault else State.of(self.machine.monitor.human("info registers"))
        self.lapic = self.machine.monitor.human("info lapic")

    # ---- looking -----------------------------------------------------------------

    def read_page(self, maddr: int) -> bytes:
        """For xenpt."""
        if maddr >= self.size:
            raise BadPage(f"the machine has no memory at {maddr:#x}")
        try:
            return self.stub.read(maddr, PAGE_SIZE, physical=True)
        except StubError as error:
            raise BadPage(str(error)) from None

    @property
    def mode(self) -> paging.Mode:
        """How the processor reads page tables. PagingError while it does not."""
        state = self.state
        return paging.mode_of(state["CR0"], state["CR4"], state["EFER"], 64 if state["EFER"] & EFER_LMA else 32)

    def walk(self, va: int) -> Walk | None:
        """The page tables' answer at the end; None if paging is off."""
        try:
            return AddressSpace(self, self.mode, self.state["CR3"]).walk(va)
        except (paging.PagingError, BadPage):
            return None

    def read(self, address: int, count: int) -> bytes:
        """Bytes at an address as the processor sees it; none if there is no memory."""
        walk = self.walk(address)
        paddr = walk.maddr if walk else None if self.state.paging else address
        return b"" if paddr is None else self.read_paddr(paddr, count)

    def read_paddr(self, paddr: int, count: int) -> bytes:
        """Bytes up to the page's end; none if there is no memory."""
        try:
            return self.read_page(paddr & -PAGE_SIZE)[paddr % PAGE_SIZE:][:count]
        except BadPage:
            return b""
