# SPDX-License-Identifier: GPL-2.0-only
"""The registers before each instruction, from QEMU's log of a second boot."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xenpt.memory import PAGE_SIZE

from .boot import Boot
from .trace import Trace

# The registers of one step, in the order of names().
Values = tuple[int, ...]

# The log is switched on so much before it is needed (and one turn of the loop): it begins with the next block.
EARLY_BLOCKS, EARLY = 500, 64

_HEX = rb"([0-9a-f]+)"
_SEGMENTS = rb".*\n" + b"".join(name + rb" ?=" + _HEX + rb".*\n" for name in (b"ES", b"CS", b"SS", b"DS", b"FS", b"GS"))
_CONTROL = rb"(?:.*\n){4}CR0=" + _HEX + rb" CR2=" + _HEX + rb" CR3=" + _HEX + rb" CR4=" + _HEX
_NAMES = {
    32: (b"EAX EBX ECX EDX ESI EDI EBP ESP".split(), b"EIP EFL".split()),
    64: (b"RAX RBX RCX RDX RSI RDI RBP RSP R8 R9 R10 R11 R12 R13 R14 R15".split(), b"RIP RFL".split()),
}


def names(bits: int) -> list[str]:
    """The registers in the order of values()."""
    general, (_, flags) = _NAMES[bits]
    return [name.decode().lower() for name in (*general, flags)] + "es cs ss ds fs gs cr0 cr2 cr3 cr4".split()


class Named:
    """The registers of one step, by name; what paging depends on, too."""

    cr0: int
    cr2: int
    cr3: int
    cr4: int
    efer = 0xD01  # Xen's: long mode is on

    def __init__(self, values: Values, bits: int) -> None:
        self.__dict__.update(zip(names(bits), values))


def _pattern(bits: int) -> re.Pattern[bytes]:
    general, special = _NAMES[bits]
    return re.compile(b"".join(name + rb" ?=" + _HEX + rb"\s+" for name in (*general, *special)) + _SEGMENTS + _CONTROL)


def dumps(log: bytes, bits: int) -> Iterator[tuple[int, Values]]:
    """Each dump in a log: (address of the instruction, values)."""
    found = [(match, bits) for match in _pattern(bits).finditer(log)]
    if bits == 64 and b"EAX=" in log:  # a PVH guest begins with 32 bits
        found += [(match, 32) for match in _pattern(32).finditer(log)]
        found.sort(key=lambda pair: pair[0].start())
    for match, width in found:
        values = [int(value, 16) for value in match.groups()]
        address = values.pop(len(_NAMES[width][0]))
        if width < bits:
            values[len(_NAMES[32][0]):len(_NAMES[32][0])] = [0] * (len(_NAMES[64][0]) - len(_NAMES[32][0]))
        yield address, tuple(values)


class Plan:
    """When to log, given what the first boot executed (a Trace). Stops are numbers of instructions."""

    def __init__(self, trace: Trace) -> None:
        self.todo = {0: "here"}
        for gap in trace.gaps:
            if gap.count > 2 * (EARLY + gap.period):
                self.todo[gap.begin] = "off"
                self.todo[gap.begin + gap.count - gap.period - EARLY] = "on"
            self.todo[gap.begin + gap.count] = "here"
        self.last = trace.numbers[-1]
        if self.last not in self.todo:
            self.todo[self.last] = "last"


def record(boot: Boot, trace: Trace, bits: int) -> list[Values | None]:
    """Runs the second boot. The values before each instruction of a trace, in its order; None where there are none."""
    plan = Plan(trace)
    stops, pieces = sorted(plan.todo), []
    for in_guest, number in boot.waits():
        if not in_guest:
            boot.log(True)
            boot.next_stop = stops.pop(0)
            continue
        what = plan.todo[number]
        if what == "here":
            pieces.append((number, boot.log_size()))
        elif what in ("on", "off"):
            boot.log(what == "on")
        if number >= plan.last:
            boot.end()
            break
        boot.next_stop = stops.pop(0)
    return _match(boot.log_text(), pieces, trace, bits)


def _match(log: bytes, pieces: list[tuple[int, int]], trace: Trace, bits: int) -> list[Values | None]:
    """Each piece of the log begins with the last dump before an offset, and tells of the instructions from a number on.

    The log has the last word about addresses. A newer QEMU translates an instruction once for all the addresses that its page is
    mapped at, and tells the plugin the first of them: P=V, even behind the jump.
    """
    values: list[Values | None] = [None] * len(trace.addresses)
    index = 0
    starts = [max(0, log.rfind(b"RAX=", 0, size), log.rfind(b"EAX=", 0, size)) for _, size in pieces]
    for (number, _), begin, end in zip(pieces, starts, starts[1:] + [len(log)]):
        while trace.numbers[index] < number:
            index += 1
        for address, found in dumps(log[begin:end], bits):
            if index < len(trace.addresses) and address % PAGE_SIZE == trace.addresses[index] % PAGE_SIZE:
                values[index] = found
                trace.addresses[index] = address
                index += 1
    return values
