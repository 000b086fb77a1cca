# SPDX-License-Identifier: GPL-2.0-only
"""Events and time: what the kernel asked Xen for, and what stands in shared_info at the end. Stage 4."""

from __future__ import annotations

import re
import struct

from xenabi.headers import names, value
from xenpt.memory import PAGE_SHIFT

from .calls import IRET
from .facts import SERIES, Facts
from .rule import rule

FIRST = "4-start-kernel: What a kernel sets up first"
BIND_VIRQ, TIMER = value("EVTCHNOP_bind_virq"), value("VIRQ_TIMER")
BLOCK = value("SCHEDOP_block")
SECOND = 1_000_000_000  # ns


def bound(f: Facts) -> list[tuple[int, int]]:
    """Virtual interrupts that were bound, each with its port."""
    found = []
    for call in f.calls:
        if call.name == "event_channel_op" and call.args[0] == BIND_VIRQ and call.result == 0 and len(call.data) >= 12:
            virq, _, port = struct.unpack_from("<3I", call.data)  # struct evtchn_bind_virq
            found.append((virq, port))
    return found


def asked(f: Facts) -> int | None:
    """The time that the timer was set to last."""
    calls = [c for c in f.calls if c.name == "set_timer_op"]
    return None if not calls else calls[-1].args[0] | (calls[-1].args[1] << 32 if f.bits == 32 else 0)


@rule("virq-wrong", FIRST, "failure", "silence")
def _(f):
    wrong = [virq for virq, _ in bound(f) if virq != TIMER]
    if wrong and not any(virq == TIMER for virq, _ in bound(f)):
        return f"""The kernel bound the virtual interrupt {wrong[-1]} ({names("VIRQ_").get(wrong[-1], "unknown")}), and set_timer_op's events come by
            VIRQ_TIMER, {TIMER}."""


@rule("shared-info-elsewhere", FIRST, "silence", "timeout", "failure", "crash")
def _(f):
    va = f.source.va("shared_info_page")
    started = va is not None and f.info and any(c.name == "set_callbacks" for c in f.calls)
    pointer = f.word("HYPERVISOR_shared_info") if started else None
    if pointer is not None and pointer != va and f.end != "crash":
        return f"""HYPERVISOR_shared_info is {pointer:#x} ({f.number(pointer) or "nothing that is known here"}), and Xen's page was mapped at shared_info_page, VA {va:#x}: what the
            kernel reads and writes there is not what Xen does."""
    walk = f.walk(va) if started else None
    if walk and walk.maddr is not None and walk.maddr >> PAGE_SHIFT != f.info.shared_info >> PAGE_SHIFT:
        mfn = walk.maddr >> PAGE_SHIFT
        pfn = f.pfn(mfn)
        return f"""shared_info is not where the kernel looks for it: VA {va:#x} maps MFN {mfn:#x}
            ({f"PFN {pfn:#x}, {f.thing(pfn << PAGE_SHIFT) or 'an ordinary page'}" if pfn is not None else "no page of this guest"}), and Xen's
            shared info page is maddr {f.info.shared_info:#x} (start_info says so: a machine address, to which nothing may be added).
            Events and time are told there, so none arrives."""


@rule("pending-not-cleared", FIRST, "failure", "silence")
def _(f):
    shared = f.shared_info
    left = sorted(port for _, port in bound(f) if shared and port in shared.pending)
    if not left or shared.evtchn_upcall_pending or left[0] in shared.masked:
        return None
    if shared.evtchn_pending_sel:
        return f"""evtchn_pending_sel is {shared.evtchn_pending_sel:#x} in shared_info, and no upcall is pending: the kernel was called for an event and left the
            selector's bit as it was. Xen calls only when it sets that bit anew, so port {left[0]}, which is pending, is never looked at. The
            selector has to be taken whole (take_all()) before its words are."""
    return f"""Port {left[0]}'s bit in shared_info's evtchn_pending is set, and no upcall is pending: the kernel was called for the event and left its bit as it
        was. Xen sends no event for a port whose bit is set already, so no further one comes. The bit has to be taken away (take_all())
        before the event is handled."""


@rule("upcall-not-cleared", FIRST, "failure", "silence")
def _(f):
    shared = f.shared_info
    returns = [c.name for c in f.calls[-SERIES:]] == [IRET] * SERIES
    if shared and shared.evtchn_upcall_pending and returns:
        return """evtchn_upcall_pending is set in shared_info when the upcall returns, so Xen calls at once again, without end: the last hypercalls were all
            iret. The upcall has to clear that flag, and before it looks for events."""


@rule("port-masked", FIRST, "failure", "silence")
def _(f):
    shared = f.shared_info
    masked = [port for virq, port in bound(f) if shared and virq == TIMER and port in shared.masked]
    if masked:
        return f"Port {masked[0]}, the timer's, is masked in shared_info's evtchn_mask: it has to be unmasked (EVTCHNOP_unmask) before its events come."


@rule("timer-not-set", FIRST, "silence")
def _(f):
    if f.where_said == "idle" and bound(f) and asked(f) is None:
        return "The guest sleeps, and it never asked for an event: no set_timer_op was made, and Xen's periodic tick may have been stopped."


def parts(f: Facts) -> str:
    """What the time itself says of how it was made."""
    told = re.search(r"came at 0x([0-9a-f]+) ns", f.panic)
    time = int(told[1], 16) if told else SECOND
    asked_for = re.search(r"asked for at 0x([0-9a-f]+)", f.panic)
    if asked_for and asked(f) is not None and asked(f) < int(asked_for[1], 16) // 2 and time < SECOND << 20:
        return f" Or it was not asked for what the kernel says: the last set_timer_op took {asked(f):#x} ns{', as two halves, the lower first' if f.bits == 32 else ''}."
    return " What it gave is, as a number with a sign, negative: from the counter a larger number was taken, or it was cut before." if time >> 63 else \
        " What it gave is next to nothing, as if Xen had only begun: the sum was cut, or its first part left out." if time < SECOND // 100 else ""


@rule("timer-early", FIRST, "failure")
def _(f):
    if re.match(r"timer: tick \d+ came at", f.panic):
        return f"""A tick came before its time: {f.panic.partition(": ")[2]}. A timer that is set to a time in the past fires at once: system_time() is behind Xen's clock. It is
            the shared page's system_time, plus the cycles since its tsc_timestamp as nanoseconds.{parts(f)}"""


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


def failsafe_for_events(f: Facts) -> bool:
    """Whether Xen was told to enter there for an event."""
    calls = [c for c in f.calls if c.name == "set_callbacks"]
    return bool(calls) and calls[-1].args[1 if f.bits == 32 else 0] == f.source.va("xen_failsafe_callback")


@rule("callbacks-exchanged", FIRST, "failure", "crash", "silence")
def _(f):
    if failsafe_for_events(f):
        return f"""set_callbacks registered xen_failsafe_callback, VA {f.source.va('xen_failsafe_callback'):#x}, for events. Events enter at the first address, a return that fails at
            the second."""


@rule("timer-cancelled", FIRST, "silence")
def _(f):
    timers = [c for c in f.calls if c.name == "set_timer_op"]
    if timers and not any(timers[-1].args[:2 if f.bits == 32 else 1]) and f.where_said != "xen":
        return "The last set_timer_op asked for time 0, which cancels the timer. It takes a time in nanoseconds since Xen's start."
