# SPDX-License-Identifier: GPL-2.0-only
"""The guest's clock: what Xen says in the shared page, and what the kernel made of that. Source: xen/xen.h, struct vcpu_time_info."""

from __future__ import annotations

import struct
from typing import NamedTuple

from xenabi.headers import value

from .calls import CLOCK, Call
from .facts import Facts
from .pvh_run import PvhCall

_TIME = struct.Struct("<I4xQQIb3x")
SECOND, TICK, PVH_TICK = 1_000_000_000, 10_000_000, 50_000_000  # ns; a tick as stage 4 asks for it, and stage 7
POLL, MANY = value("SCHEDOP_poll"), 10  # a wait for some ticks takes fewer


class Clock(NamedTuple):
    """As Xen wrote it."""
    version: int
    tsc: int
    ns: int
    mul: int
    shift: int

    def scaled(self, cycles: int) -> int:
        return (cycles << self.shift if self.shift >= 0 else cycles >> -self.shift) * self.mul >> 32


def timers(f: Facts) -> list[tuple[Call | PvhCall, int]]:
    """Each set_timer_op, and the time that it asked for."""
    made: list[Call | PvhCall] = [*(f.ran.calls if f.ran else f.calls)]
    bits = f.ran.source.bits if f.ran else f.bits
    return [(c, c.args[0] | (c.args[1] << 32 if bits == 32 else 0)) for c in made if c.name == "set_timer_op"]


def time_asked(f: Facts, tick: int = 0) -> int | None:
    """The time that the timer was set to last, or for this tick, the first being 1."""
    calls = timers(f)
    return calls[tick - 1][1] if calls and len(calls) >= tick else None


def reading(f: Facts) -> str:
    """How system_time() was worked out wrongly, by the first time that was asked for and the page as it was then."""
    call, asked = next(iter(timers(f)), (None, 0))
    page = Clock(*_TIME.unpack(call.data)) if isinstance(call, Call) and len(call.data) == CLOCK else None
    if not page or not page.ns:
        return _polls(f)
    now = asked - TICK
    more = now - page.ns
    stands = f"When set_timer_op was first made, system_time() gave {now:#x} ns ({asked:#x} less a tick), and the shared page had system_time {page.ns:#x} at {page.tsc:#x} of the counter, and the multiplier {page.mul:#x}"
    if 0 <= more <= 1:
        return f""" {stands}: of the cycles since then nothing was added. A product of two numbers of 32 bits has to have 64 before it is shifted back by 32 (cycles_to_ns()), and the difference of the counter's readings has to be that of the
            counter now."""
    if -SECOND < more < 0:
        return f" {stands}: what is to be added for the cycles since then was taken off."
    if 0 <= more - page.mul < 2 * SECOND:
        return f" {stands}: that is system_time, and the multiplier itself, and {more - page.mul:#x} more. tsc_to_system_mul has to be multiplied by the cycles (cycles_to_ns()), both halves of them, and not added."
    if abs(more - page.scaled(page.tsc)) < 2 * SECOND:
        return f" {stands}: what was added is all that the counter has counted, and not what it did since. tsc_timestamp has to be taken off the counter before the rest is scaled."
    return ""


def _polls(f: Facts) -> str:
    """Each waits until the time that the kernel waits for itself."""
    count = sum(c.name == "sched_op" and c.args[0] == POLL for c in f.calls)
    return f" SCHEDOP_poll was made {count} times to wait for one point in time, and returned each time before system_time() had come to that: it stands still, or nearly, between two updates of the page, so what is added for the cycles (cycles_to_ns()) is lost." \
        if count > MANY else ""
