# SPDX-License-Identifier: GPL-2.0-only
"""What no wrong answer can bring about, and the grader looks for all the same: tools/python tests/labs/unseen.py FOLDER

Xen refuses page tables that are changed behind its back, so here it is the test
that changes them, through the debugger, in a boot of lab 3's solution. Called by
tests/labs.bats.
"""

import sys

from grader.checks.frames import check_frames, frames_of, used
from grader.lab import Lab
from grader.machine import Stop
from grader.checks.remap import check_without_pv, entry_tables, run_to
from grader.report import Task
from grader.session import Session
from grader.tables import Tables
from grader.checks.updates import wanted
from grader.watch import Watch


def found(check, *args):
    task = Task("", "", 0, state="right")
    check(task, *args)
    return [finding.id for finding in task.findings]


lab = Lab("3", "src/stage3-remap", sys.argv[1])
lab.begin()
good = 0
with Session(lab, lab.build()) as boot:
    stub = boot.machine.stub
    before = entry_tables(boot)
    event = run_to(boot, Watch(boot), "verify_remap")
    entry = wanted(boot.guest, before)[0]
    spare = entry.maddr + 8 * 100

    good += found(check_without_pv, boot) == [] and found(check_frames, boot, before.frames, used(Tables(boot.guest), frames_of(boot))) == []

    stub.write(spare, entry.value.to_bytes(8, "little"), physical=True)
    good += found(check_frames, boot, before.frames, used(Tables(boot.guest), frames_of(boot))) == ["frame-count"]
    stub.write(spare, bytes(8), physical=True)

    stub.write(entry.maddr, bytes(8), physical=True)
    good += found(check_without_pv, boot) == ["remap-leans-on-pv"]
    stub.write(entry.maddr, entry.value.to_bytes(8, "little"), physical=True)

    # All is as it was: the kernel goes on, and its own look at the pages finds nothing.
    boot.machine.stop_at(boot.guest.paddr("panic"), "panic")
    event = boot.machine.go()
    good += isinstance(event, Stop) and event.name == "xen_exit"
print(f"{good} of 4")
sys.exit(good != 4)
