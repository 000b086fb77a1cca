# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: the ring by which a domain prints, at the end of either."""

from xenabi.headers import value
from xenabi.structs import struct
from xenpt.memory import PAGE_SHIFT

from .questions import WAYS, way_name
from .rule import rule
from .rules_domains import LESSON

LAST, SEVERAL = 40, 4  # hypercalls that are looked at; so many of a kind are no accident


@rule("guest-domain-ring", LESSON + ": The console ring", "mute")
def _(f):
    """Of the domain: what is in the ring at its end."""
    if not hasattr(f, "broken") or not f.info:
        return None
    ring = struct(f.bits, "struct xencons_interface", "out_cons", "out_prod")
    data = f.seen.read_page(f.info.console_0 << PAGE_SHIFT) if f.info.console_0 in f.pfn_of else b""
    rung = sum(c.name == "event_channel_op" and c.args[0] == value("EVTCHNOP_send") for c in f.calls)
    if data:
        taken, written = ring.number(data, "out_cons"), ring.number(data, "out_prod")
        who = "so the guest wrote them where it should, and dom0 did not read them (console_drain()), or mapped another page" if written and not taken else \
            "so dom0 has read them, and did not print them" if written else "so the guest wrote its text elsewhere, or never moved the index"
        way = None if written or f.source.va("console") is None else (f.word("console") or 0) & 0xFFFFFFFF
        if way is not None and way != WAYS.index("CONSOLE_RING"):
            return f"""At the domain's end its console page says that nothing was written (out_prod is 0), and its kernel's variable console is {way}, {way_name(way)}: so printk() did not take the ring. A domU's is CONSOLE_RING ({WAYS.index("CONSOLE_RING")}), which console_select() has to be given last, by
                console_select_ring()."""
        return f"""At the domain's end its console page, MFN {f.info.console_0:#x}, says that {written} bytes were written (out_prod), and dom0 has taken {taken} of them (out_cons), {who}. The guest sent {rung} events."""


@rule("guest-domain-ring", LESSON + ": The console ring", "timeout")
def _(f):
    """Of the domain: it waits for room in the ring, for ever."""
    yields = [c for c in f.calls[-LAST:] if (c.name, c.args[0]) == ("sched_op", value("SCHEDOP_yield"))] if hasattr(f, "broken") and f.info else []
    if len(yields) < SEVERAL or f.source.function(yields[-1].caller) != "ring_write":
        return None
    ring = struct(f.bits, "struct xencons_interface", "out", "out_cons", "out_prod")
    data = f.seen.read_page(f.info.console_0 << PAGE_SHIFT) if f.info.console_0 in f.pfn_of else b""
    if not data:
        return None
    taken, written, size = ring.number(data, "out_cons"), ring.number(data, "out_prod"), ring.fields["out"].size
    held = written - taken & 0xFFFFFFFF
    if held > size:
        why = f"which is more than the ring has, {size} bytes: one of the two was written by who may not, or from a wrong number"
    elif held == size:
        why = "so the ring is full, and dom0 does not empty it (console_drain()), or has another page"
    else:
        why = f"so the ring {'has room' if held else 'is empty'}, and ring_write() waits all the same, as if it were full. It is that when end - out_cons is sizeof(out), {size}, and only then it has to wait"
    return f"""The domain yields the processor again and again, by sched_op(SCHEDOP_yield), at {f.source.place(yields[-1].caller)}: there it waits until dom0 has taken something from its console's ring. out_prod is {written} and out_cons {taken}, {why}."""


@rule("guest-domain-ring", LESSON + ": The console ring", "failure")
def _(f):
    """Of the domain: it reported failure, and what it said of that did not arrive."""
    failed = hasattr(f, "broken") and not f.said.guest and f.source.va("ring_write") is not None and f.seen and f.seen.ended == "exit"
    way = (f.word("console") or 0) & 0xFFFFFFFF if failed else None
    if way is None or way == WAYS.index("CONSOLE_RING"):
        return None
    back = " That is what it begins with, and what it is set back to when Xen refuses console_io, which a domU has no right to where Xen is no debug build." if not way else ""
    return f"""The kernel reported failure, and nothing that it printed arrived: its variable console is {way}, {way_name(way)}, so printk() does not take the ring.{back} A domU's is CONSOLE_RING ({WAYS.index("CONSOLE_RING")}), which console_select() has to be given last, by console_select_ring()."""


@rule("guest-domain-ring", LESSON + ": The console ring", "failure")
def _(f):
    said = f.guest(r"^toolstack: domain [0-9]+ wrote nonsense into its (\S+) ring: producer (0x[0-9a-f]+), consumer (0x[0-9a-f]+)")
    made, taken = (int(n, 16) for n in said.groups()[1:]) if said else (0, 0)
    if said and made < taken and f.guest(r"^toolstack: the guest ended with reason 0"):
        return f"""The domain that stage 6 built came to its end, but on the way it broke the rules of its {said[1]} ring: the consumer's index is {taken:#x}, and the producer's is {made:#x}, so more would have been taken than was ever put there. Who
            writes moves the producer's index (out_prod, req_prod), and the consumer's (out_cons, req_cons) is moved by dom0 alone. Here the guest wrote its new end into the consumer's, or set the producer's back. What it wrote there was lost."""
    if said and f.guest(r"^toolstack: the guest ended with reason 0"):
        return f"""The domain that stage 6 built came to its end, but on the way it broke the rules of its {said[1]} ring: the producer's index was further from the
            consumer's than the ring is large, or the guest moved the index that is dom0's. What it wrote there was lost."""


@rule("guest-domain-ring", LESSON + ": The console ring", "failure", "crash")
def _(f):
    """Dom0's own: the ring is NULL."""
    ring = struct(f.bits, "struct xencons_interface", "out_cons", "out_prod")
    if not f.fault or not f.fault.page or f.fault.cr2 not in (ring.offset("out_cons"), ring.offset("out_prod")) or not f.guest("^toolstack: created domain"):
        return None
    why = """A domain has printed, so it was mapped before: console_close() sets it to NULL when the domain has ended. attend_all() (src/stage6-toolstack/serve.c) has to pass over a domain that has, by guest->ended, which attend() sets""" \
        if f.guest(r"^\[domain \d+\] ") else "It was never mapped, or its address not kept: console_open() does both, before the domain runs"
    return f"Dom0 used guest->ring at {f.source.place(f.fault.ip)}, and that is NULL: {f.fault.cr2:#x} is where {'out_cons' if f.fault.cr2 == ring.offset('out_cons') else 'out_prod'} lies in struct xencons_interface. {why}."
