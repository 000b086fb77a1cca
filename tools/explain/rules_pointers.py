# SPDX-License-Identifier: GPL-2.0-only
"""Page faults by an address: which number was used as one, before, during and after the remap."""

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .facts import Facts
from .questions import JUMP, REMAP, is_linked, page_fault, remapped, who
from .rule import rule

PAGE_FLAGS = 0x067  # of a page in use: PRESENT, RW, USER, ACCESSED, DIRTY


@rule("repointed-twice", JUMP + ": What still points low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "twice") and not f.is_a(fault.cr2, "pv", "linked"):
        return f"VA {fault.cr2:#x} is {f.number(fault.cr2, 'twice')}. A pointer was repointed that had been repointed already.{who(f, fault.cr2)}"


@rule("entry-as-address", REMAP + ": Walking the tables in software", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2 & ~0xFFF | PAGE_FLAGS, "entry") and not f.is_a(fault.cr2, "pv", "linked") and fault.cr2 > PAGE_SIZE:
        pfn = f.pfn(fault.cr2 >> PAGE_SHIFT)
        return f"""VA {fault.cr2:#x} is a machine address, in PFN {pfn:#x} ({f.thing(pfn << PAGE_SHIFT) or "a page of this guest"}), used as a
            virtual one. An entry's MFN has to go through the m2p before the table behind it can be read, P=V
            {pfn << PAGE_SHIFT | fault.cr2 & 0xFFF:#x}.{who(f, fault.cr2)}"""


@rule("null-call", JUMP + ": No trap table", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and fault.fetch and fault.cr2 < PAGE_SIZE:
        blocked = [c for c in f.calls if c.name == "set_callbacks"]
        return f"""Address {fault.cr2:#x} was called. Either a function pointer is NULL, or Xen did: it has no better address for a callback that was
            not set by set_callbacks ({"it was called" if blocked else "it was never called"}).
            {f"The image's code was left at {f.left_at}." if f.left_at else ""}"""


@rule("deliberate-fault", JUMP + ": No trap table", "crash", "failure", "silence", "timeout")
def _(f):
    fault = page_fault(f)
    if not fault or f.source.function(fault.ip) != "probe_kernel_read":
        return None
    registered = any(c.name == "set_trap_table" for c in f.calls)
    return f"""This fault was meant: probe_kernel_read() reads VA {fault.cr2:#x} to see whether it is mapped. But nobody caught it:
        {"the handler did not find the instruction in __ex_table, or did not make use of what it found" if registered else
         "no trap table had been registered yet (set_trap_table)"}{f"; it came {len(f.repeated)} times" if f.repeated else ""}."""


@rule("null-pointer", JUMP + ": A null pointer", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and fault.cr2 < PAGE_SIZE:
        return f"""A NULL pointer was used, or a member of what it should point to, {fault.cr2:#x} bytes behind it. While P=V is mapped this goes
            unnoticed: page 0 is an ordinary page then."""


@rule("code-low", JUMP + ": A jump that stays low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and fault.fetch and not fault.denied and f.is_a(fault.cr2, "pv") and not f.native:
        return f"""Code was to be run at P=V {fault.cr2:#x} ({f.number(fault.cr2, 'pv')}), whose mapping has been dropped: the jump did not leave
            P=V, or a function pointer, a return address or a callback still holds such an address."""


@rule("linked-address-before-remap", "1-notes: Code that is right at two addresses", "crash", "failure",
      unlike="`xen hypercalls on` in `make gdb`: was there an mmu_update before?")
def _(f):
    fault = page_fault(f)
    if fault and is_linked(f, fault.cr2) and f.seen and not remapped(f):
        return f"""Linked VA {fault.cr2:#x} ({f.number(fault.cr2, 'linked') or "in the linked mapping"}) was used, {fault.doing}, and no page-table update
            has been made yet: nothing is mapped there before the remap. Either a pointer got PAGE_OFFSET added too early, or the remap was
            left out, or the linker put an address into data or code.{who(f, fault.cr2)}"""


@rule("remap-incomplete", REMAP + ": How far the remap must reach", "crash", "failure")
def _(f):
    fault = page_fault(f)
    walk = f.walk(fault.cr2) if fault else None
    if walk and walk.problem and is_linked(f, fault.cr2) and remapped(f) and any(c.updates for c in f.calls) and walk.path[-1].value <= PAGE_SIZE:
        paddr = fault.cr2 - (f.source.offset if f.source.linked(fault.cr2) and f.bits == 64 else f.page_offset) & f.mask
        ends = max((r.stop for name, r in f.said.layout.items() if name != "TOTAL"), default=0)
        if paddr >= ends:
            return None
        return f"""The remap was made, but VA {fault.cr2:#x} (paddr {paddr:#x}, {f.thing(paddr) or "nothing of Xen's or the image's"}) is not mapped:
            {walk.problem}. The updates changed {changed(f)}. The limit is too small, an entry was left out or went to a wrong slot, or an
            empty one was copied: mmu_update returns 0 for all of these."""


def changed(f: Facts) -> str:
    """Which entries were changed, by table and index."""
    told = []
    for call in f.calls:
        for ptr, val in call.updates:
            pfn = f.pfn(ptr >> PAGE_SHIFT)
            told.append(f"entry {(ptr & PAGE_SIZE - 1) >> 3} of PFN {pfn:#x} to {val:#x}" if pfn is not None else f"maddr {ptr:#x}")
    return ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "") or "nothing"
