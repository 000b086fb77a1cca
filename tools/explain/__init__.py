# SPDX-License-Identifier: GPL-2.0-only
"""Why did it fail? One explainer, which looks at the machine.

	tools/python -m explain LOG END IMAGE [WHERE]

A boot is deterministic and takes half a second. So one that has failed is booted again, under a debugger (observe.py);
what the machine shows there and what the transcript says (transcript.py) are the facts (facts.py). Rules (rules_*.py),
each a few lines, say which causes fit the facts; report.py prints the likelier first, and plain facts if none fits.

Used by tools/boot after a failed run, by GDB's `continue` after a crash, and by the grader when Xen refuses an image.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from .domain import domain
from .facts import Facts
from .report import lesson
from .rule import RULES, causes

__all__ = ["RULES", "explain", "refusal"]

# In the order in which causes are named: what was put in on purpose first, what always fits last.
TABLES = "errata proof compiled jumps ran_into segments bare_console unpacker never_entered paging_on gates apic bare astray pvh pvh_run pvh_waits pvh_console pvh_triple pvh_steps pvh_guest pvh_struct pin domctl pair handles channels store store_answers serving ring guest_image domains guest_window guest_memory notes classic image bzimage refused subarch boot_params results events time ticks stack checks voice msr hypercall calling console_io limit arrival memory large_pages low kernel arguments lists operations updates new_entries entries trap_table handler frames registers extable pointers remap p2m whole numbers beyond traps waits end".split()
for table in TABLES:
    importlib.import_module(f"{__name__}.rules_{table}")
# One that asks another's functions has imported that first.
RULES.sort(key=lambda r: TABLES.index(r.says.__module__.rpartition("rules_")[2]))


def explain(log: str, end: str, image: str, where: str = "", *, native: bool = False, report: Callable[..., Any]) -> list[Any]:
    """Calls report(facts, causes) while the machine stands, and returns all that it yields. If it was the domain that stage
    6 built that failed, the machine stands where that has ended, and its facts and causes are two arguments more."""
    facts = Facts(log, end, image, where, native)
    inside = domain(facts)
    if inside:
        with inside.observe():
            return list(report(facts, causes(facts), inside, causes(inside)))
    with facts.observe():
        return list(report(facts, causes(facts)))


def refusal(log: str, image: str) -> tuple[str, str, str]:
    """Of an image that Xen refused: the likely cause's name, what it is, and the lesson to read."""
    cause = causes(Facts(log, "refusal", image))[0]
    return cause.name, cause.text, lesson(cause.read)
