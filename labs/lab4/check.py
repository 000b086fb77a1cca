# SPDX-License-Identifier: GPL-2.0-only
"""Lab 4: one file in two kernels, which take two roads.

With VMSPLIT=2G the linked mapping has a pgd slot of its own, with 3G it shares
one with Xen. Both are booted, at the same time.
"""

from concurrent.futures import ThreadPoolExecutor

from grader.checks.model import Model, check_model, remap_max
from grader.checks.remap import check_remap, entry_tables, run_to, seen_changes
from grader.machine import Stop
from grader.predictions import tell
from grader.session import Session
from grader.tables import MFN_MASK, PAGE, Tables
from grader.watch import Watch

MODULE_BYTES = 5 << 20
PREDICTED = {"2G": ("level", "entries", "tables"), "3G": ("level", "tables")}  # how many entries with 3G depends on the machine


def check(lab):
    module = lab.module(MODULE_BYTES)
    images = {split: lab.build(VMSPLIT=split) for split in ("2G", "3G")}
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run_2g, lab, images["2G"], module), pool.submit(run_3g, lab, images["3G"], module)]
        said = [run.result() for run in runs]
    lab.check("beyond", check_beyond, said[0] or said[1])


def run_2g(lab, image, module):
    with Session(lab, image, module) as boot:
        before, event = boot_and_check(lab, "linked", boot)
        lab.check("by_pgd", check_road, boot, before)
        said = ask_beyond(boot) if at_end(event) else None
        boot.finish()
        return said


def run_3g(lab, image, module):
    with Session(lab, image, module, "transcript-3g.log") as boot:
        _, event = boot_and_check(lab, "shared_slot", boot, check_model)
        said = ask_beyond(boot) if at_end(event) else None
        boot.finish()
        return said


def at_end(event):
    """A remap that ended half-way leaves requests behind: what they would add to a call says nothing of the call."""
    return isinstance(event, Stop) and event.name == "verify_remap"


def boot_and_check(lab, task, boot, more=lambda task, boot: None):
    before = entry_tables(boot)
    boot.watch = Watch(boot)
    event = run_to(boot, boot.watch, "verify_remap")
    split = "2G" if boot.guest.page_offset < 0xc0000000 else "3G"
    if at_end(event):
        tell(lab, {f"{split} {name}": value for name, value in seen_changes(boot, before).items() if name in PREDICTED[split]})
    lab.check(task, check_both, boot, before, event, more)
    return before, event


def check_both(task, boot, before, event, more):
    check_remap(task, boot, boot.watch, before, event, "verify_remap", by_pmd(boot.guest, before))
    if task.state == "right":
        more(task, boot)


def by_pmd(guest, before):
    """The maddrs of the entries of the other road, which maps every page as well: that is the second task's affair."""
    slot = before.entry(before.root + 8 * (guest.page_offset >> 30)) & MFN_MASK
    return {slot + 8 * i for i in range(-(-guest.limit() >> 21))}


def check_road(task, boot, before):
    """The slot's entry has to lead to the very table that P=V's does, and that is all it takes."""
    guest, after = boot.guest, Tables(boot.guest)
    slot = guest.page_offset >> 30
    entry = after.root + 8 * slot
    asked = [request.ptr & ~3 for request in boot.watch.requests]
    if after.entry(entry) != before.entry(before.root):
        task.fail("road-pmd", f"""the pages are mapped, but by entries of slot {slot}'s pmd page. Xen has nothing in that slot, so one
            pgd entry does it: pgd[{slot}] := pgd[0]. pmd entries are for the slot that is shared with Xen.""")
    elif set(asked) != {entry}:
        what = f"written, and {len(set(asked)) - 1} other entries as well"
        task.fail("road-surplus", f"""pgd[{slot}] was {what}. It reaches 1 GiB, and the kernel has less: one update does. The pgd road goes in
            steps of PGDIR_SIZE, and what it has done is not the pmd road's any more.""")
    else:
        check_model(task, boot)


# ---- at the end of what can be mapped ------------------------------------------------


def ask_beyond(boot):
    """Asks remap_kernel() about ranges at REMAP_MAX and beyond; returns identifier and text of what is wrong, if anything is."""
    most = remap_max(boot.guest)
    boot.machine.stop_at(boot.guest.paddr("console_write"), "console_write")
    for start in (0, 0x80000000):
        event, said = ask(boot, start, most + PAGE)
        if not isinstance(event, Stop) or event.name != "xen_exit":
            how = "and returned" if isinstance(event, Stop) else f"and did not end as it should: {boot.describe(event)}"
            return "limit-not-checked", f"""remap_kernel() was asked for a limit of paddr {most + PAGE:#x}, one page beyond REMAP_MAX, {how}.
                What lies there would be mapped over P=V or over Xen: panic()."""
        if "console_write" not in said:
            return "limit-mute", f"""remap_kernel() was asked for a limit of paddr {most + PAGE:#x}, one page beyond REMAP_MAX, and ended the
                kernel without a message. panic() says why."""
    boot.machine.pass_by("console_write")
    event, _ = ask(boot, 0, most)
    if isinstance(event, Stop) and event.name == "xen_exit":
        return "limit-too-strict", f"""remap_kernel() was asked for a limit of paddr {most:#x}, which is REMAP_MAX, and refused. That is the
            first paddr that is not mapped: it is allowed."""
    return None


def ask(boot, start, limit):
    """How remap_kernel() ends about a range, and at which stops it came by."""
    boot.calls.here()
    said = []
    result, _ = Model(boot).world.asked("remap_kernel", start, limit, returns=3, passed=said)
    return result.event, said


def check_beyond(task, said):
    if said:
        task.fail(*said)
