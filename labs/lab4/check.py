# SPDX-License-Identifier: GPL-2.0-only
"""Lab 4: one file in two kernels, which take two roads.

With VMSPLIT=2G the linked mapping has a pgd slot of its own, with 3G it shares
one with Xen. Both are booted, at the same time.
"""

from concurrent.futures import ThreadPoolExecutor

from grader.checks.remap import check_remap, entry_tables, run_to
from grader.machine import Stop
from grader.session import Session
from grader.tables import Tables
from grader.watch import Watch

MODULE_BYTES = 5 << 20


def check(lab):
    module = lab.module(MODULE_BYTES)
    images = {split: lab.build(VMSPLIT=split) for split in ("2G", "3G")}
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run_2g, lab, images["2G"], module), pool.submit(run_3g, lab, images["3G"], module)]
        said = [run.result() for run in runs]
    lab.check("beyond", check_beyond, said[0] or said[1])


def run_2g(lab, image, module):
    with Session(lab, image, module) as boot:
        before, _ = boot_and_check(lab, "linked", boot)
        lab.check("by_pgd", check_road, boot, before)
        said = ask_beyond(boot)
        boot.finish()
        return said


def run_3g(lab, image, module):
    with Session(lab, image, module, "transcript-3g.log") as boot:
        _, event = boot_and_check(lab, "shared_slot", boot)
        # A remap that ended half-way leaves requests behind: what they would add to a call says nothing of the call.
        said = ask_beyond(boot) if isinstance(event, Stop) and event.name == "verify_remap" else None
        boot.finish()
        return said


def boot_and_check(lab, task, boot):
    before = entry_tables(boot)
    boot.watch = Watch(boot)
    event = run_to(boot, boot.watch, "verify_remap")
    lab.check(task, check_remap, boot, boot.watch, before, event, "verify_remap")
    return before, event


def check_road(task, boot, before):
    """The slot's entry has to lead to the very table that P=V's does, and that is all it takes."""
    guest, after = boot.guest, Tables(boot.guest)
    slot = guest.page_offset >> 30
    entry = after.root + 8 * slot
    asked = [request.ptr & ~3 for request in boot.watch.requests]
    if after.entry(entry) != before.entry(before.root):
        task.fail("road-pmd", f"""the pages are mapped, but by entries of slot {slot}'s pmd page. Xen has nothing in that slot, so one
            pgd entry does it: pgd[{slot}] := pgd[0]. pmd entries are for the slot that is shared with Xen.""")
    elif len(asked) > 1:
        what = f"asked for {len(asked)} times" if set(asked) == {entry} else f"written, and {len(asked) - 1} other entries as well"
        task.fail("road-surplus", f"""pgd[{slot}] was {what}. It reaches 1 GiB, and the kernel has less: one update does. The pgd road goes in
            steps of PGDIR_SIZE, and what it has done is not the pmd road's any more.""")


# ---- at the end of what can be mapped ------------------------------------------------


def remap_max(guest):
    """The first paddr that has no linked address left: VA below Xen's, clear of P=V."""
    return min(guest.page_offset, 0xf5800000 - guest.page_offset)


def ask_beyond(boot):
    """Calls remap_kernel() about ranges with nothing to copy; returns identifier and text of what is wrong, if anything is."""
    most = remap_max(boot.guest)
    boot.calls.here()
    said = []
    boot.machine.stop_at(boot.guest.paddr("console_write"), "console_write")

    def ask(start, end):
        said.clear()
        return boot.calls.call("remap_kernel", boot.guest.info_paddr, start, end, returns=3, meet=meet).event

    def meet(event):
        said.append(event.name)
        return event.name == "mmu_update"

    for start in (0, 0x80000000):
        event = ask(start, most + 4096)
        if not isinstance(event, Stop) or event.name != "xen_exit":
            return "limit-not-checked", f"""remap_kernel() was asked for a limit of paddr {most + 4096:#x}, one page beyond REMAP_MAX,
                and did not mind. What lies there would be mapped over P=V or over Xen: panic()."""
        if "console_write" not in said:
            return "limit-mute", f"""remap_kernel() was asked for a limit of paddr {most + 4096:#x}, one page beyond REMAP_MAX, and ended the
                kernel without a word. panic() says why."""
    for at in (2 << 20, most):
        event = ask(at, at)
        asked = event.regs["rcx"] & boot.guest.mask if isinstance(event, Stop) and event.name == "mmu_update" else 0
        if asked or at != most and isinstance(event, Stop) and event.name == "xen_exit":
            return "start-ignored", f"""remap_kernel() was asked for paddr {at:#x} to {at:#x}, which is nothing, and asks Xen for
                {asked} updates, or finds an entry that is empty. It has to begin at start."""
    if isinstance(event, Stop) and event.name == "xen_exit":
        return "limit-too-strict", f"""remap_kernel() was asked for a limit of paddr {most:#x}, which is REMAP_MAX, and refused. That is the
            first paddr that is not mapped: it is allowed."""
    return None


def check_beyond(task, said):
    if said:
        task.fail(*said)
