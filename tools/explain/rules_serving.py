# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: a domain that was built, while dom0 serves it, and its end."""

import re

from xenabi.headers import value

from .numbers import what
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
            come, or spins. Dom0 still runs. `xen guest 1` in `make gdb STAGE=6` leads to it."""


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
    borrower = f.guest(r"^\[domain (\d+)\] +mapped grant \d+ of domain")
    if borrower and not f.guest(r"^\[domain \d+\] +given back"):
        return f"The domain was destroyed, but Xen keeps it for a page of it that is still mapped: domain {borrower[1]} has mapped its grant, and not given it back."
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
