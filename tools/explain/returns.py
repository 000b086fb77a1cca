# SPDX-License-Identifier: GPL-2.0-only
"""Whether a function of the image's was entered, and what it returned: by the log of what ran."""

from __future__ import annotations

from .facts import Facts
from .trail import Step


def _stack(f: Facts, step: Step) -> int:
    return step.registers.get("ESP", step.registers.get("RSP", 0)) & f.mask


def entered(f: Facts, function: str) -> Step | None:
    """Its first instruction, when it was first about to be executed, as far as the log goes back."""
    at = f.source.va(function)
    here = () if at is None else (at, at - f.source.offset & f.mask)
    return next((s for s in f.steps if s.address in here), None)


def returned(f: Facts, function: str) -> int | None:
    """The result, in EAX (RAX); None if it is not known."""
    steps = [] if f.cut else f.steps
    inside = [f.source.function(s.address) == function for s in steps]
    for number in range(len(steps) - 1, 0, -1):
        if inside[number - 1] and not inside[number] and _stack(f, steps[number]) > _stack(f, steps[number - 1]):
            return steps[number].registers.get("EAX", steps[number].registers.get("RAX"))
    return None
