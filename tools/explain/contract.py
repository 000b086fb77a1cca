# SPDX-License-Identifier: GPL-2.0-only
"""What a PV guest is promised at its first instruction, and whether it holds: asked of a domain that stage 6 builds.

Of dom0 Xen sees to it, and nothing is asked. The list is that of lesson 0, "What Xen guarantees at the start"; what the toolstack
decided on before there was a domain, its layout, is compared with what became of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenabi.loader import Loading
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE, BadPage
from xenpt.shared_info import SharedInfo
from xenpt.start_info import StartInfo

from .contract_memory import image, stack
from .contract_tables import mapped, missing
from .numbers import M2P

if TYPE_CHECKING:
    from .observe import Observation
    from .source import Source

EVERY = 8  # one page of so many is compared with mfn_list
PAGES = {"start_info": "start_info", "store": "xenstore's page", "console": "the console's page", "tables": "the page tables", "stack": "the stack"}
MOST_WORDS = 1024  # of the command line

Layout = dict[str, int]  # the toolstack's, name by name: PFNs


def broken(seen: Observation, source: Source, layout: Layout) -> Iterator[str]:
    """What does not hold, at the first instruction."""
    base = Loading(source.image).virt_base if source.image else 0  # VA of paddr 0
    yield from mapped(seen, base, layout)
    if seen.info is None:
        yield _no_start_info(seen, base + (layout.get("start_info", 0) << PAGE_SHIFT), layout)
        return
    for wrong in (_written_over(seen, layout), _apart(seen, base)):
        if wrong:
            yield wrong
            return
    yield from _p2m(seen, base, layout)
    yield from _tables(seen, base, layout)
    yield from _pages(seen, layout)
    yield from _shared_info(seen)
    yield from stack(seen, base, layout)
    yield from image(seen, source, base)


def _no_start_info(seen: Observation, right: int, layout: Layout) -> str:
    told = f"ESI (RSI) holds {seen.start_info:#x}, and there is no start_info"
    magic = seen.peek(seen.start_info, 32)
    if seen.start_info != right:
        return f"{told}: the toolstack laid it out at VA {right:#x}"
    if magic is None:
        return f"{told}: nothing is mapped there{missing(seen, seen.start_info, layout)}"
    # The fields behind it tell a wrong magic from a page that was never written.
    info = StartInfo(seen.peek(right, StartInfo.size(seen.bits)) or b"", seen.bits)
    if info.pt_base and info.nr_pages:
        return (f"start_info's magic is {_text(magic)}: it has to begin with \"xen-3.0\", by which a guest knows the page (xen-3.0-x86_32p, or "
                "xen-3.0-x86_64)")
    return f"{told}: the page begins {magic[:8].hex(' ')}" + (" (a debug Xen fills fresh pages with c2: it was never written)" if magic[0] == 0xC2 else "")


def _text(data: bytes) -> str:
    text = data.split(b"\0")[0]
    return f'"{text.decode("latin-1")}"' if text and text.isascii() and text.decode().isprintable() else data[:8].hex(" ")


def _p2m(seen: Observation, base: int, layout: Layout) -> Iterator[str]:
    info, space = seen.info, seen.guest().space
    right = base + (layout.get("p2m", 0) << PAGE_SHIFT)
    if layout and info.mfn_list != right:
        yield f"start_info's mfn_list is VA {info.mfn_list:#x}, and the toolstack laid the p2m out at VA {right:#x}"
        return
    if not info.nr_pages:
        yield "start_info's nr_pages is 0"
    elif "pages" in layout and info.nr_pages != layout["pages"]:
        yield f"start_info's nr_pages is {info.nr_pages:#x}, and the domain was given {layout['pages']:#x} pages"
    yield from _m2p(seen)
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


def _written_over(seen: Observation, layout: Layout) -> str:
    """That the p2m got fewer pages than its entries take, so that something else lies in it."""
    behind = [(pfn, name) for name, pfn in layout.items() if name in PAGES and pfn > layout["p2m"]]
    word, size = seen.bits // 8, layout.get("pages", 0) * seen.bits // 8
    pfn, name = min(behind, default=(0, ""))
    room = pfn - layout.get("p2m", 0) << PAGE_SHIFT
    return f"""the p2m has {layout["pages"]:#x} entries of {word} bytes, {-(-size >> PAGE_SHIFT)} pages, and the toolstack laid it out at PFN {layout["p2m"]:#x} with {room >> PAGE_SHIFT} (list_pages(), src/stage6-toolstack/layout.c): {PAGES[name]} begins at PFN {pfn:#x}, and so what is there stands in the
        place of the entries from {room // word:#x} on""" if name and room < size else ""


def _apart(seen: Observation, base: int) -> str:
    """That mfn_list's entries are of another width than the guest's words."""
    first, second = (maddr >> PAGE_SHIFT if maddr else 0 for maddr in (seen.guest().space.walk(base + (pfn << PAGE_SHIFT)).maddr for pfn in (0, 1)))
    told = ""
    if first and second and seen.bits == 64 and seen.p2m[:1] == [second << 32 | first]:
        told = f"is {seen.p2m[0]:#x}: that is PFN 0's, {first:#x}, in its lower half, and PFN 1's, {second:#x}, in the upper. So the entries were written 4 bytes apart"
    elif first and second and seen.bits == 32 and seen.p2m[:3:2] == [first, second] != seen.p2m[:2]:
        told = f"is that, {first:#x}, the next one is {seen.p2m[1]:#x}, and the one after that is PFN 1's, {second:#x}. So the entries were written 8 bytes apart"
    return told and f"mfn_list's first word, which is to be PFN 0's MFN, {told}, and a guest of {seen.bits} bits has {seen.bits // 8} for each (write_mfn_list(), src/stage6-toolstack/p2m.c)"


def _m2p(seen: Observation) -> Iterator[str]:
    """Xen's own table of the other direction."""
    word = seen.bits // 8
    for pfn, mfn in list(enumerate(seen.p2m))[::EVERY]:
        entry = seen.peek(M2P[seen.bits] + mfn * word, word)
        told = int.from_bytes(entry or b"", "little")
        if entry and told != pfn:
            yield (f"mfn_list says that PFN {pfn:#x} is MFN {mfn:#x}, and the m2p, which Xen keeps, says that this MFN is PFN {told:#x}. Xen takes the PFNs from the list that XENMEM_populate_physmap is given (extent_start), and writes "
                   "the MFNs over them: each place has to hold its PFN before the call (populate())")
            return


def _tables(seen: Observation, base: int, layout: Layout) -> Iterator[str]:
    info, guest = seen.info, seen.guest()
    top = guest.space.walk(info.pt_base).maddr
    if top is None or top != guest.pgd & -PAGE_SIZE:
        where = "nothing is mapped" if top is None else f"PFN {seen.pfn_of.get(top >> PAGE_SHIFT, -1):#x} is, and not the top-level table, which CR3 names"
        yield f"start_info's pt_base is VA {info.pt_base:#x}, where {where}"
    elif layout and info.nr_pt_frames != layout["nr_tables"]:
        yield f"start_info's nr_pt_frames is {info.nr_pt_frames}, and there are {layout['nr_tables']} page tables"
    last = base + (layout.get("stack", 0) << PAGE_SHIFT)
    if layout and guest.space.walk(last).problem:
        yield f"the first {layout['stack']:#x} pages and more are to be mapped, and VA {last:#x} is not: {guest.space.walk(last).problem}"


def _pages(seen: Observation, layout: Layout) -> Iterator[str]:
    """The two pages that are shared with dom0, and their event channels; the flags; the command line."""
    info = seen.info
    for name, mfn, port in (("console.domU", info.console_0, info.console_1), ("store", info.store_mfn, info.store_evtchn)):
        pfn = layout.get(name.partition(".")[0])
        if mfn not in seen.pfn_of:
            kind = " (as a PFN it would be that page)" if mfn == pfn else ""
            yield f"start_info's {name} page is MFN {mfn:#x}, which is not in mfn_list{kind}"
        elif pfn is not None and seen.pfn_of[mfn] != pfn:
            yield f"start_info's {name} page is MFN {mfn:#x}, PFN {seen.pfn_of[mfn]:#x}, and the toolstack laid that page out at PFN {pfn:#x}"
        if not port:
            yield f"start_info's {name} event channel is 0, which is no port (open_channels() fills in the ports, and write_start_info() comes after it)"
    if info.console_1 and info.console_1 == info.store_evtchn:
        opened = (layout.get("console_port"), layout.get("store_port"))
        yield (f"start_info names event channel {info.console_1} for the console and for the store"
               + (f", and dom0 has opened {opened[0]} and {opened[1]} (FILL(), src/stage6-toolstack/start-info.c)" if opened[0] != opened[1] else
                  ", as dom0 has noted them (open_channels(), src/stage6-toolstack/channels.c: a new_port() for each)"))
    if info.flags & 3:
        yield f"start_info's flags are {info.flags:#x}: bits 0 and 1 say that this is dom0 (SIF_PRIVILEGED, SIF_INITDOMAIN)"
    if b"\0" not in info.cmd_line:
        yield "start_info's command line has no final zero"


def _shared_info(seen: Observation) -> Iterator[str]:
    maddr = seen.info.shared_info
    if maddr % PAGE_SIZE or not maddr:
        yield f"start_info's shared_info is {maddr:#x}, which is no machine address of a page (an MFN, not shifted?)"
        return
    if maddr >> PAGE_SHIFT in seen.pfn_of:
        yield f"start_info's shared_info is {maddr:#x}, which is the guest's own PFN {seen.pfn_of[maddr >> PAGE_SHIFT]:#x}, and not the page that Xen shares"
        return
    try:
        shared = SharedInfo(seen.read_page(maddr), seen.bits)
    except BadPage:
        yield f"start_info's shared_info is {maddr:#x}, where the machine has no memory"
        return
    if not shared.version and not shared.wc_version:
        yield f"start_info's shared_info is {maddr:#x}, and that page has no time in it, which Xen keeps in the page that it shares: it is another"
    elif shared.evtchn_upcall_mask != 1:
        yield "events are not masked (shared_info's evtchn_upcall_mask is 0), and the guest has no callback yet"
