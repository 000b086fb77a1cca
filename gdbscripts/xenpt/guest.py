# SPDX-License-Identifier: GPL-2.0-only
"""A guest: its registers, its tables, its numbering of pages. Start here.

	boot = Boot.at_entry(memory, registers, bits, start_info)	# at the image's first instruction
	guest = Guest(memory, registers, bits, boot)			# at any moment
	for line in text.ranges(guest): ...

registers has cr0, cr3, cr4 and efer. Without Xen, boot is NATIVE; of a kernel that was entered as PVH, PVH.
Numbers of the ABI: xen/arch-x86/xen-x86_32.h and xen-x86_64.h.
"""

import functools
import struct
from typing import NamedTuple

from . import paging
from .memory import PAGE_SHIFT, PAGE_SIZE, BadPage, Cached
from .shared_info import SharedInfo
from .space import AddressSpace
from .start_info import StartInfo
from .translate import FrameList, Identity, MappedList, Translation

# What Xen keeps for itself, first and last VA; its m2p comes first.
_XENS = {
    paging.TWO_LEVEL.entry_size: (0xFC000000, 0xFFFFFFFF),
    32: (0xF5800000, 0xFFFFFFFF),
    64: (0xFFFF800000000000, 0xFFFF87FFFFFFFFFF),
}


def xens_part(mode, bits):
    """The first and last VA that belong to Xen."""
    return _XENS[4 if mode.entry_size == 4 else bits]


class Boot(NamedTuple):
    """What Xen told a guest when it started it: machine addresses, which stay what they are."""
    start_info: int
    shared_info: int
    nr_pages: int
    p2m_frames: tuple  # MFNs of the p2m as Xen made it

    @classmethod
    def at_entry(cls, memory, registers, bits, start_info):
        """At the image's first instruction; the VA of start_info is in ESI or RSI there."""
        memory = Cached(memory)
        space = AddressSpace(memory, paging.mode_of(registers.cr0, registers.cr4, registers.efer, bits), registers.cr3)
        maddr = space.walk(start_info).maddr
        info = None if maddr is None else _start_info(memory, maddr, bits)
        if not info:
            raise paging.PagingError(f"there is no start_info at VA {start_info:#x}: "
                                     "this is not the first instruction of a guest of Xen")
        return cls(maddr, info.shared_info, info.nr_pages, tuple(_frames(space, info, bits)))

    @classmethod
    def of(cls, guest, maddr):
        """From start_info later on, when the p2m may be elsewhere; None if there is none at maddr."""
        info = _start_info(guest.memory, maddr, guest.bits)
        if not info:
            return None
        try:
            frames = tuple(_frames(guest.space, info, guest.bits))
        except paging.PagingError:
            frames = ()
        return cls(maddr, info.shared_info, info.nr_pages, frames)


def _start_info(memory, maddr, bits):
    try:
        info = StartInfo(memory.read_page(maddr & -PAGE_SIZE)[maddr % PAGE_SIZE:], bits)
    except (BadPage, struct.error):
        return None
    return info if info.valid else None


def _frames(space, info, bits):
    """Where the p2m is that Xen has made."""
    for va in range(info.mfn_list, info.mfn_list + info.nr_pages * bits // 8, PAGE_SIZE):
        maddr = space.walk(va).maddr
        if maddr is None:
            raise paging.PagingError(f"the p2m is not mapped at VA {va:#x}")
        yield maddr >> PAGE_SHIFT


NATIVE = Boot(None, None, None, None)
# A guest that was entered as PVH, under Xen or not: its tables and its numbering of pages are its own.
PVH = Boot(None, None, 0, None)
# A guest of which nothing was seen before: its start is over, or nobody was there.
UNSEEN = Boot(None, None, 0, ())


class Guest:
    """A guest at one moment."""

    def __init__(self, memory, registers, bits, boot):
        self.memory = Cached(memory)
        self.bits = bits
        self.boot = boot
        self.cr3 = registers.cr3
        self.mode = paging.mode_of(registers.cr0, registers.cr4, registers.efer, bits)
        self.space = AddressSpace(self.memory, self.mode, self.cr3)
        try:
            self.space.entries(0, self.space.root)
        except BadPage as error:
            raise paging.PagingError(f"CR3 {self.cr3:#x} leads nowhere: {error}") from None
        if not boot:
            raise paging.PagingError("the guest's page tables do not exist yet: "
                                     "Xen has not come to the image's first instruction")
        if not self.has_m2p:
            self.translation = Identity()
            return
        self.xens = xens_part(self.mode, bits)
        for p2m in (self._moved_p2m(), self._first_p2m(), None):
            self.translation = Translation(bits // 8, self._m2p_page, p2m)
            if self.pfn(self.pgd >> PAGE_SHIFT) is not None:
                return
        raise paging.PagingError(f"CR3 {self.cr3:#x} leads to no table of the guest with Xen's part in it: if "
                                 "Xen is at work for itself, let it run on into the guest")

    @property
    def as_pvh(self):
        """Whether it was entered as PVH."""
        return self.boot == PVH

    @property
    def has_m2p(self):
        """Whether its tables hold MFNs: a PV guest of Xen's."""
        return self.boot not in (NATIVE, PVH)

    def _first_p2m(self):
        """The p2m where Xen has made it."""
        return FrameList(self.memory, self.bits // 8, self.boot.p2m_frames, self.boot.nr_pages)

    def _moved_p2m(self):
        """The p2m where the guest says that it has moved it to."""
        if not self.boot.shared_info:
            return self._first_p2m()
        try:
            info = SharedInfo(self.memory.read_page(self.boot.shared_info), self.bits)
        except BadPage:
            return self._first_p2m()
        if not info.p2m_cr3:
            return self._first_p2m()
        own = self.mode._replace(levels=self.mode.levels[self.mode.guest_level:], guest_level=0)
        return MappedList(AddressSpace(self.memory, own, info.p2m_root), self.bits // 8, info.p2m_vaddr, info.max_pfn)

    def _m2p_page(self, number):
        va = self.xens[0] + number * PAGE_SIZE
        return self.space.read(va, PAGE_SIZE) if va <= self.xens[1] else None

    @property
    def pgd(self):
        """The maddr of the guest's own top table."""
        if not self.mode.guest_level:
            return self.space.root
        return paging.entry_maddr(self.space.entries(0, self.space.root)[0])

    @functools.cached_property
    def xen_space(self):
        """What Xen itself sees: a 64-bit Xen has four levels, whatever the guest."""
        return AddressSpace(self.memory, paging.FOUR_LEVEL, self.cr3)

    def is_guests(self, va):
        """Whether an address is outside Xen's part."""
        return not (self.has_m2p and self.xens[0] <= va <= self.xens[1])

    def wanted(self, everything):
        return (lambda va: True) if everything else self.is_guests

    def pfn(self, mfn):
        """The PFN of a machine page of this guest's, else None."""
        return self.translation.m2p(mfn)

    def start_info(self):
        """start_info as it stands now, wherever it is mapped."""
        if not self.has_m2p:
            raise paging.PagingError("there is no start_info: not a PV guest of Xen's")
        mfn, offset = divmod(self.boot.start_info, PAGE_SIZE)
        return StartInfo(self.memory.read_page(mfn << PAGE_SHIFT)[offset:], self.bits)

    def virtual_addresses(self, mfn, everything=False):
        """Every VA at which a machine page is mapped, as the mappings."""
        return [m for m in self.space.mappings(self.wanted(everything))
                if m.mfn <= mfn < m.mfn + (m.size >> PAGE_SHIFT)]

    def naming_entries(self, mfn, everything=False):
        """Every entry that names a machine page, each once, whatever ways lead to it."""
        found = {}
        wanted = self.wanted(everything)
        for (depth, table), ways in self.space.tables(wanted).items():
            for index, value in enumerate(self.space.entries(depth, table)):
                entry = self.space.entry(depth, table, index, value)
                pages = entry.size >> PAGE_SHIFT if entry.is_page else 1
                if entry.present and entry.mfn <= mfn < entry.mfn + pages \
                        and wanted(self.space.va_of((*ways[0], entry))):
                    found[entry.maddr] = (entry, ways[0])
        return list(found.values())
