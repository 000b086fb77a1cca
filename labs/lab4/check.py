# SPDX-License-Identifier: GPL-2.0-only
"""Lab 4: one file in two kernels, which take two roads.

With VMSPLIT=2G the linked mapping has a pgd slot of its own, with 3G it shares
one with Xen. Both are booted, at the same time.
"""

from concurrent.futures import ThreadPoolExecutor

from machine import Stop
from remap import check_remap
from session import Session
from tables import Tables
from watch import Watch

MODULE_BYTES = 5 << 20


def check(lab):
    module = lab.module(MODULE_BYTES)
    images = {split: lab.build(VMSPLIT=split) for split in ("2G", "3G")}
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run_2g, lab, images["2G"], module), pool.submit(run_3g, lab, images["3G"], module)]
        for run in runs:
            run.result()


def run_2g(lab, image, module):
    with Session(lab, image, module) as boot:
        before = boot_and_check(lab, "linked", boot)
        lab.check("by_pgd", check_road, boot, before)
        lab.check("beyond", check_beyond, boot)
        boot.finish()


def run_3g(lab, image, module):
    with Session(lab, image, module, "transcript-3g.log") as boot:
        boot_and_check(lab, "shared_slot", boot)
        boot.finish()


def boot_and_check(lab, task, boot):
    before = Tables(boot.guest)
    before.read_all()
    boot.keep_tables("at the entry", before)
    watch = Watch(boot)
    boot.machine.stop_at(boot.guest.paddr("verify_remap"), "verify_remap")
    event = watch.go("verify_remap")
    lab.check(task, check_remap, boot, watch, before, event, "verify_remap")
    return before


def check_road(task, boot, before):
    """The slot's entry has to lead to the very table that P=V's does."""
    guest, after = boot.guest, Tables(boot.guest)
    slot = guest.page_offset >> 30
    pgd = after.root
    if after.entry(pgd + 8 * slot) != before.entry(pgd):
        task.fail("road-pmd", f"""the pages are mapped, but by entries of slot {slot}'s pmd page. Xen has nothing in that slot, so one
            pgd entry does it: pgd[{slot}] := pgd[0]. pmd entries are for the slot that is shared with Xen.""")


def remap_max(guest):
    """The first paddr that has no linked address left: VA below Xen's, clear of P=V."""
    return min(guest.page_offset, 0xf5800000 - guest.page_offset)


def check_beyond(task, boot):
    """Calls at the end of the remap, one with nothing to copy: only a look at the limit can end the kernel there."""
    boot.calls.here()
    beyond = remap_max(boot.guest) + 4096
    for start in (0, 0x80000000):
        result = boot.calls.call("remap_kernel", boot.guest.info_paddr, start, beyond, returns=3,
                                 meet=lambda event: event.name == "mmu_update")
        if not isinstance(result.event, Stop) or result.event.name != "xen_exit":
            task.fail("limit-not-checked", f"""remap_kernel() was asked for a limit of paddr {beyond:#x}, one page beyond REMAP_MAX,
                and did not mind. What lies there would be mapped over P=V or over Xen: panic().""")
