# SPDX-License-Identifier: GPL-2.0-only
"""Lab 10: four guests are built, and each is looked at from outside on its way; the fourth stands still at its first instruction.

A toolstack that is wrong may be right for one kind of guest, one layout, one machine. So two guests have the other width, two a
VA for paddr 0, one has store and console far above its tables, one more pages than its tables map, three have a module, and all of
them machine pages above 4 GiB, and port and domain numbers that nobody would guess.
"""

from concurrent.futures import ThreadPoolExecutor

from grader.making import tree_image
from grader.predictions import tell

from .building import Building
from .contents import check_p2m, check_start_info
from .life import check_context, check_given_up, check_serve
from .sealing import check_pin, check_tables

# The guest's stage, dom0's kind, the guest's, dom0's command line, bytes of the guest's module. Stage 0 has VIRT_BASE.
KINDS = ((4, "x86_32", "x86_32", "layout=far", 0), (4, "x86_32", "x86_64", "words of no meaning", 65),
         (0, "x86_64", "x86_32", "for another reason", 5000), (0, "x86_64", "x86_64", "seconds=2 guest_mem=8", 1))
JOBS = 2


def check(lab):
    images = {arch: lab.build(ARCH=arch) for arch in ("x86_32", "x86_64")}
    guests = [tree_image(arch, stage) for stage, _, arch, *_ in KINDS]
    with ThreadPoolExecutor(JOBS) as pool:
        runs = list(pool.map(lambda kind, guest: Building.run(lab, images[kind[1]], guest, *kind[1:]), KINDS, guests))
    tell(lab, predicted(runs[0]))
    lab.check("p2m", each(check_p2m), runs)
    lab.check("tables", each(check_tables), runs)
    lab.check("pin", each(check_pin), runs)
    lab.check("start_info", each(check_start_info), runs)
    lab.check("context", each(check_context), runs)
    lab.check("serve", check_to_the_end, runs)


def check_to_the_end(task, runs):
    *runs, hung = runs
    each(check_serve)(task, runs)
    if task.state == "right":
        check_given_up(task, hung)


def predicted(run):
    """What the hypercalls of the first run did, by the names in the file predictions."""
    top = run.layout.levels
    before, after = run.pinned or ({}, {})
    return {"top before": before.get(top), "top after": after.get(top), "pte before": before.get(1), "pte after": after.get(1),
            "mapped": len(run.mapped) if run.pinned else None, "left": len(run.left.mapped) if run.left else None}


def each(examine):
    """The same of every guest, up to the first finding."""
    def all_of(task, runs):
        for run in runs:
            if task.state == "right":
                examine(task, run)
    return all_of
