# SPDX-License-Identifier: GPL-2.0-only
"""Pictures: the same as those in golden/, well formed, and nothing that is written lies over anything else."""

import unittest
import xml.etree.ElementTree as ET

from check import UNDER_XEN, GoldenTest, all_machines, entry_machine, remap
from machine import ALL, P, PSE, Machine
from xenpt import paging, picture, snapshot, svg

SVG = "{http://www.w3.org/2000/svg}"
EM = 0.605  # the width of a character of DejaVu Sans Mono; of DejaVu Sans, bold, on the average no more than 0.66
EM_SANS_BOLD = 0.66


def numbers(element, *names):
    return [float(element.get(name, 0)) for name in names]


def extents(text):
    """(left, right, base line) of a text."""
    x, y, size = numbers(text, "x", "y", "font-size")
    bold_sans = text.get("font-weight") == "bold" and "Mono" not in text.get("font-family")
    width = len(text.text) * size * (EM_SANS_BOLD if bold_sans else EM)
    return (x - width, x, y) if text.get("text-anchor") == "end" else (x, x + width, y)


class Layout(unittest.TestCase):
    def machines(self):
        for name, m in all_machines():
            m.map(0x1000, m.p2m[40], count=40)
            m.map(0x40000000, 0xEEE, P)
            m.share(0x80000000, 0, m.mode.levels[-2].name)
            yield name, m
        yield "everything shared", self.shared()
        yield "far up in memory", self.far_up()
        yield "a long table", self.long()

    @staticmethod
    def shared():
        m = Machine(paging.FOUR_LEVEL)
        for index in range(40):
            m.map(0, 0x111)
            m.share(index << 39 if index < 256 else 0, 0, "pgd")
            m.share(index << 30, 0, "pud")
            m.share(index << 21, 0, "pmd")
        return m

    @staticmethod
    def far_up():
        m = Machine(paging.FOUR_LEVEL, p2m=[0xFEDCBA000 + n for n in range(96)], size=1 << 49)
        m.map_pfns(0, range(90))
        m.map(0xFFFFFFFF80000000, 0xFEDCBAFFF, count=200)
        m.set(0xFFFF880000000000, "pud", 0xFEDC80000 << 12 | ALL | PSE)
        return m

    @staticmethod
    def long():
        m = Machine(paging.PAE, under_xen=False)
        for index in range(0, 512, 2):
            m.map(index << 12, 0x111)
        return m

    def test_well_formed_and_nothing_overflows(self):
        for name, m in self.machines():
            guest = m.guest()
            for before in (None, snapshot.Snapshot(snapshot.save(guest, m.registers, 1, "id"))):
                with self.subTest(name, compared=bool(before)):
                    self.check(ET.fromstring(svg.draw(guest, before, "a <title> & \"more\"")))

    def check(self, root):
        width, height = numbers(root, "width", "height")
        boxes = []
        for box in root.iter(f"{SVG}rect"):
            x, y, w, h = numbers(box, "x", "y", "width", "height")
            self.assertTrue(0 <= x and 0 <= y and x + w <= width and y + h <= height, "a box leaves the picture")
            if h > 30 and w < width:
                boxes.append((x, y, x + w, y + h))
        texts = [(*extents(text), text.text) for text in root.iter(f"{SVG}text") if text.text]
        for left, right, y, words in texts:
            self.assertTrue(0 <= left and right <= width and y <= height, f"{words!r} leaves the picture")
            for x0, y0, x1, y1 in boxes:
                if y0 < y < y1 and x0 < (left + right) / 2 < x1:
                    self.assertTrue(x0 <= left and right <= x1, f"{words!r} leaves its box")
        for one, (left, right, y, words) in enumerate(texts):
            for left2, right2, y2, words2 in texts[:one]:
                self.assertFalse(abs(y - y2) < 8 and left < right2 and left2 < right, f"{words!r} lies over {words2!r}")
        self.arrows(root, boxes)

    def arrows(self, root, boxes):
        """Each ends at the left side of a box, in its height."""
        found = [path.get("d") for path in root.iter(f"{SVG}path") if "C" in path.get("d") and path.get("marker-end")]
        self.assertTrue(found)
        for d in found:
            x, y = (float(number) for number in d.split()[-1].split(","))
            self.assertTrue(any(0 < x0 - x < 15 and y0 < y < y1 for x0, y0, _, y1 in boxes), f"{d} ends nowhere")


class Golden(GoldenTest):
    def test_the_remap(self):
        for mode in UNDER_XEN:
            before, after = entry_machine(mode).guest(), remap(entry_machine(mode), mode).guest()
            with self.subTest(mode):
                self.golden(f"remap-{mode}.svg", svg.draw(after, before, "the remap"))


class Meaning(unittest.TestCase):
    """What is in a picture, before it is drawn."""

    def setUp(self):
        self.before = entry_machine("pae").guest()
        self.m = remap(entry_machine("pae"), "pae")

    def boxes(self, compared=True):
        made = picture.compose(self.m.guest(), self.before if compared else None)
        return {f"{box.name} {box.frame}": box for box in made.boxes}

    def rows(self, kind):
        return [row for box in self.boxes().values() for row in box.rows if row.kind == kind]

    def test_the_changed_entry_is_marked_and_no_other(self):
        changed = [row for box in self.boxes().values() for row in box.rows if row.changed]
        self.assertEqual([(row.kind, row.label) for row in changed], [("table", "0")])
        self.assertFalse([row for box in self.boxes(compared=False).values() for row in box.rows if row.changed])

    def test_a_shared_table_says_so(self):
        shared = [box for box in self.boxes().values() if box.ways > 1]
        self.assertEqual([box.name for box in shared], ["pte page"])
        self.assertEqual(shared[0].seen_at, [("0x00000000", False), ("0xc0000000", True)])

    def test_xens_slots_are_xens(self):
        self.assertEqual([(row.label, row.what) for row in self.rows("xen")], [("428-511", "Xen's")])

    def test_an_entry_that_was_taken_out(self):
        self.before, self.m = self.m.guest(), entry_machine("pae")
        self.m.set(0xC0000000, "pmd", 0)
        self.assertEqual([(row.label, row.what, row.changed) for row in self.rows("gone")], [("0", "taken out", True)])

    def test_an_entry_into_nowhere(self):
        self.m.set(0x40000000, "pmd", 0xABCDE000 | ALL)
        self.assertEqual([row.what for row in self.rows("broken")], ["leads nowhere"])

    def test_every_arrow_leads_to_a_box(self):
        keys = {box.key for box in self.boxes().values()}
        self.assertTrue({row.target for row in self.rows("table")} <= keys)


if __name__ == "__main__":
    unittest.main()
