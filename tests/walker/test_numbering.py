# SPDX-License-Identifier: GPL-2.0-only
"""What the guest and Xen know of its pages' numbers: start_info at the first instruction, p2m and m2p; also if they are wrong."""

import struct
import unittest

from machine import Machine, P
from test_broken import NOWHERE, everything
from xenpt import paging, start_info_text, text
from xenpt.guest import Boot
from xenpt.memory import PAGE_SIZE
from xenpt.paging import PagingError


class AtEntry(unittest.TestCase):
    def machine(self, magic=b"xen-3.0-x86_32p", nr_pages=96, mfn_list=0x2000):
        m = Machine(paging.PAE_UNDER_XEN)
        m.map(0x1000, m.p2m[40])
        m.map(0x2000, m.boot.p2m_frames[0])
        info = struct.pack("<32sIIIIIIIIIIII1024sII", magic, nr_pages, 0x5000, 3, 0, 0, 0x490, 0x28, 0x1000, 1,
                           mfn_list, 0, 0, b"quiet", 0, 0)
        for offset, byte in enumerate(info):
            m.poke((m.p2m[40] << 12) + offset, byte, 1)
        return m

    def boot(self, m, start_info=0x1000):
        return Boot.at_entry(m, m.registers, 32, start_info)

    def test_start_info_tells_where_the_p2m_is(self):
        m = self.machine()
        self.assertEqual(self.boot(m), Boot(m.p2m[40] << 12, 0x5000, 96, m.boot.p2m_frames))

    def test_no_start_info(self):
        for m, where in ((self.machine(b"linux"), 0x1000), (self.machine(), 0x3000), (self.machine(), 0x1004)):
            with self.assertRaisesRegex(PagingError, f"there is no start_info at VA {where:#x}"):
                self.boot(m, where)

    def test_a_p2m_that_is_not_mapped(self):
        for nr_pages, mfn_list in ((96, 0x9000), (0xFFFFFFFF, 0x2000)):
            with self.assertRaisesRegex(PagingError, "the p2m is not mapped at VA 0x[39]000"):
                self.boot(self.machine(nr_pages=nr_pages, mfn_list=mfn_list))

    def test_start_info_in_no_memory(self):
        m = self.machine()
        m.set(0x1000, "pte", NOWHERE << 12 | P)
        with self.assertRaisesRegex(PagingError, "there is no start_info"):
            self.boot(m)

    def test_start_info_after_the_p2m_was_lost(self):
        m = self.machine()
        m.boot = self.boot(m)._replace(p2m_frames=(NOWHERE,))
        self.assertEqual(list(start_info_text.lines(m.guest()))[0],
                         "start_info is paddr 0x28000 (PFN 0x28), mapped at VA 0x00001000")


class Numbering(unittest.TestCase):
    def setUp(self):
        self.m = Machine(paging.PAE_UNDER_XEN)
        self.m.map_pfns(0, range(8))

    def test_both_ways(self):
        guest = self.m.guest()
        for pfn, mfn in enumerate(self.m.p2m):
            self.assertEqual((guest.translation.p2m(pfn), guest.pfn(mfn)), (mfn, pfn))

    def test_the_m2p_is_wrong(self):
        self.m.set_m2p(self.m.p2m[5], 0x33)
        self.assertIsNone(self.m.guest().pfn(self.m.p2m[5]))
        self.assertIn(f"MFN {self.m.p2m[5]:#x} = not this guest's (m2p: 0x33; p2m: {self.m.p2m[0x33]:#x})",
                      "\n".join(text.walk(self.m.guest(), 0x5000)))
        self.assertRegex("\n".join(text.ranges(self.m.guest())), r"0x00005000-0x00005fff .* - +0x105")

    def test_the_p2m_is_wrong(self):
        self.m.set_p2m(5, 0x77777)
        self.assertIn("not this guest's (m2p: 0x5; p2m: 0x77777)", "\n".join(text.walk(self.m.guest(), 0x5000)))

    def test_the_m2p_names_a_pfn_that_there_is_not(self):
        self.m.set_m2p(self.m.p2m[5], 0xFFFFFFFF)
        self.assertIn("(m2p: 0xffffffff; p2m: no such PFN)", "\n".join(text.walk(self.m.guest(), 0x5000)))

    def test_a_frame_beyond_the_m2p(self):
        self.m.map(0x9000, 0xFFFFFFF00)
        self.assertIn("(the m2p does not reach so far)", "\n".join(text.walk(self.m.guest(), 0x9000)))

    def test_the_m2p_lies_in_no_memory(self):
        self.m.map(0x9000, 0x9000)
        self.m.map(self.m.guest().xens[0] + (0x9000 * 4 & -4096), NOWHERE, P)
        self.assertIn("(the m2p does not reach so far)", everything(self.m, 0x9000))

    def test_without_a_p2m_the_m2p_alone_has_to_do(self):
        for mfn in set(range(PAGE_SIZE // 4)) - set(self.m.p2m):
            self.m.set_m2p(mfn, 0x55555555)
        for frames in ((NOWHERE,), ()):
            self.m.boot = self.m.boot._replace(p2m_frames=frames)
            guest = self.m.guest()
            for pfn, mfn in enumerate(self.m.p2m):
                self.assertEqual((guest.translation.p2m(pfn), guest.pfn(mfn)), (mfn, pfn))
            self.assertIsNone(guest.translation.p2m(96))
            self.assertIn("PFNs are the m2p's alone", "\n".join(text.ranges(guest)))

    def test_without_a_p2m_rubbish_in_the_m2p_is_no_pfn(self):
        self.m.boot = self.m.boot._replace(p2m_frames=())
        for rubbish in (0xFFFFFFFF, 0x55555555):
            self.m.set_m2p(self.m.p2m[5], rubbish)
            guest = self.m.guest()
            self.assertEqual((guest.pfn(self.m.p2m[5]), guest.translation.p2m(5)), (None, None))

    def test_pfns_that_there_are_not(self):
        for pfn in (-1, 96, 1 << 40):
            self.assertIsNone(self.m.guest().translation.p2m(pfn))


class Moved(unittest.TestCase):
    """The guest has moved its p2m, and says in shared_info where to."""

    def machine(self, mode):
        m = Machine(mode)
        m.map_pfns(0, range(8))
        m.set_p2m(5, 0x77777)  # where it was is something else now
        va, frame, shared = 0x40000000, m.page(), m.xens_page()
        m.map(va, frame)
        for pfn, mfn in enumerate(m.p2m):
            m.poke((frame << 12) + pfn * m.width, mfn, m.width)
        top = m.table(0, "xen") if mode.guest_level else m.root
        cr3 = top if m.bits == 64 else top & 0xFFFFF000 | top >> 32
        arch = 3088 if m.bits == 64 else 2316
        for number, value in ((0, 96), (3, cr3), (4, va)):
            m.poke((shared << 12) + arch + number * m.width, value, m.width)
        m.boot = m.boot._replace(shared_info=shared << 12)
        return m

    def test_both_ways(self):
        for mode in (paging.PAE_UNDER_XEN, paging.FOUR_LEVEL):
            m = self.machine(mode)
            guest = m.guest()
            for pfn, mfn in enumerate(m.p2m):
                self.assertEqual((guest.translation.p2m(pfn), guest.pfn(mfn)), (mfn, pfn))
            self.assertEqual((guest.translation.nr_pages, guest.translation.p2m(96)), (96, None))

    def test_not_moved_yet(self):
        m = self.machine(paging.FOUR_LEVEL)
        m.poke(m.boot.shared_info + 3088 + 3 * 8, 0, 8)
        self.assertEqual(m.guest().translation.p2m(5), 0x77777)

    def test_a_shared_info_that_leads_nowhere(self):
        m = self.machine(paging.FOUR_LEVEL)
        m.poke(m.boot.shared_info + 3088 + 4 * 8, 0x50000000, 8)
        self.assertEqual(m.guest().translation.p2m(5), 0x77777)


if __name__ == "__main__":
    unittest.main()
