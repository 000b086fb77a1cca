# SPDX-License-Identifier: GPL-2.0-only
"""Where Xen keeps what it knows of a machine page: its frame table, and the m2p.

Source: xen/arch/x86/include/asm/config.h, and xen/include/xen/pdx.h for the frame table's index, which leaves out address bits
that no memory of this machine has.
"""

import os

from xenabi.xensyms import XenSymsError, frame_layout
from xenpt.frame import FRAME_TABLE

M2P = {32: 0xf5800000, 64: 0xffff800000000000}  # as a guest sees it, by its width
XENS_M2P = 0xffff828000000000  # as Xen sees it, in words of 64 bits, and may write to it


class FrameTable:
    """The frame table of the Xen that a machine runs. What is not known without xen-syms or without GDB has no layout."""

    def __init__(self, machine, xen):
        self.stub = machine.stub
        try:
            self.layout = frame_layout(os.path.join(os.path.dirname(xen), "xen-syms"))
        except XenSymsError:
            self.layout = None
            return
        names = ("pfn_pdx_bottom_mask", "pfn_top_mask", "pfn_pdx_hole_shift")
        addresses = [machine.xen_symbols.get(name) for name in names]
        values = [self.number(address) if address else 0 for address in addresses]
        self.bottom, self.top, shift = values if all(addresses) else (~0, 0, 0)
        self.shift = shift & 63

    def number(self, va):
        return int.from_bytes(self.stub.read(va, 8), "little")

    def at(self, mfn):
        """The VA of a page's struct page_info."""
        return FRAME_TABLE + (mfn & self.bottom | (mfn & self.top) >> self.shift) * self.layout.page_info
