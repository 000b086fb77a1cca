# SPDX-License-Identifier: GPL-2.0-only
"""The guest's page tables in machine memory, read from outside.
"""

from collections import namedtuple

PAGE = 4096
MFN_MASK = 0x000ffffffffff000
PRESENT, RW, USER, PSE = 1, 2, 4, 0x80

# One step of a walk: the level's name, the machine address of the entry, its index, its value.
Step = namedtuple("Step", "level maddr index value")
LEVELS = {32: (("pgd", 30, 4), ("pmd", 21, 512), ("pte", 12, 512)),
          64: (("pgd", 39, 512), ("pud", 30, 512), ("pmd", 21, 512), ("pte", 12, 512))}


class Tables:
    """A view of the tables as they are now; what was read once is not read again."""

    def __init__(self, guest):
        self.guest = guest
        self.root = guest.maddr(guest.info["pt_base"])
        self.levels = LEVELS[guest.bits]
        self.pages = {}

    def entry(self, maddr):
        page = maddr // PAGE
        if page not in self.pages:
            self.pages[page] = self.guest.machine.stub.read(page * PAGE, PAGE, physical=True) or bytes(PAGE)
        return int.from_bytes(self.pages[page][maddr % PAGE:maddr % PAGE + 8], "little")

    def walk(self, va):
        """All steps down to the pte, or to the first entry that is not present."""
        table, steps = self.root, []
        for level, shift, count in self.levels:
            index = va >> shift & count - 1
            maddr = table + index * 8
            value = self.entry(maddr)
            steps.append(Step(level, maddr, index, value))
            if not value & PRESENT or value & PSE and level in ("pud", "pmd"):
                break
            table = value & MFN_MASK
        return steps

    def read_all(self):
        """Reads every table that Xen made, so that this view stays what it is now."""
        first = self.guest.info["pt_base"] // PAGE
        for pfn in range(first, first + self.guest.info["nr_pt_frames"]):
            self.entry(self.guest.p2m[pfn] * PAGE)

    def translate(self, va):
        """The MFN that a VA leads to and whether it may be written to; None if it leads nowhere."""
        steps = self.walk(va)
        if steps[-1].level != "pte" or not steps[-1].value & PRESENT:
            return None
        writable = all(s.value & RW for s in steps if s.level != "pgd" or self.guest.bits == 64)
        return (steps[-1].value & MFN_MASK) // PAGE, writable
