# SPDX-License-Identifier: GPL-2.0-only
"""The pages behind a remap: does each linked VA lead to the page that is at P=V, with the same rights, and without P=V, too?

Called at a stop behind the remap, with the tables as they were at the entry (before) and as they are (after).
"""

from ..tables import PAGE
from ..xenstables import M2P
from .updates import explain_value, wanted


def spans(guest):
    """The linked mappings: base VA and end of paddrs. A 64-bit image has two."""
    found = [(guest.page_offset, guest.limit())]
    if guest.load_offset != guest.page_offset:
        found.append((guest.load_offset, (guest.image_end + PAGE - 1) & -PAGE))
    return found


def first_bad_page(guest, before, after):
    """Base VA and paddr of the first page that its VA does not lead to; None if all do."""
    for base, end in spans(guest):
        for paddr in range(0, end, PAGE):
            at_pv = before.translate(paddr)
            if at_pv and after.translate(base + paddr & guest.mask) != at_pv:
                return base, paddr
    return None


def pull_pv(boot):
    """Empties the pgd entries below the linked mapping's, in machine memory; returns what they held."""
    guest, stub = boot.guest, boot.machine.stub
    pgd = guest.maddr(guest.info["pt_base"])
    slots = guest.page_offset >> 30 if guest.bits == 32 else 1
    old = stub.read(pgd, 8 * slots, physical=True)
    stub.write(pgd, bytes(len(old)), physical=True)
    boot.machine.forget_translations()
    return old


def check_without_pv(task, boot):
    """Reads each page at its linked VA while P=V is gone, and puts P=V back."""
    guest, stub = boot.guest, boot.machine.stub
    old = pull_pv(boot)
    for base, end in spans(guest):
        pieces = [(base + paddr & guest.mask, 8) for paddr in range(0, end, PAGE)]
        lost = next((number * PAGE for number, data in enumerate(stub.read_pieces(pieces)) if not data), None)
        if lost is not None:
            task.fail("remap-leans-on-pv", f"""with P=V taken away, VA {base + lost & guest.mask:#x} (paddr {lost:#x}) leads nowhere any more: its
                way goes through an entry of P=V's.""")
    stub.write(guest.maddr(guest.info["pt_base"]), old, physical=True)
    boot.machine.forget_translations()


def first_lost_page(guest, before, after):
    for paddr in range(0, guest.limit(), PAGE):
        if before.translate(paddr) != after.translate(paddr):
            return paddr
    return None


def explain_page(task, guest, before, after, base, paddr):
    va = base + paddr & guest.mask
    steps = after.walk(va)
    last, found = steps[-1], after.translate(va)
    what = f"VA {va:#x} should lead to paddr {paddr:#x} (PFN {paddr // PAGE:#x}, MFN {before.translate(paddr).mfn:#x}), "
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
    elif found.mfn != before.translate(paddr).mfn:
        pfn = guest.pfn_of.get(found.mfn)
        task.fail("remap-wrong-page", f"{what}but it leads to MFN {found.mfn:#x}"
                  + (f", which is PFN {pfn:#x}" if pfn is not None else ", which is not this guest's")
                  + ". An entry was copied to the wrong place, or from it.")
    elif found.write != before.translate(paddr).write:
        task.fail("remap-read-only", f"{what}and does, but cannot be written to there: RW is missing on the way. Copy the "
                  "whole entry, flags and all.")
    else:
        task.fail("remap-no-execute", f"{what}and does, but no code can run there: NX (bit 63) is set on the way. Copy the "
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
