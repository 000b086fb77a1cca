# SPDX-License-Identifier: GPL-2.0-only
"""Where Xen keeps what it knows of a machine page: its frame table, and the m2p.

Source: xen/arch/x86/include/asm/config.h.
"""

import os

from xenabi.xensyms import XenSymsError, frame_layout
from xenpt import frame
from xenpt.pdx import Numbers

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
        self.numbers = Numbers(machine.xen_symbols.get, machine.stub.read)

    def at(self, mfn):
        """The VA of a page's struct page_info."""
        return frame.address(self.layout, self.numbers, mfn)
