# SPDX-License-Identifier: GPL-2.0-only
"""Xen's own numbers for machine pages, where its frame table leaves out holes of the machine's memory."""

import struct
import unittest

from xenpt.frame import FRAME_TABLE, Layout, address
from xenpt.pdx import Numbers


def numbers(**of_xen):
    """Those of a Xen that has these variables: integers, or lists for arrays of 64."""
    names = list(of_xen)
    data = {at: struct.pack(f"<{len(words)}Q", *words) for at, name in enumerate(names, 1)
            for words in [of_xen[name] if isinstance(of_xen[name], list) else [of_xen[name]]]}
    return Numbers(lambda name: names.index(name) + 1 if name in names else None, lambda va, size: data[va][:size])


class Pdx(unittest.TestCase):
    def same(self, of, pairs):
        for mfn, pdx in pairs:
            with self.subTest(mfn=mfn):
                self.assertEqual((of.pdx(mfn), of.mfn(pdx)), (pdx, mfn))

    def test_a_xen_that_leaves_nothing_out(self):
        self.same(numbers(), [(0, 0), (0x103100, 0x103100)])
        self.same(numbers(pfn_pdx_bottom_mask=2**64 - 1, pfn_top_mask=0, pfn_pdx_hole_shift=0), [(0x103100, 0x103100)])
        self.same(numbers(pfn_index_shift=0, pdx_index_shift=0, pfn_pdx_lookup=[0] * 64, pdx_pfn_lookup=[0] * 64), [(0x103100, 0x103100)])

    def test_bits_that_are_left_out(self):
        # 4 GiB from 0 on and from 1 TiB on: bits 20 to 27 of a page's number are always 0.
        of = numbers(pfn_pdx_bottom_mask=0xFFFFF, pfn_top_mask=2**52 - 1 & -(1 << 28), pfn_pdx_hole_shift=8)
        self.same(of, [(0x1000, 0x1000), (0xFFFFF, 0xFFFFF), (0x10000000, 0x100000), (0x10012345, 0x112345)])
        layout = Layout(32, 0, 0, 0, 0)
        self.assertEqual(address(layout, of, 0x10000001), FRAME_TABLE + 0x100001 * 32)

    def test_parts_that_are_moved_together(self):
        # The same memory, in parts of 2^24 pages: the second follows 2^20 pages behind the first.
        before, behind = [0] * 64, [0] * 64
        before[0x10000000 >> 24] = behind[1] = 0x10000000 - 0x100000
        of = numbers(pfn_index_shift=24, pdx_index_shift=20, pfn_pdx_lookup=before, pdx_pfn_lookup=behind)
        self.same(of, [(0x1000, 0x1000), (0x10000000, 0x100000), (0x10012345, 0x112345)])


if __name__ == "__main__":
    unittest.main()
