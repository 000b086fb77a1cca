# SPDX-License-Identifier: GPL-2.0-only
"""What is said if nothing better fits: one rule for each end. They list what is known, and guess nothing."""

import re

from xenabi.headers import value

from .calls import SAMPLE
from .report import plain
from .rule import rule
from .verdict import nothing_written, unknown


OTHER_WAYS = {2: "CONSOLE_RING: into a ring of memory, which only a domain has that is not the first",
              3: "CONSOLE_SERIAL: to a port, which is Xen's"}  # enum console of src/include/console.h


@rule("guest-panicked", "7-debugging", "failure", rank=2)
def _(f):
    if f.panic:
        return f"The guest found something wrong and says what. {plain(f)}"


@rule("fault", "7-debugging: Reading a crash", "failure", rank=2)
def _(f):
    if f.fault and f.fault.page:
        return f"The kernel's own trap handler caught a page fault, {f.fault.doing}. {plain(f)}"
    if f.fault:
        return f"""The kernel's own trap handler caught an exception that no rule knows: its number is in the Intel and AMD manuals' table
            of exceptions (0 is a division by zero). {plain(f)}"""


@rule("guest-failed", "7-debugging", "failure", rank=2)
def _(f):
    told = f"""xen_exit() was called at {f.source.place(f.address)}, with another verdict than VERDICT_SUCCESS, and nothing was printed: no panic, no exception.""" \
        if f.seen and f.seen.ended == "exit" and f.address else ""
    return f"The guest reported failure without saying why. {told} {plain(f)}"


@rule("page-fault", "7-debugging: Reading a crash", "crash", rank=2)
def _(f):
    if f.fault and f.fault.page:
        return f"A page fault, {f.fault.doing}. {plain(f)}"


@rule("crashed", "7-debugging: Reading a crash", "crash", rank=2)
def _(f):
    what = f"{f.fault.named}, at {f.source.place(f.fault.ip)}" if f.fault else "an exception"
    return f"Xen ended the guest because of {what}, for which it has no handler. The dump above shows the registers. {plain(f)}"


@rule("refused", "1-notes", "refusal", rank=2)
def _(f):
    return """Xen did not accept the image as dom0. Its last lines before "Panic", shown here, are its reason; V=1 shows all of them,
        and `readelf -n` the notes that it read."""


@rule("xen-panicked", "7-debugging", "panic", rank=2)
def _(f):
    return """The hypervisor itself fell. If other images boot on it, this one is broken in a way that Xen does not check: compare its
        headers with those of a stage (readelf -a)."""


@rule("halted", "0-machine", "halted", rank=2)
def _(f):
    return f"The guest shut down by SHUTDOWN_poweroff. A stage reports success to port 0xf4 before it shuts down (tell_host(), called by xen_exit()).{nothing_written(f)}"


@rule("no-verdict", "0-machine", "shutdown", rank=2)
def _(f):
    return f"The guest shut down by SHUTDOWN_reboot. A stage reports success to port 0xf4 before it shuts down (tell_host(), called by xen_exit()).{nothing_written(f)}"


@rule("console-number", "2-hypercall-page: Why a page", "mute", "silence", "timeout", "failure")
def _(f):
    """Text that went to another hypercall. A domain that stage 6 builds prints into a ring."""
    arrived = any(c.name == "console_io" and c.result == 0 for c in f.calls) or hasattr(f, "broken") and f.said.guest
    for call in f.calls if not arrived else ():
        text = call.data if call.name not in ("console_io", "iret") else b""
        if len(text) == SAMPLE and all(0x20 <= byte < 0x7F for byte in text):
            return f"""What was to be printed went to {call.name} (hypercall {call.number}), not to console_io ({value("__HYPERVISOR_console_io")}): its arguments were {call.args[0]:#x}, {call.args[1]:#x} and
                VA {call.args[2]:#x}, where there is text, "{text.decode()}...". {"The number came as argument 1: it goes first, before the arguments." if call.args[0] == value("__HYPERVISOR_console_io") else "The number, or the stub that is called, is another's."} Xen returned {call.result}."""
    return None


@rule("prints-nothing", "2-hypercall-page", "mute", rank=2)
def _(f):
    way = (f.word("console") or 0) & 0xFFFFFFFF
    if f.seen and way in OTHER_WAYS and f.source.va("console") is not None and not any(c.name == "console_io" for c in f.calls):
        return f"The guest came to its end and reported success, and it never made a console_io: the variable console is {way}, {OTHER_WAYS[way]}. console_select() was given that, and dom0 prints by CONSOLE_XEN, the hypercall."
    if f.seen and not any(c.name == "console_io" for c in f.calls):
        return """The guest came to its end and reported success, and it never made a console_io: printk() did not come as far as that. Between the two are vprintk(), which collects the text, and console_write(), which chooses the way it goes."""
    if f.native:
        return """The kernel came to its end and reported success, but nothing of what it printed arrived at the serial port. Bytes are sent by writing them to COM1 (0x3f8), in serial_putc(). As long as bit 7 of the line register (COM1 + 3, 0x3fb; LINE_DIVISOR is 0x80) is set, they go
            to the divisor: serial_init() sets the bit for the speed, and has to clear it. And console_select() has to choose CONSOLE_SERIAL."""
    return """The guest came to its end and reported success, but of what it printed nothing arrived. Are the arguments of console_io
        in their order (CONSOLEIO_write, count, address), and is the result looked at?"""


@rule("reset", "7-debugging", "vanished", rank=2)
def _(f):
    return f"""The machine was reset without a last word from Xen: the guest wrote to a port that does this, or Xen itself fell before it
        could print. {plain(f)}"""


@rule("verdict-unknown", "0-machine", "qemu", rank=1)
def _(f):
    if f.xen("^Freed .* init memory"):
        return f"""The guest had begun when QEMU ended. {unknown(f)}""" if unknown(f) else """The guest had begun when QEMU ended. Either it reported a verdict that is neither success (0x10) nor failure (0x11) to port 0xf4: QEMU
            then exits with twice the number and 1. Or QEMU itself fell, and says why above."""


@rule("qemu-failed", "0-machine", "qemu", rank=2)
def _(f):
    fatal = next((line for line in f.said.lines if line.startswith("qemu: fatal: ")), "")
    at = next((m for m in (re.match("[ER]IP=([0-9a-f]+)", line) for line in f.said.lines) if m), None)
    if fatal and at:
        return f"""QEMU itself fell ("{fatal.removeprefix('qemu: fatal: ')}"), while the processor was at {f.source.place(int(at[1], 16))}. It does where page tables are to be read from a device's memory: an entry that lacks PSE is no large page, but names a table."""
    return "QEMU could not start or did not go on: its message stands above."
