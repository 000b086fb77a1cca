# SPDX-License-Identifier: GPL-2.0-only
"""What a handler has to come by and to go back by: the trap table's entries, what its stubs push, and the frame of an iret."""

from __future__ import annotations

import itertools
import re

from xenabi.hypercalls import TRAP

from .calls import AROUND, Call
from .facts import Facts
from .fault import Fault

CS_IN_FRAME = {32: 2, 64: 5}  # words: EAX, EIP, CS, or RAX, R11, RCX, flags, RIP, CS (xen/arch-x86/xen-x86_64.h)
FAR = 24  # words: so far from where its frame is a handler may look for it
PUSH = re.compile(rb"(?:\x41\x5b|[\x58-\x5f]|\x6a\0)*\x6a(.)[\xe8\xe9\xeb]", re.S)  # pop ..., push $0, push $vector, jmp or call


def gates(f: Facts) -> list[tuple[int, int]]:
    """Exceptions that the kernel has registered handlers for, each with the handler's address."""
    layout = TRAP[f.bits]
    tables = [c.data[:len(c.data) // layout.size * layout.size] for c in f.calls if c.name == "set_trap_table"]
    return [(gate[0], gate[3]) for table in tables for gate in itertools.takewhile(lambda gate: gate[3], layout.iter_unpack(table))]


def right_cs(f: Facts) -> int:
    return 0xE033 if f.bits == 64 else 0xE019


def selectors(f: Facts) -> list[int]:
    """Code segments that handlers were registered with and that are not Xen's flat one."""
    layout = TRAP[f.bits]
    tables = [c.data[:len(c.data) // layout.size * layout.size] for c in f.calls if c.name == "set_trap_table"]
    found = [cs for table in tables for _, _, cs, _ in itertools.takewhile(lambda gate: gate[3], layout.iter_unpack(table))]
    found += [cs for c in f.calls if c.name == "set_callbacks" and f.bits == 32 for cs in (c.args[0], c.args[2])]
    return [cs for cs in found if cs != right_cs(f)]


def frame(f: Facts, call: Call) -> int:
    """Where an iret leads to."""
    return pushed(f, call, CS_IN_FRAME[f.bits] - 1)


def pushed(f: Facts, call: Call, word: int) -> int:
    """A word of an iret's frame."""
    at = (AROUND + word) * f.bits // 8
    return int.from_bytes(call.data[at:at + f.bits // 8], "little")


def iret_flags(f: Facts, call: Call) -> int:
    """What a 64-bit guest's iret was told besides its frame."""
    return pushed(f, call, CS_IN_FRAME[64] - 2) if f.bits == 64 else 0


def pushes(f: Facts, vector: int) -> int | None:
    """The number that the code pushes last before its jump, where the trap table leads a vector."""
    found = PUSH.match(f.source.bytes(dict(gates(f)).get(vector, 0), 16))
    return found[1][0] if found else None


def words_off(f: Facts, real: Fault, told: Fault) -> int:
    """How far from Xen's frame the handler looked for it: upwards, in words; 0 if that cannot be told."""
    word, top = f.bits // 8, real.regs.rsp & f.mask
    right = top - 3 * word if f.bits == 32 else (top & -16) - 5 * word  # where Xen puts EIP (RIP)
    begin = right - FAR * word
    data = f.code(begin, 2 * FAR * word)
    words = [int.from_bytes(data[at:at + word], "little") for at in range(0, len(data) - word + 1, word)]
    found = [n - FAR for n in range(2, len(words)) if (words[n - 2], words[n - 1], words[n]) == (told.vector, told.error, told.ip)]
    return max(found, default=0)  # further down is what printk() was given
