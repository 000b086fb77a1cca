# SPDX-License-Identifier: GPL-2.0-only
"""Every shape of page tables, well formed: what is mapped where, with which rights, and how often memory is read."""

import re
import unittest

from check import HIGH, NATIVE, UNDER_XEN, all_machines, entry_machine, remap
from machine import ALL, NX, PSE, RW, US, XENS_MFN, A, Machine, P
from xenpt import paging, text
from xenpt.paging import PagingError
from xenpt.entry import Rights


def found(guest, everything=False):
    return [(m.va, m.size, m.mfn, str(m.rights)) for m in guest.space.mappings(guest.wanted(everything))]


class Modes(unittest.TestCase):
    def test_each_mode_is_told_by_the_registers(self):
        for name, m in all_machines():
            with self.subTest(name):
                self.assertEqual(m.guest().mode, m.mode)

    def test_without_paging_there_are_no_tables(self):
        with self.assertRaisesRegex(PagingError, "CR0.PG is 0"):
            paging.mode_of(1, 0, 0, 32)

    def test_five_levels_are_refused(self):
        with self.assertRaisesRegex(PagingError, "five levels"):
            paging.mode_of(1 << 31, 1 << 5 | 1 << 12, 1 << 10, 64)

    def test_first_and_last_page(self):
        for name, m in all_machines():
            last = (0xFFFFFFFFFFFFF000 if m.bits == 64 else 0xFFFFF000) if not m.under_xen else \
                0xFFFFFFFFFFFFF000 if m.bits == 64 else 0xF57FF000 if m.mode.entry_size == 8 else 0xFBFFF000
            m.map(0, 0x111)
            m.map(last, 0x122)
            with self.subTest(name):
                self.assertEqual([(0, 4096, 0x111, "rwx user"), (last, 4096, 0x122, "rwx user")], found(m.guest()))
                self.assertEqual(m.guest().space.walk(last + 0xABC).maddr, 0x122ABC)
                self.assertIn("not present", m.guest().space.walk(0x1000).problem)

    def test_an_address_beyond_47_bits_repeats_bit_47(self):
        m = Machine(paging.FOUR_LEVEL, under_xen=False)
        m.map(0xFFFF800000000000, 0x111)
        self.assertEqual(m.guest().space.walk(0x800000000123).va, 0xFFFF800000000123)


class LargePages(unittest.TestCase):
    def large(self, mode, va, name, mfn, size):
        m = Machine(mode, under_xen=False)
        m.set(va, name, mfn << 12 | ALL | PSE)
        self.assertEqual([(va, size, mfn, "rwx user")], found(m.guest()))
        walk = m.guest().space.walk(va + size - 1)
        self.assertEqual(walk.maddr, (mfn << 12) + size - 1)
        self.assertEqual(walk.path[-1].name.split("[")[0], name)

    def test_2_mib(self):
        self.large(paging.FOUR_LEVEL, 0x40200000, "pmd", 0x400, 2 << 20)
        self.large(paging.PAE, 0xC0200000, "pmd", 0x400, 2 << 20)

    def test_4_mib(self):
        self.large(paging.TWO_LEVEL, 0xC0400000, "pgd", 0x400, 4 << 20)

    def test_4_mib_above_4_gib(self):
        # PSE-36: bits 13 to 20 are bits 32 to 39 of the address.
        m = Machine(paging.TWO_LEVEL, under_xen=False)
        m.set(0xC0000000, "pgd", 0x00400000 | 0x12 << 13 | ALL | PSE)
        self.assertEqual(m.guest().space.walk(0xC0000123).maddr, 0x1200400123)

    def test_1_gib(self):
        self.large(paging.FOUR_LEVEL, 0xFFFFFFFF80000000, "pud", 0x80000, 1 << 30)

    def test_the_memory_type_of_a_large_page_is_no_address(self):
        m = Machine(paging.FOUR_LEVEL, under_xen=False)
        m.set(0, "pmd", 0x400 << 12 | 1 << 12 | ALL | PSE)
        self.assertEqual(m.guest().space.walk(0).maddr, 0x400000)

    def test_two_levels_without_pse_ignore_that_bit(self):
        m = Machine(paging.TWO_LEVEL, under_xen=False)
        m.map(0x1000, 0x111)
        m.set(0, "pgd", m.entry(0, "pgd") | PSE)
        mode = paging.mode_of(1 << 31, 0, 0, 32)
        guest = m.guest()
        guest.space.mode = mode
        self.assertEqual(guest.space.walk(0x1000).maddr, 0x111000)


class HighMemory(unittest.TestCase):
    def test_frames_above_4_gib(self):
        for name in ("pae", "x86_64"):
            m = Machine(UNDER_XEN[name], size=1 << 40)
            m.map(0x1000, 0xFEDCBA987)
            with self.subTest(name):
                self.assertEqual([(0x1000, 4096, 0xFEDCBA987, "rwx user")], found(m.guest()))
                self.assertIn("MFN 0xfedcba987 = not this guest's", "\n".join(text.walk(m.guest(), 0x1000)))

    def test_tables_and_guest_pages_above_4_gib(self):
        for name in ("pae", "x86_64"):
            p2m = [0x140000 + 3 * n for n in range(96)]
            m = Machine(UNDER_XEN[name], p2m=p2m, size=1 << 40)
            m.map_pfns(0x5000, (7, 8))
            with self.subTest(name):
                lines = "\n".join(text.ranges(m.guest()))
                self.assertIn("0x7-0x8", lines)
                self.assertEqual(m.guest().space.walk(0x6001).maddr, (p2m[8] << 12) + 1)
                self.assertEqual(m.guest().pfn(p2m[95]), 95)

    def test_a_pae_pgd_need_not_be_aligned_to_a_page(self):
        m = Machine(paging.PAE, under_xen=False)
        m.map(0x1000, 0x111)
        pgd = [m.peek(m.root + 8 * n, 8) for n in range(4)]
        m.poke(m.root, 0, 8)
        m.root += 0xFE0
        for n, value in enumerate(pgd):
            m.poke(m.root + 8 * n, value & ~(RW | US), 8)
        self.assertEqual([(0x1000, 4096, 0x111, "rwx user")], found(m.guest()))


class EffectiveRights(unittest.TestCase):
    def rights(self, m, va):
        walk = m.guest().space.walk(va)
        mapped = [x.rights for x in m.guest().space.mappings() if x.va == va]
        self.assertEqual([walk.rights], mapped)
        return walk.rights

    def test_every_level_can_deny(self):
        for level in ("pgd", "pud", "pmd", "pte"):
            for flags, expected in ((P | US, Rights(write=False)), (P | RW, Rights(user=False)),
                                    (ALL | NX, Rights(execute=False)), (ALL, Rights())):
                m = Machine(paging.FOUR_LEVEL, under_xen=False)
                m.map(0x1000, 0x111)
                m.set(0x1000, level, m.entry(0x1000, level) & ~ALL | flags)
                with self.subTest(level=level, flags=flags):
                    self.assertEqual(self.rights(m, 0x1000), expected)
                    if expected != Rights():
                        self.assertRegex("\n".join(text.walk(m.guest(), 0x1000)), rf"no \(\w+ is \w+ in {level}\[\d+\]\)")

    def test_all_that_deny_are_named(self):
        m = Machine(paging.FOUR_LEVEL, under_xen=False)
        m.map(0x1000, 0x111, P | NX)
        m.set(0, "pud", m.entry(0, "pud") & ~RW)
        line = list(text.walk(m.guest(), 0x1000))[-1]
        self.assertEqual(line.strip(), "read: yes; write: no (RW is clear in pud[0], pte[1]); "
                         "execute: no (NX is set in pte[1]); from ring 3: no (USER is clear in pte[1])")

    def test_the_top_level_of_native_pae_denies_nothing(self):
        m = Machine(paging.PAE, under_xen=False)
        m.map(0x1000, 0x111)
        m.set(0, "pgd", m.entry(0, "pgd") | A)  # QEMU sets it there
        self.assertEqual(self.rights(m, 0x1000), Rights())


class XensPart(unittest.TestCase):
    def test_hidden_and_shown(self):
        for name in UNDER_XEN:
            m = entry_machine(name)
            first, _ = m.guest().xens
            with self.subTest(name):
                self.assertFalse([va for va, *_ in found(m.guest()) if va >= first and not m.guest().is_guests(va)])
                self.assertIn((first, 4096, m.m2p_pages[0], "r-x"), found(m.guest(), text.Wanted(everything=True)))
                self.assertIn("Xen's own part", list(text.ranges(m.guest()))[-1])
                self.assertNotIn("Xen's own part", "\n".join(text.ranges(m.guest(), text.Wanted(everything=True))))

    def test_what_xen_has_beyond_the_4_gib_of_a_guest_is_never_shown(self):
        m = Machine(paging.PAE_UNDER_XEN)
        m.put(m.root + 8, m.peek(m.root, 8))
        before = found(m.guest(), text.Wanted(everything=True))
        m.put(m.root + 8, 0)
        self.assertEqual(before, found(m.guest(), text.Wanted(everything=True)))

    def test_without_xen_nothing_is_hidden(self):
        for name, mode in NATIVE.items():
            m = Machine(mode, under_xen=False)
            m.map(HIGH[name] | 0x3FC00000, 0x111)
            with self.subTest(name):
                self.assertEqual(len(found(m.guest())), 1)

    def test_a_64_bit_guest_has_room_on_both_sides_of_xen(self):
        m = Machine(paging.FOUR_LEVEL)
        for va in (0x7FFFFFFFF000, 0xFFFF87FFFFFFF000, 0xFFFF880000000000):
            m.map(va, XENS_MFN + 0xF0)
        self.assertEqual([va for va, *_ in found(m.guest())], [0x7FFFFFFFF000, 0xFFFF880000000000])


class Filters(unittest.TestCase):
    def setUp(self):
        self.m = Machine(paging.FOUR_LEVEL)
        self.m.map_pfns(0x400000, range(8), P | RW)
        self.m.map_pfns(0x600000, range(8), P)
        for page in range(16):
            self.m.map_pfns(0x800000 + (page << 12), [3], P)

    def shown(self, **wanted):
        lines = text.ranges(self.m.guest(), text.Wanted(**wanted))
        return [line.split()[0] for line in lines if re.match("0x0*[4-8]", line)]

    def test_by_va(self):
        self.assertEqual(self.shown(within=(0x402000, 0x601000)),
                         ["0x0000000000402000-0x0000000000407fff", "0x0000000000600000-0x0000000000600fff"])

    def test_by_rights(self):
        self.assertEqual(self.shown(rights="w"), ["0x0000000000400000-0x0000000000407fff"])
        self.assertEqual(self.shown(rights="w+xuser"), [])

    def test_by_page(self):
        self.assertEqual(self.shown(pfns=range(7, 9)),
                         ["0x0000000000407000-0x0000000000407fff", "0x0000000000607000-0x0000000000607fff"])
        self.assertEqual(self.shown(mfns=range(self.m.p2m[0], self.m.p2m[0] + 1)),
                         ["0x0000000000400000-0x0000000000400fff", "0x0000000000600000-0x0000000000600fff"])

    def test_the_same_page_again_and_again_is_one_range(self):
        lines = [line for line in text.ranges(self.m.guest()) if line.startswith("0x0000000000800000-0x000000000080ffff")]
        self.assertEqual(len(lines), 1)
        self.assertIn(f"0x3 each  {self.m.p2m[3]:#x} each", " ".join(lines[0].split("   ")).replace("  ", "  "))

    def test_a_limit_says_how_to_see_the_rest(self):
        lines = "\n".join(text.ranges(self.m.guest(), text.Wanted(limit=1)))
        self.assertIn("... and 2 ranges more: `xen pt limit 0` shows all", lines)
        self.assertIn("r-x       2 ranges, 24 pages", lines)


class Reads(unittest.TestCase):
    def test_each_page_once(self):
        for name in UNDER_XEN:
            m = remap(entry_machine(name), name)
            m.reads = []
            guest = m.guest()
            lines = list(text.ranges(guest))
            tables = {maddr & -4096 for _, maddr in guest.space.tables()}
            numbering = {mfn << 12 for mfn in (*m.boot.p2m_frames, *m.m2p_pages.values())}
            with self.subTest(name):
                self.assertEqual(len(m.reads), len(set(m.reads)))
                self.assertEqual(set(m.reads), tables | numbering)
                self.assertTrue(any(f"{len(m.reads)} physical reads" in line for line in lines))


if __name__ == "__main__":
    unittest.main()
