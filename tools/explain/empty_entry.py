# SPDX-License-Identifier: GPL-2.0-only
"""Stage 3: an entry that the walk came to and that maps nothing: what it translates, and who asked for it."""

import re

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

PGD_SLOT = 1 << 39  # bytes that a pgd entry of four levels stands for
INDEX = re.compile(r"\d+")


def combined(f, va: int) -> str:
    """Of a difference or a sum of the two offsets, which is the address of nothing."""
    rest = f.source.offset % (1 << 39)
    first = f.walk(rest) if f.is_a(va, "combined") else None
    there = first and first.path and first.path[0]
    return f"The address is made of the two offsets, and nothing is there. LOAD_OFFSET % PGDIR_SIZE is {rest:#x}, which {there.name} translates, and that is {'present' if there.value & 1 else 'empty, too'}." if there else ""


def asked_by(f, name: str) -> str:
    """The first line outside of the function and what it calls, and who called that."""
    others = [a for a in f.callers() if f.source.line(a).partition(":")[0].endswith("remap.c")] if f.seen and f.seen.regs else []
    return f", by {', by '.join(f'{f.source.function(a)} ({f.source.line(a)})' for a in others[:3])}" if others else ""


def source(f, pv: int) -> str:
    """What the entry at a P=V address translates, and why it maps nothing."""
    known = f.va_of_entry(f.p2m[pv >> PAGE_SHIFT] << PAGE_SHIFT | pv & PAGE_SIZE - 1) if pv >> PAGE_SHIFT < len(f.p2m) else None
    head = f"The entry that was to be copied, at P=V {pv:#x}, maps nothing:"
    if f.is_a(pv & -8, "pfn") and f.is_a(pv, "pfn") and not f.is_a(pv, "pv"):
        return f"{head} {pv:#x} is {f.number(pv, 'pfn')}, not its address. A PFN becomes one by a shift (pfn_to_paddr())."
    if pv < PAGE_SIZE:
        return f"{head} that is in the first page, where no table is. The address of the table came out as 0, or lost: a PFN becomes an address by a shift left, pfn_to_paddr()."
    if pv & f.entry_size - 1 if f.seen and f.seen.boot else pv & 7:
        return f"{head} no entry begins there. The low bits of the address, {pv & 0xFFF:#x}, look like the flags of one, or an index was not counted in entries."
    if not known:
        return f"{head} it is in no page table, but in {f.thing(pv) or 'a page that nothing was put in'}. The walk took a wrong index or address before."
    name, va = known
    total = f.said.layout.get("TOTAL")
    if f.bits == 64 and va == f.source.offset % PGD_SLOT:
        return f"""{head} it is {name}, the entry of the P=V pud page that is to become the text's (LOAD_OFFSET's place in its pgd slot). It is written to, and what is copied there is the entry of paddr 0: source and destination are exchanged."""
    if total and total.stop <= va < f.page_offset:
        return f"{head} it is {name}, of VA {va:#x}, and Xen mapped memory for the start only up to {total.stop:#x} (TOTAL). {reach(f)}"
    if f.page_offset and f.page_offset <= va:
        return f"""{head} it is {name}, of VA {va:#x}, a linked address, where there is nothing to copy yet. What is copied is the entry of the P=V address; source and
            destination may be exchanged."""
    copied = (f.word("batched") or 0) & 0xFFFFFFFF
    before = f.walk(va - 1) if va else None
    if before and not before.problem and copied == int(INDEX.findall(name)[-1]) + 1:
        return f"{head} it is {name}, of VA {va:#x}, where P=V ends. The walk is right, all {copied - 1} before were copied: the limit is too large (remap_limit()), or the loop over the entries runs beyond it."
    return f"{head} it is {name}, of VA {va:#x}. The walk took a wrong index or address."


def beyond(f, pv: int) -> str:
    """Of a domU: that the limit was worked out of a page that start_info names by an MFN, read as a PFN."""
    names = {"store_mfn": f.info.store_mfn, "console.domU.mfn": f.info.console_0} if f.info and hasattr(f, "broken") else {}
    held = {*f.stack_words(), *f.seen.regs.values.values()} if names and f.seen.regs else set()
    limits = {(mfn + end) << PAGE_SHIFT & f.mask: name for name, mfn in names.items() for end in (1, 0)}
    limit = next((n for n in limits if n in held and n > f.nr_pages << PAGE_SHIFT), 0)
    if not limit:
        return ""
    mfn = names[limits[limit]]
    pfn = f.pfn(mfn) or 0
    return f"""The entry that was to be copied, at P=V {pv:#x}, maps nothing: the walk is right, and the limit is too large. {limit:#x} is held in a register or on the stack, and that is {limits[limit]}, {mfn:#x}, read as if it were a PFN. It is an MFN: early_m2p() finds the PFN, {pfn:#x}, and so the page ends at paddr {(pfn + 1) << PAGE_SHIFT:#x} (mfn_end(), remap_limit(),
        src/stage3-remap/limit.c)."""


def reach(f) -> str:
    """How far remap_limit() said that it is; nothing is known of a limit that it did not give."""
    told = next((t for t in f.seen.probes.told if t.name == "remap_limit"), None) if f.seen and f.seen.probes else None
    if told and told.result > told.right:
        return f"The limit is too large: remap_limit() returned paddr {told.result:#x}, and all that Xen put there ends at paddr {told.right:#x}."
    given = f.seen.probes.remap if f.seen and f.seen.probes else None
    if not told:
        return f"The limit, or the index, is too large{f': remap_kernel() was given paddr {given[1]:#x} as its limit' if given else ''}."
    return f"remap_limit() gave paddr {told.result:#x}, which is right: the loop over the entries runs beyond it, or the index is too large."
