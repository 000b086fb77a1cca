# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel itself found wrong: the checks of stages 3 and 4 that end in panic(), and what never came."""

import re

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .rule import rule
from .rules_events import BLOCK

REMAP, JUMP = "3-remap", "4-start-kernel"


def numbers(text: str) -> list[int]:
    return [int(n, 16) for n in re.findall(r"0x([0-9a-f]+)", text)]


@rule("repointed-too-early", JUMP + ": What still points low", "failure")
def _(f):
    limit = (numbers(f.panic) + [0])[0] if f.panic.startswith("remap: limit paddr") else 0
    if f.page_offset and limit >= f.page_offset:
        return f"""The limit, {limit:#x}, is a linked address ({f.number(limit - 1, "linked") or "PAGE_OFFSET and more"}): start_info was repointed before
            the remap, which needs its P=V addresses."""


@rule("limit-beyond", REMAP + ": How far the remap must reach", "failure")
def _(f):
    if f.panic.startswith("remap: limit paddr"):
        limit, last = numbers(f.panic)[:2]
        if limit >= f.page_offset:
            return None
        parts = f.source.image.loaded() if f.source.image else []
        end = max((p.paddr + p.memsz for p in parts), default=0)
        return f"""All that the kernel goes on using ends at paddr {limit:#x}, and the last that has a free linked address is {last:#x}: above
            it is Xen, or P=V. The image itself ends at paddr {end:#x}{", a large .bss?" if end > limit // 2 else ", so it is one of the other terms of the limit"}."""


@rule("limit-not-ours", REMAP + ": How far the remap must reach", "failure")
def _(f):
    if f.panic.startswith("limit: MFN"):
        return """start_info names a page by its MFN (console or store) that the p2m does not have. Dom0 has no such pages: the union holds
            something else there. Or the m2p was asked a PFN."""


@rule("empty-source-entry", REMAP + ": Walking the tables in software", "failure")
def _(f):
    number = (numbers(f.panic) or [0])[-1]
    if f.panic.startswith("remap: the entry at"):
        return source(f, number)
    if f.panic.startswith("page table walk: "):
        pfn = f.pfn(number >> PAGE_SHIFT)
        kind = f"That names PFN {pfn:#x}, {f.thing(pfn << PAGE_SHIFT) or 'an ordinary page'}." if pfn is not None else ""
        return f"""The walk came to an entry that maps nothing, or leads to no table of this guest: it took a wrong index or address, or the
            limit lies beyond what Xen mapped for the start. {kind}
            {f"{number:#x} does not begin an entry: its low bits, {number & 0xFFF:#x}, look like the flags of one." if number & 7 else ""}"""


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
    if total and total.stop <= va < f.page_offset:
        return f"{head} it is {name}, of VA {va:#x}, and Xen mapped memory for the start only up to {total.stop:#x} (TOTAL). The limit, or the index, is too large."
    if f.page_offset and f.page_offset <= va:
        return f"""{head} it is {name}, of VA {va:#x}, a linked address, where there is nothing to copy yet. What is copied is the entry of the P=V address; source and
            destination may be exchanged."""
    return f"{head} it is {name}, of VA {va:#x}. The walk took a wrong index or address."


@rule("remap-wrong-page", REMAP + ": Walking the tables in software", "failure")
def _(f):
    if f.panic.startswith("verify: "):
        va = numbers(f.panic)[1]
        walk = f.walk(va)
        pfn = f.pfn(walk.maddr >> PAGE_SHIFT) if walk and walk.maddr is not None else None
        leads = f" VA {va:#x} leads to PFN {pfn:#x} by {', '.join(f'{e.name} = {e.value:#x}' for e in walk.path[1:])}." if pfn is not None else ""
        return f"""The linked address leads to another page than P=V does: the entry was copied from, or to, a wrong index.{leads}
            P=V {numbers(f.panic)[0]:#x} is PFN {numbers(f.panic)[0] >> PAGE_SHIFT:#x}."""


@rule("jump-stays-low", JUMP + ": A jump that stays low", "failure")
def _(f):
    at, linked = (numbers(f.panic) + [0, 0])[:2] if f.panic.startswith("jump: xen_start_kernel runs") else (0, 0)
    if not at:
        return None
    where = f"VA {at:#x}, in the mapping of all memory at PAGE_OFFSET" if at >= f.page_offset else f"P=V {at:#x}"
    return f"""xen_start_kernel() runs at {where}, and the image is linked for VA {linked:#x} and up (LOAD_OFFSET). A relative jump does not leave the mapping
        it runs in, nor does one to the P=V address: it takes a register that holds the linked VA, which is LOAD_OFFSET more{
        ", and not PAGE_OFFSET" if f.bits == 64 else ""}."""


@rule("stack-elsewhere", JUMP + ": The jump", "failure")
def _(f):
    if f.panic.startswith("stack: xen_start_kernel's"):
        at, top = numbers(f.panic)[:2]
        bottom = top - 0x2000
        word = f.bits // 8
        if bottom <= at < top and at % word:
            return f"The stack pointer, VA {at:#x}, is no multiple of {word}: a stack consists of words, and its top is VA {top:#x}, one past its last byte, not that byte."
        kind = "inside init_stack, but not at its upper end" if bottom <= at < top else \
            "just below init_stack: its lower end was taken for its top" if bottom - 64 <= at < bottom else f.number(at) or "no stack of the kernel's"
        return f"""The jump landed on another stack: VA {at:#x} is {kind}. The top of init_stack is VA {top:#x}, and a stack is used from its
            upper end downwards."""


@rule("stack-overflow", JUMP + ": The jump", "failure")
def _(f):
    if f.panic.startswith("stack: the lower end"):
        return f"""init_stack overflowed: the word at its lower end, VA {numbers(f.panic)[0]:#x}, was written over. It has two pages (THREAD_SIZE);
            a large array, deep recursion, or a stack pointer that began too low."""


@rule("start-info-not-repointed", JUMP + ": What still points low", "failure", "crash", "silence")
def _(f):
    pointer = f.word("xen_start_info") if f.seen else None
    right = f.seen.start_info + f.page_offset & f.mask if f.seen else 0
    dropping = any(c.name == "set_trap_table" for c in f.calls) and not any(c.name == "set_callbacks" for c in f.calls)
    if pointer is not None and pointer != right and dropping and not f.fault:
        return f"""xen_start_info is {pointer:#x}{f" ({f.number(pointer)})" if f.number(pointer) else ""}, and should be VA {right:#x}: start_info was not
            repointed before the jump. What it pointed to was used all the same, since page 0 is an ordinary page while P=V holds."""


@rule("field-repointed-wrong", JUMP + ": What still points low", "failure", "crash")
def _(f):
    now = f.info_now if any(c.name == "set_trap_table" for c in f.calls) else None
    for name in ("pt_base", "mfn_list") if now and f.info else ():
        was, value = getattr(f.info, name), getattr(now, name)
        if value not in (was, was + f.page_offset & f.mask, was + 2 * f.page_offset & f.mask):
            return f"""start_info's {name} is {value:#x}{f" ({f.number(value)})" if f.number(value) else ""} now. Xen had it at P=V {was:#x}, so repointed it has to be VA
                {was + f.page_offset & f.mask:#x}."""
    return None


@rule("identity-map-still-there", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    if not f.panic.startswith("P=V is still mapped"):
        return None
    walk = f.walk(0)
    left = re.search(r"pgd\[(\d+)\] is 0x([0-9a-f]+)", f.panic)
    updates = [u for c in f.calls if c.name == "mmu_update" for u in c.updates if not u[1]]
    if left and updates:
        named = ", ".join(f"{ptr:#x}" for ptr, _ in updates[:4])
        return f"""pgd[{left[1]}] is {int(left[2], 16):#x} still. The updates that were to clear the entries of P=V had as ptr: {named}. Is each the machine address of an
            entry, the next {f.entry_size if f.seen and f.seen.boot else 8} bytes on, with the command (0) in its low two bits, and does the loop begin and end with the right one?"""
    flushed = any(c.name == "mmuext_op" for c in f.calls)
    dropped = [c for c in f.calls if c.name == "mmu_update"][-1:]
    if walk and walk.problem:
        return f"""The pgd entries of P=V are gone ({walk.problem}), but the processor still remembers them: the TLB has to be flushed
            {"after" if flushed else "(mmuext_op, MMUEXT_TLB_FLUSH_LOCAL) after"} the update."""
    return f"""The pgd entries of the P=V mapping were not all cleared: {walk.path[1].name + f" is {walk.path[1].value:#x}" if walk and len(walk.path) > 1 else "VA 0 is mapped"}.
        Or it was not the pgd that was looked at: is xen_start_info set, and start_info's pt_base repointed, before the jump?
        The last mmu_update had {dropped[0].args[1] if dropped else 0} updates."""


@rule("magic", REMAP, "failure")
def _(f):
    if "does not begin with xen-3.0" in f.panic:
        va = numbers(f.panic)[0]
        right = f.seen.start_info if f.seen else 0
        return f"""{va:#x} is not start_info{f" ({f.number(va)})" if f.number(va) else ""}: Xen passed P=V {right:#x} in ESI (RSI). Or something wrote
            over it."""


@rule("events-masked", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    if f.panic.startswith("events: masked after SCHEDOP_block"):
        if f.called_back:
            return f"""Events are masked after sched_op, and the callback returned as it should, by the iret hypercall: so it was another operation than SCHEDOP_block, {BLOCK},
                which alone unmasks events and sleeps in one step. SCHEDOP_yield (0) and SCHEDOP_poll leave the mask as it is."""
        return """Events are masked after an event was handled. Xen masks them when it calls the kernel back, and takes the mask away when the kernel
            returns by the iret hypercall (hypercall_iret), not by the processor's IRET, which knows nothing of it."""
    if f.panic.startswith("events: masked"):
        return """evtchn_upcall_mask in shared_info is 1 where the kernel has unmasked events: 1 masks them and 0 lets them in. It was written the other way
            round, or into another byte."""
