# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: event channels that dom0 opens between domains."""

import re
import struct
from collections.abc import Iterator
from errno import EFAULT

from xenabi.headers import names, value
from xenpt.memory import PAGE_SHIFT

from .rule import rule
from .rules_domains import LESSON
from .rules_operations import ON_PORT

ALLOC, BIND = value("EVTCHNOP_alloc_unbound"), value("EVTCHNOP_bind_interdomain")
SELF = value("DOMID_SELF")
OWN = ("src/stage2", "src/stage4-start-kernel/poll.c")  # the way from wait_for_ports() to the end
MOST_PORTS = 128  # that SCHEDOP_poll takes
BINDS = [value(f"EVTCHNOP_{name}") for name in ("bind_virq", "alloc_unbound", "bind_interdomain")]


def channels(f, operation: int, layout: str) -> Iterator[tuple[int, ...]]:
    """The structs of the calls of one operation that Xen did, with its answers."""
    for call in f.calls:
        if call.name == "event_channel_op" and call.args[0] == operation and call.result == 0 and len(call.data) >= struct.calcsize(layout):
            yield struct.unpack_from(layout, call.data)


@rule("no-port-left", LESSON, "failure")
def _(f):
    """A domain's own call; dom0's for it is guest-domain-step's."""
    asked = re.match(r"hypercall refused: event_channel_op\((EVTCHNOP_\w+)\).*: -\d+ \(ENOSPC\)", f.panic)
    if not asked or not hasattr(f, "broken") or not f.info:
        return None
    used = {"console": f.info.console_1, "xenstore": f.info.store_evtchn}
    return f"""The domain asked for one more event channel port ({asked[1]}), and Xen has none left for it. In use are {', '.join(f"{port} ({name}, of start_info)" for name, port in used.items())} and what the domain has bound itself since, {
        'nothing' if not bound(f) else ', '.join(map(str, bound(f)))}. createdomain's max_evtchn_port (src/stage6-toolstack/create.c) is the highest port that the domain may have, and it is too small."""


def bound(f) -> list[int]:
    """The ports that a kernel got by binding virtual interrupts."""
    return [port for _, _, port in channels(f, value("EVTCHNOP_bind_virq"), "<3I")]


@rule("channel-not-opened", LESSON, "failure")
def _(f):
    call = f.refused
    if hasattr(f, "broken"):
        return None  # what dom0 has opened is not seen of its domain
    if not call or call.name != "event_channel_op" or call.args[0] != BIND or len(call.data) < 8:
        return None
    domain, port = struct.unpack_from("<HxxI", call.data)  # struct evtchn_bind_interdomain
    opened = [f"{number} of domain {owner % SELF} for domain {other % SELF}" for owner, other, number in channels(f, ALLOC, "<HHI")]  # SELF is dom0
    bound = any((other, number) == (domain, port) for other, number in channels(f, BIND, "<HxxI"))
    why = "0 is no port: its alloc_unbound was left out, or the answer was not kept" if not port else "an earlier call has bound it, and a port has two ends" if bound else \
        "nobody has opened it there (alloc_unbound's dom is the owner), or it was opened for another domain than the one that binds"
    if port and any((owner % SELF, other % SELF, number) == (0, domain, port) for owner, other, number in channels(f, ALLOC, "<HHI")):
        return f"""Dom0 was to bind to port {port} of domain {domain}, and port {port} was opened as dom0's own, for domain {domain} to bind to: the two are exchanged. alloc_unbound's dom is the port's owner, here domain {domain}, and remote_dom who may bind to it, here DOMID_SELF
            (new_port(), src/stage6-toolstack/channels.c). Made at {f.source.place(call.caller)}."""
    return f"""Dom0 was to bind to port {port} of domain {domain}: {why}. Opened were: {', '.join(opened) or 'none'}. Made at {f.source.place(call.caller)}."""


def _asked(call) -> str:
    """An operation on event channels, in words."""
    port = f" of port {int.from_bytes(call.data[:4], 'little')}" if call.args[0] in ON_PORT and len(call.data) >= 4 else ""
    return f"EVTCHNOP_{names('EVTCHNOP_').get(call.args[0], str(call.args[0])).removeprefix('EVTCHNOP_')}{port}"


@rule("poll-port", LESSON, "failure")
def _(f):
    call, word = f.refused, f.bits // 8
    if not call or call.name != "sched_op" or call.args[0] != value("SCHEDOP_poll") or not call.args[1] or not f.seen or call.result == -EFAULT:
        return None
    data = f.seen.peek(call.args[1], word + 4) or bytes(word + 4)  # struct sched_poll
    at, count = (int.from_bytes(part, "little") for part in (data[:word], data[word:]))
    ports = f.seen.peek(at, 4 * min(count, MOST_PORTS)) or b""
    named = [int.from_bytes(ports[n:n + 4], "little") for n in range(0, len(ports), 4)]
    binds = [c for c in f.calls if c.name == "event_channel_op" and c.args[0] in BINDS]
    asked = [_asked(c) for c in f.calls if c.name == "event_channel_op"]
    if f.calls and (not binds or asked[-1].startswith("EVTCHNOP_close")):
        return f"""SCHEDOP_poll was to wait for port {', '.join(map(str, named)) or f'at VA {at:#x}'}, and that is no port that is open for it. What was asked of event channels before: {', '.join(asked[-4:]) or 'nothing'}. The port to wait for is the answer of bind_virq, alloc_unbound
            or bind_interdomain, and must not have been closed."""
    return f"""SCHEDOP_poll was to wait for {count} ports, {', '.join(map(str, named)) or f'at VA {at:#x}'}, and Xen takes none that is beyond its largest, nor more than 128. Does the field hold what a call has
        answered? A port is the answer of bind_virq, alloc_unbound or bind_interdomain (local_port)."""


@rule("block-unmasked", "4-start-kernel: What a kernel sets up first", "failure")
def _(f):
    if f.panic.startswith("timer: events are on before SCHEDOP_block"):
        return f"""At {f.where or "the place shown"} the kernel was about to sleep by SCHEDOP_block, with events on (evtchn_upcall_mask is 0). A tick that comes after it looked at timer_ticks, and before it sleeps, is handled in between, and nothing wakes it any more. mask_events(true) comes before timer_ticks is looked at, each time:
            once before the loop, and again behind each SCHEDOP_block, which takes the mask away and sleeps in one step."""


@rule("poll-unmasked", LESSON, "failure")
def _(f):
    if f.panic.startswith("poll: events are not masked"):
        walk = f.walk(f.source.va("shared_info_page") or 0) if f.seen and f.info else None
        if walk and walk.maddr is not None and walk.maddr >> PAGE_SHIFT != f.info.shared_info >> PAGE_SHIFT:
            return None  # what was read is not Xen's
        if f.guest("^toolstack: vcpu 0 begins") and not f.guest(r"^\[domain \d+\] |^\(d[1-9]"):
            return """Dom0 waited with events on, and no domain has printed anything. serve() (src/stage6-toolstack/serve.c) masks events, lets the domain run, and serves it until its end: it was not called, or left at once, and the domain is still paused."""
        ways = [f.source.place(a) for a in f.callers() if not f.source.line(a).startswith(OWN)] if f.seen and f.seen.regs else []
        return f"""wait_for_ports() was called with events on (evtchn_upcall_mask is 0){f", by way of {', '.join(dict.fromkeys(ways[:3]))}" if ways else ""}. Then Xen calls the kernel back for the event that is waited for, its handler takes the pending
            bit, and SCHEDOP_poll, which waits for that bit, may sleep on. mask_events(true) comes before the first wait, and nothing in between may turn events on again."""


@rule("console-consumer", LESSON, "failure")
def _(f):
    told = re.match(r"toolstack: domain (\d+)'s console: at its end the producer is (0x[0-9a-f]+), and the consumer (0x[0-9a-f]+)", f.panic)
    if not told:
        return None
    nonsense = f.guest(rf"^toolstack: domain {told[1]} wrote nonsense into its console ring: producer (0x[0-9a-f]+), consumer (0x[0-9a-f]+)")
    if nonsense and nonsense[1] == told[3] and int(nonsense[2], 16) <= int(told[2], 16):
        return f"""The guest wrote {int(told[2], 16)} bytes into its console's ring, and no nonsense: dom0 took {nonsense[1]} for the producer's index and {nonsense[2]} for the consumer's, and at the end out_cons is {told[3]} and out_prod {told[2]}. console_drain() (src/stage6-toolstack/console.c) has exchanged the two: it begins at out_cons,
            and goes on to out_prod."""
    if not f.guest(rf"^\[domain {told[1]}\] "):
        return f"""Domain {told[1]} has ended, and nothing that it wrote into its console's ring was printed: the ring's out_prod is {told[2]}, so it wrote, and out_cons is {told[3]}. console_drain() reads, which attend() calls each time
            before it looks whether the domain has ended: it was not called, or did not go round."""
    return f"""Domain {told[1]} has ended, what it wrote was printed, and the ring's out_cons is {told[3]} where out_prod is {told[2]}: the two are to be the same then. Who reads (console_drain()) writes out_cons, so that the guest knows
        which bytes it may write over; who writes, the guest, writes out_prod."""
