# SPDX-License-Identifier: GPL-2.0-only
"""Lab 8: remap_kernel(), asked on four levels of page tables that Xen might have made (grader/checks/world.py).

This machine has one slot of P=V with some megabytes in it. Here it has up to 510 GiB, in tables far from each other and
above 4 GiB; and however far the limit, three entries do it.
"""

from grader.checks.model import PGD, Case, Model, judge
from grader.checks.world import World
from grader.tables import PAGE

PMD = 1 << 21
DIRECT, TEXT, TEXTS_PUD = 272, 511, 510  # of PAGE_OFFSET and LOAD_OFFSET: pgd indices; and a pud index
REMAP_MAX = TEXTS_PUD * PGD  # src/include/pgtable-4level.h
PUDS = 509  # P=V: so many GiB are there
ALL = 1 << 63 | 0x7ff << 52 | 0xe00  # no execution, and the bits that the processor leaves to software


class FourLevels(Model):
    def __init__(self, boot):
        self.guest, self.world = boot.guest, World(boot)
        self.pgd, self.pud = self.world.table(), self.world.table()
        self.world.put(self.pgd, 0, self.world.leads_to(self.pud) | ALL)
        for slot in (256, 257, 271):  # Xen's
            self.world.put(self.pgd, slot, self.world.page())
        for index in range(PUDS):
            self.world.put(self.pud, index, self.world.page() | ALL)
        self.world.write(self.pgd, mod_start=0, mod_len=0)

    def name(self, maddr):
        for pfn, level in ((self.pgd, "pgd"), (self.pud, "pgd[0]'s pud")):
            if maddr & -PAGE == self.world.maddr(pfn, 0):
                return f"{level}[{maddr % PAGE // 8}]"
        return f"maddr {maddr:#x}, which is no page table"

    def wanted(self, start, limit):
        world = self.world
        top, first = (world.entries[world.maddr(table, 0)] for table in (self.pgd, self.pud))
        return {world.maddr(self.pgd, DIRECT): top, world.maddr(self.pud, TEXTS_PUD): first, world.maddr(self.pgd, TEXT): top}

    def counts(self, start, limit):
        return 2, 1, 0


def check_model(task, boot):
    """At the end of a remap that went well on the real tables."""
    boot.calls.here()
    model = FourLevels(boot)
    for limit in (PAGE, PMD - PAGE, PMD, PMD + PAGE, PGD - PAGE, PGD, PGD + PAGE, 4 * PGD + PAGE, 100 * PGD, REMAP_MAX - PAGE, REMAP_MAX):
        judge(task, boot, model, Case(0, limit, ""))
        if task.state != "right":
            return
