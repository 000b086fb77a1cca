# SPDX-License-Identifier: GPL-2.0-only
"""Each time that Xen ran between two instructions of the guest: why, what it was asked, and what it changed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from xenabi.hypercalls import Call, result
from xenpt.guest import Guest
from xenpt.memory import BadPage
from xenpt.paging import PagingError

from . import registers
from .code import Code
from .debug_info import DebugInfo
from .memory import Memory
from .recording import Recording
from .tables import Tables
from .values import text_of

_HYPERCALL = re.compile(r"int +\$0x82$|syscall")
# What only Xen may do: the guest tries, and Xen does it for it.
_PRIVILEGED = re.compile(r"(ud2|cpuid|rdmsr|wrmsr|hlt|cli|sti|lgdt|lidt|ltr|invlpg|in|out|iret)\w?\b|mov +.*%[cd]r[0-9]")
_ARGUMENTS = {32: "ebx ecx edx esi edi".split(), 64: "rdi rsi rdx r10 r8".split()}
_NUMBER = {32: "eax", 64: "rax"}
_LONGEST_INSTRUCTION, _GATE_SIZE, _PREFIXED_CPUID = 15, 2, 7
_GATE = re.compile(r"vector (\d+): .*?VA (0x[0-9a-f]+)")
_CALLBACK = re.compile(r"VA (0x[0-9a-f]+)")
_BRANCH = re.compile(r"(l?call|l?jmp|j[a-z]+|loop\w*|(l|rep[z]? )?ret)\b")
_PAGE_FAULT = 14
_HYPERCALL_MSR = 0x40000000
_CRASH = re.compile(rb"^\(XEN\) (d[0-9]+v[0-9]+ Unhandled: [^\r\n]*)", re.MULTILINE)
_CR2 = re.compile(rb"cr2: ([0-9a-f]+)")


def _in_words(text: str, before: registers.Named, distance: int) -> str:
    """A privileged instruction, with what it is given; before: the registers."""
    if text == "ud2" and distance == _PREFIXED_CPUID:
        return f"cpuid of leaf {_low(before, 'ax'):#x}, behind Xen's prefix (ud2 and the letters xen)"
    if text == "wrmsr":
        # The MSR of the hypercall page takes where that page is.
        word = "maddr " if _low(before, "cx") == _HYPERCALL_MSR else ""
        return f"wrmsr: MSR {_low(before, 'cx'):#x} := {word}{_low(before, 'dx') << 32 | _low(before, 'ax'):#x}"
    return f"`{text}`"


def _low(named: registers.Named, name: str) -> int:
    """The lower half of a register, whatever the guest's width."""
    return (getattr(named, "r" + name, None) or getattr(named, "e" + name, 0)) & 0xFFFFFFFF


def _unhandled(crash: re.Match[bytes]) -> str:
    """Xen's words for the exception that ended the guest; of a page fault, with the address, which is in the dump below them."""
    words, cr2 = crash[1].decode("latin-1"), _CR2.search(crash.string, crash.end())
    return f"{words} at VA {int(cr2[1], 16):#x}" if "#PF" in words and cr2 else words


class Moment:
    """The guest before a step; what xenabi.hypercalls has to know of it (View)."""

    def __init__(self, recording: Recording, info: DebugInfo, memory: Memory, step: int) -> None:
        self.bits, self.info, self.memory = info.bits, info, memory
        self.registers = registers.Named(recording.values[step], info.bits)
        self._guest = Guest(memory, self.registers, info.bits, recording.boot)

    def read(self, va: int, count: int) -> bytes | None:
        return self._guest.space.read(va, count)

    def structure(self, name: str, va: int) -> str:
        return text_of(self.info, f"struct {name}", lambda size: self.read(va, size))

    def place(self, va: int) -> str:
        found = self.info.symbol_near(va)
        return "" if not found else found[0] + (f" + {found[1]}" if found[1] else "")

    @contextlib.contextmanager
    def guest(self) -> Iterator[Guest]:
        yield self._guest


class Events:
    """rows, as a recording has them; tables: the page tables at the entry and each time they changed (Tables.rows)."""

    def __init__(self, recording: Recording, info: DebugInfo, code: Code) -> None:
        self.recording, self.info, self.code = recording, info, code
        self.memory = Memory(recording.ram, recording.trace.stores)
        self._tables = Tables(recording, info, self.memory)
        self.tables = self._tables.rows
        self.rows: list[dict[str, Any]] = []
        if not recording.boot or not recording.values:
            return
        self._goes_on = None
        self._gates: dict[int, int | None] = {}  # the guest's handlers: of which vector, or of none
        self._tables.look(0)
        for ran in recording.trace.xen:
            self._add(ran.step - 1, ran.step, ran.instructions)
        last, crash = len(recording.values) - 1, _CRASH.search(recording.console)
        if crash:
            self.rows.append({"step": last, "back": None, "instructions": None, "kind": "crash",
                              "text": f"`{self._text(last)}`: {_unhandled(crash)}; Xen ended the guest", "failed": True})
        elif self._is_hypercall(last):
            self._add(last, None, None)

    def _text(self, step: int) -> str:
        return self.code.text(self.recording.trace.addresses[step])

    def _is_hypercall(self, step: int) -> bool:
        return bool(_HYPERCALL.match(self._text(step)))

    def _add(self, step: int, back: int | None, instructions: int | None) -> None:
        """Xen ran from a step's instruction on, back to the guest at another."""
        values = self.recording.values
        if values[step] is None or back is not None and values[back] is None:
            return
        self.memory.forward(step)
        try:
            if self._goes_on:
                row = self._goes_on
                row["instructions"] += instructions or 0
            else:
                row = {"step": step, "instructions": instructions}
                row.update(self._call(step) if self._is_hypercall(step) else self._other(step, back))
                self.rows.append(row)
            row["back"] = back
            self._outcome(row, step, back)
            if back is not None and not self._goes_on and self._tables.look(back, row["step"]):
                row["tables"] = len(self.tables) - 1
        except (PagingError, BadPage) as error:
            self.rows.append({"step": step, "back": back, "instructions": instructions, "kind": "other",
                              "text": f"the page tables cannot be read: {error}"})

    def _call(self, step: int) -> dict[str, Any]:
        moment = Moment(self.recording, self.info, self.memory, step)
        call = Call(moment, getattr(moment.registers, _NUMBER[self.info.bits]) & 0xFFFFFFFF,
                    [getattr(moment.registers, name) for name in _ARGUMENTS[self.info.bits]])
        details = list(call.details())
        self._gates.update((int(va, 16), int(vector)) for line in details for vector, va in _GATE.findall(line))
        if str(call).startswith("set_callbacks("):
            self._gates.update((int(va, 16), None) for va in _CALLBACK.findall(str(call)))
        return {"kind": "hypercall", "text": str(call), "details": details}

    def _outcome(self, row: dict[str, Any], step: int, back: int | None) -> None:
        """What came of a hypercall. One that takes long is interrupted, and made again by Xen: it is one row."""
        self._goes_on = None
        if row["kind"] != "hypercall" or back is None:
            return
        bits, addresses = self.info.bits, self.recording.trace.addresses
        distance = addresses[back] - addresses[step]
        if distance == 0:
            self._goes_on = row
        elif distance == _GATE_SIZE:
            value = getattr(registers.Named(self.recording.values[back], bits), _NUMBER[bits])
            row["result"] = result(value, bits)
            row["failed"] = value > (1 << bits) - 4096
        else:
            row["then"] = self._where(addresses[back])
            row["depth"] = -1 if row["text"].startswith("iret(") else 1

    def _where(self, address: int) -> str:
        place = self.info.symbol_near(address)
        return f"the guest goes on at VA {address:#x}" + (f" <{place[0]}>" if place else "")

    def _other(self, step: int, back: int) -> dict[str, Any]:
        """Not a hypercall: a fault, an instruction that Xen executes in the guest's place, or an interrupt."""
        addresses, bits, text = self.recording.trace.addresses, self.info.bits, self._text(step)
        before, after = (registers.Named(self.recording.values[at], bits) for at in (step, back))
        distance = addresses[back] - addresses[step]
        then = self._where(addresses[back])
        if distance == 0:
            then = "the instruction is executed again"
        elif not self._is_far(distance):
            then = "the guest goes on behind it"
        if _BRANCH.match(text) and addresses[back] not in self._gates and before.cr2 == after.cr2:
            then, distance = "the guest goes on behind it", 0  # where it has branched to
        depth = {"depth": 1} if self._is_far(distance) else {}
        vector = self._gates.get(addresses[back])
        if vector == _PAGE_FAULT or before.cr2 != after.cr2:
            return {"kind": "fault", "text": f"page fault at VA {after.cr2:#x} in `{text}`; {then}", **depth}
        if vector is not None:
            return {"kind": "fault", "text": f"exception {vector} in `{text}`; {then}", **depth}
        if _PRIVILEGED.match(text):
            return {"kind": "emulated", "text": f"{_in_words(text, before, distance)}, executed by Xen; {then}"}
        return {"kind": "event", "text": f"Xen interrupted it at `{text}`; {then}", **depth}

    @staticmethod
    def _is_far(distance: int) -> bool:
        """Whether it is not the next instruction, or the same again: a handler of the guest's."""
        return not 0 <= distance <= _LONGEST_INSTRUCTION
