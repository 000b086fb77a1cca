# SPDX-License-Identifier: GPL-2.0-only
"""Lab 5: two functions by calls, then the boot, with P=V removed halfway."""

from grader.checks.jump import Arrival, check_arrival, check_jump, check_life
from grader.checks.repoint import check_repoint
from grader.session import Session
from grader.watch import Watch

MODULE_BYTES = 3 << 20


def check(lab):
    with Session(lab, lab.build(), lab.module(MODULE_BYTES)) as boot:
        lab.check("repoint_start_info", check_repoint, boot)
        lab.check("jump_to", check_jump, boot)
        boot.watch = Watch(boot)
        lab.check("xen_entry", check_arrival, boot, Arrival(boot))
        lab.check("start_kernel", check_life, boot)
        boot.finish()
