# SPDX-License-Identifier: GPL-2.0-only
"""Live tables, broken on purpose at the first instruction of an image under Xen: each command shows that, in lines.

Run by tests/gdb/session.bash. Every change is undone, and the machine does not run in between.
"""

import os
import re

from inside import Skip, check, poked, refused, registers, run, session, xen

NOWHERE = 0xABCDE
VA = 0x100000  # where the images begin


def entry(level):
    """(maddr, value) of the entry of this level for VA."""
    with session.guest() as guest:
        return {e.level.name: (e.maddr, e.value) for e in guest.space.walk(VA).path}[level]


def shown_broken(what):
    """Each command that looks at tables says what is broken, and ends with what it always ends with."""
    line = re.compile(f"^BROKEN from VA 0x0+: .*{what}", re.M)
    assert line.search(xen("pt")), xen("pt")
    assert line.search(xen("pt aliases pfn 1"))
    assert re.search(f"^no page: .*{what}", xen(f"pt walk {VA:#x}"), re.M), xen(f"pt walk {VA:#x}")
    for file in ("broken.json", "broken.svg"):
        xen(f"pt {'save' if file.endswith('json') else 'svg'} {session.folder}/{file}")
        assert os.path.getsize(f"{session.folder}/{file}") > 100
    assert line.search(xen(f"pt diff {session.folder}/good.json").replace("\nafter: ", "\n"))
    refused(f"pt aliases {VA:#x}", "is not mapped")


@check
def a_table_where_no_memory_is():
    xen(f"pt save {session.folder}/good.json")
    maddr, value = entry("pmd")
    with poked(maddr, NOWHERE << 12 | value & 0xFFF):
        shown_broken("(leads )?nowhere: maddr 0xabcde000 is beyond the machine's memory")


@check
def a_table_that_leads_back_to_itself():
    maddr, value = entry("pmd")
    with poked(maddr, maddr & ~0xFFF | value & 0xFFF):
        shown_broken("a loop: it leads back to a table on the way to it")


@check
def a_bit_that_must_not_be_set():
    maddr, value = entry("pgd")
    with poked(maddr, value | 1 << 7):
        shown_broken("PSE is set, which must be 0 at this level")


@check
def a_large_page_that_is_not_aligned():
    maddr, value = entry("pmd")
    with poked(maddr, value & ~0x1FFFFF | 0x5000 | 1 << 7 | 0x67):
        shown_broken("bits 0x4000 are set, which must be 0 in a large page's entry")


@check
def a_page_where_no_memory_is():
    maddr, value = entry("pte")
    with poked(maddr, NOWHERE << 12 | value & 0xFFF):
        assert f"{NOWHERE:#x}" in xen("pt")
        assert re.search(f"page MFN {NOWHERE:#x} = not this guest's", xen(f"pt walk {VA:#x}"))


@check
def an_m2p_that_is_wrong():
    _, value = entry("pte")
    mfn = value >> 12 & 0xFFFFF
    with session.guest() as guest:
        at = guest.space.walk(guest.xens[0] + mfn * guest.bits // 8).maddr
        pfn = guest.pfn(mfn)
        width = guest.bits // 8
    with poked(at, 0x33, width):
        with session.guest() as guest:
            other = guest.translation.p2m(0x33)
        assert f"MFN {mfn:#x} = not this guest's (m2p: 0x33; p2m: {other:#x})" in xen(f"pt walk {VA:#x}")
        assert xen(f"p2m {pfn}").strip() == f"PFN {pfn:#x} is MFN {mfn:#x}; but the m2p says PFN 0x33 for it"
        assert f"is not this guest's: the m2p says 0x33, for which the p2m has MFN {other:#x}" in xen(f"m2p {mfn}")
    assert xen(f"p2m {pfn}").strip() == f"PFN {pfn:#x} is MFN {mfn:#x}; the m2p agrees"


def set_cr3(value):
    number = 29  # in the order in which QEMU sends registers
    if session.stub.request(f"P{number:x}={value.to_bytes(8, 'little').hex()}") != "OK":
        raise Skip("QEMU lets CR3 be written only if GDB asked for its description of registers, and for i386 GDB has ours")
    assert registers().cr3 == value


@check
def cr3_into_nowhere():
    was = registers().cr3
    # Below 2 GiB: QEMU 10 extends the sign of what GDB writes.
    for value, what in ((0x6bcde000, "CR3 0x6bcde000 leads nowhere: maddr"),
                        (0x5000, "CR3 0x5000 leads to no table of the guest")):
        try:
            set_cr3(value)
            for command in ("pt", "pt walk 0", "pt aliases 0", "pt save x", "pt svg x", "p2m 1", "m2p 1", "start-info"):
                refused(command, what)
        finally:
            set_cr3(was)


@check
def after_all_that_the_tables_are_as_they_were():
    assert xen(f"pt diff {session.folder}/good.json") == "no difference\n"


run()
