# SPDX-License-Identifier: GPL-2.0-only
"""Lab 11: the functions by calls in two domUs, one of each width, then their lives; and the same kernel as dom0.

Stage 6 builds the domUs, with store and console far above the page tables: what begins and ends in the right place by chance
does not do so there.
"""

from contextlib import ExitStack

from grader.session import Session

from .choice import check_choice, check_select
from .domu import DomU
from .life import check_life
from .limit import check_domu_limit
from .ring import check_write

# The guest's kind, dom0's.
KINDS = (("x86_32", "x86_32"), ("x86_64", "x86_32"))


def check(lab):
    images = {guest: lab.build(ARCH=guest) for guest, _ in KINDS}
    with ExitStack() as open_sessions:
        boots = [open_sessions.enter_context(DomU(lab, images[kind[0]], *kind)) for kind in KINDS]
        dom0 = open_sessions.enter_context(Session(lab, images["x86_32"], name="transcript-as-dom0.log"))
        lab.check("select", each(check_select), *boots)
        lab.check("write", each(check_write), *boots)
        lab.check("limit", each(check_domu_limit), *boots)
        lab.check("choose", check_choice, *boots, dom0)
        lab.check("life", each(check_life), *boots)
        for boot in (*boots, dom0):
            boot.finish()


def each(examine):
    """The same of every domU, up to the first finding."""
    def all_of(task, *boots):
        for boot in boots:
            if task.state == "right":
                examine(task, boot)
    return all_of
