# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the walker share: machines to look at, and comparing with the files in golden/."""

import os
import unittest

from machine import RW, A, D, Machine, P
from xenpt import paging

_GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
KERNEL = P | RW | A | D  # a kernel's own page
READ_ONLY = P | A
UNDER_XEN = {"pae": paging.PAE_UNDER_XEN, "x86_64": paging.FOUR_LEVEL, "two-level": paging.TWO_LEVEL}
NATIVE = {"pae": paging.PAE, "x86_64": paging.FOUR_LEVEL, "two-level": paging.TWO_LEVEL}
HIGH = {"pae": 0xC0000000, "x86_64": 0xFFFF880000000000, "two-level": 0xC0000000}
REMAPPED_BY = {"pae": "pmd", "x86_64": "pgd", "two-level": "pgd"}  # entries of this level


def all_machines():
    """(name, machine) of each mode, under Xen and without it."""
    for name, mode in UNDER_XEN.items():
        yield name, Machine(mode)
    for name, mode in NATIVE.items():
        yield f"{name}, native", Machine(mode, under_xen=False)


def entry_machine(mode):
    """A kernel at its first instruction: pages P=V, those that are page tables read-only."""
    m = Machine(UNDER_XEN[mode])
    m.map_pfns(0, range(64), KERNEL)
    guest = m.guest()
    tables = {maddr >> 12 for _, maddr in guest.space.tables(guest.is_guests)}
    for va in range(0, 64 << 12, 4096):
        if m.entry(va, "pte") >> 12 in tables:
            m.set(va, "pte", m.entry(va, "pte") & ~RW)
    return m


def remap(m, mode):
    """What stage 3 does: the high address leads to the same tables as P=V."""
    m.share(HIGH[mode], 0, REMAPPED_BY[mode])
    return m


class GoldenTest(unittest.TestCase):
    """Compares with files. UPDATE=y writes them, and every test that wrote one fails: look at the change, run again."""

    maxDiff = None

    def golden(self, name, text):
        path = os.path.join(_GOLDEN, name)
        if os.environ.get("UPDATE") == "y":
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            self.fail(f"golden/{name} was renewed: look at what changed (git diff), then run without UPDATE")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), text, f"golden/{name} says otherwise; UPDATE=y tests/walker/run renews it")

    def golden_lines(self, name, lines):
        self.golden(name, "".join(line + "\n" for line in lines))
