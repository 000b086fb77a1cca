# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: event channels that dom0 opens between domains, and what two guests lend each other."""

import re
import struct
from collections.abc import Iterator

from xenabi.headers import value
from xenpt.memory import PAGE_SHIFT

from .rule import rule
from .rules_domains import LESSON

GRANTS = LESSON + ": Two guests"
ALLOC, BIND = value("EVTCHNOP_alloc_unbound"), value("EVTCHNOP_bind_interdomain")
SELF = value("DOMID_SELF")
OWN = ("src/stage2", "src/stage4-start-kernel/poll.c")  # the way from wait_for_ports() to the end
MOST_PORTS = 128  # that SCHEDOP_poll takes


@rule("guest-domain-grant", GRANTS, "failure")
def _(f):
    if hasattr(f, "broken"):
        return None  # one of the two; it takes what both have printed
    asked = f.xen(r"d(\d+)v\d+ Bad flags \(([0-9a-f]+)\) or dom \((\d+)\); expected d(\d+)")
    lent = f.guest(r"^\[domain (\d+)\] +lent MFN 0x([0-9a-f]+) to domain (\d+) as grant (\d+)")
    taken = f.guest(r"^\[domain \d+\] +taken back: all done")
    empty = f.guest(r"^\[domain \d+\] +the page says: $")
    if asked and taken and empty and not int(asked[2], 16):
        return f"""Domain {asked[4]} asked Xen to map a grant, and the other domain had taken it back at once: what it then printed of the page is an empty text. So the lender had written nothing there, and the turn was 0, its own, from the beginning: say() has
            to write the text, and to set the turn to 1, before the entry's flags are set."""
    if asked and taken and not int(asked[2], 16):
        return f"""Domain {asked[4]} asked Xen to map a grant, and the other domain had taken it back before: that has printed "taken back", and its flags are 0x0. The lender has to wait until the page says that
            it is its turn again (shared->turn), and nobody has it mapped (GTF_reading, GTF_writing)."""
    if asked and not int(asked[2], 16) and not int(asked[3]):
        return f"""Domain {asked[4]} asked Xen to map a grant of the other domain's, and the entry in that domain's grant table is all zeros: nothing was written there. What the lender wrote went elsewhere: the table is Xen's page, which map_grant_table() has to put into the pte of grants (GNTTABOP_setup_table tells its MFN) before
            the entry is filled in{f'; or the entry that was filled in, {lent[4]}, is another than was asked for' if lent else ''}."""
    if asked:
        flags, named, mapper = int(asked[2], 16), int(asked[3]), int(asked[4])
        why = f"it is for domain {named}, and domain {mapper} wants to map it" if named != mapper else f"its flags are {flags:#x}, which permit nothing (GTF_permit_access is 1)"
        return f"""Domain {mapper} asked Xen to map a grant of the other domain's, and the entry in that domain's grant table does not allow it: {why}. Or the number of the grant
            (ref) that was asked for is not that of the entry that was filled in{f', {lent[4]}' if lent else ''}."""
    page = f.xen(r"d(\d+)v\d+ Error mfn 0*([0-9a-f]+): rd=d(\d+) od=(\S+)")
    if page and f.guest("PANIC: pair: the other domain has not answered"):
        mfn = int(page[2], 16)
        pages = f.guest(r"^toolstack: ([0-9]+) pages, PFN 0 is MFN")
        kind = "A domain can lend only what is its own"
        if pages and mfn < int(pages[1]):
            kind = "As a number it is a PFN of that domain's, and a grant entry takes an MFN (phys_to_machine())"
        return f"The grant's frame is MFN {mfn:#x}, and Xen says that this page is not domain {page[3]}'s. {kind}."


@rule("guest-domain-channel", GRANTS, "failure")
def _(f):
    asked = f.guest(r"^\[domain (\d+)\] PANIC: hypercall refused: event_channel_op\(EVTCHNOP_bind_interdomain\), port (\d+)")
    opened = f.guest(r"^toolstack: domains (\d+) and (\d+) may talk, by port (\d+) of the first")
    if opened and not int(opened[3]) and f.guest(r"^\[domain \d+\] PANIC: "):
        return f"""Dom0 says that domains {opened[1]} and {opened[2]} may talk by port 0 of the first, and 0 is no port: introduce() (src/stage6-toolstack/channels.c) has asked for none (new_port(), which is alloc_unbound for the two), or has not kept
            the answer where the two are told of it from (peer_port)."""
    if not asked or not opened:
        return None
    told = f"""Domain {asked[1]} wanted to bind to port {asked[2]} of the other, and dom0 has opened {opened[3]} of domain {opened[1]} for domain {opened[2]} (alloc_unbound)"""
    if (asked[1], asked[2]) == (opened[2], opened[3]):
        return f"""{told}: that is the right port, asked for by the right domain. So the call named another domain as its owner (remote_dom, which has to be {opened[1]}: peer/domid), or the
            port was bound already, by an earlier call."""
    if not int(asked[2]):
        return f"""{told}. 0 is no port: the domain took it for an answer of xenstore's (peer/port, read_number()), or handed on something else."""
    return f"{told}. Xen binds only to a port that is unbound, and meant for the domain that asks. The number comes from xenstore (peer/port, peer/domid)."


@rule("guest-domain-pair", GRANTS, "failure")
def _(f):
    """What either of the two has come to, where one of them waits."""
    panics = dict(re.findall(r"^\[domain (\d+)\] PANIC: (.*)$", "\n".join(f.said.guest), re.M))
    if hasattr(f, "broken") or not any(words.startswith("pair: ") for words in panics.values()):
        return None
    asked = {n: words for n, words in panics.items() if words.startswith("pair: xenstore")}
    if asked:
        return f"""Before they lend anything, the two ask xenstore for each other's number and for the channel's port (read_number()), and dom0 has to answer: {'; '.join(f'domain {n} ended by "{words.removeprefix("pair: ")}"' for n, words in asked.items())}."""
    last = {m[1]: m[2] for m in (re.match(r"\[domain (\d+)\] +((?:lent|mapped|given back|taken back).*)", line) for line in f.said.guest) if m}
    lent = re.findall(r"^\[domain (\d+)\] +lent MFN", "\n".join(f.said.guest), re.M)
    back = next((n for n, words in last.items() if words.startswith("given back")), "")
    if back and set(panics) == {n for n in last if n != back}:
        return f"""Domain {back} has mapped the page, given it back, and come to its end; domain {next(iter(panics))} still waited for its turn, and ended by "{next(iter(panics.values()))}". The turn is the word shared->turn in the page, and the borrower has to set it to 0
            while it has the page: say(), with its answer, before the unmapping (src/stage6-toolstack/pair/grant.c)."""
    roles = "Both lend, and neither borrows: which of them a domain does, start_kernel() decides by its own number and the other's (src/stage6-toolstack/pair/main.c), and the two have to decide differently. " if len(set(lent)) > 1 else \
        "Neither of them has lent anything, so what is borrowed is not there. " if not lent and len(panics) > 1 else ""
    return f"""{roles}Of the two domains, {'; '.join(f'domain {n} came to "{last.get(n, "nothing of the grant yet")}", and ended by "{words}"' for n, words in panics.items())}. The lender lends, rings and waits for the page to say
        that it is its turn (turn 0) and for Xen to have taken GTF_reading and GTF_writing away; the borrower maps, writes back, unmaps and rings."""


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
    return f"""Dom0 was to bind to port {port} of domain {domain}: {why}. Opened were: {', '.join(opened) or 'none'}. Made at {f.source.place(call.caller)}."""


@rule("poll-port", LESSON, "failure")
def _(f):
    call, word = f.refused, f.bits // 8
    if not call or call.name != "sched_op" or call.args[0] != value("SCHEDOP_poll") or not call.args[1] or not f.seen:
        return None
    data = f.seen.peek(call.args[1], word + 4) or bytes(word + 4)  # struct sched_poll
    at, count = (int.from_bytes(part, "little") for part in (data[:word], data[word:]))
    ports = f.seen.peek(at, 4 * min(count, MOST_PORTS)) or b""
    named = [int.from_bytes(ports[n:n + 4], "little") for n in range(0, len(ports), 4)]
    return f"""SCHEDOP_poll was to wait for {count} ports, {', '.join(map(str, named)) or f'at VA {at:#x}'}, and Xen takes none that is beyond its largest, and 128 at most: one of them is no
        port, but what a field had that no call has filled in. A port is the answer of bind_virq, alloc_unbound or bind_interdomain (local_port)."""


@rule("poll-unmasked", LESSON, "failure")
def _(f):
    if f.panic.startswith("poll: events are not masked"):
        walk = f.walk(f.source.va("shared_info_page") or 0) if f.seen and f.info else None
        if walk and walk.maddr is not None and walk.maddr >> PAGE_SHIFT != f.info.shared_info >> PAGE_SHIFT:
            return None  # what was read is not Xen's
        ways = [f.source.place(a) for a in f.callers() if not f.source.line(a).startswith(OWN)] if f.seen and f.seen.regs else []
        return f"""wait_for_ports() was called with events on (evtchn_upcall_mask is 0){f", by way of {', '.join(dict.fromkeys(ways[:3]))}" if ways else ""}. Then Xen calls the kernel back for the event that is waited for, its handler takes the pending
            bit, and SCHEDOP_poll, which waits for that bit, may sleep on. mask_events(true) comes before the first wait, and nothing in between may turn events on again."""


@rule("console-consumer", LESSON, "failure")
def _(f):
    told = re.match(r"toolstack: domain (\d+)'s console: at its end the producer is (0x[0-9a-f]+), and the consumer (0x[0-9a-f]+)", f.panic)
    if not told:
        return None
    if not f.guest(rf"^\[domain {told[1]}\] "):
        return f"""Domain {told[1]} has ended, and nothing that it wrote into its console's ring was printed: the ring's out_prod is {told[2]}, so it wrote, and out_cons is {told[3]}. console_drain() reads, which attend() calls each time
            before it looks whether the domain has ended: it was not called, or did not go round."""
    return f"""Domain {told[1]} has ended, what it wrote was printed, and the ring's out_cons is {told[3]} where out_prod is {told[2]}: the two are to be the same then. Who reads (console_drain()) writes out_cons, so that the guest knows
        which bytes it may write over; who writes, the guest, writes out_prod."""
