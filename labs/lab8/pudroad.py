# SPDX-License-Identifier: GPL-2.0-only
"""Lab 8: the remap on four levels, judged by the tables that it leaves.

Each page has to be at its linked VA with the rights that it has P=V; three
entries do that, and nothing else may have changed.
"""

from grader.checks.frames import check_frames, frames_of, used
from grader.checks.pages import explain_page, m2p_damage
from grader.checks.remap import check_overrun, damage
from grader.checks.updates import explain_requests, explain_value, wanted
from grader.machine import MOST_STOPS, Stop
from grader.tables import PAGE, PRESENT, Tables
from grader.watch import Watch, requests_at

from .fourlevels import va_of
from .model import check_model

SEEN_OR_WRITTEN = 0x60  # the processor sets these by itself: ACCESSED and DIRTY
TWO_GIB = 2 << 30


# ---- the boot, as far as the end of the remap ---------------------------------------------


class Remapped:
    """The tables before and after, what was asked for in between, and how it ended."""

    def __init__(self, boot):
        self.boot, self.guest = boot, boot.guest
        self.before = Tables(self.guest)
        self.old = {key: self.before.seen.space.entries(*key) for key in self.own_tables()}
        self.frames = used(self.before, frames_of(boot))
        boot.keep_tables("at the entry", self.before)
        self.wants = wanted(self.guest, self.before)
        self.counts = None
        self.watch = Watch(boot)
        self.event = self.run()
        self.requests = self.watch.requests
        info, size = self.guest.info, self.guest.word
        self.lost_p2m = self.guest.words(self.guest.read(info["mfn_list"], info["nr_pages"] * size)) != self.guest.p2m
        self.after = self.before if self.lost_p2m else Tables(self.guest)
        self.complete = isinstance(self.event, Stop) and self.event.name == "verify_remap"
        self.overrun = self.lost_p2m or not self.complete and not self.requests and bool(damage(boot))
        if self.complete and not self.lost_p2m:
            boot.keep_tables("after the remap", self.after)

    def own_tables(self):
        return self.before.seen.space.tables(self.before.seen.is_guests)

    def run(self):
        """xen_entry() prints the tables before and after, then what remap_kernel() counted."""
        stop_at, paddr = self.boot.machine.stop_at, self.guest.paddr
        for name in ("show_pagetables", "verify_remap"):
            stop_at(paddr(name), name)
        shown = 0
        for _ in range(MOST_STOPS):
            event = self.watch.go("show_pagetables", "verify_remap", "shown", "printk")
            name = event.name if isinstance(event, Stop) else ""
            if name == "show_pagetables":
                back = int.from_bytes(self.boot.machine.stub.read(event.regs["rsp"], 8), "little")
                caller = self.boot.elf.symbol_at(back + self.guest.load_offset & self.guest.mask)
                shown += bool(caller) and caller.name == "xen_entry"
                if shown == 2:
                    stop_at(back, "shown")
            elif name == "shown":
                stop_at(paddr("printk"), "printk")
            elif name == "printk":
                self.counts = {level: event.regs[reg] & 0xffffffff for level, reg in (("pgd", "rcx"), ("pud", "r8"), ("pmd", "r9"))}
                self.boot.machine.pass_by("printk")
            else:
                break
        return event

    # ---- what is there -------------------------------------------------------------------

    def right(self, want):
        """Whether an entry holds what it should."""
        return (self.after.entry(want.maddr) ^ want.value) & ~SEEN_OR_WRITTEN == 0

    def first_bad_page(self, base, end):
        """paddr of the first page that is not at base as it is P=V; None if all are."""
        for paddr in range(0, end, PAGE):
            at_pv, at_va = (t.seen.space.walk(va) for t, va in ((self.before, paddr), (self.after, base + paddr)))
            if at_pv.maddr is not None and (at_va.maddr, at_va.rights) != (at_pv.maddr, at_pv.rights):
                return paddr
        return None

    def surplus(self):
        """(depth, maddr, value) of the first entry that changed and should not; None if there is none."""
        meant = {want.maddr for want in self.wants}
        for (depth, table), values in self.old.items():
            new = self.after.seen.space.entries(depth, table)
            for index, (old, now) in enumerate(zip(values, new)):
                maddr = table + 8 * index
                if (old ^ now) & ~SEEN_OR_WRITTEN and maddr not in meant and self.before.seen.is_guests(slot_va(depth, index)):
                    return depth, maddr, now
        return None


def slot_va(depth, index):
    return va_of(index, 0) if depth == 0 else 0


# ---- what is wrong with it -------------------------------------------------------------------


def check_direct_map(task, run):
    want, *others = run.wants
    if run.overrun:
        return check_overrun(task, run.boot, run.event)
    bad = run.first_bad_page(run.guest.page_offset, run.guest.limit())
    if bad is not None or not run.right(want):
        return explain(task, run, [want], others, run.guest.page_offset, bad)
    check_surplus(task, run, lambda depth: depth == 0 and all(map(run.right, others)))
    if run.counts and run.counts["pgd"] != 2 and all(map(run.right, others)):
        task.fail("count-wrong", f"""remap_kernel() counts {run.counts['pgd']} pgd entries, and there are two: pgd[272] and the text's pgd[511].
            remap_kernel_pgd() returns how many it wrote; one reaches 512 GiB.""")
    if run.complete and task.state == "right":
        check_step(task, run)
    return None


def check_step(task, run):
    """Asked for 2 GiB: it is still one pgd entry."""
    boot, asked = run.boot, []
    boot.calls.here()

    def meet(event):
        if event.name == "mmu_update":
            asked.extend(ptr for ptr, _ in requests_at(run.guest, event.regs))
        return event.name == "verify_remap"

    result = boot.calls.call("remap_kernel", run.guest.info_paddr, 0, TWO_GIB, returns=2, meet=meet)
    if result.value is None or len(asked) != len(run.requests):
        how = f"{len(asked)} updates instead of {len(run.requests)}" if result.value is not None else boot.describe(result.event)
        task.fail("map-step", f"""asked for a limit of paddr {TWO_GIB:#x}, and not {run.guest.limit():#x}, remap_kernel() makes of it: {how}. One pgd
            entry reaches 512 GiB, so the loop goes on by PGDIR_SIZE, from the paddr it is given.""")


def check_text(task, run):
    guest = run.guest
    others, (pud, pgd) = run.wants[:1], run.wants[1:]
    if run.overrun:
        return check_overrun(task, run.boot, run.event)
    asked = {request.ptr & ~3: request.val for request in run.requests}
    for want in (pud, pgd):  # Xen adds USER where it is missing
        if (asked.get(want.maddr, want.value) ^ want.value) & ~SEEN_OR_WRITTEN:
            explain_value(task, guest, want, asked[want.maddr], "was to hold")
    bad = run.first_bad_page(guest.load_offset, (guest.image_end + PAGE - 1) & -PAGE)
    if bad is not None or not run.right(pud) or not run.right(pgd):
        asked = {request.ptr & ~3 for request in run.requests}
        if not run.requests and "get_pud" in run.boot.on_stack(run.event):
            task.fail("text-empty-slot", f"""get_pud() was asked for an address that no pud page stands behind: {run.boot.describe(run.event)}. Slot
                {pgd.maddr % PAGE // 8} is empty before the remap. The entry to write is {pud.name}: in P=V's own slot, at LOAD_OFFSET's
                distance from the beginning of its slot.""")
        elif run.right(pgd) and not asked & {pud.maddr} and not strange(run):
            task.fail("text-no-pud", f"""pgd[511] leads to the pud page of P=V, but entry 510 of that is empty: VA {guest.load_offset:#x} is pgd index
                511 and pud index 510. A copy of entry 0 belongs there.""")
        elif run.right(pud) and not asked & {pgd.maddr} and not strange(run):
            task.fail("text-no-pgd", f"""{pud.name} is right, but pgd[511] is empty: nothing leads to it from VA {guest.load_offset:#x}. It has to hold
                what pgd[0] does, so that the pud page of P=V serves there, too.""")
        return explain(task, run, [pud, pgd], others, guest.load_offset, bad)
    check_surplus(task, run, lambda depth: depth > 0)
    asked = [request for request in run.requests if request.ptr & ~3 == pud.maddr]
    if len(asked) > 1:
        task.fail("text-step", f"""{pud.name} was asked for {len(asked)} times, for an image of {guest.image_end >> 20} MiB. One pud entry reaches 1 GiB: the
            loop goes on by PUD_SIZE.""")
    if not run.complete:
        task.fail("remap-no-end", f"the kernel did not come to the end of its remap: {run.boot.describe(run.event)}.")
    elif run.counts and run.counts["pud"] != 1:
        task.fail("count-wrong", f"""remap_kernel() counts {run.counts['pud']} pud entries, and one was written. remap_kernel_text() returns how
            many; the pgd entry is counted by its caller.""")
    else:
        check_frames(task, run.boot, run.frames, used(run.after, frames_of(run.boot)))
    damaged = m2p_damage(run.boot)
    if damaged:
        task.fail("remap-m2p-damaged", f"the m2p's entry of MFN {damaged[0]:#x} is PFN {damaged[1]:#x} now.")
    if task.state == "right" and all(map(run.right, others)):
        check_model(task, run.boot)
    return None


def strange(run):
    """Updates of entries that a remap has no business with."""
    meant = {want.maddr for want in run.wants}
    return [request for request in run.requests if request.ptr not in meant]


def check_surplus(task, run, mine):
    found = run.surplus()
    if found and mine(found[0]):
        depth, maddr, value = found
        level = ("pgd", "pud", "pmd", "pte")[depth]
        if not value & PRESENT:
            return task.fail("remap-pv-lost", f"""entry {maddr % PAGE // 8} of a {level} page (maddr {maddr:#x}) holds {value:#x} now, and was in use. The code still
                runs P=V; what it maps must stay until the jump.""")
        task.fail("remap-surplus", f"""entry {maddr % PAGE // 8} of a {level} page (maddr {maddr:#x}) holds {value:#x} now, and nothing needs that: three
            entries do it all, {', '.join(want.name for want in run.wants)}. What is mapped without need hides the next mistake.""")
    return None


def explain(task, run, own, others, base, bad):
    """own are the entries of this task; what was asked for another's is that one's affair."""
    boot, guest = run.boot, run.guest
    foreign = {want.maddr for want in others}
    requests = [request for request in run.requests if request.ptr & ~3 not in foreign or request.ptr & 3]
    if not run.requests and {"copy_mapping", "remap_kernel"} <= boot.on_stack(run.event) and not run.complete:
        task.fail("remap-empty-source", f"""an entry that is empty was to be copied: {boot.describe(run.event)}. copy_mapping() takes the source first; before
            the remap, only the entries of P=V's slot hold anything.""")
    if not run.complete and not requests:
        task.fail("remap-no-end", f"the kernel ended before it asked Xen for {own[0].name}: {boot.describe(run.event)}.")
        return
    explain_requests(task, boot, requests, run.before)
    for want in own:
        if not run.right(want) and run.after.entry(want.maddr) != run.before.entry(want.maddr):
            explain_value(task, guest, want, run.after.entry(want.maddr), "holds")
    if bad is not None:
        explain_page(task, guest, run.before, run.after, base, bad)
    if not run.complete:
        task.fail("remap-no-end", f"the kernel did not come to the end of its remap: {boot.describe(run.event)}.")
    elif task.state == "right":
        task.fail("remap-wrong", f"the entries {', '.join(want.name for want in own)} do not hold what they should.")
