# SPDX-License-Identifier: GPL-2.0-only
"""Where an observed boot was stopped, and what is taken down there. A part of Observation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .call_watch import CallWatch
from .calls import Calls
from .fault import Fault
from .looking import Looking
from .saved import Saved, saved_at

if TYPE_CHECKING:
    from xenqemu.machine import Machine
    from xenqemu.registers import Registers

    from .probes import Probes
    from .trail import Trail
    from .xen_places import XenPlaces

SUCCESS = 0x10  # what xen_exit() is told then: src/include/console.h
MOST_WAYS = 16  # exceptions that keep the steps before them: of a storm of thousands the first count
ENDS = ("success", "exit", "crash", "halt", "shutdown")


class Stops(Looking):
    """What it has to know of the rest:"""

    machine: Machine
    places: XenPlaces
    probes: Probes | None
    watch: CallWatch | None
    trail: Trail
    exits: list[int]
    starts: list[int]
    calls: Calls
    faults: list[Fault]
    msrs: list[tuple[int, int]]
    leaves: list[int]
    ended: str
    regs: Saved | None
    entered: int
    returns: int
    fails: bool
    deaf_from: int | None
    enough: bool
    listen_no_more: Callable[[], None]

    def _visit(self, regs: Registers) -> bool:
        """Whether this is the end."""
        if self.probes and self.probes.visit(regs):
            return False
        if self.cr3 not in (None, regs.cr3):
            return self._another(regs)
        what = self.places.stops.get(regs.rip)
        if what is not None:
            self._xens(what, regs)
        elif regs.rip in self.exits:
            self._exits(regs)
        elif regs.rip == self.deaf_from and self.watch:
            self.listen_no_more()
            if self.enough:
                self.ended = "loop"
                return True
        elif regs.rip in self.starts and not regs.in_xen:
            self._begun(regs)
        elif self.watch and regs.rip == self.watch.back and not regs.in_xen:
            self.watch.returned(regs)
        elif self.watch and regs.rip == self.places.call:
            self.watch.taken(regs)
            self.trail.new_window(self.machine)
            if self.watch.final:
                self.ended, self.regs = "shutdown", self.calls[-1].regs
        return self.ended in ENDS

    def _exits(self, regs: Registers) -> None:
        success = self._argument(regs) == SUCCESS
        if not (success and self.fails):
            self.ended, self.regs = "success" if success else "exit", Saved.now(regs)

    def _another(self, regs: Registers) -> bool:
        """Another guest's stop: whether it is one that gives this one up."""
        self.outside = regs.rip in self.keepers and not regs.in_xen
        if self.outside:
            self.ended, self.regs = "loop", self.faults[-1].regs if self.faults else Saved.now(self.at_entry)
        return self.outside

    def _begun(self, regs: Registers) -> None:
        """The first function in C."""
        if self.argument is None:
            self.returns = int.from_bytes(self.peek(regs.rsp, 4) or b"", "little")
            self.argument = self._argument(regs)
        self.entered += 1

    def _xens(self, what: str, regs: Registers) -> None:
        """In Xen, at a place that has a name."""
        if what == "inject":
            self._exception(regs)
        elif what == "msr":
            self.msrs.append((regs.rsi & 0xFFFFFFFF, regs.rdx))
        elif what == "cpuid":
            self.leaves.append(regs.rsi & 0xFFFFFFFF)
        elif what == "crash":
            self.ended = "crash"
            self.regs = saved_at(self.stub, self.places.frame(self.stub, self.machine.monitor))
        elif what == "halt":
            self.ended = "halt"

    def _exception(self, regs: Registers) -> None:
        """One that Xen is about to hand to the guest."""
        event = self.stub.read(regs.rdi, 16)
        saved = saved_at(self.stub, self.places.frame(self.stub, self.machine.monitor))
        error = max(0, int.from_bytes(event[4:8], "little", signed=True))  # -1: this exception has none
        word = self.bits // 8
        near = self.peek(saved.rsp - word, 2 * word)  # as yet: Xen's frame will go there
        below, top = (int.from_bytes(near[at:at + word], "little") if near else None for at in (0, word))
        way = self.trail.last() if len(self.faults) < MOST_WAYS else ()
        self.faults.append(Fault(event[0], error, int.from_bytes(event[8:16], "little"), saved, len(self.calls), below, top or 0, way))

    def _argument(self, regs: Registers) -> int:
        """A function's first, at its first instruction."""
        return regs.rdi if self.bits == 64 else int.from_bytes(self.peek(regs.rsp + 4, 4) or b"", "little")
