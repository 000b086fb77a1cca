# SPDX-License-Identifier: GPL-2.0-only
"""The hypercall that is under way, from where Xen takes it to where it is done."""

import os
import struct

import gdb

from xenabi.hypercalls import Call, result

from .guest_memory import View
from .running import console_size
from .session import session

# struct cpu_user_regs: where the registers of a hypercall are, by kind of guest (xen/arch-x86/xen-x86_*.h).
REGISTERS = struct.Struct("<15Q8xQ")
NAMES = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi rip".split()
ARGUMENTS = {32: "rbx rcx rdx rsi rdi".split(), 64: "rdi rsi rdx r10 r8".split()}


def lower(value):
    """As much of it as the guest's registers hold."""
    return value & (1 << session.bits()) - 1


class Watch:
    """What goes on: `call`, made at rip, is under way, since the console had so many bytes."""

    def __init__(self, entry, back):
        self.entry, self.back = entry, back
        self.shown = None  # names; None for none, empty for all
        self.stops = {}  # name -> condition, "" for always
        self.call = self.rip = self.frame = self.console = None
        self.again = self.stopped = False

    def visit(self, stub):
        """The machine has stopped. Whether that was for us."""
        registers = stub.registers()
        if session.cr3 not in (None, registers.cr3):
            pass  # another domain's
        elif registers.rip == self.entry:
            self.frame = registers.rdi
            self.begin(self.saved(stub))
        elif registers.rip == self.back and self.call:
            saved = self.saved(stub)
            # Xen has something else to do first: it sends the guest back to the call, which goes on from there.
            self.again = saved["rip"] < self.rip
            if not self.again:
                self.finish(result(saved["rax"], session.bits()))
        return registers.rip in (self.entry, self.back)

    def begin(self, saved):
        """A call has come, or has come again."""
        if self.again and saved["rip"] == self.rip:
            return
        self.console, self.rip = session.folder and console_size(session.folder), saved["rip"]
        self.call = Call(View(), saved["rax"] & 0xFFFFFFFF, [lower(saved[name]) for name in ARGUMENTS[session.bits()]])
        if self.stops_here():
            self.stopped = True
        if self.call.final:
            self.finish(None)

    def stops_here(self):
        """Whether the reader wants to stop at this call: `xen hypercalls break`."""
        condition = self.stops.get(self.call.name)
        if not condition:
            return condition is not None
        for number, argument in enumerate(self.call.arguments, 1):
            gdb.set_convenience_variable(f"arg{number}", argument)
        return bool(gdb.parse_and_eval(condition))

    def saved(self, stub):
        """The guest's registers."""
        return dict(zip(NAMES, REGISTERS.unpack(stub.read(self.frame, REGISTERS.size))))

    def finish(self, outcome):
        """Tells of the call that was under way."""
        if self.shown is None or self.shown and self.call.name not in self.shown:
            self.call = None
            return
        print(self.call if outcome is None else f"{self.call} = {outcome}")
        for line in self.call.details():
            print(f"  {line}")
        for line in self.messages():
            print(f"  Xen says: {line}")
        self.call = None

    def messages(self):
        """Xen's own lines on the console since the call."""
        if self.console is None:
            return []
        with open(os.path.join(session.folder, "log"), encoding="latin-1") as log:
            log.seek(self.console)
            return [line.rstrip() for line in log if line.startswith("(XEN)")]
