# SPDX-License-Identifier: GPL-2.0-only
"""What must hold after the remap, and what is wrong if it does not.

Every page below the limit has to be reached at its linked VA too: the same
machine page as P=V, with the same rights. That is walked from outside, page by
page; then P=V is taken away on the machine itself, and each page is read at its
linked VA through the processor's own translation. The limit is the grader's own.

When a page is missed, the requests that Xen was sent tell why (updates.py).
"""

from ..calls import left
from ..machine import Fault, Stop
from ..memory import USED, entry_changes, first_difference
from ..tables import PAGE, PRESENT, Tables
from ..watch import UPDATE
from .frames import check_frames, frames_of, used
from .pages import check_without_pv, explain_page, first_bad_page, first_lost_page, m2p_damage
from .updates import explain_requests, explain_value, wanted
from .walking import tables_of

WRITE = 2  # in a page fault's error code


def entry_tables(boot):
    """The tables as Xen made them, and what Xen holds of their pages: what a remap is compared with."""
    before = Tables(boot.guest)
    before.read_all()
    boot.keep_tables("at the entry", before)
    before.frames = used(before, frames_of(boot))
    return before


def run_to(boot, watch, name):
    """From the entry to a function behind the remap, or to wherever it ends; keeps what remap_kernel() returned."""
    machine, guest = boot.machine, boot.guest
    machine.stop_at(guest.paddr(name), name)
    machine.stop_at(guest.paddr("remap_kernel"), "remap_kernel")
    boot.counts, at = None, None
    while True:
        event = watch.go("remap_kernel", "remapped", name)
        if isinstance(event, Stop) and event.name == "remap_kernel":
            back, at = guest.words(machine.stub.read(event.regs["rsp"], 2 * guest.word))  # a struct is returned by memory
            machine.stop_at(back, "remapped")
        elif isinstance(event, Stop) and event.name == "remapped":
            data = machine.stub.read(at, 12)
            boot.counts = [int.from_bytes(data[i:i + 4], "little") for i in (0, 4, 8)]
            machine.pass_by("remapped")
        else:
            machine.pass_by("remap_kernel")
            return event


def check_remap(task, boot, watch, before, event, name, allowed=()):
    """At the stop behind the remap, or wherever the kernel ended instead: event tells (run_to). allowed are the maddrs of entries
    that may be written as well as those of the shortest way."""
    guest = boot.guest
    if not isinstance(event, Stop) or event.name != name:
        if watch.requests:
            explain_requests(task, boot, watch.requests, before)
        elif damage(boot):
            check_overrun(task, boot, event)
        elif own_store(guest, event) and not overflowed(guest, event):
            task.fail("remap-store", f"""the kernel wrote to paddr {event.cr2:#x} itself, {boot.where(event.ip)}: that is in one of its page
                tables, which it may only read. Xen changes them, if mmu_update asks it to.""")
        check_stack(task, boot, event)
        task.fail("remap-no-end", f"the kernel did not come to the end of its remap: {boot.describe(event)}.")
        return
    after = Tables(guest)
    boot.keep_tables("after the remap", after)
    bad = first_bad_page(guest, before, after)
    if bad:
        explain_requests(task, boot, watch.requests, before)
        explain_page(task, guest, before, after, *bad)
    else:
        check_without_pv(task, boot)
        check_frames(task, boot, before.frames, used(after, frames_of(boot)))
    damaged = m2p_damage(boot)
    if damaged:
        explain_requests(task, boot, watch.requests, before)
        task.fail("remap-m2p-damaged", f"the m2p's entry of MFN {damaged[0]:#x} is PFN {damaged[1]:#x} now: an update with "
                  "MMU_MACHPHYS_UPDATE (1) in the low bits of ptr changes the m2p, not a page table.")
    lost = first_lost_page(guest, before, after)
    if lost is not None:
        task.fail("remap-pv-lost", f"paddr {lost:#x} is not mapped P=V any more. The code still runs there; what it maps "
                  "must stay until the jump.")
    check_left(task, boot, event)
    check_entries(task, boot, before, allowed)
    if task.state == "right":
        check_counts(task, boot, watch.requests)
        check_room(task, boot, watch.handed)


def damage(boot):
    """What was changed first beside the image's variables, the stack and the page tables: paddr, old byte, new byte. None if nothing was."""
    return first_difference(boot.guest.memory.changes(), boot.may_change())


def check_overrun(task, boot, event):
    """Before anything was asked of Xen, other memory was written to."""
    paddr = damage(boot)[0]
    task.fail("remap-overrun", f"""the byte at paddr {paddr:#x}, {boot.name_of(paddr)}, was written over: {boot.describe(event)}. Was that
        the batch? It has room for so many updates, and other memory follows: does the loop end, and by which steps does it go?""")


def own_store(guest, event):
    """Whether the kernel ended by a store into one of its page tables."""
    return isinstance(event, Fault) and event.vector == 14 and event.error & WRITE and event.cr2 // PAGE in tables_of(guest)


def overflowed(guest, event):
    """Whether that was a store on the stack, which has grown into the page below Xen's boot stack: that is a page table."""
    return own_store(guest, event) and (event.regs["rsp"] & guest.mask) - 256 <= event.cr2 < guest.entry_regs["rsp"]


def check_stack(task, boot, event):
    if overflowed(boot.guest, event):
        task.fail("remap-stack", f"""the stack has run over, {boot.where(event.ip)}: Xen's boot stack is one page, and below it lie page tables, which cannot be
            written to. A large array, or a function that calls itself?""")


def check_left(task, boot, event):
    """What all compiled code takes for granted: flags that are clear, and the selectors that Xen has loaded."""
    state = left(boot.guest.entry_regs, event.regs)
    if state:
        task.fail("state-left", f"when you are done, you leave {state}.")


def check_entries(task, boot, before, allowed=()):
    """Every entry of every page table: those that a remap has to write hold just that, and all others what they held."""
    guest = boot.guest
    wants = {want.maddr: want for want in wanted(guest, before)}
    depths = {table: depth for depth, table in before.seen.space.tables(before.seen.is_guests)}
    for request in boot.watch.requests:  # Xen may add what is missing
        want = wants.get(request.ptr & ~7)
        if want and (request.val ^ want.value) & ~USED:
            explain_value(task, guest, want, request.val, "was to hold")
    for paddr, old, new in entry_changes(guest.memory.changes(), guest.info["pt_base"], guest.info["nr_pt_frames"]):
        maddr = guest.maddr(paddr)
        level = before.seen.space.mode.levels[depths[maddr & -PAGE]].name if maddr & -PAGE in depths else "page-table"
        said = f"{level}[{paddr % PAGE // 8}] (in PFN {paddr // PAGE:#x}) held {old:#x} and holds {new:#x} now"
        if maddr in wants and (new ^ wants[maddr].value) & ~USED:
            explain_value(task, guest, wants[maddr], new, "holds")
        elif maddr not in wants and old & PRESENT and not new & PRESENT:
            task.fail("remap-pv-lost", f"{said}. The code still runs P=V; what it maps must stay until the jump.")
        elif maddr not in wants and maddr not in allowed:
            task.fail("remap-surplus", f"""{said}, and nothing needs that. A page with one more address than it should have is a hole: whoever writes there by
                mistake does not fault.""")


def seen_changes(boot, before):
    """What the hypercalls changed, for whoever has predicted it: called when the remap is done, before changes are accepted."""
    guest = boot.guest
    depths = {table: depth for depth, table in before.seen.space.tables(before.seen.is_guests)}
    found = [guest.maddr(paddr) for paddr, _, _ in entry_changes(guest.memory.changes(), guest.info["pt_base"], guest.info["nr_pt_frames"])]
    tables = {maddr & -PAGE for maddr in found}
    levels = sorted({before.seen.space.mode.levels[depths[table]].name for table in tables if table in depths})
    now = {mfn: frame for mfn, (frame, _) in used(Tables(guest), frames_of(boot)).items()}
    grown = [now[mfn].count - frame.count for mfn, (frame, _) in before.frames.items() if frame and now.get(mfn)]
    answers = {request.ret for request in boot.watch.requests}
    return {"calls": len(boot.watch.handed), "level": " and ".join(levels) or "none", "entries": len(found), "tables": len(tables),
            "returns": answers.pop() if len(answers) == 1 else None, "uses": max(grown) if grown else None}


def check_counts(task, boot, requests):
    """remap_kernel() says how many entries it wrote, for whoever reads the boot's output."""
    pgd = boot.guest.maddr(boot.guest.info["pt_base"])
    entries = {r.ptr & ~7 for r in requests}  # two requests for one entry still write one entry
    asked = sum(maddr // PAGE == pgd // PAGE for maddr in entries)
    want = [asked, 0, len(entries) - asked]
    if requests and boot.counts != want:
        task.fail("remap-counts", f"""remap_kernel() returns {boot.counts[0]} pgd, {boot.counts[1]} pud, {boot.counts[2]} pmd entries, and Xen was
            asked to write {want[0]} pgd, {want[2]} pmd entries. Each road returns how many it wrote, and remap_kernel() all of them.""")
        task.earned = task.points - 1  # the remap itself is right


def check_room(task, boot, handed):
    """An array of updates is no longer than its variable: what is written behind that may be anybody's."""
    for pointer, count in handed:
        va = pointer + boot.guest.load_offset & boot.guest.mask
        array = boot.elf.symbol_at(va)
        if array and array.size and va + UPDATE * count > array.value + array.size:
            task.fail("remap-overrun", f"""{array.name} has room for {array.size // UPDATE} updates, and Xen was handed {count}: what lies behind it in
                memory was overwritten. A pmd entry reaches 2 MiB, so the pmd road goes in steps of PMD_SIZE.""")
            task.earned = 0
