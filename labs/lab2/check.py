# SPDX-License-Identifier: GPL-2.0-only
"""Lab 2: CPUID by calls, the rest by the stage's own boot."""

from grader.session import Session
from grader.stopped import Stopped

from .cpuid import check_cpuid
from .elsewhere import check_refusal
from .msr import check_console, check_filled


def check(lab):
    with Session(lab, image(lab)) as boot:
        lab.check("early_cpuid", check_cpuid, boot)
        lab.check("not_under_xen", check_refusal, boot)
        lab.check("hypercall_page", check_filled, boot)
        lab.check("console", check_console, boot)
        boot.finish()


def image(lab):
    """The kernel with early_cpuid() in reach (asked.h); first without, so that what the compiler says is about the reader's files alone."""
    lab.build()
    try:
        return lab.build(ASKED="y")
    except Stopped:
        raise Stopped("cpuid-signature", "early_cpuid() is not what was in cpuid.c: static struct cpuid_leaf early_cpuid(u32 leaf). The grader calls it, so "
                      "it has to stay a function of that kind.") from None
