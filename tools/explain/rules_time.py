# SPDX-License-Identifier: GPL-2.0-only
"""Time: the clock, the timer that is set by it, and the tick that does not come. Stage 4."""

from __future__ import annotations

import re

from xenabi.headers import names, value

from .clock import SECOND, TICK, reading, timers
from .facts import Facts
from .questions import say
from .rule import rule
from .rules_events import FIRST, TIMER, bound

FAR = 10 * SECOND
HANDLERS = 16  # places in the kernel's table
YEARS = 1 << 56  # ns, two of them: nothing here runs so long
ROUGHLY = 0.2  # so much an observed time may differ, as a part of it


def asked(f: Facts, tick: int = 0) -> int | None:
    """The time that the timer was set to last, or for this tick, the first being 1."""
    calls = timers(f)
    return calls[tick - 1][1] if calls and len(calls) >= tick else None


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
    if f.where_said == "idle" and bound(f) and asked(f) is None:
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
    to = asked(f, tick)
    if f.seen and not f.seen.deaf and f.calls and asked(f) is None:
        return None  # nobody asked for it
    if wanted > time + SECOND:
        return f"""system_time() went back, by {(wanted - time) // SECOND} s, from one reading to the next: {f.panic.partition(': ')[2]}. What is read of the counter differs by far more than has passed: is its upper half that of EDX (RDTSC), the lower that of
            EAX, and are both in a variable of 64 bits?{parts(time)}"""
    early = f"A tick came before its time: {f.panic.partition(': ')[2]}. A timer that is set to a time in the past fires at once"
    if to is not None and to < wanted - SECOND // 2 and time < SECOND << 20:
        unit = next((n for n in (1000, 1000000) if abs(wanted / n / max(to, 1) - 1) < ROUGHLY), 0)
        if unit and abs(to - TICK) > TICK // 100:
            return f"""{early}. The clock is about right, and set_timer_op number {tick} took {to:#x}, which is the time that the kernel names divided by about {unit}: another unit. What it takes is nanoseconds since Xen's start."""
        if abs(to - TICK) <= TICK // 100:
            return f"""{early}. The clock is about right, and set_timer_op number {tick} took {to:#x} ns, which is {to // 1000000} ms: that is how long to wait, and what it takes is a point in time, in nanoseconds since Xen's start (system_time() and so
                many more)."""
        halves = ", the lower half of it in one argument and the upper in the next" if f.bits == 32 else ""
        return f"""{early}. The clock is about right, and Xen was asked for another time than the kernel says: set_timer_op number {tick} took {to:#x} ns. It takes a number of 64 bits{halves}: a part
            of that was lost, or another number was given."""
    return f"""{early}: system_time() is behind Xen's clock. It is the shared page's system_time, plus the cycles since its tsc_timestamp as
        nanoseconds.{reading(f) or parts(time)}"""


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


def handler(f: Facts) -> str:
    """Of an event that the kernel took and did not count: what stands in its table of handlers."""
    shared, wanted = f.shared_info, f.source.va("timer_interrupt")
    port = next((port for virq, port in bound(f) if virq == TIMER), None)
    table = f.source.va("handlers")
    if not shared or port is None or table is None or wanted is None or port in shared.pending or shared.evtchn_pending_sel or not f.called_back:
        return ""
    found = int.from_bytes(f.stored(table + port * f.bits // 8 - f.source.offset & f.mask, f.bits // 8), "little")
    at, set_ = f.source.va("timer_ticks"), sum(c.name == "set_timer_op" for c in f.calls)
    counted = int.from_bytes(f.stored(at - f.source.offset & f.mask, 4), "little") if at else 0
    if found == wanted and counted and counted == set_:
        return f"""{counted} ticks were counted (timer_ticks), and as many were asked for, by {set_} set_timer_op. And the kernel waits for one more: the comparison in wait_for_tick() goes on where the number is reached, or it was given another number."""
    word = f.bits // 8
    others = [n for n in range(HANDLERS) if int.from_bytes(f.stored(table + n * word - f.source.offset & f.mask, word), "little") == wanted]
    if found != wanted and others:
        return f"""The kernel was called back, and took the event of port {port}, the timer's. In its table of handlers, handlers[{port}] is {say(f, found)}, and timer_interrupt() is at handlers[{others[0]}]{" (that is the virtual interrupt's number, not the port's)" if
            others[0] == TIMER else ""}: the table is indexed by port."""
    if found != wanted:
        return f"""The kernel was called back, and took the event of port {port}, the timer's. In its table of handlers, handlers[{port}] is {say(f, found)}, and timer_interrupt() is at VA {wanted:#x}: it was put in
            another place, not at all, or something else was."""
    return f"""The kernel was called back, and took the event of port {port}, the timer's: no bit is left in shared_info. handlers[{port}] is timer_interrupt(), as it should be, and nothing was counted. So it is in between: what is
        left of the pending bits (& ~evtchn_mask), which port is made of them (word * BITS_PER_LONG + bit), whether its handler is called; or in what the handler does."""


@rule("ticks-miscounted", FIRST, "failure", rank=-1)
def _(f):
    told = re.match(r"timer: (\d+) ticks came, and (\d+) were waited for|timer: tick (\d+) came at", f.panic)
    held = f.word("timer_ticks")
    counted, asked_for = (int(told[1] or (held or 0) & 0xFFFFFFFF), int(told[2] or told[3])) if told else (0, 0)
    if counted > asked_for:
        down = f" {counted} is {counted - (1 << 32)} as a signed number: it counts down." if counted >> 31 else ""
        return f"""More ticks were counted, {counted}, than were asked for, {asked_for}, one at a time.{down} Each event adds 1, in the timer's handler and nowhere else; so either that adds something else, or another counts too, or more events came: Xen's periodic timer, or one that was asked for elsewhere."""


@rule("timer-never-ticked", FIRST, "failure", "silence", rank=1)
def _(f):
    ready = asked(f) and any(virq == TIMER and f.shared_info and port not in f.shared_info.masked for virq, port in bound(f))
    if f.panic.startswith("timer: ") and ("ticks came" in f.panic or " came at 0x" in f.panic):
        calls = len(timers(f))
        made = f" set_timer_op was made {calls} times{', so nobody asked for an event: wait_for_tick() was not called, or returned at once' if not calls else ''}." if f.seen and not f.seen.deaf and f.calls else ""
        return f"{f.panic.removeprefix('timer: ').capitalize()}.{made}"
    if not f.panic.startswith("timer: woken") and not (f.where_said == "idle" and (f.called_back and bound(f) or ready)):
        return None
    far = (asked(f) or 0) - f.shared_info.system_time if f.shared_info and f.where_said == "idle" else 0
    if far > FAR:
        return f"""The guest sleeps until an event comes, and that is far off: set_timer_op number {len(timers(f))} asked for {asked(f):#x} ns, and Xen's clock was at {f.shared_info.system_time:#x} ns when Xen last wrote it to the shared page. The call takes
            nanoseconds since Xen's start, system_time() and a tick. If it is system_time() that gives too much: cycles_to_ns() has to shift the product of the cycles and tsc_to_system_mul right by 32 bits."""
    taken = handler(f)
    if taken:
        return taken
    ports = ", ".join(f"virq {virq} at port {port}" for virq, port in bound(f)) or "none"
    return f"""The kernel was woken, or called back, and did not count a tick: its handler was not called, or did not do what it should;
        or it did not sleep at all{f", or the time that it asked for, {asked(f)} ns, is far off" if asked(f) else ""}. {f"Bound were: {ports}. " if f.calls else ""}Is the handler looked up by the port (not by the virq), is the time it asks for in nanoseconds since Xen's start?"""


@rule("timer-cancelled", FIRST, "silence")
def _(f):
    timers = [c for c in f.calls if c.name == "set_timer_op"]
    if timers and not any(timers[-1].args[:2 if f.bits == 32 else 1]) and f.where_said != "xen":
        return "The last set_timer_op asked for time 0, which cancels the timer. It takes a time in nanoseconds since Xen's start."
