# SPDX-License-Identifier: GPL-2.0-only
"""Broken tables are shown as such, each in a line, by everything that looks at them; nothing hangs and nothing crashes."""

import json
import unittest
import unittest.mock

from check import HIGH, UNDER_XEN, GoldenTest, all_machines, entry_machine, remap
from machine import ALL, PSE, Machine
from xenpt import diff, paging, snapshot, space, svg, text
from xenpt.memory import BadPage
from xenpt.paging import PagingError

NOWHERE = 0xABCDE  # an MFN at which the machines here have no memory
MANY = 20000  # looks at tables: ten times what the worst of these needs


def everything(m, va=0):
    """What every command prints of a machine, as one text; pictures are drawn, too. That it ends soon is part of the test: it
    may look at tables only so many times."""
    looks, entries = 0, space.AddressSpace.entries

    def counted(*of):
        nonlocal looks
        looks += 1
        assert looks < MANY, "it looks at tables without end"
        return entries(*of)

    with unittest.mock.patch.object(space.AddressSpace, "entries", counted):
        lines = shown(m, va)
    return "\n".join(lines)


def shown(m, va):
    """The lines of every command."""
    guest = m.guest()
    lines = [*text.ranges(guest), *text.ranges(guest, text.Wanted(everything=True)), *text.walk(guest, va),
             *text.aliases(guest, guest.pgd >> 12)]
    saved = snapshot.Snapshot(snapshot.save(guest, m.registers, 1, "id"))
    lines += [*text.ranges(saved), *diff.lines(saved, guest)]
    svg.draw(guest, saved)
    svg.draw(saved)
    return lines


class EveryKind(unittest.TestCase):
    def broken(self, change, what, va=0x1000, machines=None):
        """On each machine, one entry is changed; the text must say so, and still show what is well."""
        for name, m in machines or all_machines():
            m.map(va, 0x111, count=3)
            m.map(0x40000000, 0x133)
            change(m)
            with self.subTest(name):
                output = everything(m, va)
                self.assertRegex(output, what)
                self.assertRegex(output, r"0x0*40000000-0x0*40000fff +4 KiB")

    def parent(self, m):
        """The lowest table level above the pte."""
        return m.mode.levels[-2].name

    def test_a_table_where_no_memory_is(self):
        self.broken(lambda m: m.set(0x1000, self.parent(m), NOWHERE << 12 | ALL),
                    rf"BROKEN from VA 0x0+: .*\w+\[0\] = {NOWHERE << 12 | ALL:#x}: leads nowhere: maddr 0xabcde000 is beyond")

    def test_a_page_where_no_memory_is(self):
        # It may be a device: it is shown, as nobody's page.
        self.broken(lambda m: m.set(0x2000, "pte", NOWHERE << 12 | ALL), f"{NOWHERE:#x}")

    def test_truncated_memory(self):
        # The machine ends inside the tables: the pte page is gone.
        def cut(m):
            m.set(0x1000, self.parent(m), m.size - 4096 | ALL)
            m.size -= 4096
        self.broken(cut, r"BROKEN from VA 0x0+: .*leads nowhere: maddr 0xfff000 is beyond the machine's memory")

    def test_a_table_that_points_to_itself(self):
        def loop(m):
            at = m.entry_at(0x1000, self.parent(m))
            m.put(at, at & -4096 | ALL)
        self.broken(loop, r"BROKEN from VA 0x0+: .*a loop: it leads back",
                    machines=[(n, m) for n, m in all_machines() if n != "pae, native"])

    def test_a_table_that_points_to_the_one_above(self):
        for name, m in all_machines():
            if len(m.mode.levels) < 3 or name == "pae, native":
                continue
            m.map(0x1000, 0x111)
            above = m.mode.levels[-3].name
            m.set(0x1000, self.parent(m), m.entry_at(0x1000, above) & -4096 | ALL)
            with self.subTest(name):
                self.assertIn("a loop: it leads back to a table on the way to it", everything(m, 0x1000))

    def test_reserved_bits_of_a_large_page(self):
        for name, m in all_machines():
            m.map(0x1000, 0x111)
            low = 1 << 21 if m.mode.entry_size == 4 else 1 << 13
            m.set(0x1000, self.parent(m), 0x400000 | low | ALL | PSE)
            with self.subTest(name):
                self.assertIn(f"bits {low:#x} are set, which must be 0 in a large page's entry", everything(m, 0x1000))

    def test_pse_where_there_are_no_large_pages(self):
        for mode, level in ((paging.FOUR_LEVEL, "pgd"), (paging.PAE_UNDER_XEN, "pgd")):
            m = Machine(mode)
            m.map(0x1000, 0x111)
            m.set(0, level, m.entry(0, level) | PSE)
            with self.subTest(mode.name):
                self.assertIn("PSE is set, which must be 0 at this level", everything(m, 0x1000))

    def test_reserved_bits_of_pae(self):
        for level, bit, name in (("pgd", 1, "RW"), ("pgd", 63, "NX"), ("pgd", 6, "DIRTY"), ("pmd", 52, "bit 52"),
                                 ("pte", 62, "bit 62")):
            m = Machine(paging.PAE, under_xen=False)
            m.map(0x1000, 0x111)
            m.set(0x1000, level, m.entry(0x1000, level) | 1 << bit)
            with self.subTest(level=level, bit=bit):
                self.assertIn(f"{name} is set, which must be 0 at this level", everything(m, 0x1000))
                m.mode = paging.FOUR_LEVEL

    def test_the_same_high_bits_mean_nothing_with_four_levels(self):
        m = Machine(paging.FOUR_LEVEL)
        m.map(0x1000, 0x111)
        m.set(0x1000, "pmd", m.entry(0x1000, "pmd") | 1 << 52)
        self.assertEqual(m.guest().space.walk(0x1000).maddr, 0x111000)

    def test_entries_full_of_rubbish(self):
        for name, m in all_machines():
            m.map(0x1000, 0x111)
            at = m.entry_at(0x1000, self.parent(m)) & -4096
            for offset in range(8, 2048, 4):
                m.poke(at + offset, (offset // 4 + 1) * 0x9E3779B1 & 0xFFFFFFFF, 4)
            with self.subTest(name):
                self.assertIn("BROKEN", everything(m, 0x1000))

    def test_each_broken_entry_has_a_line(self):
        m = Machine(paging.PAE_UNDER_XEN)
        for index in range(3):
            m.map(index << 21, 0x111)
            m.set(index << 21, "pmd", (NOWHERE + index) << 12 | ALL)
        lines = [line for line in text.ranges(m.guest()) if line.startswith("BROKEN")]
        self.assertEqual(len(lines), 3)

    def test_no_hang_where_everything_is_shared(self):
        # 496 ways to one pud page, 512 from there to one pmd page, and so on: 2^36 pages.
        m = Machine(paging.FOUR_LEVEL)
        m.map(0x1000, 0x111)
        for level, shift in (("pte", 12), ("pmd", 21), ("pud", 30)):
            for index in range(512):
                m.set(index << shift, level, m.entry(0x1000 if level == "pte" else 0, level))
        for index in (*range(256), *range(272, 512)):
            m.put(m.root + 8 * index, m.entry(0, "pgd"))
        with unittest.mock.patch.object(space, "LIMIT", 1 << 14):
            self.assertIn("more than 16384 entries: the rest is not shown", everything(m, 0x1000))


class NoTables(unittest.TestCase):
    def test_cr3_into_nowhere(self):
        for name, m in all_machines():
            m.root = NOWHERE << 12
            with self.subTest(name), self.assertRaisesRegex(PagingError, "^CR3 0xabcde000 leads nowhere: maddr"):
                m.guest()

    def test_cr3_of_somebody_else(self):
        for name, mode in UNDER_XEN.items():
            m = Machine(mode)
            m.root = 0xF00000
            with self.subTest(name), self.assertRaisesRegex(PagingError, "leads to no table of the guest"):
                m.guest()

    def test_before_the_first_instruction(self):
        m = Machine(paging.PAE_UNDER_XEN)
        m.boot = None
        with self.assertRaisesRegex(PagingError, "do not exist yet"):
            m.guest()


class BrokenText(GoldenTest):
    def test_all_of_it(self):
        m = remap(entry_machine("pae"), "pae")
        m.map(0x40000000, NOWHERE)
        m.set(0x40200000, "pmd", NOWHERE << 12 | ALL)
        m.set(0x40400000, "pmd", m.entry_at(0x40000000, "pmd") & -4096 | ALL)
        m.set(0x40600000, "pmd", 0x402000 | ALL | PSE)
        m.set_m2p(m.p2m[9], 0x20)
        before = entry_machine("pae").guest()
        guest = m.guest()
        lines = [*text.ranges(guest), ""]
        for va in (0x40000000, 0x40200000, 0x40400000, 0x40600000, 0x80000000, HIGH["pae"] + 0x9000):
            lines += [*text.walk(guest, va), ""]
        lines += [*diff.lines(before, guest), "", *text.aliases(guest, m.p2m[9])]
        self.golden_lines("broken.txt", lines)


class BrokenSnapshots(unittest.TestCase):
    def refused(self, content, what):
        with self.assertRaisesRegex(snapshot.SnapshotError, what):
            snapshot.Snapshot(content)

    def test_other_files(self):
        self.refused("", "not made by xen pt save")
        self.refused("[]", "not made by xen pt save")
        self.refused("[" * 100000, "not made by xen pt save")
        self.refused('{"format": "page tables 7"}', "it has format 'page tables 7'")

    def test_no_tables(self):
        m = entry_machine("pae")
        whole = json.loads(snapshot.save(m.guest(), m.registers, 1, "id"))
        self.refused(json.dumps({**whole, "tables": {}}), "maddr 0x800000 is not in this snapshot")

    def test_each_part_missing_or_of_another_kind(self):
        m = entry_machine("pae")
        whole = json.loads(snapshot.save(m.guest(), m.registers, 1, "id"))
        for key in whole:
            for value in (None, [], "", 1.5, {"x": "y"}):
                if key not in ("icount", "build-id", "pfns") or value == {"x": "y"} and key == "pfns":
                    with self.subTest(key=key, value=value):
                        self.refused(json.dumps({**whole, key: value}), "it has format|not made by xen pt save")
            part = {k: v for k, v in whole.items() if k != key}
            self.refused(json.dumps(part), "not made by xen pt save")

    def test_paging_off(self):
        m = entry_machine("pae")
        whole = json.loads(snapshot.save(m.guest(), m.registers, 1, "id"))
        whole["registers"]["cr0"] = "0x1"
        self.refused(json.dumps(whole), "paging is off")

    def test_what_is_not_in_it(self):
        with self.assertRaises(BadPage):
            m = entry_machine("pae")
            snapshot.Snapshot(snapshot.save(m.guest(), m.registers, 1, "id")).memory.read_page(0xF00000)


if __name__ == "__main__":
    unittest.main()
