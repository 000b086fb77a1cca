# SPDX-License-Identifier: GPL-2.0-only
"""Time: a tick that does not come, is not counted, or is counted too often. Stage 4."""

from __future__ import annotations

import re

from .clock import SECOND, time_asked, timers
from .facts import Facts
from .questions import say
from .returns import entered
from .rule import rule
from .rules_events import FIRST, TIMER, bound

FAR = 10 * SECOND
HANDLERS = 16  # places in the kernel's table


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
    return f"""The kernel was called back, and took the event of port {port}, the timer's: no bit is left in shared_info. handlers[{port}] is timer_interrupt(), as it should be, and nothing was counted. {dropped(f, port)}"""


def dropped(f: Facts, port: int) -> str:
    """Where, on its way from the pending bits to its handler, an event that was taken got lost."""
    ran = {name for name in ("handle_word", "handle_event", "timer_interrupt") if entered(f, name)}
    if "timer_interrupt" in ran:
        return "timer_interrupt() was entered, and adds nothing to timer_ticks."
    if "handle_event" in ran:
        given = entered(f, "handle_event").registers.get("RDI") if f.bits == 64 else None
        return f"""handle_event() was called{f' for port {given}' if given is not None else ''}, and timer_interrupt() was not. {'That number is made' if given != port else 'It calls handlers[port], if there is one. The port is made'} by handle_word(), of the word and the bit in it: word * BITS_PER_LONG + bit."""
    if "handle_word" in ran and port in f.shared_info.masked:
        return f"handle_word() was entered, and called handle_event() for no port: evtchn_mask's bit {port} is set, so the port is masked. bind_virq() has to unmask it (EVTCHNOP_unmask)."
    if "handle_word" in ran:
        return f"""handle_word() took the pending bits, and called handle_event() for none of them. evtchn_mask's bit {port} is 0, which lets the event through: pending & ~evtchn_mask has the port's bit, and pending & evtchn_mask has not. See what handle_word()
            leaves of the pending bits."""
    return """So it is in between: what is left of the pending bits (& ~evtchn_mask), which port is made of them (word * BITS_PER_LONG + bit), whether its handler is called; or in what the handler does."""


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
    ready = time_asked(f) and any(virq == TIMER and f.shared_info and port not in f.shared_info.masked for virq, port in bound(f))
    if f.panic.startswith("timer: ") and ("ticks came" in f.panic or " came at 0x" in f.panic):
        calls = len(timers(f))
        made = f" set_timer_op was made {calls} times{', so nobody asked for an event: wait_for_tick() was not called, or returned at once' if not calls else ''}." if f.seen and not f.seen.deaf and f.calls else ""
        return f"{f.panic.removeprefix('timer: ').capitalize()}.{made}"
    if not f.panic.startswith("timer: woken") and not (f.where_said == "idle" and (f.called_back and bound(f) or ready)):
        return None
    far = (time_asked(f) or 0) - f.shared_info.system_time if f.shared_info and f.where_said == "idle" else 0
    if far > FAR:
        return f"""The guest sleeps until an event comes, and that is far off: set_timer_op number {len(timers(f))} asked for {time_asked(f):#x} ns, and Xen's clock was at {f.shared_info.system_time:#x} ns when Xen last wrote it to the shared page. The call takes
            nanoseconds since Xen's start, system_time() and a tick. If it is system_time() that gives too much: cycles_to_ns() has to shift the product of the cycles and tsc_to_system_mul right by 32 bits."""
    taken = handler(f)
    if taken:
        return taken
    ports = ", ".join(f"virq {virq} at port {port}" for virq, port in bound(f)) or "none"
    return f"""The kernel was woken, or called back, and did not count a tick: its handler was not called, or did not do what it should;
        or it did not sleep at all{f", or the time that it asked for, {time_asked(f)} ns, is far off" if time_asked(f) else ""}. {f"Bound were: {ports}. " if f.calls else ""}Is the handler looked up by the port (not by the virq), is the time it asks for in nanoseconds since Xen's start?"""


@rule("timer-cancelled", FIRST, "silence")
def _(f):
    timers = [c for c in f.calls if c.name == "set_timer_op"]
    if timers and not any(timers[-1].args[:2 if f.bits == 32 else 1]) and f.where_said != "xen":
        return "The last set_timer_op asked for time 0, which cancels the timer. It takes a time in nanoseconds since Xen's start."
