# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: the page tables that it wrote for a domain, and what Xen found in them when it was asked to pin them."""

import re

from xenpt.memory import PAGE_SHIFT

from .guest_entries import holds, no_table, not_written
from .guest_tables import stopped_at
from .pin_refusal import PIN, bad_type, built_unshifted, entry_of, of_dom0, said
from .rule import rule
from .rules_operations import ON_PORT

LESSON = "10-the-other-side"
FLAGS = {0x1: "PRESENT", 0x2: "RW", 0x4: "USER", 0x8: "PWT", 0x10: "PCD", 0x80: "PSE", 0x100: "GLOBAL"}


@rule("guest-domain-pin", LESSON, "failure")
def _(f):
    return no_table(f, stopped_at(said(f))) if re.match(PIN, f.panic) else None


@rule("guest-domain-pin", LESSON + ": A page table that is mapped writable", "failure")
def _(f):
    page = bad_type(f) if re.match(PIN, f.panic) else None
    if not page:
        return None
    at = stopped_at(said(f))
    what = f"MFN {page.mfn:#x}, the guest's PFN {page.pfn:#x},"
    if "writable" in page.wanted and "page table" in page.saw:
        return f"""The {entry_of(f) or 'tables'} maps {what} with RW, and that page is itself {page.saw}. A guest may read its page tables and never write to them: the ptes
            of those pages must be without RW before Xen is asked to pin the top one. {holds(f, at)}"""
    if "page table" in page.wanted and "writable" in page.saw:
        where = of_dom0(f, page.mfn)
        if not where and any("linear p.t. with write perms" in line for line in said(f)):
            return f"""{what} is to become {page.wanted}, and a pte of these very tables maps it with RW. A guest may read its page tables and never write to them: the ptes of all of them, the last one's, too, must be without RW. Which PFNs does is_table() take for
                tables? {holds(f, at)}"""
        return f"""{what} is to become {page.wanted}, and it is still mapped writable somewhere{f': {where}' if where else ''}. Whoever wrote the tables has to give up
            that mapping (the window of window.c, the page shared for a ring) before Xen is asked to pin them; or two things were laid out at
            the same PFN. {holds(f, at)}"""
    return f"{what} was wanted as {page.wanted}, and is {page.saw}: {entry_of(f) or 'an entry'} leads to it. {holds(f, at)}"


@rule("guest-domain-pin", LESSON + ": A page table that is mapped writable", "failure")
def _(f):
    value = re.search(r"(?:from L1 entry|Bad L\d flags) ([0-9a-f]+)", "\n".join(said(f)))
    if not re.match(PIN, f.panic) or not value:
        return None
    number = int(value[1], 16)
    if "flags" in value[0] and built_unshifted(f):
        return built_unshifted(f)
    if "flags" in value[0]:
        return f"""The {entry_of(f) or 'entry that Xen names'} has flags that Xen allows nobody, {' '.join(name for bit, name in FLAGS.items() if number & bit) or f'{number:#x}'}: a guest's
            entries have PRESENT, RW, USER, ACCESSED, DIRTY, and those of the top level of PAE PRESENT alone need be there. Xen's number is that of
            the bits, with those from 52 on moved down. {holds(f, stopped_at(said(f)))}"""
    pages = f.guest(r"^toolstack: ([0-9]+) pages, PFN 0 is MFN 0x([0-9a-f]+)")
    mfn = number >> PAGE_SHIFT
    return f"""The {entry_of(f) or 'entry that Xen names'} is {number:#x}, which names MFN {mfn:#x}, and that page is not the domain's
        {': it is a PFN, which has to go through the p2m (guest_mfn())' if pages and mfn < int(pages[1]) else ''}."""


@rule("guest-domain-levels", LESSON, "failure")
def _(f):
    """Tables of another width than the domain's."""
    made, created = f.guest(r"^toolstack: \d+ page tables of (\d) levels"), f.guest(r"^toolstack: created domain \d+, (32|64) bits")
    right = {"32": 3, "64": 4}[created[1]] if created else 0
    if made and right and int(made[1]) not in (0, right) and f.panic.startswith(("hypercall refused: mmuext_op", "hypercall refused: domctl(setvcpucontext")):
        return f"""The toolstack wrote page tables of {made[1]} levels, and the domain has {created[1]} bits, so they have {right}: {"PAE, whose top level has 4 entries" if right == 3 else "pgd, pud, pmd and pte"}. guest->levels, which count_tables() (src/stage6-toolstack/pagetables.c) sets by the image's width, decides
            that for all that follows: link_tables(), the pinning (MMUEXT_PIN_L{right}_TABLE), and cr3."""
    return None


@rule("guest-domain-pin", LESSON, "failure")
def _(f):
    """Nobody has counted the tables."""
    laid = f.guest(r"^toolstack: layout, PFNs: .* (\d+) tables 0x([0-9a-f]+)")
    if laid and not int(laid[1]) and f.panic.startswith("hypercall refused: mmuext_op"):
        return f"""The toolstack laid out no page tables: its line of the layout says "0 tables", all from PFN 0x{laid[2]} on. How many there are on each level, and how many levels, count_tables() (src/stage6-toolstack/pagetables.c) works out from what is to be mapped; place_tables() (layout.c) has to call it before it gives out
            their pages."""
    return None


@rule("guest-domain-pin", LESSON + ": A page table that is mapped writable", "failure")
def _(f):
    asked, pages = re.match(PIN + ", MFN 0x([0-9a-f]+)", f.panic), f.guest(r"^toolstack: ([0-9]+) pages, PFN 0 is MFN 0x([0-9a-f]+)")
    if asked and pages and int(asked[1], 16) < int(pages[1]):
        return f"MMUEXT_PIN got {int(asked[1], 16):#x}, which is a PFN of the domain's, and takes an MFN: that of the top-level table, from the p2m (guest_mfn())."
    tables = f.guest(r"^toolstack: layout, PFNs: .* (\d+) tables 0x([0-9a-f]+)")
    got = next((int(m[1], 16) for m in (re.search(r"Error mfn ([0-9a-f]+)", line) for line in said(f)) if m), None)
    if asked and tables and int(tables[1]) and got == int(tables[2], 16):  # the top table; another's number comes from an entry
        return f"MMUEXT_PIN was to pin MFN 0x{asked[1]}, and Xen got {got:#x}, which is the PFN of a page table: arg1.mfn takes an MFN, the one from the p2m (guest_mfn())."
    owner = next((m for m in (re.search(r"Error mfn ([0-9a-f]+): rd=d(\d+) od=d(\d+)", line) for line in said(f)) if m), None)
    if asked and owner and got == int(asked[1], 16) and owner[2] != owner[3]:
        return f"""Xen looked for MFN 0x{asked[1]} among the pages of domain {owner[2]}, and it belongs to domain {owner[3]}: the last argument of mmuext_op says whose page is to be pinned, and that is the domain that is being built (guest->id). DOMID_SELF is the caller, dom0."""
    if asked and f.guest(r"^toolstack: \d+ page tables of"):
        told = [re.sub(r"^\(XEN\) \S*?:(d\d+v\d+ )?", "", line) for line in said(f)[:2]]
        stopped = f". It stopped at {entry_of(f)}." if entry_of(f) else f": {'; '.join(told)}." if told else "."
        begin = f"Xen looked at the page tables that stage 6 wrote, and did not take them{stopped}"
        seen = not_written(f, stopped_at(said(f))) or holds(f, stopped_at(said(f)))
        return f"{begin} {seen}" if seen else f"""{begin} What Xen asks of each entry: an MFN of the domain's own, no RW for a page table, a table of the next
            level above a pte, and no mapping of dom0's that is still writable."""


@rule("guest-domain-port", LESSON + ": The console ring", "failure")
def _(f):
    call = f.refused if hasattr(f, "broken") and f.info else None
    # Other operations' structs begin with something else: a domain, a virq.
    port = int.from_bytes(call.data[:4], "little") if call and call.name == "event_channel_op" and call.args[0] in ON_PORT else 0
    name = {f.info.store_evtchn: "store_evtchn", f.info.console_1: "console.domU.evtchn"}.get(port) if port else None
    if name:
        return f"""The guest sent to event channel {port}, which start_info names ({name}), and Xen knows no such channel of this guest. A channel has two ends with
            a number each: start_info has to name the guest's, which alloc_unbound gave; dom0's, from bind_interdomain, is a number of dom0's alone. That
            is the toolstack's fault, not the guest's."""


@rule("guest-domain-registers", LESSON, "crash", "timeout")
def _(f):
    dump = f.xen(r"ss: ([0-9a-f]{4}) +cs: ([0-9a-f]{4})") if hasattr(f, "broken") and not f.entered_as_told else None
    right = {32: ("e021", "e019"), 64: ("e02b", "e033")}[f.bits]
    if dump and dump.groups() != right:
        return f"""The guest has not run a single instruction: Xen could not load its registers. CS is {dump[2]} and SS {dump[1]}, and they have to be {right[1]} and {right[0]}, Xen's
            flat segments for a guest's kernel of {f.bits} bits (FLAT_KERNEL_CS, FLAT_KERNEL_SS). What setvcpucontext is given is the toolstack's."""
