# SPDX-License-Identifier: GPL-2.0-only
"""A remap that did something else than it should, by what its updates changed (remap_updates.py)."""

from xenabi.headers import errors
from xenpt import paging
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .facts import Facts
from .probes import Told
from .questions import JUMP, REMAP, is_linked, page_fault, remapped, say
from .relation import also
from .remap_updates import changed, hits_pv, instead, stray, twice, unchanged
from .rule import rule


@rule("refusal-unchecked", REMAP + ": Asking Xen", "crash", "failure")
def _(f):
    fault = page_fault(f)
    call = next((c for c in f.calls if c.name == "mmu_update" and c.refused), None)
    if fault and call and is_linked(f, fault.cr2) and not remapped(f):
        ptr, val = (call.updates or [(0, 0)])[min(call.done, max(len(call.updates) - 1, 0))]
        asked = f"ptr {say(f, ptr & -8, 'maddr', 'entry', 'pv', 'linked')}, val {say(f, val, 'maddr', 'entry', 'pv', 'linked')}"
        return f"""Xen refused mmu_update, {call.result} ({errors().get(-call.result, "?")}), and the kernel went on as if the remap had been made: VA {fault.cr2:#x} is not mapped.
            Its result is to be looked at (a negative one is a refusal). What was asked for: {asked}. {"Xen said: " + call.said[-1].removeprefix("(XEN) ") + "." if call.said else ""}"""


@rule("linked-mapping-dropped", JUMP + ": What a kernel sets up first", "crash", "failure")
def _(f):
    fault = page_fault(f)
    walk = f.walk(fault.cr2) if fault and is_linked(f, fault.cr2) else None
    entry = walk.path[-1] if walk and walk.problem and walk.path else None
    cleared = [ptr for c in f.calls if c.name == "mmu_update" and not c.refused for ptr, val in c.updates if not val & paging.PRESENT]
    filled = [ptr for c in f.calls if c.name == "mmu_update" and not c.refused for ptr, val in c.updates if val & paging.PRESENT]
    if entry and entry.maddr in [ptr & -8 for ptr in cleared] and entry.maddr in [ptr & -8 for ptr in filled]:
        return f"""{entry.name} of VA {fault.cr2:#x} was set by the remap, and cleared again by a later update (ptr {entry.maddr:#x}, val 0): with P=V the linked
            mapping was dropped, too, in which the kernel runs. Where does the loop over pgd entries end? Below the one of PAGE_OFFSET."""


@rule("remap-incomplete", REMAP + ": How far the remap must reach", "crash", "failure")
def _(f):
    fault = page_fault(f)
    walk = f.walk(fault.cr2) if fault else None
    if walk and walk.problem and is_linked(f, fault.cr2) and remapped(f) and (f.seen.deaf or any(c.updates for c in f.calls)) and walk.path[-1].value <= PAGE_SIZE:
        paddr = fault.cr2 - (f.source.offset if f.source.linked(fault.cr2) and f.bits == 64 else f.page_offset) & f.mask
        ends = max((r.stop for name, r in f.said.layout.items() if name != "TOTAL"), default=0)
        if paddr >= ends or stray(f) or hits_pv(f):
            return None
        return f"""The remap was made, but VA {fault.cr2:#x} (paddr {paddr:#x}, {f.thing(paddr) or "nothing of Xen's or the image's"}) is not mapped:
            {walk.problem}. {unchanged(f) or (f"The updates changed {changed(f)}. " if any(c.updates for c in f.calls) else "") + (twice(f) or instead(f, paddr, fault.cr2))} mmu_update returns 0 for all of these."""


@rule("update-not-a-table", REMAP + ": A pseudo-physical address in ptr", "crash", "failure")
def _(f):
    update = stray(f)
    if update and page_fault(f):
        pfn = f.pfn(update[0] >> PAGE_SHIFT)
        double = pfn >> 1 << PAGE_SHIFT in f.said.layout["Page tables"] and not pfn & 1
        whole = pfn >> 1 << PAGE_SHIFT | update[0] & PAGE_SIZE - 1
        why = f"""PFN {pfn:#x} is twice {pfn >> 1:#x}, a page table. Either the p2m was read as if its entries had twice their size; or the whole paddr, {whole:#x}, was added to
            the machine address of its page, where only the offset in the page belongs""" if double else \
            "The entry's address was translated wrongly, or is not an entry's"
        return f"""An update went to maddr {update[0]:#x}, in PFN {pfn:#x} ({f.thing(pfn << PAGE_SHIFT) or "an ordinary page"}), which is no page table.
            Xen stores there as into any other memory, and returns 0: the tables are as they were, and what was there is overwritten. {why}."""


@rule("update-of-pv", REMAP + ": Asking Xen", "crash", "failure")
def _(f):
    fault = page_fault(f)
    hit = hits_pv(f) if fault and is_linked(f, fault.cr2) else None
    if hit:
        name, va, val, ptr = hit
        if va >= f.nr_pages << PAGE_SHIFT:
            return f"""An update wrote {val:#x} to {name} of VA {va:#x}, where nothing is meant to be: neither P=V, which ends below, nor the linked mapping, from VA {f.page_offset:#x} on. The entry was
                looked for by another address than paddr + PAGE_OFFSET.{also(f, va, f.page_offset)} The entry of a linked address, here VA {fault.cr2:#x}, was to be written."""
        told = f.seen.probes.told if f.seen.probes else []
        lost = name.endswith("[0]") and not any(t.name == "early_p2m" and t.result == t.right and t.result % PAGE_SIZE for t in told)
        first = " Or the entry's offset in its table was lost on the way, so that ptr is the table's beginning." if lost else ""
        low = f.walk(f.seen.start_info)
        same = ", which held that already, since P=V is still whole: the entry was copied onto itself." if low and not low.problem else \
            ": ptr names the entry that was to be copied, or val and ptr are of the same one."
        return f"""An update wrote {val:#x} to {name} of VA {va:#x}, an entry of P=V{same}{asked_for(f, told, ptr)}{first} What had to be written is an entry that translates the linked addresses, such as VA {fault.cr2:#x}."""


def asked_for(f: Facts, told: list[Told], ptr: int) -> str:
    """By which questions, of get_pud() or get_pmd(), the two entries of an update were found."""
    last = next((n for n, t in enumerate(told) if t.name == "early_p2m" and t.result == ptr), None)
    both = [t for t in told[:last] if t.name in ("get_pud", "get_pmd", "early_p2m")][-2:] if last else []  # they call others themselves
    if len(both) < 2 or both[0].name != both[1].name or both[0].name == "early_p2m":
        return ""
    which = " both times" if both[0].args[1] == both[1].args[1] else f" and VA {both[1].args[1]:#x}"
    return f" {f.source.place(both[1].caller - 1)} asked {both[0].name}() for the two: for VA {both[0].args[1]:#x}{which}."
