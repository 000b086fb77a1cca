# SPDX-License-Identifier: GPL-2.0-only
"""Lab 2: CPUID by a call, the rest by the stage's own boot."""

from grader.session import Session

from .cpuid import check_cpuid
from .msr import check_console, check_filled, check_refusal


def check(lab):
    with Session(lab, lab.build()) as boot:
        lab.check("early_cpuid", check_cpuid, boot)
        lab.check("not_under_xen", check_refusal, boot)
        lab.check("hypercall_page", check_filled, boot)
        lab.check("console", check_console, boot)
        boot.finish()
