# SPDX-License-Identifier: GPL-2.0-only
"""Of what a PV guest is promised, that mfn_list has the MFN of each of its pages, as the page tables and Xen's m2p have it. See contract.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenpt.memory import PAGE_SHIFT

from .numbers import xens_pfn

if TYPE_CHECKING:
    from .observe import Observation

EVERY = 8  # one page of so many is compared with mfn_list
PAGES = {"start_info": "start_info", "store": "xenstore's page", "console": "the console's page", "tables": "the page tables", "stack": "the stack"}


def p2m(seen: Observation, base: int, layout: dict[str, int]) -> Iterator[str]:
    info, space = seen.info, seen.guest().space
    right = base + (layout.get("p2m", 0) << PAGE_SHIFT)
    if layout and info.mfn_list != right:
        yield f"start_info's mfn_list is VA {info.mfn_list:#x}, and the toolstack laid the p2m out at VA {right:#x}"
        return
    if not info.nr_pages:
        yield "start_info's nr_pages is 0"
    elif "pages" in layout and info.nr_pages != layout["pages"]:
        yield f"start_info's nr_pages is {info.nr_pages:#x}, and the domain was given {layout['pages']:#x} pages"
    yield from _m2p(seen, base)
    for pfn in range(0, min(info.pt_base - base >> PAGE_SHIFT, len(seen.p2m)), EVERY):
        maddr = space.walk(base + (pfn << PAGE_SHIFT)).maddr
        if maddr is None:
            yield f"VA {base + (pfn << PAGE_SHIFT):#x}, where PFN {pfn:#x} belongs, is not mapped: {space.walk(base + (pfn << PAGE_SHIFT)).problem}"
            return
        if maddr >> PAGE_SHIFT != seen.p2m[pfn]:
            there = seen.p2m.index(maddr >> PAGE_SHIFT) if maddr >> PAGE_SHIFT in seen.p2m else None
            yield (f"mfn_list says that PFN {pfn:#x} is MFN {seen.p2m[pfn]:#x}, and the page tables say MFN {maddr >> PAGE_SHIFT:#x}"
                   + ("" if there is None else f", which mfn_list has as its entry {there:#x} (an entry has {seen.bits // 8} bytes, and so the first PFNs' MFNs stand at 0, {seen.bits // 8}, {seen.bits // 4}, ...)"))
            return


def written_over(seen: Observation, layout: dict[str, int]) -> str:
    """That the p2m got fewer pages than its entries take, so that something else lies in it."""
    behind = [(pfn, name) for name, pfn in layout.items() if name in PAGES and pfn > layout["p2m"]]
    word, size = seen.bits // 8, layout.get("pages", 0) * seen.bits // 8
    pfn, name = min(behind, default=(0, ""))
    room = pfn - layout.get("p2m", 0) << PAGE_SHIFT
    return f"""the p2m has {layout["pages"]:#x} entries of {word} bytes, {-(-size >> PAGE_SHIFT)} pages, and the toolstack laid it out at PFN {layout["p2m"]:#x} with {room >> PAGE_SHIFT} (list_pages(), src/stage6-toolstack/layout.c): {PAGES[name]} begins at PFN {pfn:#x}, and so what is there stands in the
        place of the entries from {room // word:#x} on""" if name and room < size else ""


def apart(seen: Observation, base: int) -> str:
    """That mfn_list's entries are of another width than the guest's words."""
    first, second = (maddr >> PAGE_SHIFT if maddr else 0 for maddr in (seen.guest().space.walk(base + (pfn << PAGE_SHIFT)).maddr for pfn in (0, 1)))
    told = ""
    if first and second and seen.bits == 64 and seen.p2m[:1] == [second << 32 | first]:
        told = f"is {seen.p2m[0]:#x}: that is PFN 0's, {first:#x}, in its lower half, and PFN 1's, {second:#x}, in the upper. So the entries were written 4 bytes apart"
    elif first and second and seen.bits == 32 and seen.p2m[:3:2] == [first, second] != seen.p2m[:2]:
        told = f"is that, {first:#x}, the next one is {seen.p2m[1]:#x}, and the one after that is PFN 1's, {second:#x}. So the entries were written 8 bytes apart"
    return told and f"mfn_list's first word, which is to be PFN 0's MFN, {told}, and a guest of {seen.bits} bits has {seen.bits // 8} for each (write_mfn_list(), src/stage6-toolstack/p2m.c)"


def of_pfns(seen: Observation, base: int) -> str:
    """That the guest's list has PFNs for MFNs, and the toolstack's own, by which the page tables are made, has not."""
    pfns = range(1, min(len(seen.p2m), EVERY))
    mfns = [_mapped(seen, base, pfn) for pfn in pfns]
    wrong = mfns and all(seen.p2m[pfn] == pfn != mfn and xens_pfn(seen, mfn) == pfn for pfn, mfn in zip(pfns, mfns))
    return f"""mfn_list says that PFN 0x1 is MFN {seen.p2m[1]:#x}, PFN 0x2 MFN {seen.p2m[2]:#x} and so on: it has PFNs in the place of MFNs. PFN 0x1 is MFN {mfns[0]:#x}, by the page tables and by Xen's m2p, so the toolstack knows the MFNs, and only the list that the guest gets is wrong: it takes guest_mfn() of each PFN
        (write_mfn_list(), src/stage6-toolstack/p2m.c)""" if wrong else ""


def _mapped(seen: Observation, base: int, pfn: int) -> int:
    """The MFN by the guest's page tables; 0 if there is none."""
    return (seen.guest().space.walk(base + (pfn << PAGE_SHIFT)).maddr or 0) >> PAGE_SHIFT


def _m2p(seen: Observation, base: int) -> Iterator[str]:
    for pfn, mfn in list(enumerate(seen.p2m))[::EVERY]:
        told, there = xens_pfn(seen, mfn), _mapped(seen, base, pfn)
        if told not in (None, pfn) and there and xens_pfn(seen, there) == pfn:
            yield (f"mfn_list says that PFN {pfn:#x} is MFN {mfn:#x}, which is PFN {told:#x} by the m2p, which Xen keeps. The page tables have MFN {there:#x} for it, and the m2p says so, too. So only the list that the guest gets is wrong "
                   "(write_mfn_list(), src/stage6-toolstack/p2m.c)")
            return
        if told not in (None, pfn):
            yield (f"mfn_list says that PFN {pfn:#x} is MFN {mfn:#x}, and the m2p, which Xen keeps, says that this MFN is PFN {told:#x}. Xen takes the PFNs from the list that XENMEM_populate_physmap is given (extent_start), and writes "
                   "the MFNs over them: each place has to hold its PFN before the call (populate())")
            return
