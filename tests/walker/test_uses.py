# SPDX-License-Identifier: GPL-2.0-only
"""Every address of a page (xenpt/uses.py), as an independent reader (naive.py) finds them."""

import random
import unittest
import unittest.mock

import naive
from machine import ALL, Machine
from test_random import KINDS, random_machine
from xenpt import paging
from xenpt import uses as uses_module
from xenpt.paging import PagingError
from xenpt.uses import uses


def found(m, mfn):
    return sorted(use.va for use in uses(m.guest().space, mfn))


def expected(pages, mfn):
    return sorted(va + ((mfn << 12) - maddr) for va, size, maddr, *_ in pages if maddr <= mfn << 12 < maddr + size)


class Uses(unittest.TestCase):
    def compare(self, m, kind, mfns=None):
        pages, rng = list(naive.pages(m.memory, m.size, kind, m.root)), random.Random(1)
        for mfn in mfns or [rng.choice(pages)[2] >> 12 for _ in range(min(20, len(pages)))]:
            with self.subTest(kind=kind, mfn=mfn):
                self.assertEqual(found(m, mfn), expected(pages, mfn))

    def test_random_tables(self):
        for kind, mode in KINDS.items():
            for seed in range(4):
                self.compare(random_machine(mode, random.Random(seed)), kind)

    def test_tables_through_the_slot_that_leads_back(self):
        m = Machine(paging.FOUR_LEVEL, under_xen=False)
        for va in (0x1000, 0x40000000, 0x8000000000, 0xFFFFFFFF80000000):
            m.map(va, 0x111)
        m.share(0x200000, 0, "pmd")
        m.share(0xFFFF880000000000, 0, "pgd")
        m.put(m.root + 8 * 258, m.root | ALL)
        tables = m.root, *(m.table(0x1000, name) for name in ("pgd", "pud", "pmd"))
        self.compare(m, "four levels", [0x111, *(maddr >> 12 for maddr in tables)])
        self.assertEqual(found(m, m.table(0x8000000000, "pmd") >> 12), [0xFFFF810040000000])

    def test_the_tables_that_lead_there(self):
        m = Machine(paging.FOUR_LEVEL, under_xen=False)
        m.map(0x1000, 0x111)
        use, = uses(m.guest().space, 0x111)
        self.assertEqual(use.tables, {table >> 12 for table in (m.root, *(m.table(0x1000, name) for name in ("pgd", "pud", "pmd")))})

    def test_it_ends_where_everything_is_shared(self):
        m = Machine(paging.FOUR_LEVEL, under_xen=False)
        m.map(0x1000, 0x111)
        for level, shift in (("pmd", 21), ("pud", 30), ("pgd", 39)):
            for index in range(1, 256):
                m.share(index << shift, 0, level)
        with unittest.mock.patch.object(uses_module, "LIMIT", 200), self.assertRaisesRegex(PagingError, "too many tables"):
            uses(m.guest().space, 0x111)


if __name__ == "__main__":
    unittest.main()
