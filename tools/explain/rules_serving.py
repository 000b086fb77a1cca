# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: a domain that was built, while dom0 serves it, and its end."""

import re

from xenabi.headers import value
from xenabi.structs import struct
from xenpt.memory import PAGE_SHIFT

from .numbers import what
from .questions import WAYS, way_name
from .rule import rule

LESSON = "10-the-other-side"
PAGES = {"window": "window_close() has to come after all that is written by the window (guest_write(), guest_clear()), and before the domain ends.",
         "shared_page": "mask_guest_events() has to unmap it again (src/stage6-toolstack/context.c)."}  # of dom0's, that show a page of a domain's
RINGS = ("ring_pages", "store_pages")
SHUTDOWN = 1 << value("_XEN_DOMINF_shutdown")


@rule("guest-domain-reason", LESSON, "failure")
def _(f):
    ended = f.guest(r"^toolstack: the guest ended with reason ([^03]\S*.*)")
    if ended and not f.xen("^d[0-9]+v[0-9]+ Triple fault"):
        if ended[1][:2] not in ("1 ", "2 ") and f.guest(r"^\[domain \d+\] all done"):
            return f"""The guest printed "all done", and so came to its end with reason 0 (poweroff); dom0 takes {ended[1]} for the reason. attend() (src/stage6-toolstack/serve.c) has that from getdomaininfo's flags: their bits 16 to 23, shifted down by XEN_DOMINF_shutdownshift, then masked. As a bit {SHUTDOWN} is
                XEN_DOMINF_shutdown, that the domain has ended at all."""
        dom0s = f" {ended[1]} is what a first domain ends with: has the kernel asked whether it is one (exit_without_ports(), before anything can end it)?" if ended[1].startswith(
            "1") else ""
        return f"""The domain that stage 6 built shut down, but with reason {ended[1]} and not with 0 (poweroff), which is a domU's word
            for success. GUEST=0 asks for a reboot: that stage knows itself only as dom0.{dom0s}"""


@rule("dom0-mute", LESSON, "mute", rank=-1)
def _(f):
    if not f.guest("^toolstack: created domain") or f.guest("^toolstack: the guest ended"):
        return None
    last = next(line for line in reversed(f.said.guest) if line.startswith("toolstack: "))
    console, window = f.source.va("console"), f.source.va("window")
    near = f" It lies {console - window:#x} bytes above window, by which the guest's pages are written: what goes beyond that page lands there." if console and window and console > window else ""
    return f"""Dom0 went on to its end, but printed nothing after "{last}". So what printk() goes by was written over in the step that followed: the variable console (src/stage2-hypercall/console.c).{near}"""


@rule("guest-domain-mute", LESSON + ": The console ring", "mute", rank=1)
def _(f):
    if hasattr(f, "broken") or not f.guest("^toolstack: created domain"):
        return None
    names = "HVM_PARAM_CONSOLE_PFN names, by its PFN" if f.pvh == "domU" else "start_info's console.domU names, by its MFN"
    return f"""The domain that stage 6 built came to its end, and of what it printed nothing arrived. A guest prints into the ring of the page that {names}, and rings its
            event channel; dom0 has to have mapped the same page, and to read what is between the ring's two indexes."""


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


@rule("guest-domain-never-ran", LESSON + ": A vcpu that is not online", "failure")
def _(f):
    if f.guest(r"PANIC: toolstack: domain [0-9]+ has never run in .*, [1-9]\d* vcpus are online"):
        return """Xen took the domain that stage 6 built, and never gave it the processor. Its vcpu is online, so it has registers, and may run: but a new domain is paused, until unpausedomain. serve() (src/stage6-toolstack/serve.c) has to ask for that, for each, before it waits. Dom0 itself
            works."""
    if f.guest(r"PANIC: toolstack: domain [0-9]+ has never run"):
        return """Xen took the domain that stage 6 built, and never gave it the processor: its vcpu is not online (VGCF_online), has no
            registers (setvcpucontext), or is still paused (unpausedomain). Dom0 itself works."""


@rule("guest-domain-never-ends", LESSON, "failure")
def _(f):
    found = f.guest(r"PANIC: toolstack: domain ([0-9]+) is not at its end .*flags 0x([0-9a-f]+)")
    if not found:
        return None
    flags = int(found[2], 16)
    if flags & SHUTDOWN:
        return f"""Domain {found[1]} has shut down, for reason {flags >> value("XEN_DOMINF_shutdownshift") & value("XEN_DOMINF_shutdownmask")}: getdomaininfo's flags are {flags:#x}, and bit 2 of them is
            XEN_DOMINF_shutdown ({SHUTDOWN:#x}). The guest is well, and dom0, which waits for that bit, did not see it: attend() (src/stage6-toolstack/serve.c) has to look at it each time, and then set what
            attend_all() goes by, that this guest has ended."""
    return """The domain that stage 6 built has run and is still there, but has not shut down: it waits for an event that does not
            come, or spins. Dom0 itself works. `xen guest 1` in `make gdb STAGE=6` leads to it."""


def _still(f) -> list[str]:
    """Dom0's pages that were made to show one of the domain's, by the calls that were seen, and do not any more show their own. The observation may have ended before dom0 gave up the rings."""
    shown = {}
    for call in f.calls:
        if call.name == "update_va_mapping_otherdomain" and not call.refused:
            shown[call.args[0]] = True
        elif call.name == "update_va_mapping" and call.args[0] in shown:
            del shown[call.args[0]]
    return [name for name in (*PAGES, *RINGS) if any(f.source.name(va).partition("+")[0] == name for va in shown)]


@rule("guest-domain-zombie", LESSON + ": The ring still mapped", "failure")
def _(f):
    found = f.guest(r"PANIC: toolstack: domain [0-9]+ is a zombie, flags 0x([0-9a-f]+)")
    if not found:
        return None
    flags = int(found[1], 16)
    if flags & 1 << value("_XEN_DOMINF_paused") and not flags & 1 << value("_XEN_DOMINF_shutdown"):
        return """The domain was destroyed and never ran: it is still paused (bit 3 of the flags), as it was made. Serving begins with unpausedomain (serve()), and destroy() comes when the domain has ended.
            And a page of it is still mapped, which serving ends with, too."""
    if not flags & 1 << value("_XEN_DOMINF_shutdown"):
        return """The domain was destroyed while it ran: it had not shut down (bit 2 of the flags). So what serving ends with was not done, and its rings are still mapped. serve() has to go on for as long as attend_all() says that a domain
            is still running."""
    still = [name for name in _still(f) if name not in RINGS]
    if still:
        return f"""The domain was destroyed, but Xen keeps it for a page of it that is still mapped. By {' and '.join(still)} of dom0's it was mapped before the domain began, and not given up again. {' '.join(PAGES[name] for name in still)}"""
    if _still(f):
        return f"""The domain was destroyed, but Xen keeps it for a page of it that is still mapped. Before the domain began, dom0 had given up all but {' and '.join(_still(f))}. When it has ended, console_close() unmaps ring_pages, and store_close() unmaps store_pages (attend(), src/stage6-toolstack/serve.c): one of them was not."""
    return """The domain was destroyed, but Xen keeps it for a page of it that is still mapped elsewhere: dom0 has to unmap the
            console ring, the store's ring and its window, before it destroys the domain."""


@rule("guest-domain-number", LESSON, "failure")
def _(f):
    """A domain's number that is none of those that were created."""
    created = {int(m[1]) for m in (re.match(r"toolstack: created domain (\d+),", line) for line in f.said.guest) if m}
    used = re.match(r"hypercall refused: .*\b(?:of domain|domains? \d+ and) (\d+): -\d+", f.panic) or re.match("toolstack: domain (\\d+) ", f.panic)
    number = int(used[1]) if used else 0
    if not created or number in created or number >= value("DOMID_FIRST_RESERVED") or not number:
        return None
    text = number.to_bytes(4, "little").rstrip(b"\0")
    kinds = [f", {k.text}" for k in what(f, number) if k.word in ("linked", "clobbered")]
    if len(text) > 1 and text.isalnum():
        kinds = [f", the characters {text!r}"]
    return f"""Dom0 asked Xen for domain {number} ({number:#x}{"".join(kinds[:1])}), at {f.where or 'the place shown'}, and has created {', '.join(map(str, sorted(created)))}. The number is struct guest's id, which create_domain() sets: it was written
        over since, by a copy that is longer than what it goes to, or another field was given in its place."""
