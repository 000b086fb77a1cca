# SPDX-License-Identifier: GPL-2.0-only
"""The processor without Xen, in QEMU's words: its registers, and the exceptions of a log, each with all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

SERIES = 4  # so often the same exception is no accident
MOST_FRAME = 0x100  # bytes that an exception and its handler have pushed when the next comes
DOUBLE, IDT = 8, 2  # a vector; a bit of an error code: the selector is one of the IDT
FIRMWARE_END = 0x100000
CR0_PE, CR0_PG, CR4_PSE, CR4_PAE, EFER_LME, EFER_LMA = 1, 1 << 31, 1 << 4, 1 << 5, 1 << 8, 1 << 10
_EXCEPTION = re.compile(r"^ *\d+: v=([0-9a-f]{2}) e=([0-9a-f]{4}) i=(\d) .*?pc=([0-9a-f]+).*$", re.M)
_NUMBER = re.compile(r"\b(CR[0234]|EFER|[ER]FL|[ER][A-DS][XIP]|[ER]BP|[ER]SP|[ER]IP|R[ 0-9][0-9])=\s*([0-9a-f]+)")
_CODE = re.compile(r"\bCS(16|32|64)\b")
_SELECTOR = re.compile(r"^([CDES]S) =([0-9a-f]{4}) ([0-9a-f]+) [0-9a-f]+ ([0-9a-f]{8})", re.M)
_HALT = re.compile(r"HLT=1")
_TABLE = re.compile(r"^([GI])DT= *([0-9a-f]+) ([0-9a-f]+)", re.M)


class State(NamedTuple):
    """The processor's registers that matter here, of one of QEMU's dumps."""
    numbers: dict[str, int]
    gdt: range
    idt: range
    code: int  # bits of the code that CS is for
    halted: bool
    cs: int = 0
    ss: int = 0
    ss_flags: int = 0  # the upper half of its descriptor, as the processor holds it
    bases: tuple[tuple[str, int, int], ...] = ()  # segment registers: name, selector, base

    @classmethod
    def of(cls, dump: str) -> State:
        tables = {name: range(int(base, 16), int(base, 16) + int(limit, 16) + 1) for name, base, limit in _TABLE.findall(dump)}
        numbers = {name: int(value, 16) for name, value in _NUMBER.findall(dump)}
        code, selectors = _CODE.search(dump), {name: (int(number, 16), int(flags, 16), int(base, 16))
                                               for name, number, base, flags in _SELECTOR.findall(dump)}
        return cls(numbers, tables.get("G", range(0)), tables.get("I", range(0)), int(code[1]) if code else 0, rests(dump), selectors.get("CS", (0,))[0], *selectors.get("SS", (0, 0))[:2], tuple((name, number, base) for name, (number, _, base) in selectors.items()))

    def __getitem__(self, name: str) -> int:
        return self.numbers.get(name, self.numbers.get("R" + name[1:], 0))

    @property
    def paging(self) -> bool:
        return bool(self["CR0"] & CR0_PG)


def rests(dump: str) -> bool:
    """Whether the processor is in HLT."""
    return bool(_HALT.search(dump))


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


def exceptions(text: str) -> Iterator[BareFault]:
    """Those of a log, without interrupts that software asked for."""
    found = list(_EXCEPTION.finditer(text))
    for here, after in zip(found, [*(m.start() for m in found[1:]), len(text)]):
        if here[3] == "0":
            yield BareFault(int(here[1], 16), int(here[2], 16), int(here[4], 16), State.of(text[here.end():after].split("\nTrace ")[0]))


def first_of(found: list[BareFault], firmware: bool) -> BareFault | None:
    """Of exceptions that followed from each other the one that was first. firmware: as long as the IDT is the firmware's, that is the
    first of all: whatever runs behind it is not the kernel's."""
    if firmware and found and found[0].state.idt.start < FIRMWARE_END:
        return found[0]
    begin = _storm(found)
    if begin is not None:
        return found[begin]
    found = [x for x in found if x.vector != DOUBLE] or found
    while len(found) > 1 and found[-1].error & IDT and found[-1].error >> 3 == found[-2].vector:
        found.pop()  # its gate could not be used
    return found[-1] if found else None


def _storm(found: list[BareFault]) -> int | None:
    """Which exception is the outermost, where a handler causes the same one again and again: each pushes its frame below the last."""
    keys = [(x.vector, x.ip) for x in found]
    begin = next((n for n in range(len(found) - SERIES + 1) if len(set(keys[n:n + SERIES])) == 1 and _inside(found, n + 1)), None)
    while begin and _inside(found, begin):
        begin -= 1
    return begin


def _inside(found: list[BareFault], number: int) -> bool:
    """Whether an exception came in the handler of the one before."""
    return 0 < found[number - 1].state["ESP"] - found[number].state["ESP"] <= MOST_FRAME
