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
from .contract_p2m import apart, of_pfns, p2m, written_over
from .contract_tables import mapped, missing

if TYPE_CHECKING:
    from .observe import Observation
    from .source import Source

FLAGS = {"TF": (8, "by which the processor raises #DB, vector 1, after each instruction, and the guest has no trap table yet"),
         "DF": (10, "by which MOVS and STOS go downwards"), "NT": (14, "by which IRET takes itself for the end of a task")}  # bits of EFLAGS
Layout = dict[str, int]  # the toolstack's, name by name: PFNs


def broken(seen: Observation, source: Source, layout: Layout) -> Iterator[str]:
    """What does not hold, at the first instruction."""
    base = Loading(source.image).virt_base if source.image else 0  # VA of paddr 0
    yield from _flags(seen.at_entry.eflags)
    yield from mapped(seen, base, layout)
    if seen.info is None:
        yield _without_base(seen, base, layout) or _no_start_info(seen, base + (layout.get("start_info", 0) << PAGE_SHIFT), layout)
        return
    for wrong in (written_over(seen, layout), apart(seen, base), of_pfns(seen, base)):
        if wrong:
            yield wrong
            return
    yield from p2m(seen, base, layout)
    yield from _tables(seen, base, layout)
    yield from _pages(seen, layout)
    yield from _shared_info(seen)
    yield from stack(seen, base, layout)
    yield from image(seen, source, base)


def _flags(eflags: int) -> Iterator[str]:
    for name, (bit, does) in FLAGS.items():
        if eflags >> bit & 1:
            yield (f"EFLAGS (RFLAGS) is {eflags:#x}: {name} (bit {bit}) is set, {does}. IF (bit 9, 1 << 9), which Xen itself sets always, is the only one that REGISTERS() is to give it "
                   "(EFLAGS_IF, src/stage6-toolstack/context.c)")


def _without_base(seen: Observation, base: int, layout: Layout) -> str:
    """That the start values are paddrs, all of them: what makes them forgets VIRT_BASE."""
    if not base or not layout:
        return ""
    written = StartInfo(seen.peek(base + (layout["start_info"] << PAGE_SHIFT), StartInfo.size(seen.bits)) or b"", seen.bits)
    held = {"ESI (RSI)": (seen.start_info, layout["start_info"]), "ESP (RSP)": (seen.at_entry.rsp & (1 << seen.bits) - 1, layout["stack"] + 1),
            "start_info's pt_base": (written.pt_base, layout["tables"]), "its mfn_list": (written.mfn_list, layout["p2m"])}
    lack = [f"{name} ({value:#x})" for name, (value, pfn) in held.items() if value == pfn << PAGE_SHIFT]
    return f"""{', '.join(lack[:-1])} and {lack[-1]} are paddrs: each lacks VIRT_BASE, {base:#x}, the VA of paddr 0. What makes a VA of a PFN for all of them is guest_va() (src/stage6-toolstack/layout.c): virt_base and pfn << PAGE_SHIFT. PADDR_OFFSET, another note, is not to be added""" if len(lack) > 1 else ""


def _no_start_info(seen: Observation, right: int, layout: Layout) -> str:
    told = f"ESI (RSI) holds {seen.start_info:#x}, and there is no start_info"
    magic = seen.peek(seen.start_info, 32)
    if seen.start_info != right:
        return f"{told}: the toolstack laid it out at PFN {layout['start_info']:#x}, and that is VA {right:#x}" if layout else f"{told}: it is to be VA {right:#x}"
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
