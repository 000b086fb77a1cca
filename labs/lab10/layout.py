# SPDX-License-Identifier: GPL-2.0-only
"""Where everything has to lie in the guest, and what has to be there: worked out anew, as src/stage6-toolstack/layout.c does."""

from struct import unpack

from xenabi.entry import virt_base, xen_entry
from xenabi.structs import struct

PAGE = 4096
MAPPED = 1024  # pages
FAR = 768
VA_BITS = 48  # what page tables look at; above is the sign
P, RW = 1, 2
FILLED = "flags", "kernel_ss", "kernel_sp", "ctrlreg[3]", "user_regs", "ctrlreg[1]", "vm_assist"
CONTEXTS = {bits: struct(64, f"struct vcpu_guest_context_x86_{bits}", *FILLED) for bits in (32, 64)}


class Layout:
    def __init__(self, image, far, module, pages):
        """module is the size of the guest's, in bytes; pages are all that it has, and MAPPED of them are mapped."""
        self.bits, self.word, self.nr_pages = image.bits, image.bits // 8, pages
        self.base, self.entry = virt_base(image), xen_entry(image)
        self.context = CONTEXTS[self.bits]
        self.levels = 4 if self.bits == 64 else 3
        end = max(part.paddr + part.memsz for part in image.loaded())
        self.mod_start = -(-end // PAGE)
        self.module = module
        first = self.mod_start + -(-module // PAGE)
        self.mfn_list = first
        self.list_pages = range(first, first + -(-pages * self.word // PAGE))
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
        self.filled = (*self.list_pages, self.start_info, *self.tables, self.stack, self.stack + 1)
        # What the reader's functions may change; Xen itself writes to tables when it looks at them.
        self.writers = {"write_mfn_list": self.list_pages, "write_start_info": [self.start_info], "write_page_tables": self.tables,
                        "pin_page_tables": self.tables, "set_context": self.tables}

    def entries(self):
        """(level, PFN of the table, index): PFN that it has to name; every entry that has to be there."""
        found, first = {}, (self.base % (1 << VA_BITS)) // PAGE
        starts = {level: 0 if level >= 2 and self.bits == 32 else first >> 9 * level << 9 for level in self.first}  # of each level's tables: an index
        for level in self.first:
            below = [(starts[level - 1] // 512 + n, self.first[level - 1] + n) for n in range(self.counts[level - 1])] if level > 1 else \
                [(first + pfn, pfn) for pfn in range(MAPPED)]
            for index, pfn in below:
                found[level, self.first[level] + (index - starts[level]) // 512, index % 512] = pfn
        return found

    def va(self, pfn):
        """Where the guest has a page of its own."""
        return self.base + pfn * PAGE

    def name_of(self, pfn):
        """What lies at a PFN."""
        names = {self.start_info: "start_info", self.store: "its store", self.console: "its console", self.stack: "its stack"}
        if pfn in self.list_pages:
            return "in its p2m"
        if pfn in self.tables:
            return "a page table"
        if pfn < self.mod_start:
            return "in its image"
        return names.get(pfn, "in its module" if pfn < self.mfn_list else "a page that it has for itself")

    def level_of(self, pfn):
        return next(level for level in self.first if self.first[level] <= pfn < self.first[level] + self.counts[level])


def words(data, size):
    return unpack(f"<{len(data) // size}{'Q' if size == 8 else 'I'}", data)
