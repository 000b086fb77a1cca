# SPDX-License-Identifier: GPL-2.0-only
"""Page-table updates that Xen refused for what was to be put into the entry, or for the table that it is in. Stage 3."""

from errno import EINVAL

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .facts import Facts
from .questions import refused
from .rule import rule
from .rules_events import mapped
from .rules_updates import LESSON

PGDIR_SIZE = 1 << 30  # of PAE
BUILT = "^toolstack: created domain "  # another's tables are: rules_pin.py


@rule("pfn-instead-of-mfn", LESSON + ": A frame number that is a PFN", "failure")
def _(f):
    if not refused(f) or not f.xen_said_then("Could not get page ref for mfn|Could not get page type|Bad mfn|mfn [0-9a-f]+ .*not owned|l1e_owner|Bad L[1-4] flags"):
        return None
    value = f.update[1] if f.update else f.refused.args[1] if f.refused.name == "update_va_mapping" else 0
    frame = (value & (1 << 52) - 1) >> PAGE_SHIFT
    if f.pfn(frame) is not None or not frame:
        return None
    if f.refused.name == "update_va_mapping" and f.info and f.refused.args[0] == f.source.va("shared_info_page"):
        return f"""The new entry, {value:#x}, names page {frame:#x}, which is not this guest's. It was to be that of Xen's shared info page, which start_info gives as a machine address, {f.info.shared_info:#x}, to which nothing may be
            added.{mapped(f, f.refused.args[0])}"""
    if value >> 52 & 0x7FF:
        words = f"two words of 32 bits that lay there before, {value >> 32:#x} and {value & f.mask:#x}" if f.bits == 32 else f"{f.number(value) or 'what lay there before'}"
        return f"""The new entry, {value:#x}, is none: bits 52 to 62 of an entry are 0. It is {words}. Its val was never filled in, or it is not the entry that was meant. To clear an entry, val is 0; to fill it, a machine address with flags."""
    kind = f.number(frame, "pfn", "pv") if f.is_a(frame, "pfn") else f.number(frame << PAGE_SHIFT, "linked", "pv", "mfn")
    if f.pfn(value) is not None:
        kind = f"MFN {value:#x} was not shifted by {PAGE_SHIFT}"
    return f"""The new entry, {value:#x}, names page {frame:#x}, which is not this guest's. Page-table entries hold MFNs; this number is
        {kind or "neither an MFN nor a PFN of this guest"}."""


@rule("entry-without-frame", LESSON + ": A frame number that is a PFN", "failure")
def _(f):
    if refused(f, name=("mmu_update", "update_va_mapping")) and f.update and 0 < f.update[1] < PAGE_SIZE:
        return f"The new entry, {f.update[1]:#x}, has flags and no frame: its MFN is 0. An entry is the machine address of a page, with flags in the low 12 bits."


@rule("bad-flags", LESSON + ": Two roads", "failure")
def _(f):
    said = f.xen(r"Bad L([1-4]) flags ([0-9a-f]+)")
    value = f.update[1] if f.update else 0
    if said and refused(f) and f.xen_said_then("Bad L[1-4] flags") and (not value or f.pfn((value & (1 << 52) - 1) >> PAGE_SHIFT) is not None):
        return f"""An entry of level {said[1]} has a flag that Xen does not allow there. Bad are {int(said[2], 16):#x} of {value:#x}: 80 is PSE
            (large pages are not for guests), 100 GLOBAL; in a pgd entry of PAE 8 is PWT and 10 PCD, and neither RW nor USER (6) counts."""


@rule("page-table-writable", LESSON + ": An ordinary store", "failure")
def _(f):
    if refused(f) and not f.guest(BUILT) and f.xen_said_then("Could not get page type PGT_writable_page"):
        value = f.update[1] if f.update else f.refused.args[1]
        pfn = f.pfn((value & (1 << 52) - 1) >> PAGE_SHIFT)
        return f"""A page that is in use as a page table was to be mapped writable, by the entry {value:#x}
            ({f.thing(pfn << PAGE_SHIFT) if pfn is not None else "a page table"}). Xen allows a guest one or the other, never both: map it
            read-only."""


@rule("xens-entry", "6-other-modes: Into Xen's slots", "failure")
def _(f):
    if refused(f) and f.xen_said_then("L[234] update in Xen-private area"):
        slot = f.update[0] % PAGE_SIZE // 8 if f.update and f.bits == 64 and f.xen_said_then("L4 update") else 0
        which = f"It is pgd slot {slot}, for VAs from {slot << 39 | 0xFFFF << 48:#x} up: Xen has slots 256 to 271" if slot else \
            f'It translates {"VAs from 0xf5800000 up" if f.bits == 32 else "one of pgd slots 256 to 271"}, which belong to Xen'
        return f"""The entry to change{f", maddr {f.update[0]:#x}," if f.update else ""} is one of Xen's own. {which}.{" It was to be cleared (val is 0): what is dropped are the entries of P=V alone, so the loop over them goes too far." if f.update and not f.update[1] else ""}"""


@rule("page-type", LESSON + ": Two roads", "failure")
def _(f):
    if refused(f) and not f.guest(BUILT) and f.xen_said_then(r"Bad type \(saw [0-9a-f]+ != exp [0-9a-f]+\)"):
        value = f.update[1] if f.update else 0
        pfn = f.pfn((value & (1 << 52) - 1) >> PAGE_SHIFT)
        return f"""A page was to be used as a page table of another level than it is, or as the one that holds Xen's entries (the pmd page of
            pgd slot 3), which cannot be shared. {f"The new entry {value:#x} leads to {'the pgd itself, ' if f.info and pfn == f.info.pt_base >> PAGE_SHIFT else ''}{f.thing(pfn << PAGE_SHIFT) or f'PFN {pfn:#x}'}; "
            f"the entry is in {table_of(f)}." if pfn is not None else ""}{other_level(f)}"""


def other_level(f: Facts) -> str:
    """Which entry of P=V's, of another level than the one to change, has the value."""
    entry, walk = f.va_of_entry(f.update[0] & -8) if f.update else None, f.walk(0)
    same = next((e.name for e in (walk.path if walk else ()) if f.update and e.value == f.update[1]), "")
    return f" {f.update[1]:#x} is what stands in {same} of VA 0, and the entry to change is {entry[0]}: what is copied has to be an entry of the same level." if entry and same and entry[0][:3] != same[:3] else ""


def table_of(f: Facts) -> str:
    pfn = f.pfn(f.update[0] >> PAGE_SHIFT) if f.update else None
    return "a page that is not this guest's" if pfn is None else f.thing(pfn << PAGE_SHIFT) or f"PFN {pfn:#x}"


def pgd_road(f: Facts, slot: int) -> str:
    """That a pgd entry of P=V was to be copied into PAE's shared slot, and for which paddrs that may be."""
    walks = [f.walk(n * PGDIR_SIZE) for n in range(slot if f.bits == 32 else 0)]
    low = next((n for n, w in enumerate(walks) if any(e.level.name == "pgd" and e.value == f.update[1] for e in (w.path if w else ()))), None)
    if low is None:
        return ""
    others = sum(ptr >> PAGE_SHIFT != f.update[0] >> PAGE_SHIFT for ptr, _ in f.refused.updates)
    by = "Such a copy is remap_kernel_pgd()'s" if f.source.va("remap_kernel_pgd") is not None else "A pgd entry is copied there"
    limit = next((t.result for t in (f.seen.probes.told if f.seen and f.seen.probes else ()) if t.name == "remap_limit"), None)
    shared = slot * PGDIR_SIZE - f.page_offset
    return f""" Here val is pgd[{low}], which maps all from P=V {low * PGDIR_SIZE:#x} to {(low + 1) * PGDIR_SIZE:#x}. {by}{f"; the remap was to reach up to paddr {limit:#x}" if limit else ""}. {f"Of pmd entries {others} {'is' if others == 1 else 'are'} in the same batch" if others else "No pmd entry is in the batch"}. The pgd road
        is for paddrs below SHARED_SLOT_START - PAGE_OFFSET, which has to be {shared:#x}{", so for none" if not shared else ""}: {"does the range that it is given end there?" if others else
        "what is the paddr compared with that decides it? SHARED_SLOT_START itself is a VA, the first of the slot that Xen shares, so XEN_VIRT_START rounded down to a multiple of PGDIR_SIZE."}"""


@rule("xens-slot", LESSON + ": The slot that is Xen's", "failure")
def _(f):
    call = refused(f, EINVAL, name=("mmu_update",))
    if call and f.update and not call.said and f.info:
        pfn = f.pfn(f.update[0] >> PAGE_SHIFT)
        slot = (f.update[0] & PAGE_SIZE - 1) >> 3
        if pfn == f.info.pt_base >> PAGE_SHIFT and (slot == 3 if f.bits == 32 else 256 <= slot < 272):
            own = f.page_offset >> 30
            if f.bits == 32 and own != slot:
                return f"""Xen refused this without a message: ptr {f.update[0]:#x} is entry {slot} of the pgd, which Xen shares with the guest. PAGE_OFFSET is VA {f.page_offset:#x}
                    here, and its entry is number {own}: the index was made of another address."""
            before = [f.va_of_entry(ptr) for ptr, _ in call.updates[:call.done]]
            if f.bits == 32 and any(e and e[0].startswith("pmd") and e[1] >= f.page_offset for e in before):
                return f"""Xen refused this without a message: ptr {f.update[0]:#x} is entry {slot} of the pgd, a slot that Xen shares with the guest. The update is one too many: those before it, which Xen
                    has made, put {", ".join(f"{e[0]} of VA {e[1]:#x}" for e in before[:2] if e)} in place, and they are all that this slot needs. (The text has a mapping of its own with 64 bits only.)"""
            if not f.update[1]:
                return f"""Xen refused this without a message: ptr {f.update[0]:#x} is entry {slot} of the pgd, a slot that Xen shares with the guest, and it was to be cleared. What is dropped are the entries of P=V alone, those below
                    the one of PAGE_OFFSET: the loop over them went too far."""
            return f"""Xen refused this without a message: ptr {f.update[0]:#x} is entry {slot} of the pgd, a slot that Xen shares with the
                guest (slot 3 of PAE, 256 to 271 of x86-64). There the pmd entries have to be copied, one for 2 MiB.{pgd_road(f, slot)}"""
