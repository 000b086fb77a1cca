# SPDX-License-Identifier: GPL-2.0-only
"""Events: what the kernel asked Xen for, and what stands in shared_info at the end. Stage 4. The timer's: rules_time.py, rules_ticks.py."""

from __future__ import annotations

import struct

from xenabi.headers import names, value
from xenpt.paging import PRESENT, RW
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .calls import EVENTFUL, IRET, SHUTDOWN
from .ending import SERIES, STORM
from .facts import Facts
from .questions import say
from .relation import also
from .rule import rule

FIRST = "4-start-kernel: What a kernel sets up first"
BIND_VIRQ, TIMER = value("EVTCHNOP_bind_virq"), value("VIRQ_TIMER")
BLOCK = value("SCHEDOP_block")
YIELD = ("sched_op", value("SCHEDOP_yield"))  # which waits for no event


def bound(f: Facts) -> list[tuple[int, int]]:
    """Virtual interrupts that were bound, each with its port."""
    found = []
    for call in f.calls:
        if call.name == "event_channel_op" and call.args[0] == BIND_VIRQ and call.result == 0 and len(call.data) >= 12:
            virq, _, port = struct.unpack_from("<3I", call.data)  # struct evtchn_bind_virq
            found.append((virq, port))
    return found


@rule("virq-wrong", FIRST, "failure", "silence")
def _(f):
    wrong = [virq for virq, _ in bound(f) if virq != TIMER]
    if wrong and not any(virq == TIMER for virq, _ in bound(f)):
        return f"""The kernel bound the virtual interrupt {wrong[-1]} ({names("VIRQ_").get(wrong[-1], "unknown")}), and set_timer_op's events come by
            VIRQ_TIMER, {TIMER}."""


@rule("shared-info-elsewhere", FIRST, "silence", "timeout", "failure", "crash")
def _(f):
    va = f.source.va("shared_info_page")
    made = [c.name for c in f.calls] if va is not None and f.info else []
    started = "set_callbacks" in made
    pointer = f.word("HYPERVISOR_shared_info") if "set_trap_table" in made else None
    if pointer is not None and pointer != va and f.end != "crash" and not f.repeated:  # a storm of faults may have written over it
        return f"""HYPERVISOR_shared_info is {pointer:#x} ({f.number(pointer) or "nothing that is known here"}). Xen's page is to be mapped at shared_info_page, VA {va:#x}, and {"was" if any(c.name == "update_va_mapping" and c.args[0] == va for c in f.calls) else "was not, either" if started else "is not yet"}: what the
            kernel reads and writes there is not what Xen does."""
    walk = f.walk(va) if started else None
    if walk and va % PAGE_SIZE:
        return f"""shared_info_page is at VA {va:#x}, which does not begin a page. Xen's page was mapped in place of the whole page that this lies in, from VA {va & -PAGE_SIZE:#x} on: what else was in there is
            gone, and what the kernel looks for is {va % PAGE_SIZE:#x} bytes on. Align it to {PAGE_SIZE} bytes, a whole page."""
    if walk and walk.maddr is not None and walk.maddr >> PAGE_SHIFT != f.info.shared_info >> PAGE_SHIFT:
        mfn = walk.maddr >> PAGE_SHIFT
        pfn = f.pfn(mfn)
        return f"""shared_info is not where the kernel looks for it: VA {va:#x} maps MFN {mfn:#x}
            ({f"PFN {pfn:#x}, {f.thing(pfn << PAGE_SHIFT) or 'an ordinary page'}" if pfn is not None else "no page of this guest"}), and Xen's
            shared info page is maddr {f.info.shared_info:#x}: Xen wrote that into start_info, a machine address, to which nothing may be added.{written(f)}
            Xen marks events and writes the time in its own page, and the kernel reads another.{mapped(f, va)}"""


def written(f: Facts) -> str:
    """What start_info's field holds by now, if somebody has written to it."""
    now = f.info_now.shared_info if f.info_now else f.info.shared_info
    return f" By now start_info's shared_info holds {now:#x}: the kernel has changed it, and repoint_start_info() is to leave it as it is." if now != f.info.shared_info else ""


def mapped(f: Facts, va: int) -> str:
    """How the page at a VA was asked for."""
    call = next((c for c in f.calls if c.name == "update_va_mapping" and c.args[0] == va), None)
    others = [c.args[0] for c in f.calls if c.name == "update_va_mapping"]
    if not call and others:
        return f" update_va_mapping, by which a page is put there, was called for VA {others[0]:#x} ({f.number(others[0]) or 'nothing that is known here'}) instead: the page that was there is hidden now."
    if not call:
        return " update_va_mapping, by which a page is put there, was not called for this VA."
    entry = call.args[1] | (call.args[2] << 32 if f.bits == 32 else 0)
    right = f.info.shared_info | PRESENT | RW
    return f" update_va_mapping was given {entry:#x} as the entry, and {right:#x} would be right.{also(f, entry, right)}"


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
        before the event is handled, and from the right word: bit n of the selector stands for word n of evtchn_pending, and this port is in word {left[0] // f.bits}."""


@rule("upcall-not-cleared", FIRST, "failure", "silence", "crash")
def _(f):
    shared = f.shared_info
    many = SERIES if f.end != "crash" else STORM  # until the stack is used up, for one calls while another is handled
    returns = [c.name for c in f.calls[-many:]] == [IRET] * many
    if shared and shared.evtchn_upcall_pending and returns and f.word("upcalls") is not None and not f.word("upcalls") & 0xFFFFFFFF:
        return """evtchn_upcall_pending is set in shared_info when the upcall returns, so Xen calls at once again, without end: the last hypercalls were all iret. And upcalls, which xen_evtchn_do_upcall() counts, is 0: that function never ran.
            xen_hypervisor_callback has to call it."""
    if shared and shared.evtchn_upcall_pending and returns:
        return """evtchn_upcall_pending is set in shared_info when the upcall returns, so Xen calls at once again, without end: the last hypercalls were all
            iret. The upcall has to clear that flag, and has to do so before it looks for events."""


@rule("port-masked", FIRST, "failure", "silence")
def _(f):
    shared = f.shared_info
    masked = [port for virq, port in bound(f) if shared and virq == TIMER and port in shared.masked]
    if masked:
        return f"Port {masked[0]}, the timer's, is masked in shared_info's evtchn_mask: it has to be unmasked (EVTCHNOP_unmask) before its events come."


def failsafe_for_events(f: Facts) -> bool:
    """Whether Xen was told to enter there for an event."""
    calls = [c for c in f.calls if c.name == "set_callbacks"]
    return bool(calls) and calls[-1].args[1 if f.bits == 32 else 0] == f.source.va("xen_failsafe_callback")


@rule("events-not-set-up", FIRST, "failure", "crash", "silence", "timeout", rank=-1)
def _(f):
    """Time, or an event, is waited for, and Xen was told of nothing."""
    waits = [c for c in f.calls if c.name in EVENTFUL and (c.name, c.args[0]) not in (SHUTDOWN, YIELD)]
    told = [c.name for c in f.calls if c.name == "set_callbacks" or c.name == "update_va_mapping"]
    if not waits or told or f.source.va("xen_init_events") is None or "xen_init_events" in {f.source.function(s.address) for s in f.steps}:
        return None
    return f"""{waits[0].name} was made, at {f.source.place(waits[0].caller)}, and before it neither update_va_mapping nor set_callbacks: the shared info page is not mapped, so there is no clock and no pending bit to look at, and Xen
        knows no address at which to enter for an event. xen_init_events() does both, and was not called."""


@rule("callback-elsewhere", FIRST, "failure", "crash", "silence", "timeout", rank=-1)
def _(f):
    calls = [c for c in f.calls if c.name == "set_callbacks"]
    enters, right = (calls[-1].args[1 if f.bits == 32 else 0], f.source.va("xen_hypervisor_callback")) if calls else (None, None)
    if right is None or enters in (0, right, right - f.source.offset & f.mask) or failsafe_for_events(f) or calls[-1].result:
        return None
    given = calls[-1].args
    if f.bits == 32 and right in given[:1]:
        return f"""set_callbacks got {', '.join(f'{a:#x}' for a in given[:4])}: the address for events, {right:#x}, stands where the code segment belongs, and the segment, {say(f, enters)}, where the address belongs. Xen takes the lower 16 bits of the first for the selector, {right & 0xFFFF:#x}, which is none.
            A segment (FLAT_KERNEL_CS) and an address for events come first, then the same for a return that fails. Made at {f.source.place(calls[-1].caller)}."""
    return f"""set_callbacks registered {say(f, enters)} for events: Xen enters there, as if the frame of an event were what that code expects. Events enter at xen_hypervisor_callback, VA {right:#x}.
        Made at {f.source.place(calls[-1].caller)}."""


@rule("callbacks-exchanged", FIRST, "failure", "crash", "silence")
def _(f):
    call = next((c for c in f.calls if c.name == "set_callbacks"), None)
    if call and f.bits == 32 and call.args[0] == f.source.va("xen_hypervisor_callback"):
        return f"""set_callbacks got {', '.join(f'{a:#x}' for a in call.args[:4])}: an address where a 32-bit guest gives a code segment. It takes four arguments, a segment (FLAT_KERNEL_CS) and an address for events, and the same for a return that
            fails. The addresses alone are the way of 64 bits."""
    if failsafe_for_events(f):
        return f"""set_callbacks registered xen_failsafe_callback, VA {f.source.va('xen_failsafe_callback'):#x}, for events. Events enter at the first address, a return that fails at
            the second."""
