# SPDX-License-Identifier: GPL-2.0-only
"""An exception: what the processor said of it. Source: Intel SDM volume 3A, chapter 6."""

from __future__ import annotations

import re
from typing import NamedTuple

from .saved import Saved
from .trail import Step
from .transcript import Transcript

NAMES = {0: "#DE", 1: "#DB", 3: "#BP", 6: "#UD", 8: "#DF", 10: "#TS", 11: "#NP", 12: "#SS", 13: "#GP", 14: "#PF", 17: "#AC"}
MEANS = {0: "a division by zero, or one whose result does not fit", 1: "a debug exception: EFLAGS has TF (bit 8), or a debug register is set", 3: "the instruction INT3, a breakpoint",
         4: "INTO, after an overflow", 5: "BOUND, beyond a bound", 6: "no valid instruction", 7: "no FPU is there for it, or TS is set in CR0", 11: "a segment that is not present", 12: "a bad stack segment or stack address",
         13: "general protection", 16: "an FPU error", 17: "an address that is not aligned, with AC set in EFLAGS", 19: "an SSE error"}
PRESENT, WRITE, FETCH = 1, 2, 16


class Fault(NamedTuple):
    vector: int
    error: int
    cr2: int
    regs: Saved
    calls: int = 0  # so many hypercalls had been made before
    below: int | None = None  # the word below the stack pointer: what a RET that led here took from there
    top: int = 0  # the word at the stack pointer: what a CALL that led here put there
    way: tuple[Step, ...] = ()  # the last runs of instructions before it

    @property
    def named(self) -> str:
        """#UD, vector 6 (no valid instruction)"""
        name, means = NAMES.get(self.vector, "an exception"), MEANS.get(self.vector, "")
        return f"{name}, vector {self.vector}" + (f" ({means})" if means else "")

    @property
    def ip(self) -> int:
        return self.regs.rip

    @property
    def returned_to(self) -> bool:
        """Whether a RET led here."""
        return self.fetch and self.below == self.ip

    @property
    def page(self) -> bool:
        return self.vector == 14

    @property
    def fetch(self) -> bool:
        """Whether code was to be run there."""
        return self.page and (bool(self.error & FETCH) or self.cr2 == self.ip)

    @property
    def write(self) -> bool:
        return self.page and bool(self.error & WRITE)

    @property
    def denied(self) -> bool:
        """Whether something is mapped there, but does not allow this."""
        return self.page and bool(self.error & PRESENT)

    @property
    def doing(self) -> str:
        return "running code" if self.fetch else "writing" if self.write else "reading"


def from_dump(said: Transcript) -> Fault | None:
    """From Xen's dump, where the machine was not looked at."""
    head = said.xen_said(r"Unhandled: vec (\d+), #\w+(?:\[([0-9a-f]+)\])?")
    at = said.xen_said(r"RIP: .*<([0-9a-f]+)>")
    if not head or not at:
        return None
    walk = said.xen_said(r"Pagetable walk from ([0-9a-f]+)")
    registers = {name: int(value, 16) for line in said.xen for name, value in re.findall(r"\b(r[a-ds]\w|rbp|r8|r9|r1\d): ([0-9a-f]{16})", line)}
    registers["rip"] = int(at[1], 16)
    return Fault(int(head[1]), int(head[2] or "0", 16), int(walk[1], 16) if walk else 0, Saved(registers))


def from_kernel(said: Transcript) -> Fault | None:
    """From what the kernel's own handler printed (src/stage4-start-kernel/traps.c)."""
    head = said.guest_said(r"^FAULT: vector (\d+), error code 0x([0-9a-f]+), CR2 VA 0x([0-9a-f]+)")
    at = said.guest_said(r"^ +[ER]IP VA 0x([0-9a-f]+) .*[ER]SP VA 0x([0-9a-f]+)")
    if not head or not at:
        return None
    rows = (line for line in said.guest if re.match(r" +[ER](AX|SI|9|13) ", line))
    registers = {_name(name): int(number, 16) for line in rows for name, number in re.findall(r"\b([ER][A-Z0-9]{1,2}) +([0-9a-f]{8,16})\b", line)}
    return Fault(int(head[1]), int(head[2], 16), int(head[3], 16), Saved({**registers, "rip": int(at[1], 16), "rsp": int(at[2], 16)}))


def _name(register: str) -> str:
    """As Xen saves it: EAX is rax."""
    return "r" + register[1:].lower()
