# SPDX-License-Identifier: GPL-2.0-only
"""Page faults by an address: which number was used as one, before, during and after the remap."""

from xenabi.headers import errors
from xenpt import paging
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .calls import MOST_UPDATES
from .facts import Facts
from .questions import JUMP, REMAP, is_linked, misread, page_fault, remapped, vectors, who
from .rule import rule

PAGE_FLAGS = 0x067  # of a page in use: PRESENT, RW, USER, ACCESSED, DIRTY


@rule("repointed-twice", JUMP + ": What still points low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "twice") and not f.is_a(fault.cr2, "pv", "linked"):
        return f"VA {fault.cr2:#x} is {f.number(fault.cr2, 'twice')}. A pointer was repointed that had been repointed already.{who(f, fault.cr2)}"


@rule("text-as-pointer", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "text"):
        return f"""VA {fault.cr2:#x} is {f.number(fault.cr2, "text")}. Either the text's first bytes were read as a pointer (char * where char[] is meant), or a text
            that was too long ran over a pointer.{who(f, fault.cr2)}"""


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
    if not fault or f.source.function(fault.ip) != "probe_kernel_read" or misread(f)[0]:
        return None
    meant = [i for i, _ in f.source.fixups]
    if fault.ip not in meant:
        caught = any(x.ip in meant for x in f.seen.faults) if f.seen else True
        return None if caught else f"""This fault was meant: probe_kernel_read() reads VA {fault.cr2:#x} to see whether it is mapped. But nobody caught it: __ex_table has no
            entry for the instruction, VA {fault.ip:#x}. {f"Read as distances from themselves, as fixup_exception() does, its entries are about VA {', '.join(f'{i & f.mask:#x}' for i in meant[:3])}."
            if meant else "It is empty: an entry goes there by the section's name, __ex_table, which the linker script gathers."}"""
    registered = any(c.name == "set_trap_table" for c in f.calls)
    if registered and fault.vector not in vectors(f):
        return f"""This fault was meant: probe_kernel_read() reads VA {fault.cr2:#x} to see whether it is mapped. But nobody caught it: the trap table that was
            registered has no entry for vector {fault.vector}. It ends with the first whose address is 0; entries behind that are not read."""
    return f"""This fault was meant: probe_kernel_read() reads VA {fault.cr2:#x} to see whether it is mapped. But nobody caught it:
        {"the handler did not find the instruction in __ex_table, or did not make use of what it found" if registered else
         "no trap table had been registered yet (set_trap_table)"}{f"; it came {len(f.repeated)} times" if f.repeated else ""}."""


@rule("fixup-wrong", JUMP + ": No trap table", "crash", "failure")
def _(f):
    fixups, faults = dict(f.source.fixups), f.seen.faults if f.seen else []
    if f.fault and len(faults) > 1 and faults[-2].ip in fixups and f.source.function(f.fault.ip) == f.source.function(faults[-2].ip) and f.fault.ip not in fixups:
        return f"""The fault at {f.source.place(faults[-2].ip)} was meant, and was caught. The code was to go on at VA {fixups[faults[-2].ip]:#x}, as __ex_table says, and
            the next fault came at VA {f.fault.ip:#x}: the handler set another EIP (RIP), or the table's fixup is not where the code goes on."""


@rule("null-pointer", JUMP + ": A null pointer", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and fault.cr2 < PAGE_SIZE and f.source.function(fault.ip) != "probe_kernel_read":
        return f"""A NULL pointer was used, or a member of what it should point to, {fault.cr2:#x} bytes behind it. While P=V is mapped this goes
            unnoticed: page 0 is an ordinary page then."""


@rule("code-low", JUMP + ": A jump that stays low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and fault.fetch and not fault.denied and f.is_a(fault.cr2, "pv") and not f.native:
        return f"""Code was to be run at P=V {fault.cr2:#x} ({f.number(fault.cr2, 'pv')}), whose mapping has been dropped: the jump did not leave
            P=V, or a function pointer, a return address or a callback still holds such an address."""


@rule("refusal-unchecked", REMAP + ": Asking Xen", "crash", "failure")
def _(f):
    fault = page_fault(f)
    call = next((c for c in f.calls if c.name == "mmu_update" and c.refused), None)
    if fault and call and is_linked(f, fault.cr2) and not remapped(f):
        ptr, val = (call.updates or [(0, 0)])[min(call.done, max(len(call.updates) - 1, 0))]
        kinds = [f"{name} {n:#x}" + (f" ({f.number(n, 'maddr', 'entry', 'pv', 'linked')})" if f.number(n, "maddr", "entry", "pv", "linked") else "") for name, n in (("ptr", ptr & -8), ("val", val))]
        return f"""Xen refused mmu_update, {call.result} ({errors().get(-call.result, "?")}), and the kernel went on as if the remap had been made: VA {fault.cr2:#x} is not mapped.
            Its result is to be looked at (a negative one is a refusal). What was asked for: {", ".join(kinds)}. {"Xen said: " + call.said[-1].removeprefix("(XEN) ") + "." if call.said else ""}"""


@rule("linked-address-before-remap", "1-notes: Code that is right at two addresses", "crash", "failure",
      unlike="`xen hypercalls on` in `make gdb`: was there an mmu_update before?")
def _(f):
    fault = page_fault(f)
    if fault and is_linked(f, fault.cr2) and f.seen and not remapped(f) and not any(c.name == "mmu_update" and c.refused for c in f.calls):
        return f"""Linked VA {fault.cr2:#x} ({f.number(fault.cr2, 'linked') or "in the linked mapping"}) was used, {fault.doing}, and no page-table update
            has been made yet: nothing is mapped there before the remap. Either a pointer got PAGE_OFFSET added too early, or the remap was
            left out, or the linker put an address into data or code.{who(f, fault.cr2)}"""


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
    if walk and walk.problem and is_linked(f, fault.cr2) and remapped(f) and any(c.updates for c in f.calls) and walk.path[-1].value <= PAGE_SIZE:
        paddr = fault.cr2 - (f.source.offset if f.source.linked(fault.cr2) and f.bits == 64 else f.page_offset) & f.mask
        ends = max((r.stop for name, r in f.said.layout.items() if name != "TOTAL"), default=0)
        if paddr >= ends or stray(f) or hits_pv(f):
            return None
        return f"""The remap was made, but VA {fault.cr2:#x} (paddr {paddr:#x}, {f.thing(paddr) or "nothing of Xen's or the image's"}) is not mapped:
            {walk.problem}. The updates changed {changed(f)}. {instead(f, paddr, fault.cr2)} mmu_update returns 0 for all of these."""


def instead(f: Facts, paddr: int, va: int) -> str:
    """Where a page is mapped that is missing at a VA."""
    at = sorted((a for a in f.mapped_at(paddr) if f.bits == 32 or a >> 31 == f.source.offset >> 31), key=lambda a: abs(a - va))
    waiting = (f.word("batched") or 0) & 0xFFFFFFFF
    if not at and 0 < waiting < MOST_UPDATES:
        return f"{waiting} more were collected (batched) and never sent: mmu_update was called before all were there."
    if not at:
        return "That page is mapped nowhere but P=V: the limit is too small, an entry was left out, or an empty one was copied:"
    return f"""That page is mapped at VA {at[0]:#x}, {abs(at[0] - va):#x} {"lower" if at[0] < va else "higher"}: an entry went to a wrong slot, or the image is linked for an
        address that the remap cannot make of its paddr (PAGE_OFFSET and LOAD_OFFSET have to be multiples of what an entry maps):"""


def made(f: Facts) -> list[tuple[int, int]]:
    """The updates that Xen made: ptr without its command, and val."""
    return [(ptr & -8, val) for c in f.calls if c.name == "mmu_update" and c.result == 0 for ptr, val in c.updates if ptr & 3 in (0, 2, 3)]


def stray(f: Facts) -> tuple[int, int] | None:
    """An update that went to no page table."""
    tables = f.said.layout.get("Page tables")
    return next((u for u in made(f) if tables and f.pfn(u[0] >> PAGE_SHIFT) is not None
                 and f.pfn(u[0] >> PAGE_SHIFT) << PAGE_SHIFT not in tables), None)


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


def hits_pv(f: Facts) -> tuple[str, int, int] | None:
    """An update that went to the mapping P=V: the entry's name, its VA, and what was written."""
    total = f.said.layout.get("TOTAL", range(0)).stop
    for ptr, val in made(f):
        entry = f.va_of_entry(ptr) if val else None
        if entry and entry[1] < (f.page_offset if f.bits == 32 else total) and not entry[0].startswith("pte"):
            return *entry, val
    return None


@rule("update-of-pv", REMAP + ": Asking Xen", "crash", "failure")
def _(f):
    fault = page_fault(f)
    hit = hits_pv(f) if fault and is_linked(f, fault.cr2) else None
    if hit:
        name, va, val = hit
        first = " Or the entry's offset in its table was lost on the way, so that ptr is the table's beginning." if name.endswith("[0]") else ""
        return f"""An update wrote {val:#x} to {name} of VA {va:#x}, in the mapping P=V: ptr names the entry that was to be copied, or val and ptr
            are of the same one.{first} The entry of the linked address, VA {va + f.page_offset:#x}, was to be written."""


def changed(f: Facts) -> str:
    """Which entries were changed: what they translate, or where they are."""
    told = []
    for call in f.calls:
        for ptr, val in call.updates:
            pfn, entry = f.pfn(ptr >> PAGE_SHIFT), f.va_of_entry(ptr & -8)
            told.append(f"{entry[0]} of VA {entry[1]:#x} to {val:#x}" if entry else
                        f"entry {(ptr & PAGE_SIZE - 1) >> 3} of PFN {pfn:#x} to {val:#x}" if pfn is not None else f"maddr {ptr:#x}")
    return ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "") or "nothing"
