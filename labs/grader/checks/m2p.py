# SPDX-License-Identifier: GPL-2.0-only
"""Xen's m2p, seen as the guest sees it; and more of it than a small machine has.

A page above 4 GiB tells whether a machine address was kept whole. This machine has none, but a p2m and an m2p
can name one.
"""

from ..tables import MFN_MASK, PAGE, PRESENT
from ..xenstables import M2P

FIRST_HIGH = {32: 0x1234000, 64: 0x712340000}  # MFNs above 4 GiB, for whatever needs one; nearly the last that an m2p has room for
HIGH = 512  # how many: as many as one page of the m2p holds, at either width
HIGH_MFN = FIRST_HIGH[32] + 0x56
FLAGS = 0x67  # of an entry, as Xen makes them: PRESENT, RW, USER, ACCESSED, DIRTY


def open_m2p(boot):
    """Has the m2p reach to FIRST_HIGH, as it does on a machine with so much memory; returns a function that sets an entry there.

    One page of the guest's holds these entries, and Xen's own tables have to lead to it: a machine of 100 MiB has no
    m2p so far up. The guest's last pages are used: they are not mapped.
    """
    guest, first = boot.guest, FIRST_HIGH[boot.guest.bits]
    last = guest.info["nr_pages"] - 1
    va = M2P[guest.bits] + first * guest.word
    if boot.machine.stub.peek(va, guest.word) is None:
        guest.write(last * PAGE, b"\xff" * PAGE)
        lead_to(guest, va, last)
        guest.machine.forget_translations()

    def set_entry(mfn, value):
        guest.write(last * PAGE + (mfn - first) * guest.word % PAGE, value.to_bytes(guest.word, "little"))
    return set_entry


def lead_to(guest, va, pfn):
    """Maps a page of the guest's at a VA of Xen's, in the tables that the processor is on. Where one is missing, a page below is it."""
    stub = guest.machine.stub
    table, free = stub.registers().cr3 & MFN_MASK, pfn - 1
    for shift in (39, 30, 21):
        at = table + 8 * (va >> shift & 511)
        entry = int.from_bytes(stub.read(at, 8, physical=True), "little")
        if not entry & PRESENT:
            guest.write(free * PAGE, bytes(PAGE))
            entry, free = entry_of(guest, free), free - 1
            put(guest, at, entry)
        table = entry & MFN_MASK
    put(guest, table + 8 * (va >> 12 & 511), entry_of(guest, pfn))


def put(guest, maddr, entry):
    """Into a table of Xen's, or into one that is a page of the guest's."""
    if guest.paddr_of(maddr) is None:
        guest.machine.stub.write(maddr, entry.to_bytes(8, "little"), physical=True)
    else:
        guest.write(guest.paddr_of(maddr), entry.to_bytes(8, "little"))


def entry_of(guest, pfn):
    return guest.p2m[pfn] * PAGE | FLAGS
