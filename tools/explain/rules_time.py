# SPDX-License-Identifier: GPL-2.0-only
"""Time: the clock, the timer that is set by it, and the tick that does not come. Stage 4."""

from __future__ import annotations

import re

from .facts import Facts
from .rule import rule
from .rules_events import FIRST, TIMER, bound

SECOND = 1_000_000_000  # ns


def asked(f: Facts) -> int | None:
    """The time that the timer was set to last."""
    calls = [c for c in f.calls if c.name == "set_timer_op"]
    return None if not calls else calls[-1].args[0] | (calls[-1].args[1] << 32 if f.bits == 32 else 0)


@rule("timer-not-set", FIRST, "silence")
def _(f):
    if f.where_said == "idle" and bound(f) and asked(f) is None:
        return "The guest sleeps, and it never asked for an event: no set_timer_op was made, and Xen's periodic tick may have been stopped."


def parts(time: int) -> str:
    """What the time itself says of how it was made."""
    return " What it gave is, as a number with a sign, negative: from the counter a larger number was taken, or it was cut before." if time >> 63 else \
        " What it gave is next to nothing, as if Xen had only begun: the sum was cut, or its first part left out." if time < SECOND // 100 else ""


@rule("timer-early", FIRST, "failure")
def _(f):
    told = re.match(r"timer: tick \d+ came at 0x([0-9a-f]+) ns, and was asked for at 0x([0-9a-f]+)", f.panic)
    if not told:
        return None
    time, wanted = (int(n, 16) for n in told.groups())
    early = f"A tick came before its time: {f.panic.partition(': ')[2]}. A timer that is set to a time in the past fires at once"
    if asked(f) is not None and asked(f) < wanted // 2 and time < SECOND << 20:
        halves = ", the lower half of it in one argument and the upper in the next" if f.bits == 32 else ""
        return f"""{early}. The clock is about right, and Xen was asked for another time than the kernel says: the last set_timer_op took {asked(f):#x} ns. It takes a number of 64 bits{halves}: a part
            of that was lost, or another number was given."""
    return f"""{early}: system_time() is behind Xen's clock. It is the shared page's system_time, plus the cycles since its tsc_timestamp as
        nanoseconds.{parts(time)}"""


@rule("timer-never-ticked", FIRST, "failure", "silence", rank=1)
def _(f):
    ready = asked(f) and any(virq == TIMER and f.shared_info and port not in f.shared_info.masked for virq, port in bound(f))
    if f.panic.startswith("timer: ") and "ticks came" in f.panic:
        calls = sum(c.name == "set_timer_op" for c in f.calls)
        return f"""{f.panic.removeprefix("timer: ").capitalize()}. set_timer_op was made {calls} times{", so nobody asked for an event: wait_for_tick() was not called, or returned at once" if f.calls and not calls else ""}."""
    if not f.panic.startswith("timer: woken") and not (f.where_said == "idle" and (f.called_back and bound(f) or ready)):
        return None
    ports = ", ".join(f"virq {virq} at port {port}" for virq, port in bound(f)) or "none"
    return f"""The kernel was woken, or called back, and did not count a tick: its handler was not called, or did not do what it should;
        or it did not sleep at all{f", or the time that it asked for, {asked(f)} ns, is far off" if asked(f) else ""}. {f"Bound were: {ports}. " if f.calls else ""}Is the handler looked up by the port (not by the virq), is the time it asks for in nanoseconds since Xen's start?"""


@rule("timer-cancelled", FIRST, "silence")
def _(f):
    timers = [c for c in f.calls if c.name == "set_timer_op"]
    if timers and not any(timers[-1].args[:2 if f.bits == 32 else 1]) and f.where_said != "xen":
        return "The last set_timer_op asked for time 0, which cancels the timer. It takes a time in nanoseconds since Xen's start."
