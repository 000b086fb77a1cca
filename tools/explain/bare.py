# SPDX-License-Identifier: GPL-2.0-only
"""A failed run without Xen, once more: the exception that nobody handled, and the processor as it was then.

	with Bare(image, entry, seconds) as bare: ...		bare.fault, bare.state, bare.walk(va), ...

There is no hypervisor to stop at and none that prints. QEMU logs each exception with all registers, stops a machine that would be
reset, and keeps its memory. From the kernel's first instruction on it logs what runs, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from xenpt import paging
from xenpt.memory import PAGE_SIZE, BadPage
from xenpt.entry import Walk
from xenpt.space import AddressSpace
from xenqemu.monitor import MonitorError
from xenqemu.packets import StubError

from .again import Again
from .trail import Trail

TO_ENTRY = 4.0  # seconds of QEMU's processor time to the first instruction
LOOPS, LEAST = 2.0, 0.2  # multiples of what that took, and seconds: so long it may go on from there
RESTS = 15  # looks
LOG_EVERY = 0.02  # seconds between looks at how long the log is
DOUBLE, IDT = 8, 2  # a vector; a bit of an error code: the selector is one of the IDT
FIRMWARE_END = 0x100000
CR0_PE, CR0_PG, CR4_PSE, CR4_PAE, EFER_LME, EFER_LMA = 1, 1 << 31, 1 << 4, 1 << 5, 1 << 8, 1 << 10
_EXCEPTION = re.compile(r"^ *\d+: v=([0-9a-f]{2}) e=([0-9a-f]{4}) i=(\d) .*?pc=([0-9a-f]+).*$", re.M)
_NUMBER = re.compile(r"\b(CR[0234]|EFER|[ER]FL|[ER][A-DS][XIP]|[ER]BP|[ER]SP|[ER]IP|R[ 0-9][0-9])=\s*([0-9a-f]+)")
_CODE = re.compile(r"\bCS(16|32|64)\b")
_HALT = re.compile(r"HLT=1")
_TABLE = re.compile(r"^([GI])DT= *([0-9a-f]+) ([0-9a-f]+)", re.M)


class State(NamedTuple):
    """The processor's registers that matter here, of one of QEMU's dumps."""
    numbers: dict[str, int]
    gdt: range
    idt: range
    code: int  # bits of the code that CS is for
    halted: bool

    @classmethod
    def of(cls, dump: str) -> State:
        tables = {name: range(int(base, 16), int(base, 16) + int(limit, 16) + 1) for name, base, limit in _TABLE.findall(dump)}
        numbers = {name: int(value, 16) for name, value in _NUMBER.findall(dump)}
        code = _CODE.search(dump)
        return cls(numbers, tables.get("G", range(0)), tables.get("I", range(0)), int(code[1]) if code else 0, bool(_HALT.search(dump)))

    def __getitem__(self, name: str) -> int:
        return self.numbers.get(name, self.numbers.get("R" + name[1:], 0))

    @property
    def paging(self) -> bool:
        return bool(self["CR0"] & CR0_PG)


class BareFault(NamedTuple):
    vector: int
    error: int
    ip: int
    state: State

    @property
    def cr2(self) -> int:
        return self.state["CR2"]

    @property
    def fetch(self) -> bool:
        """Whether it is a page fault, at the instruction itself."""
        return self.vector == 14 and self.cr2 == self.ip


def _exceptions(text: str) -> Iterator[BareFault]:
    """Those of a log, without interrupts that software asked for."""
    found = list(_EXCEPTION.finditer(text))
    for here, after in zip(found, [*(m.start() for m in found[1:]), len(text)]):
        if here[3] == "0":
            yield BareFault(int(here[1], 16), int(here[2], 16), int(here[4], 16), State.of(text[here.end():after].split("\nTrace ")[0]))


class Bare(Again):
    """entry: where the kernel is entered, None if that is not known; end: how the run ended, in tools/boot's words; parts: paddr and
    bytes of what has to be in memory at the entry."""

    def __init__(self, image: str, entry: int | None, end: str, parts: list[tuple[int, bytes]]) -> None:
        super().__init__()
        self.parts = parts
        self.lost: tuple[int, bytes, bytes] | None = None  # of them the first that was not: paddr, what was there, what should have been
        self.trail = Trail(self.folder, "int")
        self.entered = self.reset = False
        self.looks = 0
        self.fault: BareFault | None = None
        self.state: State | None = None
        self.size = 0  # bytes of memory
        self.info = 0  # what the loader passed: the paddr of hvm_start_info, of boot_params
        self.lapic = ""  # its interrupt controller, in QEMU's words
        self.ends = end == "vanished"
        # A verdict would end QEMU, and all that is to be looked at.
        self.start(image, ["-no-shutdown", "-d", "int", "-D", "trace0"], native=True, VERDICT="null" if end == "failure" else "testdev")
        try:
            self.stub = self.machine.connect()
            self._run(entry)
            self._look()
        except (StubError, MonitorError):
            pass
        except BaseException:
            self.close()
            raise

    def _rests(self) -> bool:
        """Whether the processor has been in HLT each of the last times that it was looked at: QEMU computes nothing then."""
        self.looks = self.looks + 1 if _HALT.search(self.machine.monitor.human("info registers")) else 0
        return self.looks > RESTS

    def _run(self, entry: int | None) -> None:
        if entry is not None:
            self.stub.breakpoint(entry)
            self.entered = self.stub.run_till(self.late(TO_ENTRY, self._rests), LOG_EVERY) and not self.stub.ended
        if self.entered and entry is not None:
            regs = self.stub.registers()
            self.info = (regs.rbx if os.environ.get("PVH", "n") != "n" else regs.rsi) & 0xFFFFFFFF
            self.stub.remove_breakpoint(entry)
            there = ((paddr, self.stub.read(paddr, len(data), physical=True), data) for paddr, data in self.parts)
            self.lost = next((part for part in there if part[1] != part[2]), None)
            self.trail.start(self.machine)
        if not self.stub.stop or not self.stub.ended:
            limit = TO_ENTRY if self.ends else LOOPS * self.machine.processor_time() + LEAST
            self.stub.run_till(self.late(limit, self._rests), LOG_EVERY)
        self.reset = self.machine.monitor.shut_down()

    def _look(self) -> None:
        self.size = self.machine.monitor.memory_size()
        with open(self.trail.path, encoding="latin-1") as log:
            text = log.read()
        if self.reset:
            self.fault = self._first(list(_exceptions(text)))
        self.state = self.fault.state if self.fault else State.of(self.machine.monitor.human("info registers"))
        self.lapic = self.machine.monitor.human("info lapic")

    def _first(self, found: list[BareFault]) -> BareFault | None:
        """Of exceptions that followed from each other the one that was first. As long as the IDT is the firmware's, that is the first of
        all: whatever runs behind it is not the kernel's."""
        if self.entered and found and found[0].state.idt.start < FIRMWARE_END:
            return found[0]
        found = [x for x in found if x.vector != DOUBLE] or found
        while len(found) > 1 and found[-1].error & IDT and found[-1].error >> 3 == found[-2].vector:
            found.pop()  # its gate could not be used
        return found[-1] if found else None

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
