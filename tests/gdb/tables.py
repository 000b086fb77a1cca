# SPDX-License-Identifier: GPL-2.0-only
"""`xen pt` and its kin against QEMU's own view, at the first instruction of an image and at the end of its boot.

Run by tests/gdb/session.bash. EXPECT in the environment, if set, is what a remap adds: FIRST-LAST, VAs, as many as needed.
"""

import os
import re

from inside import Skip, check, gva2gpa, info_tlb, registers, run, session, xen
from xenpt import diff, snapshot
from xenpt.memory import PAGE_SIZE

FLAGS = 1 << 63 | 0x1FE  # those that info tlb tells
folder = session.folder
views = {}  # info tlb, by moment


def mapped(guest, everything):
    return {m.va: (m.maddr, m.value & FLAGS) for m in guest.space.mappings(guest.wanted(everything))}


def needs_tables():
    if not registers().cr0 >> 31:
        raise Skip("a kernel that boots natively begins without paging")


def same_as_qemus(moment):
    view = views[moment] = info_tlb()
    with session.guest() as guest:
        for everything in (False, True):
            found = mapped(guest, everything)
            # Xen's tables lead back to themselves once, which QEMU follows.
            loops = [range(p.va, p.va + p.path[-1].size) for p in guest.space.problems if not guest.is_guests(p.va)]
            # A 32-bit guest's own 4 GiB: what is above them is Xen's and out of its reach.
            expected = {va: page for va, page in view.items() if (everything or guest.is_guests(va))
                        and (guest.bits == 64 or va < 1 << 32) and not any(va in loop for loop in loops)}
            assert len(loops) <= 1, loops
            wrong = sorted(va for va in found.keys() | expected.keys() if found.get(va) != expected.get(va))
            assert not wrong, f"{len(wrong)} VAs differ, from {wrong[0]:#x}: " \
                f"{found.get(wrong[0])} instead of {expected.get(wrong[0])}"
            assert everything or len(found) > 100 or not guest.has_m2p, f"only {len(found)} pages"


def every_range_leads_where_qemu_says():
    """The edges of all ranges, what lies beside them, and addresses in between; by walk and by what is printed."""
    with session.guest() as guest:
        ranges = [(m.va, m.size) for m in guest.space.mappings(guest.is_guests)]
        text = xen_lines("pt")
        matches = [re.match("(0x[0-9a-f]+)-(0x[0-9a-f]+) ", line) for line in text]
        printed = [tuple(int(n, 16) for n in m.groups()) for m in matches if m]
        assert printed
        pages = dict(ranges)
        vas = {va for first, last in printed for va in (first, last, last & ~0xFFF, (first + last) // 2, first + 0xABC)}
        vas |= {va for first, last in printed for va in range(first, last, max(1, (last - first) // 12))}
        vas |= {va for first, last in printed for va in (first - 1, last + 1)
                if 0 <= va < 1 << guest.bits and guest.is_guests(va)}
        for va in sorted(vas):
            walk = guest.space.walk(va)
            assert walk.va == va, f"{va:#x}"
            assert walk.maddr == gva2gpa(va), f"{va:#x} -> {walk.maddr} instead of {gva2gpa(va)}"
            in_range = any(first <= va <= last for first, last in printed)
            assert in_range == (walk.maddr is not None), f"{va:#x}: the printed ranges say otherwise"
        assert sum(last + 1 - first for first, last in printed) == sum(pages.values())


def xen_lines(command):
    return xen(command).splitlines()


def each_table_is_read_once():
    read = []
    real = session.read_page
    session.read_page = lambda maddr: read.append(maddr) or real(maddr)
    try:
        lines = xen_lines("pt")
    finally:
        del session.read_page
    assert len(read) == len(set(read)), "read twice"
    count, = (int(m[1]) for m in (re.search(r"(\d+) physical reads?$", line) for line in lines) if m)
    assert count == len(read), f"{count} printed, {len(read)} done"
    with session.guest() as guest:
        tables = {maddr & -PAGE_SIZE for _, maddr in guest.space.tables(guest.is_guests)}
        # The rest is for numbers: the p2m, the m2p and Xen's own tables on the way to that.
        assert tables <= set(read)
        assert len(read) <= len(tables) + (7 + len(guest.boot.p2m_frames) if guest.has_m2p else 0), len(read)


@check
def at_the_entry_all_pages_are_those_of_info_tlb():
    needs_tables()
    same_as_qemus("entry")


@check
def at_the_entry_ranges_lead_where_gva2gpa_says():
    needs_tables()
    every_range_leads_where_qemu_says()


@check
def at_the_entry_each_table_is_read_once():
    needs_tables()
    each_table_is_read_once()
    xen(f"pt save {folder}/entry.json")


@check
def the_boot_comes_to_its_end():
    output = xen("end")
    assert re.search("^the end: (xen_exit|native_exit|proof_of_life)", output), output


@check
def at_the_end_all_pages_are_those_of_info_tlb():
    same_as_qemus("end")


@check
def at_the_end_ranges_lead_where_gva2gpa_says():
    every_range_leads_where_qemu_says()


@check
def at_the_end_each_table_is_read_once():
    each_table_is_read_once()


@check
def the_difference_is_that_of_info_tlb():
    """Page by page: what xen pt diff says has changed, and what QEMU's two lists say."""
    if "entry" not in views:
        raise Skip("there was nothing at the entry")
    old = snapshot.load(f"{folder}/entry.json")
    with session.guest() as guest:
        found = set()
        for change in diff.mappings(old, guest):
            found |= set(range(change.first, change.last, PAGE_SIZE))
        keep = 1 << 63 | 6
        before, after = ({va: (maddr, flags & keep) for va, (maddr, flags) in views[moment].items()
                          if guest.is_guests(va) and (guest.bits == 64 or va < 1 << 32)} for moment in ("entry", "end"))
    expected = {va for va in before.keys() | after.keys() if before.get(va) != after.get(va)}
    assert found == expected, f"{len(found ^ expected)} pages, from {min(found ^ expected):#x}"


@check
def the_difference_is_the_remapped_range():
    """Nothing but EXPECT; there, page for page, the same as P=V."""
    if "EXPECT" not in os.environ:
        raise Skip("EXPECT is not set")
    expected = [tuple(int(va, 16) for va in span.split("-")) for span in os.environ["EXPECT"].split()]
    old, merged = snapshot.load(f"{folder}/entry.json"), []
    with session.guest() as guest:
        for change in diff.mappings(old, guest):
            assert change.before is None, f"{change.first:#x} was mapped before"
            if merged and merged[-1][1] + 1 == change.first:
                merged[-1] = merged[-1][0], change.last
            else:
                merged.append((change.first, change.last))
        assert merged == expected, [f"{a:#x}-{b:#x}" for a, b in merged]
        for first, last in expected:
            for offset in range(0, last - first, PAGE_SIZE):
                high, low = guest.space.walk(first + offset), guest.space.walk(offset)
                assert (high.maddr, high.rights) == (low.maddr, low.rights), f"{first + offset:#x}"
                assert guest.pfn(high.maddr >> 12) == offset >> 12
    printed = [re.match("VA (0x[0-9a-f]+)-(0x[0-9a-f]+): unmapped -> PFN ", line)
               for line in xen_lines(f"pt diff {folder}/entry.json")]
    assert min(int(m[1], 16) for m in printed if m) == expected[0][0]
    assert max(int(m[2], 16) for m in printed if m) == expected[-1][1]


run()
