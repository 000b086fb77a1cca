# SPDX-License-Identifier: GPL-2.0-only
"""By which calls a number came to where it was used as a pointer, and of which registers an address was made."""

from __future__ import annotations

from xenpt.memory import PAGE_SIZE

from .facts import Facts

MOST = 3  # calls that are named


def handed(f: Facts) -> str:
    """The calls that led to the exception, the last first."""
    fault = f.fault
    ways = f.callers(fault.regs)[:MOST] if fault and f.seen and f.source.is_code(fault.ip) else []
    told = [f"{f.source.function(a)}() at {f.source.line(a)}" for a in ways]
    return f" The calls that led there, the last one first: {', '.join(told)}." if told else ""


_NO_NUMBERS = ("rip", "rsp", "cs", "ss", "vector", "eflags")


def indexed(f: Facts, begin: int) -> str:
    """That an address in a page is the sum of a small number and an index, if two registers hold these."""
    values = {v & f.mask for name, v in f.fault.regs.values.items() if name not in _NO_NUMBERS} if f.fault else set()
    for base in sorted(v for v in values if 0 < v < PAGE_SIZE):
        for index in sorted(v for v in values if PAGE_SIZE <= v):
            size = next((s for s in (1, 2, 4, 8) if begin <= base + s * index < begin + PAGE_SIZE), 0)
            if size:
                return f"the address in that page was {base + size * index:#x}, and two registers hold {base:#x} and {index:#x}: {base:#x} + {size} * {index:#x}"
    return ""
