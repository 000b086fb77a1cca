# SPDX-License-Identifier: GPL-2.0-only
"""What changed between two moments, files of page tables, and pages with several addresses."""

import json
import unittest

from check import HIGH, REMAPPED_BY, UNDER_XEN, GoldenTest, all_machines, entry_machine, remap
from machine import ALL, P, PSE, RW, Machine
from xenpt import diff, paging, snapshot, text


def snap(m):
    return snapshot.Snapshot(save(m))


def save(m):
    return snapshot.save(m.guest(), m.registers, 12345, "0123abcd")


def changes(old, new):
    return [(c.first, c.last, c.before and c.before.pfn, c.after and c.after.pfn) for c in diff.mappings(old, new)]


class Remap(GoldenTest):
    """The remap of stage 3, in each mode: shared tables below, one entry above."""

    def each(self):
        for mode in UNDER_XEN:
            before = entry_machine(mode)
            after = remap(entry_machine(mode), mode)
            yield mode, before.guest(), after.guest(), after

    def test_the_ranges(self):
        for mode, _, after, _ in self.each():
            with self.subTest(mode):
                self.golden_lines(f"ranges-{mode}.txt", text.ranges(after))

    def test_exactly_the_remapped_range_changed(self):
        for mode, before, after, _ in self.each():
            with self.subTest(mode):
                found = changes(before, after)
                self.assertEqual((found[0][0], found[-1][1]), (HIGH[mode], HIGH[mode] + (64 << 12) - 1))
                self.assertTrue(all(b == a + 1 for (_, a, *_), (b, *_) in zip(found, found[1:])))
                self.assertTrue(all(was is None for _, _, was, _ in found))
                self.assertEqual([c.after.level.name for c in diff.entries(before, after)][-1], REMAPPED_BY[mode])
                self.golden_lines(f"diff-{mode}.txt", diff.lines(before, after))

    def test_both_addresses_of_a_page(self):
        for mode, _, after, m in self.each():
            mfn = m.p2m[40]
            with self.subTest(mode):
                self.assertEqual([x.va for x in after.virtual_addresses(mfn)], [40 << 12, HIGH[mode] + (40 << 12)])
                self.assertEqual(len(after.naming_entries(mfn)), 1)
                self.golden_lines(f"aliases-{mode}.txt", text.aliases(after, mfn))

    def test_the_walk(self):
        for mode, _, after, _ in self.each():
            with self.subTest(mode):
                self.golden_lines(f"walk-{mode}.txt", text.walk(after, HIGH[mode] + 0x3ABC))


class Sharing(unittest.TestCase):
    def test_a_shared_pud(self):
        m = Machine(paging.FOUR_LEVEL)
        m.map(0x1000, m.p2m[50])
        for va in (0xFFFF880000000000, 0xFFFFFF8000000000):
            m.share(va, 0, "pgd")
        guest = m.guest()
        self.assertEqual([x.va for x in guest.virtual_addresses(m.p2m[50])],
                         [0x1000, 0xFFFF880000001000, 0xFFFFFF8000001000])
        self.assertEqual(len(guest.naming_entries(m.table(0, "pgd") >> 12)), 3)

    def test_a_shared_pmd(self):
        m = Machine(paging.PAE_UNDER_XEN)
        m.map(0x1000, m.p2m[50])
        m.share(0x40000000, 0, "pgd")
        m.share(0x80000000, 0, "pgd")
        self.assertEqual([x.va for x in m.guest().virtual_addresses(m.p2m[50])], [0x1000, 0x40001000, 0x80001000])

    def test_a_page_inside_a_large_one(self):
        m = Machine(paging.FOUR_LEVEL, under_xen=False)
        m.set(0x200000, "pmd", 0x400 << 12 | ALL | PSE)
        lines = list(text.aliases(m.guest(), 0x405))
        self.assertIn("  VA 0x0000000000205000  rwx user", lines)
        self.assertEqual(lines[-1], "1 VA, 1 entry")


class Changes(unittest.TestCase):
    def test_none(self):
        for mode in UNDER_XEN:
            self.assertEqual(list(diff.lines(entry_machine(mode).guest(), entry_machine(mode).guest())), ["no difference"])

    def both(self, change):
        for name, m in all_machines():
            m.map(0x1000, m.p2m[40], count=4)
            before = snap(m)
            change(m)
            with self.subTest(name):
                yield m, before, m.guest()

    def test_a_page_less(self):
        for _, before, after in self.both(lambda m: m.set(0x2000, "pte", 0)):
            self.assertEqual([c[:2] for c in changes(before, after)], [(0x2000, 0x2FFF)])
            self.assertRegex("\n".join(diff.lines(before, after)), r"VA 0x0*2000-0x0*2fff: .* -> unmapped\n"
                             r"pte\[2\] in the pte page .*, PRESENT RW USER -> empty\n1 page mapped otherwise, by 1 entry")

    def test_other_rights(self):
        for _, before, after in self.both(lambda m: m.set(0x2000, "pte", m.entry(0x2000, "pte") & ~RW)):
            self.assertRegex("\n".join(diff.lines(before, after)), r"rwx user -> .*r-x user\n")

    def test_a_right_less_above(self):
        level = {4: "pgd", 8: "pmd"}
        for _, before, after in self.both(lambda m: m.set(0, level[m.mode.entry_size],
                                                          m.entry(0, level[m.mode.entry_size]) & ~RW)):
            self.assertEqual([c[:2] for c in changes(before, after)], [(0x1000, 0x4FFF)])
            self.assertEqual(len(list(diff.entries(before, after))), 1)

    def test_another_page(self):
        for m, before, after in self.both(lambda m: m.map(0x2000, m.p2m[60])):
            change, = diff.mappings(before, after)
            self.assertEqual((change.before.mfn, change.after.mfn), (m.p2m[41], m.p2m[60]))

    def test_what_the_processor_marks_is_no_change(self):
        for _, before, after in self.both(lambda m: m.set(0x2000, "pte", m.entry(0x2000, "pte") | 0x60)):
            self.assertEqual(list(diff.lines(before, after)), ["no difference"])

    def test_a_moved_pgd(self):
        m = Machine(paging.FOUR_LEVEL, under_xen=False)
        m.map(0x1000, 0x111)
        before = snap(m)
        m.root = m.page() << 12
        m.map(0x5000, 0x111)
        self.assertEqual([c[:2] for c in changes(before, m.guest())], [(0x1000, 0x1FFF), (0x5000, 0x5FFF)])

    def test_a_large_page_in_place_of_small_ones(self):
        m = Machine(paging.FOUR_LEVEL, under_xen=False)
        m.map(0x200000, 0x400, count=512)
        before = snap(m)
        m.set(0x200000, "pmd", 0x400 << 12 | ALL | PSE)
        self.assertEqual(changes(before, m.guest()), [])
        self.assertEqual(len(list(diff.entries(before, m.guest()))), 1)
        m.set(0x200000, "pmd", 0x600 << 12 | ALL | PSE)
        self.assertEqual([c[:2] for c in changes(before, m.guest())], [(0x200000, 0x3FFFFF)])

    def test_problems_of_both_sides(self):
        m = entry_machine("pae")
        m.set(0x40000000, "pmd", 0xABCDE007)
        before = snap(m)
        m.set(0x40000000, "pmd", 0)
        m.set(0x80000000, "pmd", 0xABCDF007)
        lines = [line for line in diff.lines(before, m.guest()) if "BROKEN" in line]
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], "^before: BROKEN from VA 0x40000000: ")
        self.assertRegex(lines[1], "^after: BROKEN from VA 0x80000000: ")


class Files(GoldenTest):
    def test_the_same_bytes_for_the_same_state(self):
        for mode in UNDER_XEN:
            with self.subTest(mode):
                self.assertEqual(save(remap(entry_machine(mode), mode)), save(remap(entry_machine(mode), mode)))
                self.golden(f"snapshot-{mode}.json", save(remap(entry_machine(mode), mode)))

    def test_what_is_loaded_is_what_was_saved(self):
        for name, m in all_machines():
            m.map(0x1000, m.p2m[40], count=30)
            m.map(0x40000000, 0xEEE, P)
            m.share(0x80000000, 0, m.mode.levels[-2].name)
            m.set(0x40800000, m.mode.levels[-2].name, 0xABCDE007)
            loaded, guest = snap(m), m.guest()
            with self.subTest(name):
                self.assertEqual(list(diff.lines(loaded, guest))[0], "no difference")
                self.assertEqual(list(loaded.space.mappings(loaded.is_guests)), list(guest.space.mappings(guest.is_guests)))
                self.assertEqual([line for line in text.walk(loaded, 0x1000)], list(text.walk(guest, 0x1000)))
                self.assertEqual((loaded.icount, loaded.build_id, loaded.mode), (12345, "0123abcd", guest.mode))

    def test_a_pgd_that_is_not_aligned(self):
        m = Machine(paging.PAE, under_xen=False)
        m.map(0x1000, 0x111)
        m.poke(m.root + 0xFE0, m.entry(0, "pgd"), 8)
        m.root += 0xFE0
        self.assertEqual(snap(m).space.walk(0x1000).maddr, 0x111000)

    def test_saved_again_it_is_the_same(self):
        m = remap(entry_machine("pae"), "pae")
        loaded = snap(m)
        self.assertEqual(json.loads(snapshot.save(loaded, m.registers, 12345, "0123abcd")), json.loads(save(m)))


if __name__ == "__main__":
    unittest.main()
