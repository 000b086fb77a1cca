# SPDX-License-Identifier: GPL-2.0-only
"""A machine that is made up: physical memory, and a guest's page tables written into it entry by entry.

	m = Machine(paging.PAE_UNDER_XEN)
	m.map(0xC0000000, m.page())
	text.ranges(m.guest())

A guest of Xen has its pages where m.p2m says, and its tables lie in some of
them. An own reader of what it writes is in naive.py.
"""

from typing import NamedTuple

from xenpt import paging
from xenpt.guest import NATIVE, Boot, Guest, xens_part
from xenpt.memory import PAGE_SIZE, BadPage

P, RW, US, A, D, PSE, NX = 1, 2, 4, 0x20, 0x40, 0x80, 1 << 63
ALL = P | RW | US
FIRST_MFN, XENS_MFN = 0x100, 0x800  # where the guest's pages begin, and Xen's
GUEST_PAGES = 96


class Registers(NamedTuple):
    cr0: int
    cr3: int
    cr4: int
    efer: int


def scattered():
    """MFNs as a debug Xen gives them out: in order first, then from the end."""
    half = GUEST_PAGES // 2
    return [*range(FIRST_MFN, FIRST_MFN + half), *range(FIRST_MFN + GUEST_PAGES - 1, FIRST_MFN + half - 1, -1)]


class Machine:
    """mode is one of paging's; size is where memory ends; p2m the guest's MFNs, by PFN (None without Xen)."""

    def __init__(self, mode, under_xen=True, p2m=None, size=1 << 24):
        self.mode = mode
        self.size = size
        self.bits = 64 if mode.va_digits == 16 else 32
        self.under_xen = under_xen
        self.memory = {}
        self.reads = []
        self.p2m = (p2m or scattered()) if under_xen else list(range(FIRST_MFN, FIRST_MFN + GUEST_PAGES))
        self._pages, self._xens_pages = iter(self.p2m), iter(range(XENS_MFN, XENS_MFN + 0x100))
        self.width = self.bits // 8
        self.root = (self.xens_page() if mode.guest_level else self.page()) << 12
        self.m2p_pages = {}
        self.boot = self._numbering() if under_xen else NATIVE

    # ---- physical memory -----------------------------------------------------------

    def read_page(self, maddr):
        self.reads.append(maddr)
        if maddr % PAGE_SIZE or not 0 <= maddr < self.size:
            raise BadPage(f"maddr {maddr:#x} is beyond the machine's memory")
        return bytes(self.memory.get(maddr, bytes(PAGE_SIZE)))

    def poke(self, maddr, value, width):
        page = self.memory.setdefault(maddr & -PAGE_SIZE, bytearray(PAGE_SIZE))
        page[maddr % PAGE_SIZE:maddr % PAGE_SIZE + width] = value.to_bytes(width, "little")

    def peek(self, maddr, width):
        page = self.memory.get(maddr & -PAGE_SIZE, bytes(PAGE_SIZE))
        return int.from_bytes(page[maddr % PAGE_SIZE:maddr % PAGE_SIZE + width], "little")

    def page(self):
        """The MFN of the guest's next page."""
        return next(self._pages)

    def xens_page(self):
        return next(self._xens_pages)

    # ---- page tables ------------------------------------------------------------------

    def entry_at(self, va, name, make=ALL):
        """Where the entry of this level for a VA stands; tables above it that are missing are made, if make is not 0."""
        table = self.root
        for level in self.mode.levels:
            at = table + (va >> level.shift) % level.entries * self.mode.entry_size
            if level.name == name:
                return at
            value = self.peek(at, self.mode.entry_size)
            if not value & P:
                assert make, f"no {level.name} entry for VA {va:#x}"
                value = self._new_table(va, level) << 12 | (P if level.powerless else make)
                self.put(at, value)
            table = value & 0x000FFFFFFFFFF000
        raise AssertionError(f"no level {name}")

    def _new_table(self, va, level):
        # A PAE guest's own pmd page maps Xen's part, too.
        own = self._is_guests(va) or self.mode.guest_level and level.shift >= 30
        return self.page() if own else self.xens_page()

    def put(self, at, value):
        self.poke(at, value, self.mode.entry_size)

    def entry(self, va, name):
        return self.peek(self.entry_at(va, name, make=0), self.mode.entry_size)

    def set(self, va, name, value):
        """Writes the entry of this level for a VA."""
        self.put(self.entry_at(va, name), value)

    def map(self, va, mfn, flags=ALL, count=1):
        """Maps pages of 4 KiB, one after the other."""
        for page in range(count):
            self.set(va + (page << 12), "pte", mfn + page << 12 | flags)

    def map_pfns(self, va, pfns, flags=ALL):
        for number, pfn in enumerate(pfns):
            self.map(va + (number << 12), self.p2m[pfn], flags)

    def share(self, va, other, name):
        """The entry of this level for a VA becomes the same as that for another: what is below is shared."""
        self.set(va, name, self.entry(other, name))

    def table(self, va, name):
        """The maddr of the table that the entry of this level leads to."""
        return self.entry(va, name) & 0x000FFFFFFFFFF000

    # ---- a guest of Xen's ----------------------------------------------------------------

    def _is_guests(self, va):
        if not self.under_xen:
            return True
        first, last = xens_part(self.mode, self.bits)
        return not first <= va <= last

    def _numbering(self):
        frame = self.page()
        for pfn, mfn in enumerate(self.p2m):
            self.poke((frame << 12) + pfn * self.width, mfn, self.width)
            self.set_m2p(mfn, pfn)
        return Boot(self.p2m[1] << 12, None, len(self.p2m), (frame,))

    def set_p2m(self, pfn, mfn):
        self.poke((self.boot.p2m_frames[0] << 12) + pfn * self.width, mfn, self.width)

    def set_m2p(self, mfn, pfn):
        number, offset = divmod(mfn * self.width, PAGE_SIZE)
        if number not in self.m2p_pages:
            self.m2p_pages[number] = self.xens_page()
            self.map(xens_part(self.mode, self.bits)[0] + number * PAGE_SIZE, self.m2p_pages[number], P)
        self.poke((self.m2p_pages[number] << 12) + offset, pfn, self.width)

    # ---- to look at it ----------------------------------------------------------------------

    @property
    def registers(self):
        long = self.mode in (paging.PAE_UNDER_XEN, paging.FOUR_LEVEL)
        pae = self.mode.entry_size == 8
        return Registers(0x80000001, self.root, 0x10 | pae << 5, long << 10)

    def guest(self):
        return Guest(self, self.registers, self.bits, self.boot)
