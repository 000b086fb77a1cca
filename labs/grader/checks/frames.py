# SPDX-License-Identifier: GPL-2.0-only
"""What Xen itself holds of the guest's page-table pages: their type, and how often each is used as such.

Xen counts every entry that leads to a page table. So its count grows by one for
each entry that a remap adds; a table that leads there behind Xen's back is not in it.
Where the numbers lie in Xen's memory is asked of xen-syms. Without it, or without
GDB, nothing is known, and nothing is said.
Source: xen/arch/x86/include/asm/mm.h, struct page_info.
"""

import os
from collections import Counter, namedtuple

from ..tables import MFN_MASK, PAGE, PRESENT
from ..xenstables import FrameTable

Frame = namedtuple("Frame", "type count")
COUNT = (1 << 55) - 1
WRITABLE = 7
TYPES = {0: "without a type", 1: "a pte page", 2: "a pmd page", 3: "a pgd page", 4: "a page table of the top level",
         5: "segment descriptors", 6: "shared", WRITABLE: "an ordinary, writable page"}


class Frames(FrameTable):
    """The frame table of one Xen, seen through a stopped machine."""

    def of(self, mfn):
        """Type and count of a machine page; None if they cannot be known."""
        data = self.layout and self.stub.peek(self.at(mfn), self.layout.page_info)
        if not data:
            return None
        info = int.from_bytes(data[self.layout.type_info:self.layout.type_info + 8], "little")
        return Frame(info >> 61, info & COUNT)

    def named(self, mfn):
        """", which Xen holds for ...", or nothing."""
        frame = self.of(mfn)
        return f", which Xen holds for {TYPES[frame.type]}" if frame else ""


def frames_of(boot):
    return Frames(boot.machine, os.environ.get("XEN") or "build/xen/xen")


# ---- the guest's tables ---------------------------------------------------------------


def used(tables, frames):
    """For each page table of the guest's: what Xen holds of it, and how many entries lead to it."""
    guest, space = tables.guest, tables.seen.space
    leads = Counter()
    found = [key for key in space.tables(tables.seen.is_guests) if key[1] // PAGE in guest.pfn_of]
    for depth, table in found:
        if space.mode.levels[depth].name != "pte":
            leads.update((value & MFN_MASK) // PAGE for value in space.entries(depth, table) if value & PRESENT)
    mfns = {table // PAGE for _, table in found}
    return {mfn: (frames.of(mfn), leads[mfn]) for mfn in mfns}


def check_frames(task, boot, before, after):
    """before and after are what used() said; Xen's counts have to have grown as the entries have."""
    for mfn, (frame, leads) in after.items():
        old, led = before.get(mfn, (None, 0))
        if not frame or not old:
            continue
        said = f"PFN {boot.guest.pfn_of[mfn]:#x} (MFN {mfn:#x}) is a page table"
        if frame.type != old.type:
            task.fail("frame-type", f"{said}, and Xen held it for {TYPES[old.type]}, but now for {TYPES[frame.type]}.")
        elif frame.count - old.count != leads - led:
            task.fail("frame-count", f"""{said}. {leads} entries lead to it, {leads - led} of them new; but Xen counts only
                {frame.count - old.count} new uses of it ({frame.count} in all). It was changed behind Xen's back.""")
