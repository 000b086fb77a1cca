# SPDX-License-Identifier: GPL-2.0-only
"""What is said if nothing better fits: one rule for each end. They list what is known, and guess nothing."""

from .report import plain
from .rule import rule


@rule("guest-panicked", "7-debugging", "failure", rank=2)
def _(f):
    if f.panic:
        return f"The guest found something wrong and says what. {plain(f)}"


@rule("fault", "7-debugging: Reading a crash", "failure", rank=2)
def _(f):
    if f.fault:
        return f"""The kernel's own trap handler caught an exception that no rule knows: its number is in the Intel and AMD manuals' table
            of exceptions (0 is a division by zero). {plain(f)}"""


@rule("guest-failed", "7-debugging", "failure", rank=2)
def _(f):
    return f"The guest reported failure without saying why. {plain(f)}"


@rule("page-fault", "7-debugging: Reading a crash", "crash", rank=2)
def _(f):
    if f.fault and f.fault.page:
        return f"A page fault, {f.fault.doing}. {plain(f)}"


@rule("crashed", "7-debugging: Reading a crash", "crash", rank=2)
def _(f):
    return f"Xen ended the guest because of an exception that it has no handler for. The dump above shows where. {plain(f)}"


@rule("refused", "1-notes", "refusal", rank=2)
def _(f):
    return """Xen did not accept the image as dom0. Its last lines before "Panic", shown here, are its reason; V=1 shows all of them,
        and `readelf -n` the notes that it read."""


@rule("xen-panicked", "7-debugging", "panic", rank=2)
def _(f):
    return """The hypervisor itself fell. If other images boot on it, this one is broken in a way that Xen does not check: compare its
        headers with those of a stage (readelf -a)."""


@rule("xen-silent", "0-machine", "silence", rank=2)
def _(f):
    if not f.xen("^Freed .* init memory"):
        return """Xen did not get as far as starting the guest. Does another image boot on it? On a host that is very slow (a QEMU that is
            itself emulated), SLOW=10 gives everything ten times as long."""


@rule("event-never-came", "4-start-kernel: What a kernel sets up first", "silence", rank=2)
def _(f):
    if f.where_said == "idle":
        return f"""The guest blocked until an event, and none came: the event channel is not bound, its callback loops without clearing
            evtchn_upcall_pending, or the timer was not set. {plain(f)}"""


@rule("guest-loops", "7-debugging", "silence", rank=2)
def _(f):
    return f"""The guest runs and prints nothing: it loops at the place shown. Or it prints by a way that goes nowhere, such as a
        hypercall whose refusal nobody checks. {plain(f)}"""


@rule("too-slow", "7-debugging", "timeout", rank=2)
def _(f):
    if hasattr(f, "broken"):  # a domain of stage 6's, which has its own limit
        return f"It did not come to its end: it waits for an event that does not come, or loops. {plain(f)}"
    return "The guest still prints, but does not come to its end. TIMEOUT=seconds gives it more time."


@rule("halted", "0-machine", "halted", rank=2)
def _(f):
    return "The guest shut down by SHUTDOWN_poweroff. Success is reported by a byte to port 0xf4 (xen_exit()): a stage does so."


@rule("no-verdict", "0-machine", "shutdown", rank=2)
def _(f):
    return "The guest shut down by SHUTDOWN_reboot. Success is reported by a byte to port 0xf4 (xen_exit()): a stage does so."


@rule("prints-nothing", "2-hypercall-page", "mute", rank=2)
def _(f):
    return """The guest came to its end and reported success, but of what it printed nothing arrived. Are the arguments of console_io
        in their order (CONSOLEIO_write, count, address), and is the result looked at?"""


@rule("reset", "7-debugging", "vanished", rank=2)
def _(f):
    return f"""The machine was reset without a last word from Xen: the guest wrote to a port that does this, or Xen itself fell before it
        could print. {plain(f)}"""


@rule("verdict-unknown", "0-machine", "qemu", rank=1)
def _(f):
    if f.xen("^Freed .* init memory"):
        return """The guest had begun when QEMU ended. Either it reported a verdict that is neither success (0x10) nor failure (0x11) to port 0xf4: QEMU
            then exits with twice the number and 1. Or QEMU itself fell, and says why above."""


@rule("qemu-failed", "0-machine", "qemu", rank=2)
def _(f):
    return "QEMU could not start or did not go on: its message stands above."
