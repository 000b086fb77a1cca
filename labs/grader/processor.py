# SPDX-License-Identifier: GPL-2.0-only
"""What of the processor's state is in none of the registers that a debugger keeps at hand: how it calculates with fractions,
debug registers, descriptor tables. No task of a lab is about it, and whoever runs next takes it for granted. Used by session.py.

Xen gives a guest the processor's floating-point unit at its first instruction for that, with the values that it has after FNINIT.
"""

import re

KEPT = re.compile(r"\b(FCW|FTW|MXCSR|DR[0-37]|LDT) *= *(\w+)")
MEANT = {"FCW": "the x87 control word", "FTW": "which of the x87's registers are in use", "MXCSR": "SSE's control word",
         "LDT": "the selector of the local descriptor table"}
FRESH = {"FCW": 0x37f, "FTW": 0, "MXCSR": 0x1f80}


def state(machine):
    """Value by name."""
    return {name: int(value, 16) for name, value in KEPT.findall(machine.monitor.human("info registers"))}


def changed(before, now):
    """A sentence about the first that is not what it was; empty if all are."""
    return next((f"{name}, {MEANT.get(name, 'a debug register')}, was {before[name]:#x} and is {value:#x} now. Who changes it puts it back."
                 for name, value in now.items() if value not in (before[name], FRESH.get(name))), "")
