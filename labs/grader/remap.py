# SPDX-License-Identifier: GPL-2.0-only
"""What must hold after the remap, and what is wrong if it does not.

Every page below the limit has to be reached at its linked VA too: the same
machine page as P=V, and writable where it was. That is walked from outside, page
by page, in entries that are not P=V's, so it holds as well when P=V is gone.
The limit is the grader's own.

When a page is missed, the requests that Xen was sent tell why: each is compared
with what a remap on this machine would ask for.
"""

from collections import namedtuple

from machine import Stop
from tables import PAGE, PRESENT, RW, MFN_MASK, Tables
from translation import M2P
from walking import tables_of

# An entry that a remap by upper levels has to make: where, what, from where, its name.
Want = namedtuple("Want", "maddr value source name")


def spans(guest):
    """The linked mappings: base VA and end of paddrs. A 64-bit image has two."""
    found = [(guest.page_offset, guest.limit())]
    if guest.load_offset != guest.page_offset:
        found.append((guest.load_offset, (guest.image_end + PAGE - 1) & -PAGE))
    return found


def wanted(guest, before):
    """The entries of the shortest way on these tables: by pgd where a slot is all the guest's, else by pmd."""
    found = []
    pgd = before.root

    def add(dst, src, name):
        found.append(Want(dst, before.entry(src), src, name))

    if guest.bits == 64:
        pud = before.entry(pgd) & MFN_MASK
        add(pgd + 8 * (guest.page_offset >> 39 & 511), pgd, "pgd[272]")
        add(pud + 8 * (guest.load_offset >> 30 & 511), pud, "pud[510] of the P=V pud page")
        add(pgd + 8 * 511, pgd, "pgd[511]")
        return found
    slot = guest.page_offset >> 30
    if slot != 3:
        add(pgd + 8 * slot, pgd, f"pgd[{slot}]")
        return found
    source, target = (before.entry(pgd + 8 * i) & MFN_MASK for i in (0, slot))
    for index in range((guest.limit() + (1 << 21) - 1) >> 21):
        add(target + 8 * index, source + 8 * index, f"entry {index} of slot {slot}'s pmd page")
    return found


def check_remap(task, boot, watch, before, event, name):
    """At the stop behind the remap, or wherever the kernel ended instead: event tells."""
    guest = boot.guest
    if not isinstance(event, Stop) or event.name != name:
        explain_requests(task, boot, watch.requests, before)
        task.fail("remap-no-end", f"the kernel did not come to the end of its remap: {boot.describe(event)}.")
        return
    after = Tables(guest)
    boot.keep_tables("after the remap", after)
    bad = first_bad_page(guest, before, after)
    if bad:
        explain_requests(task, boot, watch.requests, before)
        explain_page(task, guest, before, after, *bad)
    damaged = m2p_damage(boot)
    if damaged:
        explain_requests(task, boot, watch.requests, before)
        task.fail("remap-m2p-damaged", f"the m2p's entry of MFN {damaged[0]:#x} is PFN {damaged[1]:#x} now: an update with "
                  "MMU_MACHPHYS_UPDATE (1) in the low bits of ptr changes the m2p, not a page table.")
    lost = first_lost_page(guest, before, after)
    if lost is not None:
        task.fail("remap-pv-lost", f"paddr {lost:#x} is not mapped P=V any more. The code still runs there; what it maps "
                  "must stay until the jump.")


# ---- the pages -----------------------------------------------------------------


def first_bad_page(guest, before, after):
    """Base VA and paddr of the first page that its VA does not lead to; None if all do."""
    for base, end in spans(guest):
        for paddr in range(0, end, PAGE):
            at_pv = before.translate(paddr)
            if at_pv and after.translate(base + paddr & guest.mask) != at_pv:
                return base, paddr
    return None


def first_lost_page(guest, before, after):
    for paddr in range(0, guest.limit(), PAGE):
        if before.translate(paddr) != after.translate(paddr):
            return paddr
    return None


def explain_page(task, guest, before, after, base, paddr):
    va = base + paddr & guest.mask
    steps = after.walk(va)
    last, found = steps[-1], after.translate(va)
    what = f"VA {va:#x} should lead to paddr {paddr:#x} (PFN {paddr // PAGE:#x}, MFN {before.translate(paddr)[0]:#x}), "
    names = {w.maddr: w for w in wanted(guest, before)}
    want = next((names[s.maddr] for s in steps if s.maddr in names), None)
    if found is None and want and after.entry(want.maddr) not in (before.entry(want.maddr), want.value):
        explain_value(task, guest, want, after.entry(want.maddr), "holds")
    if found is None:
        size = 1 << {"pgd": 39 if guest.bits == 64 else 30, "pud": 30, "pmd": 21, "pte": 12}[last.level]
        rest = max(0, (guest.limit() - paddr) // PAGE)
        value = "is empty" if last.value == 0 else f"holds {last.value:#x}, without PRESENT"
        identifier = "remap-not-mapped" if paddr < size else "remap-too-few"
        few = "" if paddr < size else f" Everything below paddr {paddr:#x} is mapped: the loop or the limit ended too early."
        task.fail(identifier, f"{what}but {last.level}[{last.index}] on the way {value}: the last {rest} pages of the kernel "
                  f"have no linked address.{few} Xen said nothing, since nothing was asked for wrongly; it would show when "
                  "P=V is gone.")
    elif found[0] != before.translate(paddr)[0]:
        pfn = guest.pfn_of.get(found[0])
        task.fail("remap-wrong-page", f"{what}but it leads to MFN {found[0]:#x}"
                  + (f", which is PFN {pfn:#x}" if pfn is not None else ", which is not this guest's")
                  + ". An entry was copied to the wrong place, or from it.")
    else:
        task.fail("remap-read-only", f"{what}and does, but cannot be written to there: RW is missing on the way. Copy the "
                  "whole entry, flags and all.")


def m2p_damage(boot):
    """MFN and entry of the first page whose m2p entry is no longer right."""
    guest, m2p = boot.guest, M2P[boot.guest.bits]
    low, high = min(guest.p2m), max(guest.p2m)
    entries = guest.words(boot.machine.stub.read(m2p + low * guest.word, (high + 1 - low) * guest.word))
    for mfn, pfn in guest.pfn_of.items():
        if entries[mfn - low] != pfn:
            return mfn, entries[mfn - low]
    return None


# ---- the requests ----------------------------------------------------------------


def explain_requests(task, boot, requests, before):
    """Names what is wrong with the updates that were asked for."""
    guest = boot.guest
    wants = {w.maddr: w for w in wanted(guest, before)}
    if not requests:
        task.fail("remap-nothing-asked", "no mmu_update reached Xen through the hypercall page: nothing was changed.")
        return
    for number, request in enumerate(requests):
        maddr = request.ptr & ~3
        if maddr in wants and not request.ptr & 3 and request.val == wants[maddr].value:
            continue
        refused = f" Xen refused ({request.ret}{': ' + boot.xen_says() if boot.xen_says() else ''})." if (request.ret or 0) < 0 else ""
        if maddr in wants and request.ptr & 3:
            task.fail("ptr-command", f"""the low bits of ptr {request.ptr:#x} are {request.ptr & 3}, which is a command:
                {'MMU_MACHPHYS_UPDATE, it changes the m2p and returns 0' if request.ptr & 3 == 1 else 'not MMU_NORMAL_PT_UPDATE'}.
                For a page table they have to be 0.""")
        elif maddr in wants:
            explain_value(task, guest, wants[maddr], request.val, "was to hold", refused)
        else:
            explain_pointer(task, guest, before, request, list(wants.values()), number, refused)
        return


def explain_pointer(task, guest, before, request, wants, number, refused):
    ptr = request.ptr & ~3
    said = f"update {number + 1} has ptr {request.ptr:#x}"
    want = next((w for w in wants if w.value == request.val), wants[min(number, len(wants) - 1)])
    frames = {guest.p2m[pfn] for pfn in tables_of(guest)}
    for w in wants:
        paddr = guest.paddr_of(w.maddr)
        if ptr == paddr:
            task.fail("ptr-paddr", f"""{said}: the pseudo-physical address (P=V) of {w.name}. Xen wants the machine address,
                {w.maddr:#x}: early_p2m().{refused}""")
        elif ptr in (guest.va(paddr), paddr + guest.load_offset & guest.mask):
            task.fail("ptr-va", f"{said}: the linked VA of {w.name}. Xen wants its machine address, {w.maddr:#x}.{refused}")
        elif ptr == w.maddr // PAGE & ~3 or ptr == w.maddr // PAGE * 8:
            task.fail("ptr-mfn", f"{said}: the page number (MFN) of {w.name}, not its address {w.maddr:#x}.{refused}")
        elif ptr == w.maddr & 0xffffffff:
            task.fail("ptr-truncated", f"{said}: {w.maddr:#x} without its upper bits.{refused}")
        else:
            continue
        return
    if ptr // PAGE in frames and ptr in [w.source for w in wants]:
        task.fail("ptr-source", f"{said}: that is the entry to be copied from. ptr names the entry to be written, {want.name} "
                  f"at maddr {want.maddr:#x}.{refused}")
    elif ptr // PAGE == want.maddr // PAGE:
        task.fail("ptr-wrong-index", f"{said}: the right table, but entry {ptr % PAGE / 8:g} instead of {want.name} "
                  f"(maddr {want.maddr:#x}).{refused}")
    elif ptr // PAGE in frames:
        task.fail("ptr-wrong-table", f"{said}: an entry of another table of yours (PFN {guest.pfn_of[ptr // PAGE]:#x}). "
                  f"To be written is {want.name}, maddr {want.maddr:#x}.{refused}")
    elif ptr // PAGE in guest.pfn_of:
        task.fail("ptr-no-table", f"{said}: PFN {guest.pfn_of[ptr // PAGE]:#x} of yours, which is no page table. To be written "
                  f"is {want.name}, maddr {want.maddr:#x}.{refused}")
    else:
        task.fail("ptr-foreign", f"{said}: no page of this guest has that machine address. To be written is {want.name}, "
                  f"maddr {want.maddr:#x}.{refused}")


def explain_value(task, guest, want, value, verb, refused=""):
    said = f"{want.name} {verb} {value:#x}, where {want.value:#x} belongs"
    mfn, true = (value & MFN_MASK) // PAGE, (want.value & MFN_MASK) // PAGE
    source = guest.paddr_of(want.source)
    if not value & PRESENT and value == 0:
        task.fail("val-empty", f"{said}: an empty entry, which Xen takes without a word. The address will fault.{refused}")
    elif value & ~0xfff in (source & -PAGE, guest.va(source) & -PAGE) or value & ~7 == want.source & ~7:
        task.fail("val-address", f"{said}: that is where the entry to be copied stands, not what it holds.{refused}")
    elif mfn == guest.pfn_of.get(true):
        task.fail("val-pfn", f"""{said}: a pseudo-physical address (PFN {mfn:#x}). Page tables hold machine addresses, MFN
            {true:#x}: early_p2m(), or copy the entry as it is.{refused}""")
    elif mfn == true and not value & PRESENT:
        task.fail("val-not-present", f"{said}: without PRESENT. Xen takes it without a word, and the address will fault.{refused}")
    elif mfn == true and not value & RW:
        task.fail("val-read-only", f"{said}: without RW, so nothing below it can be written to.{refused}")
    elif mfn == true:
        task.fail("val-flags", f"""{said}: the right page, other flags ({value & 0xfff:#x} for {want.value & 0xfff:#x}). Copy the
            whole entry; bits like PSE mean something else up here, and Xen checks.{refused}""")
    elif mfn in guest.pfn_of:
        task.fail("val-other-entry", f"{said}: it leads to PFN {guest.pfn_of[mfn]:#x}, where PFN {guest.pfn_of.get(true, 0):#x} "
                  f"should be. Which entry was it copied from?{refused}")
    else:
        task.fail("val-foreign", f"{said}: MFN {mfn:#x} is not this guest's.{refused}")
