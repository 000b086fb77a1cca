# SPDX-License-Identifier: GPL-2.0-only
"""Page-table updates that Xen refused for how they were asked for: how many, and which entry. Stage 3."""

from errno import ENOSYS

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .calls import UPDATE, Call
from .facts import Facts
from .questions import refused, say
from .relation import also
from .rule import rule

LESSON = "3-remap"


def overflowed(f: Facts) -> tuple[int, int] | None:
    """How many updates the remap has collected, and how many there is room for, if they are too many."""
    batch = next((s for s in f.source.image.all_symbols if s.name == "batch" and s.size), None) if f.source.image else None
    there = f.address is not None and f.source.line(f.address).startswith("src/stage3-remap/")
    count = (f.word("batched") or 0) & 0xFFFFFFFF if batch and f.seen and there else 0
    return (count, batch.size // UPDATE.size) if batch and count > batch.size // UPDATE.size else None


@rule("batch-overflow", LESSON + ": The code", "crash", "failure", "silence", "timeout", rank=-1)
def _(f):
    if overflowed(f) and not f.panic.startswith("remap: "):
        count, room = overflowed(f)
        return f"""The remap has collected {count} updates (batched), and batch has room for {room} (REMAP_MAX_UPDATES): what lies behind it in memory was written over. A loop over addresses did not end where it should: is its counter an unsigned
            long, what is added to it right (PMD_SIZE, PGDIR_SIZE, PUD_SIZE), and its end?"""


@rule("update-again", LESSON + ": The code", "failure", rank=-1)
def _(f):
    if f.panic.startswith(("remap: two updates in a row", "remap: batch has room")):
        lines = [f.source.line(a) for a in f.callers() if f.source.function(a) != "copy_mapping"] if f.seen and f.seen.regs else []
        asked = next((line for line in lines if "/remap.c:" in line), "")
        by = f" ({asked})" if asked else ""
        loop = """A loop over addresses has a wrong step or end (an entry of a pmd page maps PMD_SIZE, of a pud page PUD_SIZE, of the pgd PGDIR_SIZE; the counter is an unsigned long), or the index that
            the entry was found by is that of another level."""
        if "in a row" in f.panic:
            return f"The remap came to the same entry a second time{by}. {loop}"
        return f"The remap came to more entries{by} than batch has room for: REMAP_MAX_UPDATES is to be one for each entry that a remap up to REMAP_MAX can need. If it is: {loop[0].lower()}{loop[1:]}"


@rule("update-exchanged", LESSON + ": Asking Xen", "failure")
def _(f):
    if refused(f, name=("mmu_update",)) and f.update and f.is_a(f.update[0], "entry") and f.is_a(f.update[1], "maddr") and not f.update[1] & 7:
        return f"""ptr and val are exchanged: mmu_update's ptr is {f.update[0]:#x}, {f.number(f.update[0], "entry")}, and its val
            {f.update[1]:#x}, {f.number(f.update[1], "maddr")}."""


@rule("entry-unaligned", LESSON + ": Asking Xen", "failure")
def _(f):
    if refused(f, name=("mmu_update",)) and f.update and f.update[0] & 4 and f.pfn(f.update[0] >> PAGE_SHIFT) is not None:
        return f"""mmu_update's ptr, {f.update[0]:#x}, does not begin an entry: entries have 8 bytes, and the low two bits of ptr are the
            command."""


def p2m_pointer(f: Facts) -> tuple[int, int] | None:
    """Where stage 4 looks for the p2m, and where it is, if it was used and is wrong, and not by the remap's distance."""
    pointer = f.word("phys_to_machine_mapping") if f.info else None
    right = f.info.mfn_list + f.page_offset & f.mask if f.info else 0
    used = refused(f, name=("mmu_update",)) and any(c.name == "set_trap_table" for c in f.calls) or f.function == "phys_to_machine"
    wrong = used and pointer is not None and pointer not in (right, f.info.mfn_list, right + f.page_offset & f.mask)
    return (pointer, right) if wrong else None


def entry_of_p2m(f: Facts, pointer: int) -> str:
    """Which entry could not be read, and what its index was made of."""
    if not f.fault or not f.fault.page:
        return ""
    index = (f.fault.cr2 - pointer & f.mask) // (f.bits // 8)
    paddr = index << PAGE_SHIFT & f.mask
    va = paddr + f.page_offset & f.mask
    if f.source.offset == f.page_offset or not f.thing(va - f.source.offset & f.mask):
        return f"Nothing was read: the access to entry {index:#x} faulted, at VA {f.fault.cr2:#x}."
    why = "which is for addresses behind the image (one in it takes __pa_symbol())" if f.source.linked(va) else \
        "and takes off PAGE_OFFSET. So this pointer, too, got LOAD_OFFSET, which is for addresses in the image alone: what Xen laid behind it is at PAGE_OFFSET and its paddr"
    return f"Nothing was read: the access to entry {index:#x} faulted, at VA {f.fault.cr2:#x}. That index is the page number of {paddr:#x}, which is VA {va:#x} ({f.number(va, 'linked')}) less PAGE_OFFSET: __pa() made it, {why}."


@rule("p2m-pointer", "4-start-kernel: The p2m not repointed", "failure", "crash")
def _(f):
    if p2m_pointer(f):
        pointer, right = p2m_pointer(f)
        return f"""phys_to_machine_mapping is {say(f, pointer)}, and the p2m is at VA {right:#x} (start_info's mfn_list, repointed).{also(f, pointer, right)}
            {entry_of_p2m(f, pointer) or "What was read by it as an MFN is none."}"""


@rule("pointer-not-repointed", "4-start-kernel: The p2m not repointed", "failure")
def _(f):
    call = refused(f, name=("mmu_update",))
    if call and f.update and not p2m_pointer(f) and not any(ptr >> PAGE_SHIFT for ptr, _ in call.updates) and any(ptr for ptr, _ in call.updates):
        return """An update in machine page 0, which is no guest's: the p2m was asked about an address that is not pseudo-physical, most
            likely a P=V pointer of start_info (pt_base) that was not repointed, or one that was repointed twice: subtracting PAGE_OFFSET
            from it made nonsense, and beyond the p2m's end there are zeros."""


@rule("pfn-in-ptr", LESSON + ": A pseudo-physical address in ptr", "failure",
      unlike="`xen hypercalls on` in `make gdb` shows each update with the table that it hits.")
def _(f):
    call = refused(f, name=("mmu_update",))
    if not call or not f.update or f.pfn(f.update[0] >> PAGE_SHIFT) is not None or f.update[0] < PAGE_SIZE or not (
            f.xen_said_then("Could not get page for") or -call.result == ENOSYS):
        return None
    ptr = f.update[0] if f.is_a(f.update[0], "mfn") else f.update[0] & ~3
    kind = f.number(ptr, "pv", "linked", "twice", "mfn", "clobbered")
    if f.is_a(ptr, "pv") and f.thing(ptr):
        want = f.p2m[ptr >> PAGE_SHIFT] << PAGE_SHIFT | ptr & PAGE_SIZE - 1 if ptr >> PAGE_SHIFT < len(f.p2m) else 0
        return f"""mmu_update's ptr, {ptr:#x}, is pseudo-physical ({kind}). The entry to change has to be named by its machine address,
            {want:#x}: it must go through the p2m first (early_p2m())."""
    if f.is_a(ptr >> PAGE_SHIFT, "pv") and f.thing(ptr >> PAGE_SHIFT):
        return f"""mmu_update's ptr, {ptr:#x}, is P=V {ptr >> PAGE_SHIFT:#x}, {f.thing(ptr >> PAGE_SHIFT)}, shifted left by {PAGE_SHIFT}: a paddr, taken for a page number. The entry to change has to be named by its machine address: its paddr, through the p2m."""
    if f.bits == 32 and ptr >> 32 and f.is_a(ptr & f.mask, "linked", "clobbered"):
        return f"""mmu_update's ptr, {ptr:#x}, is no machine address, but two words of 32 bits that lay there before, {ptr >> 32:#x} and {ptr & f.mask:#x} ({f.number(ptr & f.mask, "linked", "clobbered")}): it was never filled in, or
            only a part of it. It has 64 bits, and is the entry's machine address."""
    if f.is_a(ptr, "linked", "twice", "mfn", "clobbered"):
        unknown = f.update[0] & 7 > 2 and call.result == -ENOSYS
        low = f" ENOSYS is for its three lowest bits, which say what kind of update it is: {f.update[0] & 7} is none." if unknown else ""
        return f"""mmu_update's ptr, {ptr:#x}, is no machine address: {kind}. The entry to change has to be named by its machine address.{low}"""
    return f"""mmu_update's ptr, {ptr:#x}, is not in a page of this guest's (MFN {ptr >> PAGE_SHIFT:#x} is not in its p2m). It has to be the
        machine address of the entry to change: early_p2m() of its paddr. What was translated, or added to it?"""


def not_asked_for(f: Facts, call: Call, filled: tuple[int, int]) -> str:
    """Why an update was collected, and not asked for: what stood there when the call was made tells whether it came too early."""
    update = f"maddr {filled[0]:#x} := {filled[1]:#x}"
    if len(call.data) == UPDATE.size and not any(call.data) and f.source.linked(call.args[0]):
        count = (f.word("batched") or 0) & 0xFFFFFFFF
        left = f", and batched, which counts them, is {count} at the end: {'that was' if count == 1 else 'those were'} never sent" if count else ""
        return f"""The call came too early: where the updates are collected, at VA {call.args[0]:#x}, there was nothing yet. The first, {update}, was put there afterwards{left}. What sends them (flush_batch()) has to come behind all that collects them."""
    return f"""Where they are collected, at VA {call.args[0]:#x}, the first place is filled in, {update}{', and was when the call was made' if any(call.data) else ''}: it was not counted (batched has to grow with each), or the count was set to 0 before the call, or the call is given another number than
        the count."""
