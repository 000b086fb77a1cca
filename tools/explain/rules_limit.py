# SPDX-License-Identifier: GPL-2.0-only
"""What stage 3 itself found wrong: the limit, the walk, and what it reads at both addresses."""

import re

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE
from xenpt.start_info import StartInfo

from .empty_entry import asked_by, beyond, combined, source
from .missing_call import missing_call
from .questions import JUMP, REMAP, hexadecimals, say
from .relation import also
from .rule import rule


def repointed_limit(f) -> tuple[int, bool]:
    """A limit that is a linked address, and whether start_info's fields are, too; 0 if it is none."""
    limit = (hexadecimals(f.panic) + [0])[0] if f.panic.startswith("remap: limit paddr") else 0
    if not f.page_offset or limit < f.page_offset:
        return 0, False
    data = f.seen.peek(f.seen.start_info, PAGE_SIZE) if f.seen and f.info else None
    now = StartInfo(data, f.bits) if data else None
    return limit, not now or (now.pt_base, now.mfn_list) != (f.info.pt_base, f.info.mfn_list)


@rule("repointed-too-early", JUMP + ": What still points low", "failure")
def _(f):
    limit, repointed = repointed_limit(f)
    if limit and repointed:
        return f"""The limit, {limit:#x}, is a linked address ({f.number(limit - 1, "linked") or "PAGE_OFFSET and more"}): start_info was repointed before
            the remap, which needs its P=V addresses."""


@rule("limit-with-offset", REMAP + ": How far the remap must reach", "failure")
def _(f):
    limit, repointed = repointed_limit(f)
    if limit and not repointed:
        return f"""The limit, {limit:#x}, is {limit - f.page_offset:#x} with PAGE_OFFSET ({f.page_offset:#x}) added. It is a paddr, and start_info's fields, which it is made of, still have their P=V values. So it was added by remap_limit(), or on
            the way through remap_kernel(), which adds PAGE_OFFSET itself where it looks for the entry of a linked address."""


@rule("limit-beyond", REMAP + ": How far the remap must reach", "failure")
def _(f):
    if f.panic.startswith("remap: limit paddr"):
        limit, last = hexadecimals(f.panic)[:2]
        if limit >= f.page_offset:
            return None
        parts = f.source.image.loaded() if f.source.image else []
        end = max((p.paddr + p.memsz for p in parts), default=0)
        if last < end:
            return f"""The limit is paddr {limit:#x}, as it should be, and the last paddr that has a free linked address was worked out as {last:#x}, which is below the image's own end. That is REMAP_MAX (pgtable-*level.h), made of PAGE_OFFSET
                and LOAD_OFFSET: the image is linked for {f.source.offset:#x}, and on 64 bits that has to be in another pgd slot than PAGE_OFFSET, in the last 2 GiB of the address space."""
        less = next((name for name, offset in (("LOAD_OFFSET", f.source.offset), ("PAGE_OFFSET", f.page_offset))
                    if limit == -(-(end - offset & f.mask) // PAGE_SIZE) * PAGE_SIZE), "")
        if less:
            return f"""The limit is paddr {limit:#x}, and that is the image's end, {end:#x}, less {less}. Before the jump the code runs P=V: the address of a symbol (_end) is its paddr already, and nothing is to be taken off."""
        return f"""All that the kernel goes on using ends at paddr {limit:#x}, and the last that has a free linked address is {last:#x}: above
            it is Xen, or P=V. The image itself ends at paddr {end:#x}{", a large .bss?" if end > limit // 2 else ", so it is one of the other terms of the limit"}."""


@rule("limit-not-ours", REMAP + ": How far the remap must reach", "failure")
def _(f):
    if f.panic.startswith("limit: MFN"):
        return """start_info names a page by its MFN (console or store) that the p2m does not have. Dom0 has no such pages: the union holds
            something else there. Or the m2p was asked a PFN."""


@rule("empty-source-entry", REMAP + ": How far the remap must reach", "failure")
def _(f):
    return beyond(f, hexadecimals(f.panic)[-1]) if f.panic.startswith("remap: the entry at") else ""


@rule("empty-source-entry", REMAP + ": Walking the tables in software", "failure")
def _(f):
    number = (hexadecimals(f.panic) or [0])[-1]
    if f.panic.startswith("remap: the entry at"):
        return source(f, number)
    if f.panic.startswith("page table walk: "):
        pfn = f.pfn(number >> PAGE_SHIFT)
        kind = f"That names PFN {pfn:#x}, {f.thing(pfn << PAGE_SHIFT) or 'an ordinary page'}." if pfn is not None else ""
        _, _, name, args, _ = f.seen.probes.pending[0] if f.seen and f.seen.probes and f.seen.probes.pending else (0, 0, "", [], 0)
        walk = f.walk(args[1]) if name in ("get_pud", "get_pmd") else None
        above = walk.path[-2] if walk and len(walk.path) > 1 and walk.path[-1].name.startswith(name.removeprefix("get_")) else None
        if above and above.value & 1 and above.value != number:
            return f"""{name}() was asked for VA {say(f, args[1])}, which is translated by {above.name} = {above.value:#x}, and that is present. What it read there is {number:#x}: another entry. Is the index that of this level ({above.name[:3]}_index()), and of the address that was
                asked for?"""
        if walk and walk.problem and not number & 1 and walk.path[-1].value == number:
            return f"""{name}() was asked for VA {say(f, args[1])}{asked_by(f, name)}, and for that there are no tables: {walk.problem}. It finds entries in tables that exist, and makes none. {combined(f, args[1]) or "Is it the address that was meant?"} For a linked address the entry lies in a table that P=V has already, or is the empty one itself, a level higher."""
        return f"""The walk came to an entry that maps nothing, or leads to no table of this guest: it took a wrong index or address, or the
            limit lies beyond what Xen mapped for the start. {kind}
            {f"{number:#x} does not begin an entry: its low bits, {number & 0xFFF:#x}, look like the flags of one." if number & 7 else ""}"""


@rule("limit-low", REMAP + ": How far the remap must reach", "failure")
def _(f):
    if f.panic.startswith("verify: the limit"):
        limit, used = hexadecimals(f.panic)[:2]
        page = re.search("is not beyond (xenstore|the console), P=V", f.panic)
        if page:
            return f"""The limit is paddr {limit:#x}, and the page of {page[1]}, which start_info names by its MFN, is PFN {used >> PAGE_SHIFT:#x}: it ends at paddr {used + PAGE_SIZE:#x}, and the kernel goes on using it. remap_limit() has to ask
                for the end of a domU's two such pages (mfn_end(): the paddr of the PFN that early_m2p() finds, and PAGE_SIZE more), and to give the highest end of all.{also(f, limit, used + PAGE_SIZE)}"""
        ends = {name: r.stop for name, r in f.said.layout.items() if name != "TOTAL"}
        last = max(ends, key=lambda name: ends[name]) if ends else "Boot stack"
        if f.seen and f.seen.probes and f.seen.probes.entries and f.source.va("remap_limit") is not None and not any(t.name == "remap_limit" for t in f.seen.probes.told):
            return f"""The limit is paddr {limit:#x}, and remap_limit(), which works it out, was never called.{missing_call(f, f.source, "remap_limit")} The kernel has to ask it for the limit before it calls remap_kernel(), which takes that."""
        return f"""The limit, paddr {limit:#x}, is lower than what the kernel goes on using: the last of that, {last}, ends at paddr {ends.get(last, used):#x}.{also(f, limit, ends.get(last, 0))}
            One entry maps far more than a page, so that a limit that is too low need not do harm. remap_limit() is to give the highest end of all."""


@rule("remap-wrong-page", REMAP + ": Walking the tables in software", "failure")
def _(f):
    if f.panic.startswith(("verify: P=V", "verify: a store")):
        pv, va = hexadecimals(f.panic)[:2]
        if va - pv & f.mask not in (f.page_offset, f.source.offset):
            return f"""P=V {pv:#x} was compared with VA {va:#x}, which is {va - pv & f.mask:#x} more: neither PAGE_OFFSET, {f.page_offset:#x}, nor LOAD_OFFSET. So it is not the remap that this speaks of, but the offset that the check was given."""
        walk = f.walk(va)
        pfn = f.pfn(walk.maddr >> PAGE_SHIFT) if walk and walk.maddr is not None else None
        leads = f" VA {va:#x} leads to PFN {pfn:#x} by {', '.join(f'{e.name} = {e.value:#x}' for e in walk.path[1:])}." if pfn is not None else ""
        return f"""The linked address leads to another page than P=V does: the entry was copied from, or to, a wrong index.{leads}
            P=V {hexadecimals(f.panic)[0]:#x} is PFN {hexadecimals(f.panic)[0] >> PAGE_SHIFT:#x}."""
