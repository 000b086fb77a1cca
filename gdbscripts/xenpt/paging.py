# SPDX-License-Identifier: GPL-2.0-only
"""The shapes of page tables, and the bits of an entry.

Source: Intel SDM volume 3A, chapter 4 (paging).
"""

from typing import NamedTuple

PRESENT = 1 << 0
RW = 1 << 1
USER = 1 << 2
PSE = 1 << 7
NX = 1 << 63

_FLAGS = dict(enumerate("PRESENT RW USER PWT PCD ACCESSED DIRTY PSE GLOBAL AVL9 AVL10 AVL11".split()))
# Above the address: Xen marks a 64-bit guest's kernel pages and granted ones (asm/x86_64/page.h), the rest are for software.
_FLAGS.update({bit: f"AVL{bit}" for bit in range(53, 59)})
_FLAGS.update({52: "GUEST_KERNEL", **{bit: f"PKEY{bit - 59}" for bit in range(59, 62)}, 62: "GNTTAB", 63: "NX"})


class PagingError(Exception):
    """These registers describe no page tables that can be shown; says why."""


class Level(NamedTuple):
    """One step of a translation. An entry here maps 1 << shift bytes."""
    name: str
    shift: int
    entries: int
    large: bool  # whether PSE makes an entry a page
    powerless: bool = False  # whether RW and USER mean nothing here
    reserved: int = 0  # bits that must be 0


class Mode(NamedTuple):
    """A paging mode, from the table that CR3 names down."""
    name: str
    levels: tuple
    entry_size: int
    root_mask: int
    guest_level: int = 0  # the first level that is the guest's own

    @property
    def va_digits(self):
        """How many hexadecimal digits a VA has."""
        return 16 if self.levels[self.guest_level].shift == 39 else 8


_PTE = Level("pte", 12, 512, False)
_PMD = Level("pmd", 21, 512, True)
_HIGH = 0x7FF << 52  # with four levels the processor ignores these, with three it does not
MADDR = 0x000FFFFFFFFFF000

TWO_LEVEL = Mode("two levels", (Level("pgd", 22, 1024, True), Level("pte", 12, 1024, False)),
                 4, 0xFFFFF000)
# ACCESSED in a native pgd should be 0, too, but QEMU sets it.
PAE = Mode("three levels (PAE)",
           (Level("pgd", 30, 4, False, True, _HIGH | NX | 0x1C6),
            _PMD._replace(reserved=_HIGH), _PTE._replace(reserved=_HIGH)),
           8, 0xFFFFFFE0)
FOUR_LEVEL = Mode("four levels (x86-64)",
                  (Level("pgd", 39, 512, False, reserved=PSE), Level("pud", 30, 512, True), _PMD, _PTE),
                  8, MADDR)
# A 64-bit Xen runs a 32-bit guest in compatibility mode: the guest's pgd hangs below a table of Xen's.
PAE_UNDER_XEN = Mode("three levels (PAE) below Xen's own table",
                     (Level("xen", 39, 512, False, reserved=PSE), Level("pgd", 30, 4, False, reserved=PSE), _PMD, _PTE),
                     8, MADDR, 1)

_CR0_PG = 1 << 31
_CR4_PSE, _CR4_PAE, _CR4_LA57 = 1 << 4, 1 << 5, 1 << 12
_EFER_LMA = 1 << 10


def mode_of(cr0, cr4, efer, guest_bits):
    """The mode that the processor is in, for a guest of so many bits."""
    if not cr0 & _CR0_PG:
        raise PagingError("paging is off (CR0.PG is 0): there are no page tables yet")
    if not cr4 & _CR4_PAE:
        if cr4 & _CR4_PSE:
            return TWO_LEVEL
        pgd, pte = TWO_LEVEL.levels
        return TWO_LEVEL._replace(levels=(pgd._replace(large=False), pte))
    if not efer & _EFER_LMA:
        return PAE
    if cr4 & _CR4_LA57:
        raise PagingError("five levels (CR4.LA57): this walker knows up to four")
    return FOUR_LEVEL if guest_bits == 64 else PAE_UNDER_XEN


def flag_names(value):
    """Every flag of an entry, spelt out."""
    return [name for bit, name in _FLAGS.items() if value >> bit & 1]


def reserved_names(value):
    """Bits that must be 0: what software calls them means nothing then."""
    return [name if bit < 52 or bit == 63 else f"bit {bit}" for bit, name in _FLAGS.items() if value >> bit & 1]


def entry_maddr(value, size=1 << 12):
    """The machine address that an entry holds; size is that of the page it maps."""
    high = (value >> 13 & 0xFF) << 32 if size == 1 << 22 else 0  # PSE-36: how two levels reach beyond 4 GiB
    return value & MADDR & -size | high


def canonical(va, mode):
    """An address as the processor wants it: a 64-bit one repeats bit 47 upwards."""
    if mode.va_digits == 8:
        return va & 0xFFFFFFFF
    va &= (1 << 48) - 1
    return va | 0xFFFF << 48 if va >> 47 else va
