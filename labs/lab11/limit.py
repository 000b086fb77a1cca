# SPDX-License-Identifier: GPL-2.0-only
"""remap_limit() of a domU: of the start_info that the toolstack made, and of others."""

from grader.checks.limit import FREE, NAMES, Asked, dom0_console, highest, judge, mfn_as_pfn
from grader.tables import PAGE
from xenpt.start_info import SIF_INITDOMAIN


def check_domu_limit(task, boot):
    guest = boot.guest
    true, low, far = guest.limit(), guest.p2m[0], guest.p2m[(guest.limit() + FREE) // PAGE]
    here, there = true + PAGE, true + FREE
    as_dom0 = Asked(boot, here, flags=SIF_INITDOMAIN, console_mfn=far, store_mfn=far).ask()
    of_toolstack = boot.calls.call("remap_limit", guest.info_paddr, returns=1)
    if inverted(task, boot, of_toolstack, as_dom0, true, here + PAGE):
        return
    for name, fields in (("console", dict(console_mfn=far, store_mfn=low)), ("store", dict(console_mfn=low, store_mfn=far))):
        result = Asked(boot, here, flags=0, **fields).ask()
        if mfn_as_pfn(task, fields, result.value, there + PAGE, guest.mask) or one(task, boot, f"where {NAMES[name]} lies highest", result, there + PAGE, name):
            return
    if one(task, boot, "of the start_info that the toolstack made", of_toolstack, true):
        return
    result = Asked(boot, here, flags=0, console_mfn=low, store_mfn=low).ask()
    if one(task, boot, "where both pages lie low", result, here + PAGE) or judge(task, boot, "of a first domain", as_dom0, here + PAGE, "dom0-console"):
        return
    foreign = max(guest.p2m) + 1
    for name, fields in (("console", dict(console_mfn=foreign, store_mfn=low)), ("store", dict(console_mfn=low, store_mfn=foreign))):
        result = Asked(boot, here, flags=0, **fields).ask()
        if result.value is not None:
            task.fail("limit-invalid-ignored", f"""a start_info whose {name} page is MFN {foreign:#x}, not this guest's, gets limit paddr {result.value:#x} without a
                word. Whoever asked for that page will not have it: panic().""")
            return


def inverted(task, boot, domu, dom0, want, want_dom0):
    """Whether it counts the pages for dom0, and only there."""
    if domu.value is not None and domu.value < want and dom0.value != want_dom0:
        task.fail("limit-inverted", f"""{boot.who} remap_limit() gives paddr {domu.value:#x}, not {want:#x}, and of a first domain's start_info
            {"nothing" if dom0.value is None else f"paddr {dom0.value:#x}"}: it asks for the pages where there are none. SIF_INITDOMAIN is set in dom0's flags.""")
        return True
    if dom0.value is not None and dom0.value > want_dom0 and domu.value == want:
        dom0_console(task, f"remap_limit() of a first domain gives paddr {dom0.value:#x}, not {want_dom0:#x}")
        return True
    return False


def one(task, boot, where, result, want, name=None):
    """Judges one answer; True if it is wrong, and noted."""
    extents = boot.guest.extents()
    name = name or highest(extents)
    if result.value == want - PAGE and name in ("console", "store"):
        task.fail("limit-page-begins", f"{boot.who} remap_limit() {where} gives paddr {result.value:#x}, not {want:#x}: that is where {NAMES[name]} begins. All of it "
                  "has to be mapped.")
        return True
    return judge(task, boot, where, result, want, name)
