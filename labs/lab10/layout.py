# SPDX-License-Identifier: GPL-2.0-only
"""Where everything has to lie in the guest, and what has to be there: worked out anew, as src/stage6-toolstack/layout.c does."""

from struct import unpack

from xenabi.entry import xen_entry
from xenabi.structs import struct

PAGE = 4096
NR_PAGES = 1024
FAR = 768
P, RW = 1, 2
CONTEXTS = {bits: struct(64, f"struct vcpu_guest_context_x86_{bits}", "flags", "kernel_ss", "kernel_sp", "ctrlreg[3]") for bits in (32, 64)}


class Layout:
    def __init__(self, image, far, module):
        """module is the size of the guest's, in bytes."""
        self.bits, self.word = image.bits, image.bits // 8
        self.entry = xen_entry(image)
        self.context = CONTEXTS[self.bits]
        self.levels = 4 if self.bits == 64 else 3
        end = max(part.paddr + part.memsz for part in image.loaded())
        self.mod_start = -(-end // PAGE)
        self.module = module
        first = self.mod_start + -(-module // PAGE)
        self.mfn_list = first
        self.list_pages = range(first, first + -(-NR_PAGES * self.word // PAGE))
        self.start_info = self.list_pages.stop
        self.store, self.console = (FAR, FAR + 1) if far else (self.start_info + 1, self.start_info + 2)
        top = self.start_info + 3
        # Top level first: one pud page and two pte pages for 4 MiB; PAE has a pmd page for each slot.
        self.counts = {4: 1, 3: 1, 2: 1, 1: 2} if self.bits == 64 else {3: 1, 2: 4, 1: 2}
        self.first = {}
        pfn = top
        for level in range(self.levels, 0, -1):
            self.first[level] = pfn
            pfn += self.counts[level]
        self.tables = range(top, pfn)
        self.stack = pfn
        self.filled = (*self.list_pages, self.start_info, *self.tables)

    def entries(self):
        """(level, PFN of the table, index): PFN that it has to name; every entry that has to be there."""
        found = {}
        for level in range(self.levels, 1, -1):
            for number in range(self.counts[level - 1]):
                found[level, self.first[level] + number // 512, number % 512] = self.first[level - 1] + number
        for pfn in range(NR_PAGES):
            found[1, self.first[1] + pfn // 512, pfn % 512] = pfn
        return found

    def level_of(self, pfn):
        return next(level for level in self.first if self.first[level] <= pfn < self.first[level] + self.counts[level])


def words(data, size):
    return unpack(f"<{len(data) // size}{'Q' if size == 8 else 'I'}", data)
