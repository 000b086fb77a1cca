# SPDX-License-Identifier: GPL-2.0-only
"""What the guest executed and what was stored meanwhile: the first boot, as the plugin wrote it down."""

from __future__ import annotations

import array
from typing import NamedTuple

from .boot import RECORD

EXECUTED, STORED, XEN_RAN, LOOPED, XEN_STORED = range(1, 6)  # recorder/record.h


class Gap(NamedTuple):
    """Instructions in a row that are left out: further turns of a loop."""
    step: int  # before which
    begin: int  # number of the first
    count: int
    period: int  # how many make one turn


class Store(NamedTuple):
    """Made by the instruction of a step, or by Xen after it."""
    step: int
    maddr: int
    size: int
    value: int
    by_xen: bool


class XenRan(NamedTuple):
    """Between two instructions of the guest."""
    step: int  # of the second
    instructions: int
    console: int  # bytes on the console then


class Trace:
    """The steps of a boot. Of each: the address of its instruction, its number among all that were executed, and how many
    times it was repeated (REP), if it was."""

    def __init__(self, records: bytes, looping: tuple[int, int], full: bool) -> None:
        """looping: (count, period) of a loop in which the recording ends; full: it ends before the boot does."""
        self.full = full
        self.addresses, self.numbers = array.array("Q"), array.array("Q")
        self.repeated: dict[int, int] = {}
        self.gaps: list[Gap] = []
        self.stores: list[Store] = []
        self.xen: list[XenRan] = []
        number = 0
        for kind, size, where, value in RECORD.iter_unpack(records):
            if kind == EXECUTED:
                if size > 1:
                    self.repeated[len(self.addresses)] = size
                self.addresses.append(where)
                self.numbers.append(number)
                number += 1
            elif kind in (STORED, XEN_STORED):
                self.stores.append(Store(len(self.addresses) - 1, where, size, value, kind == XEN_STORED))
            elif kind == XEN_RAN:
                self.xen.append(XenRan(len(self.addresses), where, value))
            elif kind == LOOPED:
                self.gaps.append(Gap(len(self.addresses), number, where, size))
                number += where
        self.last_number = number - 1
        self.looping = Gap(len(self.addresses), number, *looping) if looping[0] else None
        # The first is what ran before the guest: blocks, not instructions.
        before = self.xen.pop(0) if self.xen else XenRan(0, 0, 0)
        self.blocks_before, self.console_before = before.instructions, before.console
