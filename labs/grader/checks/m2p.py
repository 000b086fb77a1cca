# SPDX-License-Identifier: GPL-2.0-only
"""Xen's m2p, seen as the guest sees it; and more of it than a small machine has.

A page above 4 GiB tells whether a machine address was kept whole. This machine has none, but a p2m and an m2p
can name one.
"""

from ..tables import MFN_MASK, PAGE
from ..xenstables import M2P

FIRST_HIGH = 0x1234000  # MFNs above 4 GiB, for whatever needs one
HIGH = 512  # how many: as many as one page of the m2p holds, at either width
HIGH_MFN = FIRST_HIGH + 0x56
FLAGS = 0x67  # of an entry, as Xen makes them: PRESENT, RW, USER, ACCESSED, DIRTY


def open_m2p(boot):
    """Has the m2p reach to FIRST_HIGH, as it does on a machine with so much memory; returns a function that sets an entry there.

    One page of the guest's holds these entries, and Xen's own table has to lead to it: a machine of 100 MiB has no
    m2p so far up. The guest's last pages are used: they are not mapped.
    """
    guest, stub = boot.guest, boot.machine.stub
    pfn, below = guest.info["nr_pages"] - 2, guest.info["nr_pages"] - 1
    va = M2P[guest.bits] + FIRST_HIGH * guest.word
    if stub.peek(va, guest.word) is None:
        guest.write(below * PAGE, bytes(PAGE))
        guest.write(pfn * PAGE, b"\xff" * PAGE)
        guest.write(below * PAGE + 8 * (va >> 12 & 511), entry_of(guest, pfn).to_bytes(8, "little"))
        stub.write(pmd_maddr(guest, stub, va), entry_of(guest, below).to_bytes(8, "little"), physical=True)
        guest.machine.forget_translations()

    def set_entry(mfn, value):
        guest.write(pfn * PAGE + (mfn - FIRST_HIGH) * guest.word % PAGE, value.to_bytes(guest.word, "little"))
    return set_entry


def entry_of(guest, pfn):
    return guest.p2m[pfn] * PAGE | FLAGS


def pmd_maddr(guest, stub, va):
    """The machine address of the pmd entry of a VA of Xen's, down the tables that the processor is on."""
    table = stub.registers().cr3 & MFN_MASK
    for shift in (39, 30):
        entry = int.from_bytes(stub.read(table + 8 * (va >> shift & 511), 8, physical=True), "little")
        table = entry & MFN_MASK
    return table + 8 * (va >> 21 & 511)
