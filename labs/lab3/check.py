# SPDX-License-Identifier: GPL-2.0-only
"""Lab 3: the functions one by one, then the remap itself.

A module of some megabytes makes the kernel's memory span several pmd entries, so
that one entry copied is not enough.
"""

from grader.checks.limit import check_limit
from grader.checks.model import check_model
from grader.checks.remap import check_remap, entry_tables, run_to, seen_changes
from grader.checks.early_m2p import check_m2p
from grader.checks.early_p2m import check_p2m
from grader.checks.walking import check_walk
from grader.machine import Stop
from grader.predictions import tell
from grader.session import Session
from grader.watch import Watch

MODULE_BYTES = 5 << 20


def check(lab):
    with Session(lab, lab.build(), module=lab.module(MODULE_BYTES)) as boot:
        lab.check("early_p2m", check_p2m, boot)
        lab.check("early_m2p", check_m2p, boot)
        lab.check("get_pmd", check_walk_both, boot)
        lab.check("remap_limit", check_limit, boot)
        lab.check("remap", check_all, boot)
        boot.finish()


def check_walk_both(task, boot):
    check_walk(task, boot, "pud")
    if task.state == "right":
        check_walk(task, boot, "pmd")


def check_all(task, boot):
    before = entry_tables(boot)
    watch = Watch(boot)
    event = run_to(boot, watch, "verify_remap")
    if isinstance(event, Stop) and event.name == "verify_remap":
        seen = seen_changes(boot, before)
        tell(boot.lab, {name: seen[name] for name in ("calls", "level", "tables", "returns", "uses")})
    check_remap(task, boot, watch, before, event, "verify_remap")
    if task.state == "right":
        check_model(task, boot)
