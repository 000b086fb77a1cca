# SPDX-License-Identifier: GPL-2.0-only
"""`xen watch` sees whoever touches a page. Run by tests/gdb/session.bash, at the first instruction of stage 3.

TABLES in the environment is how many of the first page tables are watched through the whole boot (1).
"""

import os
import re

import gdb
from inside import check, refused, registers, run, session, xen

TABLES = int(os.environ.get("TABLES", "1"))
WALKED = 0x60  # ACCESSED and DIRTY, which the processor sets
END = "at its linked VA", ", P=V"


def page(mfn):
    with session.stub.physical():
        data = session.read_page(mfn << 12)
    return [int.from_bytes(data[at:at + 8], "little") & ~WALKED for at in range(0, 4096, 8)]


def changed(one, other):
    return [index for index, (old, new) in enumerate(zip(one, other)) if old != new]


def writes_until_the_end(mfn):
    """Each write to a page, as the line that tells of it. No word changes but at one of them."""
    found, before = [], page(mfn)
    while True:
        said = xen(f"watch mfn {mfn} write")
        after = page(mfn)
        if f"MFN {mfn:#x} was written at VA 0x" not in said:
            assert any(words in said for words in END), said
            assert not changed(before, after), f"changed, and nobody saw it: {changed(before, after)}"
            return found
        assert len(changed(before, after)) <= 1, f"more than one word changed: {changed(before, after)}: {said}"
        for index in changed(before, after):
            assert re.search(rf"^  maddr {(mfn << 12) + index * 8:#x}: 0x\w+ -> 0x\w+$", said, re.M), said
            found.append(said)
        before = after


@check
def every_write_to_a_page_table():
    """Xen writes them, at addresses of its own that come and go."""
    with session.guest(needs_start=True) as guest:
        info = guest.start_info()
        first = guest.space.walk(info.pt_base).maddr >> 12
        mfns = [guest.translation.p2m(guest.pfn(first) + number) for number in range(min(TABLES, info.nr_pt_frames))]
        if guest.bits == 32:  # the remap is an entry of the pmd page of the pgd's last entry
            mfns.append(guest.space.walk(guest.xens[0]).path[2].table >> 12)
    writes = []
    for mfn in mfns:
        xen("restart entry")
        writes += writes_until_the_end(mfn)
    assert writes and all("by Xen, " in said and "for the guest's instruction at VA " in said for said in writes), writes


@check
def the_guest_at_an_address_that_came_later():
    xen("restart entry")
    gdb.execute("thbreak verify_remap", to_string=True)
    xen("checkpoint start")
    with session.guest() as guest:
        image = guest.space.walk(0x100000).maddr >> 12
    said = ""
    while "by Xen" in said or "was written" not in said:
        said = xen(f"watch mfn {image} write")
    va = int(re.search(r"was written at VA (0x\w+)", said)[1], 16)
    assert va == session.image.load_offset + 0x100000, said
    assert not registers().in_xen


@check
def one_entry_alone_and_reads():
    xen("restart start")
    gdb.execute("thbreak flush_batch", to_string=True)
    gdb.execute("continue", to_string=True)
    maddr, value = (int(gdb.parse_and_eval(f"batch[0].{field}")) for field in ("ptr", "val"))
    said = xen(f"watch maddr {maddr} write")
    assert f"  maddr {maddr:#x}: 0x0 -> {value:#x}\n" in said and said.count("->") == 1, said
    said = xen(f"watch mfn {session.boot.start_info >> 12}")
    assert "was read at VA " in said, said


@check
def what_cannot_be_watched_is_refused():
    refused("watch", "usage: xen watch ADDR")
    refused("watch write", "usage: xen watch ADDR")
    refused("watch 0x3000 write now", "usage: xen watch ADDR")
    refused("watch maddr 3", "a multiple of 8")
    refused("watch maddr 0xfee00000", "is beyond the machine's memory")
    refused("watch mfn -1", "is beyond the machine's memory")
    refused("watch pfn 0x1000000", "is beyond the guest's")
    xen("end")
    refused("watch pfn 0", "this is the end of the boot")


run()
