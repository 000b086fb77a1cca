# SPDX-License-Identifier: GPL-2.0-only
"""Random tables: the walker and an independent reader (naive.py) must see the same, page by page."""

import random
import unittest

import naive
from machine import NX, P, PSE, Machine
from xenpt import paging

KINDS = {"two levels": paging.TWO_LEVEL, "PAE": paging.PAE, "four levels": paging.FOUR_LEVEL}
SEEDS = 8
TABLES, ENTRIES = 5, 12  # of each level; they are shared at will, so a few make many mappings


def random_machine(mode, rng):
    """Tables of each level that lead to tables of the next only; present or not, large, with wrong bits, into nowhere."""
    m = Machine(mode, under_xen=False, size=1 << 24)
    tables = [[m.root]] + [[m.page() << 12 for _ in range(TABLES)] for _ in mode.levels[1:]]
    for depth, level in enumerate(mode.levels):
        for table in tables[depth]:
            for _ in range(min(ENTRIES, level.entries)):
                m.put(table + rng.randrange(level.entries) * mode.entry_size, random_entry(level, depth, tables, mode, rng))
    return m


def random_entry(level, depth, tables, mode, rng):
    value = rng.getrandbits(7) & ~P | (rng.random() < 0.8)
    if rng.random() < 0.2:
        value |= NX if mode.entry_size == 8 else 0
    if level.powerless:
        value &= P  # the rest of them is reserved
    if level.shift == 12:
        return value | rng.randrange(1 << 12) << 12 | rng.getrandbits(4) << 8
    if level.large and rng.random() < 0.3:
        value |= PSE | rng.randrange(1 << 8) << level.shift & 0xFFFFFFFF
        if rng.random() < 0.2:
            value |= 1 << level.shift - 1  # reserved
        return value | (rng.getrandbits(8) << 13 if mode.entry_size == 4 else 0)
    return value | (rng.choice(tables[depth + 1]) if rng.random() < 0.9 else 0xFFF << 20)


class RandomTables(unittest.TestCase):
    def test_the_same_as_an_independent_reader_sees(self):
        total = 0
        for kind, mode in KINDS.items():
            for seed in range(SEEDS):
                m = random_machine(mode, random.Random(seed))
                with self.subTest(kind=kind, seed=seed):
                    expected = list(naive.pages(m.memory, m.size, kind, m.root))
                    total += len(expected)
                    self.compare(m.guest().space, expected, random.Random(seed))
        self.assertGreater(total, 2000)

    def compare(self, space, expected, rng):
        found = [(x.va, x.size, x.maddr, *x.rights) for x in space.mappings()]
        self.assertEqual(found, expected)
        for va, size, maddr, *rights in rng.sample(expected, min(40, len(expected))):
            offset = rng.randrange(size)
            walk = space.walk(va + offset)
            self.assertEqual((walk.maddr, list(walk.rights)), (maddr + offset, rights))
            # The page after it, unless that is mapped, too.
            after = va + size
            if after < 1 << 32 and not any(x[0] <= after < x[0] + x[1] for x in expected):
                self.assertIsNone(space.walk(after).maddr)


if __name__ == "__main__":
    unittest.main()
