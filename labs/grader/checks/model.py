# SPDX-License-Identifier: GPL-2.0-only
"""remap_kernel(), asked for every kind of range on page tables that Xen might have made (world.py).

The boot shows one range on one machine, and much is right there by luck. Here the limits lie at every edge, up to
REMAP_MAX; the tables are far from each other; and what is compared is every entry of every table.
"""

from collections import namedtuple

from ..machine import Stop
from ..tables import PAGE, PRESENT
from .world import TOP_FLAGS, World

PMD, PGD = 1 << 21, 1 << 30
XENS = {32: 428, 64: 512}  # the first entry of slot 3's pmd page that is Xen's
USED = 0x60

Case = namedtuple("Case", "start limit why")


def remap_max(guest):
    """The first paddr that has no linked address left: VA below Xen's, clear of P=V."""
    return min(guest.page_offset, 0xf5800000 - guest.page_offset)


def shared_from(guest):
    """The first paddr whose linked VA lies in the slot that Xen shares."""
    return 0xc0000000 - guest.page_offset


def cases(guest):
    most, shared = remap_max(guest), shared_from(guest)
    limits = {PAGE, PMD - PAGE, PMD, PMD + PAGE, 2 * PMD, 0x1234000, most - PMD, most - PAGE}
    limits |= {limit for edge in (PGD, shared) for limit in (edge - PAGE, edge, edge + PAGE, edge + PMD) if 0 < limit < most}
    found = [Case(0, limit, "") for limit in sorted(limits)]
    found += [Case(start, limit, "") for start in range(PGD, most, PGD) for limit in (start + PAGE, start + 3 * PMD, most - PAGE)]
    return found + [Case(0, 0, "nothing"), Case(PGD, PGD, "nothing")] * (most > PGD)


class Model:
    """The tables of a 32-bit guest whose P=V mapping reaches over a limit, and what a remap makes of them."""

    def __init__(self, boot):
        guest = boot.guest
        self.guest, self.world = guest, World(boot)
        self.pgd = self.world.table()
        self.pmds = [self.world.table() for _ in range(4)]
        top = TOP_FLAGS[guest.bits]
        for slot, pmd in enumerate(self.pmds):
            self.world.put(self.pgd, slot, self.world.leads_to(pmd, top))
        for index in range(XENS[guest.bits], 512):
            self.world.put(self.pmds[3], index, self.world.page())
        for paddr in range(0, -(-remap_max(guest) // (2 * PMD)) * 2 * PMD, PMD):  # Xen's mapping ends at 4 MiB
            self.world.put(self.pmds[paddr >> 30], paddr >> 21 & 511, self.world.page())
        self.world.write(self.pgd, mod_start=0, mod_len=0)

    def name(self, maddr):
        """An entry, as a reader calls it."""
        for pfn, level in [(self.pgd, "pgd"), *((pmd, f"pgd[{slot}]'s pmd") for slot, pmd in enumerate(self.pmds))]:
            if maddr & -PAGE == self.world.maddr(pfn, 0):
                return f"{level}[{maddr % PAGE // 8}]"
        return f"maddr {maddr:#x}, which is no page table"

    def wanted(self, start, limit):
        """What the entries hold afterwards that a remap has to write: maddr, value; in the order of the paddrs."""
        found, world, base = {}, self.world, self.guest.page_offset
        shared = shared_from(self.guest)
        for paddr in range(start, min(limit, shared), PGD):
            found[world.maddr(self.pgd, paddr + base >> 30)] = world.entries[world.maddr(self.pgd, paddr >> 30)]
        for paddr in range(max(start, shared), limit, PMD):
            va = paddr + base
            source = world.maddr(self.pmds[paddr >> 30], paddr >> 21 & 511)
            found[world.maddr(self.pmds[va >> 30], va >> 21 & 511)] = world.entries[source]
        return found

    def counts(self, start, limit):
        shared = shared_from(self.guest)
        return len(range(start, min(limit, shared), PGD)), 0, len(range(max(start, shared), limit, PMD))


def check_model(task, boot):
    """At the end of a remap that went well on the real tables."""
    boot.calls.here()
    model = Model(boot)
    for case in cases(boot.guest):
        judge(task, boot, model, case)
        if task.state != "right":
            return


def judge(task, boot, model, case):
    result, requests = model.world.asked("remap_kernel", case.start, case.limit, returns=3)
    said = f"""asked for paddr {case.start:#x} to {case.limit:#x} on other page tables, which lie far from each other and on machine pages above
        4 GiB, remap_kernel()"""
    if result.value is None:
        how = "ends the kernel" if isinstance(result.event, Stop) else "does not return"
        return task.fail("model-no-answer", f"{said} {how}: {boot.describe(result.event)}.")
    wanted, got = model.wanted(case.start, case.limit), {}
    for ptr, value in requests:
        if ptr & 7 not in (0, 2):  # MMU_NORMAL_PT_UPDATE, and the one that keeps what the processor set
            return task.fail("model-command", f"{said} asks for a ptr of {ptr:#x}: the low bits are a command, and have to be 0.")
        got[ptr & ~7] = value
    for maddr, value in wanted.items():
        if maddr not in got:
            return task.fail("model-missing", f"{said} does not ask for {model.name(maddr)}, where {model.name(source(model, value))} belongs.")
        if (got[maddr] ^ value) & ~USED:
            return task.fail("model-value", f"""{said} asks for {model.name(maddr)} to hold {got[maddr]:#x}, where {value:#x} belongs, which is what
                {model.name(source(model, value))} holds.""")
    for maddr, value in got.items():
        if maddr not in wanted and (value ^ model.world.entries.get(maddr, 0)) & ~USED:
            return task.fail("model-surplus", f"""{said} asks for {model.name(maddr)} := {value:#x} as well, and nothing needs that:
                {len(wanted)} {'entries do' if len(wanted) != 1 else 'entry does'} it.""")
    check_counts(task, model, case, said, result.value, len(requests) == len(got))
    return None


def source(model, value):
    return next(maddr for maddr, held in model.world.entries.items() if held == value and held & PRESENT)


def check_counts(task, model, case, said, value, once):
    counts = tuple(value >> 32 * i & 0xffffffff for i in range(3))
    want = model.counts(case.start, case.limit)
    if once and counts != want:
        task.fail("remap-counts", f"""{said} returns {counts[0]} pgd, {counts[1]} pud, {counts[2]} pmd entries, and {want[0]} pgd, {want[2]} pmd entries
            are written. Each road returns how many it wrote, and remap_kernel() all of them.""")
        task.earned = task.points - 1  # the remap itself is right
