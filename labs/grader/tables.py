# SPDX-License-Identifier: GPL-2.0-only
"""The guest's page tables at one moment, read from machine memory.

The walker is the one of the GDB commands, gdbscripts/xenpt: what a reader sees
with `xen pt` and what the grader judges cannot differ.
"""

from collections import namedtuple
from types import SimpleNamespace

from xenpt import guest as xenpt_guest, paging, text
from xenpt.memory import BadPage, Cached

PAGE = 4096
MFN_MASK = 0x000ffffffffff000
PRESENT, RW = paging.PRESENT, paging.RW

# One step of a walk: the level's name, the machine address of the entry, its index, its value.
Step = namedtuple("Step", "level maddr index value")

# What a VA leads to: a machine page, and what may be done there.
Reached = namedtuple("Reached", "mfn write execute")


class MachineMemory:
    """What xenpt reads from: the machine's RAM through QEMU's debugger port."""

    def __init__(self, stub):
        self.stub = stub

    def read_page(self, maddr):
        page = self.stub.peek(maddr, PAGE, physical=True)
        if page is None:
            raise BadPage(f"maddr {maddr:#x} is beyond the machine's memory")
        return page


class Tables:
    """A view of the tables as they are now; what was read once is not read again."""

    def __init__(self, guest):
        registers = SimpleNamespace(**guest.entry_regs)
        self.guest = guest
        self.memory = Cached(MachineMemory(guest.machine.stub))
        if guest.boot is None:  # the first view is that of the entry
            guest.boot = xenpt_guest.Boot.at_entry(self.memory, registers, guest.bits, guest.info_paddr)
        self.seen = xenpt_guest.Guest(self.memory, registers, guest.bits, guest.boot)
        self.pages = None
        self.root = guest.maddr(guest.info["pt_base"])

    def entry(self, maddr):
        page = self.memory.read_page(maddr & -PAGE)
        return int.from_bytes(page[maddr % PAGE:maddr % PAGE + 8], "little")

    def walk(self, va):
        """All steps down to the pte, or to the first entry that leads nowhere."""
        path = self.seen.space.walk(va).path
        return [Step(e.level.name, e.maddr, e.index, e.value) for e in path if e.level.name != "xen"]

    def translate(self, va):
        """What a page's VA leads to; None if it leads nowhere."""
        if self.pages is None:
            self.pages = {m.va: Reached(m.mfn, m.rights.write, m.rights.execute) for m in self.seen.space.mappings(self.seen.is_guests)}
        return self.pages.get(va)

    def read_all(self):
        """Reads every table that there is, so that this view stays what it is now."""
        for depth, table in self.seen.space.tables():
            self.seen.space.entries(depth, table)

    def lines(self):
        """What `xen pt` would print."""
        return list(text.ranges(self.seen))
