# SPDX-License-Identifier: GPL-2.0-only
"""A function that has not run: where the code calls it all the same, and whether that is further on than the run has come."""

from __future__ import annotations

from .disassembly import Instruction, branch, calls_of
from .facts import Facts
from .source import Source


def missing_call(f: Facts, source: Source, name: str) -> str:
    """source: of the kernel that was to call it. Empty if it has no call of it."""
    sites = calls_of(source, name)
    places = " and in ".join(f"{source.function(site.address)}(), {source.line(site.address)}" for site in sites)
    return later_call(f, source, name) or (f" The code has a call of {name}(), in {places}: is that passed by, or is it to come earlier?" if sites else "")


def later_call(f: Facts, source: Source, name: str) -> str:
    """That alone which is so whether or not it has run: the call is further on."""
    return next((told for told in (_late(f, source, site) for site in calls_of(source, name)) if told), "")


def _late(f: Facts, source: Source, site: Instruction) -> str:
    """That the function with the call has come no further than to another place before it."""
    at = _came_to(f, source, source.begin(site.address))
    if at is None or at >= site.address:
        return ""
    return f" {source.function(site.address)}() has the call further on, at {source.line(site.address)}, and has come no further than to {source.line(at)}."


def _came_to(f: Facts, source: Source, begin: int | None) -> int | None:
    """The last place of a function at the end: the call from which it has not come back."""
    if f.seen and source is f.source:
        inside = [source.linked(at) for at in f.on_stack() if source.begin(at) == begin]
        return inside[0][0] if inside and inside[0] else None
    steps = f.ran.steps if f.ran else f.steps
    step = next((s for s in reversed(steps) if source.begin(s.address) == begin), None)
    left = branch(source, step.address) if step else None
    return left.address if left else None
