# SPDX-License-Identifier: GPL-2.0-only
"""The errata, fixed: remap_limit() in each kind of domain, and the boot as a whole.

The functions are asked by calls about start_infos that this machine's boot would
not show: so a fix that only goes round what one sees is found out.
"""

from grader.checks.asking import no_answer
from grader.checks.jump import Arrival, check_arrival, check_life, own_fault
from grader.checks.limit import FREE, Asked, check_limit, dom0_console, judge
from grader.machine import Fault, Stop
from grader.tables import PAGE
from grader.watch import Watch
from grader.xenstables import M2P
from xenpt.start_info import SIF_INITDOMAIN, SIF_PRIVILEGED

VERDICT_SUCCESS = 0x10  # src/include/console.h
LESSON = "lessons/8-errata.md"


def check_dom0(task, boot):
    """What the union holds in dom0 is no MFN, whatever number it may be."""
    guest = boot.guest
    true, here, far = guest.limit(), guest.limit() + PAGE, guest.limit() + FREE
    own, foreign = guest.p2m[far // PAGE], max(guest.p2m) + 1
    result = boot.calls.call("remap_limit", guest.info_paddr, returns=1)
    where = "of the start_info that Xen made for this first domain"
    if result.value is None:
        return no_limit(task, boot, where, result)
    if judge(task, boot, where, result, true, "dom0-console"):
        return None
    cases = [("whose info_off and info_size look like an MFN of its own", dict(console_mfn=own)),
             ("whose info_off and info_size look like nobody's MFN", dict(console_mfn=foreign)),
             ("that has an MFN of its own in store_mfn", dict(store_mfn=own)),
             ("that has an MFN of its own in both", dict(console_mfn=own, store_mfn=own)),
             ("that is not privileged (SIF_INITDOMAIN alone)", dict(console_mfn=own, flags=SIF_INITDOMAIN))]
    for what, fields in cases:
        result = Asked(boot, here, **fields).ask()
        where = f"of a first domain {what}"
        if result.value is None:
            return no_limit(task, boot, where, result)
        if judge(task, boot, where, result, here + PAGE, "dom0-console"):
            return None
    return None


def no_limit(task, boot, where, result):
    """It gave up, or fell over an m2p entry: both come of taking the union for an MFN."""
    event = result.event
    gave_up = isinstance(event, Stop) and event.name == "xen_exit"
    if gave_up or isinstance(event, Fault) and event.vector == 14 and event.cr2 >= M2P[boot.guest.bits]:
        dom0_console(task, f"remap_limit() {where} did not return: {boot.describe(event)}")
    else:
        no_answer(boot, f"remap_limit() {where}", result, task, "limit-no-answer")


def check_domu(task, boot):
    """In a domU both pages count, and a wrong MFN may not pass for page 0."""
    guest = boot.guest
    here, far = guest.limit() + PAGE, guest.limit() + FREE
    own, low, foreign = guest.p2m[far // PAGE], guest.p2m[0], max(guest.p2m) + 1
    kinds = [("an ordinary domain", 0), ("a domain that is privileged, but not the first,", SIF_PRIVILEGED)]
    for who, flags in kinds:
        for name, fields in (("console", dict(console_mfn=own, store_mfn=low)), ("store", dict(console_mfn=low, store_mfn=own))):
            result = Asked(boot, here, flags=flags, **fields).ask()
            where = f"of {who} whose {name} page lies highest"
            if result.value is None:
                return no_answer(boot, f"remap_limit() {where}", result, task, "limit-no-answer")
            if judge(task, boot, where, result, far + PAGE, name):
                return None
        for name, fields in (("console", dict(console_mfn=foreign, store_mfn=low)), ("xenstore", dict(console_mfn=low, store_mfn=foreign))):
            result = Asked(boot, here, flags=flags, **fields).ask()
            if result.value is not None:
                return task.fail("limit-invalid-ignored", f"""remap_limit() of {who} whose {name} page is MFN {foreign:#x}, which is not
                    its own, gives paddr {result.value:#x} without a message. As part of a maximum, 0 (or any other PFN in place of
                    INVALID_PFN) is never seen again, and the page will be missing later, far from here: panic().""", LESSON)
            if not isinstance(result.event, Stop) or result.event.name != "xen_exit":
                return task.fail("limit-invalid-crash", f"""remap_limit() of {who} whose {name} page is MFN {foreign:#x}, which is not its
                    own, ends without a message from the kernel: {boot.describe(result.event)}. Ask for INVALID_PFN, and panic() with
                    the number.""", LESSON)
    return None


def check_boot(task, boot):
    """The limit first, since what a fix has spoilt need not show in this machine's boot."""
    check_limit(task, boot)
    boot.watch = Watch(boot)
    check_arrival(task, boot, Arrival(boot))
    if task.state == "right":
        check_life(task, boot)
    if task.state == "right":
        check_end(task, boot)


def check_end(task, boot):
    """From start_kernel() to the end, with success: what start_info points to is read on the way."""
    event = boot.machine.go()
    if isinstance(event, Stop) and event.name == "do_trap":
        event = own_fault(boot, event)
    if isinstance(event, Stop) and event.name == "xen_exit linked" and verdict(boot, event) == VERDICT_SUCCESS:
        return
    if isinstance(event, Fault) and event.vector == 14 and event.cr2 < boot.guest.page_offset:
        task.fail("life-pv-used", f"""after start_kernel(): {boot.describe(event)}. VA {event.cr2:#x} is a P=V address that somebody
            still holds: it was not repointed.""")
    else:
        task.fail("life-no-end", f"start_kernel() did not come to its end with success: {boot.describe(event)}.")


def verdict(boot, stop):
    """xen_exit()'s argument."""
    if boot.guest.bits == 64:
        return stop.regs["rdi"] & 0xffffffff
    return int.from_bytes(boot.machine.stub.read(stop.regs["rsp"] + 4, 4), "little")
