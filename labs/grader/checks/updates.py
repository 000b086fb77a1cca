# SPDX-License-Identifier: GPL-2.0-only
"""The updates that Xen was asked for, against those that a remap on this machine would ask for.

They are evidence, not what points depend on: when a page is missed, they tell why.
Called by remap.py.
"""

from collections import namedtuple

from ..tables import PAGE, PRESENT, RW, MFN_MASK
from .frames import frames_of
from .walking import tables_of

XENS_SLOT = 3

# An entry that a remap by upper levels has to make: where, what, from where, its name.
Want = namedtuple("Want", "maddr value source name")


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


# ---- the requests ----------------------------------------------------------------


def explain_requests(task, boot, requests, before):
    """Names what is wrong with the updates that were asked for."""
    guest = boot.guest
    wants = {w.maddr: w for w in wanted(guest, before)}
    if not requests and any(count == 0 for _, count in boot.watch.handed):
        task.fail("remap-batch-empty", "mmu_update was called with a count of 0 updates: is what was collected never counted?")
        return
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
            explain_pointer(task, boot, request, list(wants.values()), number, refused)
        return


def explain_pointer(task, boot, request, wants, number, refused):
    guest = boot.guest
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
    if guest.bits == 32 and ptr == guest.maddr(guest.info["pt_base"]) + 8 * XENS_SLOT:
        task.fail("ptr-xens-slot", f"""{said}: pgd[{XENS_SLOT}], the slot that the guest shares with Xen. Its entry cannot be replaced: what Xen has there
            would be lost. In that slot the pmd entries are copied.{refused}""")
    elif ptr in [w.source for w in wants] and request.val == 0 and number:
        task.fail("remap-pv-emptied", f"{said}, and empties it: that is the entry by which P=V is reached. The code still runs there.")
    elif ptr // PAGE in frames and ptr in [w.source for w in wants]:
        task.fail("ptr-source", f"{said}: that is the entry to be copied from. ptr names the entry to be written, {want.name} "
                  f"at maddr {want.maddr:#x}.{refused}")
    elif ptr // PAGE == want.maddr // PAGE:
        task.fail("ptr-wrong-index", f"{said}: the right table, but entry {ptr % PAGE / 8:g} instead of {want.name} "
                  f"(maddr {want.maddr:#x}).{refused}")
    elif ptr // PAGE in frames:
        task.fail("ptr-wrong-table", f"{said}: an entry of another table of yours (PFN {guest.pfn_of[ptr // PAGE]:#x}). "
                  f"To be written is {want.name}, maddr {want.maddr:#x}.{refused}")
    elif ptr // PAGE in guest.pfn_of:
        task.fail("ptr-no-table", f"{said}: PFN {guest.pfn_of[ptr // PAGE]:#x} of yours"
                  f"{frames_of(boot).named(ptr // PAGE)}: no page table. To be written is {want.name}, maddr {want.maddr:#x}.{refused}")
    else:
        task.fail("ptr-foreign", f"{said}: no page of this guest has that machine address. To be written is {want.name}, "
                  f"maddr {want.maddr:#x}.{refused}")


def explain_value(task, guest, want, value, verb, refused=""):
    said = f"{want.name} {verb} {value:#x}, where {want.value:#x} belongs"
    mfn, true = (value & MFN_MASK) // PAGE, (want.value & MFN_MASK) // PAGE
    source = guest.paddr_of(want.source)
    if not value & PRESENT and value == 0:
        task.fail("val-empty", f"{said}: an empty entry, which Xen accepts silently. The address will fault.{refused}")
    elif value & ~0xfff in (source & -PAGE, guest.va(source) & -PAGE) or value & ~7 == want.source & ~7:
        task.fail("val-address", f"{said}: that is where the entry to be copied stands, not what it holds.{refused}")
    elif value == want.value & 0xffffffff:
        task.fail("val-truncated", f"{said}: the same without its upper bits. An entry has 64 bits, whatever an unsigned long has.{refused}")
    elif mfn == guest.pfn_of.get(true):
        task.fail("val-pfn", f"""{said}: a pseudo-physical address (PFN {mfn:#x}). Page tables hold machine addresses, MFN
            {true:#x}: early_p2m(), or copy the entry as it is.{refused}""")
    elif mfn == true and not value & PRESENT:
        task.fail("val-not-present", f"{said}: without PRESENT. Xen accepts it silently, and the address will fault.{refused}")
    elif mfn == true and not value & RW:
        task.fail("val-read-only", f"{said}: without RW, so nothing below it can be written to.{refused}")
    elif mfn == true:
        task.fail("val-flags", f"""{said}: the right page, other flags ({value & ~MFN_MASK:#x} for {want.value & ~MFN_MASK:#x}). Copy the
            whole entry; bits like PSE mean something else up here, and Xen checks.{refused}""")
    elif mfn in guest.pfn_of:
        task.fail("val-other-entry", f"{said}: it leads to PFN {guest.pfn_of[mfn]:#x}, where PFN {guest.pfn_of.get(true, 0):#x} "
                  f"should be. Which entry was it copied from?{refused}")
    else:
        task.fail("val-foreign", f"{said}: MFN {mfn:#x} is not this guest's.{refused}")
