# SPDX-License-Identifier: GPL-2.0-only
"""Lab 9: the fixed functions by calls, then the boot, with P=V removed halfway."""

from grader.checks.repoint import check_repoint
from grader.session import Session

from .errata import check_boot, check_dom0, check_domu

MODULE_BYTES = 3 << 20


def check(lab):
    with Session(lab, lab.build(), lab.module(MODULE_BYTES)) as boot:
        lab.check("dom0_console", check_dom0, boot)
        lab.check("domu_pages", check_domu, boot)
        lab.check("module", check_repoint, boot)
        lab.check("boot", check_boot, boot)
        boot.finish()
