# SPDX-License-Identifier: GPL-2.0-only
"""What a PV guest is promised at its first instruction, and whether it holds: asked of a domain that stage 6 builds.

Of dom0 Xen sees to it, and nothing is asked. The list is that of lesson 0, "What Xen guarantees at the start".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenabi.loader import Loading
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

if TYPE_CHECKING:
    from .observe import Observation
    from .source import Source

SAMPLE = 64  # bytes of .bss that are looked at, of each page
EVERY = 8  # one page of so many is compared with mfn_list


def broken(seen: Observation, source: Source) -> Iterator[str]:
    """What does not hold, at the first instruction."""
    base = Loading(source.image).virt_base if source.image else 0  # VA of paddr 0
    info = seen.info
    if info is None:
        yield f"ESI (RSI) holds {seen.start_info:#x}, and there is no start_info"
        return
    space = seen.guest().space
    for pfn in range(0, min(info.pt_base - base >> PAGE_SHIFT, len(seen.p2m)), EVERY):
        maddr = space.walk(base + (pfn << PAGE_SHIFT)).maddr
        if maddr is not None and maddr >> PAGE_SHIFT != seen.p2m[pfn]:
            yield f"mfn_list says that PFN {pfn:#x} is MFN {seen.p2m[pfn]:#x}, and the page tables say MFN {maddr >> PAGE_SHIFT:#x}"
            break
    if not info.nr_pages:
        yield "start_info's nr_pages is 0"
    if info.shared_info % PAGE_SIZE or not info.shared_info:
        yield f"start_info's shared_info is {info.shared_info:#x}, which is no machine address of a page (an MFN, not shifted?)"
    top = space.walk(info.pt_base).maddr
    if top is None or top != seen.guest().pgd & -PAGE_SIZE:
        yield f"start_info's pt_base is VA {info.pt_base:#x}, where " + ("nothing is mapped" if top is None else
                                                                         f"PFN {seen.pfn_of.get(top >> PAGE_SHIFT, -1):#x} is, and not the top-level table, which CR3 names")
    yield from _pages(seen)
    yield from _stack(seen)
    yield from _bss(seen, source, base)


def _pages(seen: Observation) -> Iterator[str]:
    """The two pages that are shared with dom0, and their event channels."""
    info = seen.info
    for name, mfn, port in (("console.domU", info.console_0, info.console_1), ("store", info.store_mfn, info.store_evtchn)):
        if mfn not in seen.pfn_of:
            yield f"start_info's {name} page is MFN {mfn:#x}, which is not in mfn_list"
        if not port:
            yield f"start_info's {name} event channel is 0, which is no port"


def _stack(seen: Observation) -> Iterator[str]:
    top = seen.at_entry.rsp & (1 << seen.bits) - 1
    walk = seen.guest().space.walk(top - seen.bits // 8)
    if walk.problem or not walk.rights.write:
        yield f"ESP (RSP) is {top:#x}, and the word below it cannot be written to: {walk.problem or f'{walk.path[-1].name} has no RW'}"


def _bss(seen: Observation, source: Source, base: int) -> Iterator[str]:
    for part in source.image.loaded() if source.image else ():
        start = part.paddr + part.filesz + base
        for at in range(start, start + part.memsz - part.filesz, PAGE_SIZE):
            data = seen.peek(at, min(SAMPLE, start + part.memsz - part.filesz - at)) or b""
            if any(data):
                yield f".bss is not clear: at {at:#x} there are {data[:4].hex(' ')} (a debug Xen fills fresh pages with c2)"
                return
