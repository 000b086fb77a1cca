# SPDX-License-Identifier: GPL-2.0-only
"""Lab 8: get_pud() and get_pmd() on four levels of page tables.

They are asked about tables that the grader makes up for one call, since at the
start only the first slot has any.
"""

import random

from grader.calls import each_after_the_other
from grader.checks.walking import check_walk
from grader.checks.world import MORE_FLAGS, PREPARED, World, first_free
from grader.machine import Stop
from grader.many import ask_each
from grader.tables import PAGE, PRESENT

FLAGS = 1 << 63 | 0x67  # NX as well: a maddr ends below it
MADE_UP = 0x20  # PFN of the first of four pages that nobody uses
XENS = range(256, 272)  # slots of the pgd
TABLES = 6  # of each level, for all slots


def va_of(pgd, pud, pmd=0):
    va = pgd << 39 | pud << 30 | pmd << 21 | 0x1234
    return va | 0xffff << 48 if va >> 47 else va


@each_after_the_other
def check_levels(task, boot):
    for level in ("pud", "pmd"):
        if task.state == "right":
            check_walk(task, boot, level)
    if task.state == "right":
        check_walk(task, boot, "pud", [va_of(0, 1), va_of(0, 510)])
    if task.state == "right":
        check_made_up(task, boot)
    if task.state == "right":
        check_empty(task, boot)
    if task.state == "right" and not boot.calls.broken:
        check_every_slot(task, boot)


def check_made_up(task, boot):
    """In two more slots of the pgd, one of them in the upper half of the address space."""
    guest = boot.guest
    pgd = guest.info["pt_base"]
    old = guest.read(pgd, PAGE)
    guest.write(MADE_UP * PAGE, bytes(4 * PAGE))
    vas = []
    for slot, index, first in ((7, 3, MADE_UP), (300, 511, MADE_UP + 2)):
        put(guest, pgd + 8 * slot, first)
        put(guest, first * PAGE + 8 * index, first + 1)
        vas += [va_of(slot, index, 5), va_of(slot, index, 511)]
    for level in ("pud", "pmd"):
        if task.state == "right":
            check_walk(task, boot, level, vas)
    guest.write(pgd, old)


def put(guest, paddr, pfn, flags=FLAGS):
    """Has an entry lead to a page of the guest's."""
    guest.write(paddr, (guest.p2m[pfn] * PAGE | flags).to_bytes(8, "little"))


NOTHING = (("get_pud", va_of(3, 0), "pgd[3] is empty"), ("get_pud", va_of(5, 0), "pgd[5] is not present, whatever else it holds"),
           ("get_pmd", va_of(0, 2), "pud[2] is empty"), ("get_pud", va_of(256, 0), "pgd[256] leads to a table of Xen's"))


def check_empty(task, boot):
    """Where an entry leads to no table of the guest's, there is nothing to return."""
    absent = boot.guest.info["pt_base"] + 8 * 5
    put(boot.guest, absent, MADE_UP, FLAGS & ~PRESENT)
    for name, va, why in NOTHING:
        result = boot.calls.call(name, boot.guest.info_paddr, va)
        if result.value is not None:
            task.fail("walk-into-nothing", f"""{name}(VA {va:#x}) gives P=V {result.value:#x}, but {why}: the walk cannot continue there, and
                whoever gets that pointer reads rubbish. next_table() ends the kernel with a word.""")
        elif not isinstance(result.event, Stop) or result.event.name != "xen_exit":
            task.fail("walk-into-nothing", f"""{name}(VA {va:#x}), where {why}, did not end with a word: {boot.describe(result.event)}.
                next_table() does.""")
    boot.guest.write(absent, bytes(8))


def check_every_slot(task, boot):
    """Every slot of the pgd, every index of the levels below, on tables that lie far from each other (world.py)."""
    chance, world = random.Random(2007), World(boot)
    pgd, *tables = [world.table() for _ in range(1 + 2 * TABLES)]
    puds, pmds = tables[:TABLES], tables[TABLES:]
    found = {}  # (table, index): the table that its entry leads to
    for table, indices, below in [(pgd, set(range(512)) - set(XENS), puds), *((pud, range(512), pmds) for pud in puds)]:
        for index in indices:
            found[table, index] = chance.choice(below)
            world.put(table, index, world.leads_to(found[table, index]) | chance.choice(MORE_FLAGS))
    world.write(pgd)
    slots = [slot for slot in range(512) if slot not in XENS]
    places = [(slot, chance.randrange(512), chance.randrange(512)) for slot in slots]
    places += [(chance.choice(slots), index, 511 - index) for index in range(512)]
    for level in ("pud", "pmd"):
        want = {va_of(*place): entry_at(found, pgd, level, *place) for place in places}
        for va, got, event in ask_each(boot.calls, f"get_{level}", world.info, want, (first_free(boot) + PREPARED) * PAGE):
            if got != want[va]:
                gives = f"does not return: {boot.describe(event)}" if got is None else f"gives P=V {got:#x}"
                return task.fail("walk-wrong-slot", f"""on tables that fill all slots, get_{level}(VA {va:#x}) {gives}. That address is pgd[{va >> 39 & 511}],
                    pud[{va >> 30 & 511}], pmd[{va >> 21 & 511}], and its {level} entry is at P=V {want[va]:#x}.""")


def entry_at(found, pgd, level, slot, pud, pmd):
    """P=V address of the entry on the way to an address."""
    table = found[pgd, slot]
    return table * PAGE + 8 * pud if level == "pud" else found[table, pud] * PAGE + 8 * pmd
