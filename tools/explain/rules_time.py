# SPDX-License-Identifier: GPL-2.0-only
"""Time: the clock, and the timer that is set by it. Stage 4. The ticks that come of it: rules_ticks.py."""

from __future__ import annotations

import re

from xenabi.headers import names, value

from .clock import PVH_TICK, SECOND, TICK, reading, time_asked, timers
from .rule import rule
from .rules_events import FIRST, bound

YEARS = 1 << 56  # ns, two of them: nothing here runs so long
ROUGHLY = 0.2  # so much an observed time may differ, as a part of it


@rule("timer-not-stopped", FIRST, "failure")
def _(f):
    if not f.panic.startswith("timer: an event came that nobody has asked for"):
        return None
    known = names("VCPUOP_")
    made = [known.get(c.args[0], f"operation {c.args[0]}") for c in f.calls if c.name == "vcpu_op"]
    stop = "VCPUOP_stop_periodic_timer"
    if stop in made:
        return f"""{stop} was made, and wait_for_ports() says that an event came all the same, before any set_timer_op. Either one came: is the port that is waited for VIRQ_TIMER's? Or none did, and the result is wrong: it is true only if a port's pending bit was set
            (poll.c)."""
    return f"""Xen sends a virtual processor a timer event each 10 ms until {stop} ({value(stop)}) stops that, and it was not made before these ticks{f": what was made is {', '.join(made)}" if made else ""}. The ticks that
        come by themselves would prove nothing of set_timer_op."""


@rule("timer-not-set", FIRST, "silence")
def _(f):
    if f.where_said == "idle" and bound(f) and time_asked(f) is None:
        return "The guest sleeps, and it never asked for an event: no set_timer_op was made, and Xen's periodic tick may have been stopped."


def parts(time: int) -> str:
    """What the time itself says of how it was made."""
    if YEARS < time < 1 << 63:
        return f" What it gave is {time // SECOND // 86400} days, and Xen has run for seconds: a product was not shifted back (by 32 bits), or a shift went the other way."
    return " What it gave is, as a number with a sign, negative: from the counter (RDTSC, its upper half in EDX) a larger number was taken, the counter was not read, or it was cut before; or a product was not shifted back." if time >> 63 else \
        " What it gave is next to nothing, as if Xen had only begun: the sum was cut, or its first part left out." if time < SECOND // 100 else ""


@rule("timer-early", FIRST, "failure")
def _(f):
    told = re.match(r"timer: tick (\d+) came at (0x[0-9a-f]+) ns, and was asked for at (0x[0-9a-f]+)", f.panic)
    if not told:
        return None
    tick, time, wanted = (int(n, 0) for n in told.groups())
    length = PVH_TICK if f.ran else TICK
    asked = min(tick, len(timers(f))) if f.ran else tick  # that was another run, which may have ended at an earlier tick
    to = time_asked(f, asked)
    if f.seen and not f.seen.deaf and f.calls and time_asked(f) is None:
        return None  # nobody asked for it
    if wanted > time + SECOND:
        return f"""system_time() went back, by {(wanted - time) // SECOND} s, from one reading to the next: {f.panic.partition(': ')[2]}. What is read of the counter differs by far more than has passed: is its upper half that of EDX (RDTSC), the lower that of
            EAX, and are both in a variable of 64 bits?{parts(time)}"""
    early = f"A tick came before its time: {f.panic.partition(': ')[2]}. A timer that is set to a time in the past fires at once"
    if to is not None and to < wanted - SECOND // 2 and time < SECOND << 20:
        unit = next((n for n in (1000, 1000000) if abs(wanted / n / max(to, 1) - 1) < ROUGHLY), 0)
        if unit and abs(to - length) > length // 100:
            return f"""{early}. The clock is about right, and set_timer_op number {asked} took {to:#x}, which is the time that the kernel names divided by about {unit}: another unit. What it takes is nanoseconds since Xen's start."""
        if abs(to - length) <= length // 100:
            return f"""{early}. The clock is about right, and set_timer_op number {asked} took {to:#x} ns, which is {to // 1000000} ms: that is how long to wait, and what it takes is a point in time, in nanoseconds since Xen's start (system_time() and so
                many more)."""
        halves = ", the lower half of it in one argument and the upper in the next" if f.bits == 32 else ""
        return f"""{early}. The clock is about right, and Xen was asked for another time than the kernel says: set_timer_op number {asked} took {to:#x} ns. It takes a number of 64 bits{halves}: a part
            of that was lost, or another number was given."""
    how, made = reading(f) or parts(time), "It is the shared page's system_time, plus the cycles since its tsc_timestamp as nanoseconds"
    if how:
        return f"{early}: system_time() is behind Xen's clock. {made}.{how}"
    return f"{early}. Either set_timer_op took an earlier time than the kernel names{f' (number {asked} took {to:#x} ns when this was booted again)' if to is not None else ''}, or system_time() is behind Xen's clock. {made}."


@rule("timer-ahead", FIRST, "failure")
def _(f):
    told = re.match(r"timer: system_time\(\) gives 0x([0-9a-f]+) ns, and Xen's clock is not there yet", f.panic)
    if not told:
        return None
    time, how = int(told[1], 16), reading(f)
    ahead = f"system_time() is ahead of Xen's clock: an event was asked for at {time:#x} ns, the present time by system_time(), and did not come at once."
    if YEARS < time < 1 << 63 or YEARS < time and "the multiplier itself" in how:  # which the first reading alone may be by chance
        return f"""{ahead} That is years after Xen's start: what was read of the counter was far too large. Is its upper half that of EDX (RDTSC), the lower that of EAX, and was a product shifted back?"""
    if how:
        return ahead + how
    xens = f"; Xen wrote {f.shared_info.system_time:#x} ns there last, at {f.shared_info.tsc_timestamp:#x} of the counter" if f.shared_info else ""
    return f"""{ahead} The time is the shared page's system_time, plus the cycles
        since its tsc_timestamp as nanoseconds{xens}. Is tsc_timestamp taken from the counter, is the counter's upper half that of EDX (RDTSC), are the cycles scaled by tsc_to_system_mul and tsc_shift?{parts(time)}"""
