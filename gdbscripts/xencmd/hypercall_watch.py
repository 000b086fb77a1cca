# SPDX-License-Identifier: GPL-2.0-only
"""The hypercall that is under way, from where Xen takes it to where it is done."""

import os
import struct

import gdb

from xenabi.hypercalls import Call, result

from xenqemu.timeline import SLICE

from .guest_memory import View
from .interrupts import noted
from .places import ends, handler, stack_top
from .running import console_size
from .session import session
from .style import say

# struct cpu_user_regs: where the registers of a hypercall are, by kind of guest (xen/arch-x86/xen-x86_*.h).
REGISTERS = struct.Struct("<15Q8xQ")
NAMES = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi rip".split()
# Bytes of all that is saved, and of Xen's stack for a processor.
SAVED, STACK = 168, 32768
ARGUMENTS = {32: "rbx rcx rdx rsi rdi".split(), 64: "rdi rsi rdx r10 r8".split()}

# So many are shown at a time, unless some are asked for by name: a Linux makes thousands, and a stop at each takes time.
MOST = 1000
# So often the guest is sent back to a call before it is left alone until the call is done.
MOST_TIMES = 8


def lower(value):
    """As much of it as the guest's registers hold."""
    return value & (1 << session.bits()) - 1


class Watch:
    """What goes on: `call`, made at rip, is under way, since the console had so many bytes.

    back is where Xen is when a call is done; it stops at nothing else of those that nobody wants to see."""

    def __init__(self, gate, back):
        self.gate, self.back = gate, back
        self._top = stack_top(session.stub.peek) & STACK - 1
        self.shown = None  # names; None for none, empty for all
        self.stops = {}  # name -> condition, "" for always
        self.call = self.rip = self.console = None
        self.again = self.stopped = False
        self.times = 0  # that the guest was sent back to it
        self._left = MOST

    @property
    def places(self):
        """Where Xen begins with the calls that are wanted: functions of their own, or the one through which all come."""
        functions = {handler(name) for name in (*self.stops, *(self.shown or ()))}
        return {self.gate} if self.shown == set() or None in functions else functions

    def visit(self, stub):
        """The machine has stopped. Whether that was for us; then `call` is under way if it is to be seen."""
        registers = stub.registers()
        if registers.rip not in self.places:
            return False
        if session.cr3 in (None, registers.cr3):  # else it is another domain's
            self.begin(self.saved(stub, registers))
        return True

    def through(self, stub):
        """On to where the call under way is done. False if the machine stopped elsewhere, or Ctrl-C came."""
        with stub.breakpoints({self.back, *ends()}):
            while self.call:
                registers = self._arrive(stub, self.back)
                if not registers:
                    return False
                saved = self.saved(stub, registers)
                # Xen has something else to do first: it sends the guest back to the call, which goes on from there.
                self.again = saved["rip"] < self.rip
                if self.again:
                    break
                self.finish(result(saved["rax"], session.bits()))
        self.times += self.again
        return not self.again or self.times < MOST_TIMES or self._behind(stub)

    def _behind(self, stub):
        """As through(), but to the guest's instruction behind the call. Each stop in Xen makes virtual time jump to the next timer,
        for whose sake Xen sends the guest back once more: a call that empties page tables would come a thousand times."""
        with stub.breakpoints({self.rip, *ends()}):
            gates = {place for place in self.places if stub.request(f"z1,{place:x},1") == "OK"}
            try:
                registers = self._arrive(stub, self.rip)
            finally:
                for place in gates:
                    stub.breakpoint(place)
        if registers:
            self.again = False
            self.finish(result(registers.rax, session.bits()))
        return bool(registers)

    @staticmethod
    def _arrive(stub, place):
        """The registers there, in the guest's time; None if the machine stopped elsewhere, or Ctrl-C came."""
        while True:
            stub.step()
            while not stub.run(SLICE):
                if noted():
                    return None
            registers = stub.registers()
            if registers.rip != place:
                return None
            if session.cr3 in (None, registers.cr3):
                return registers

    def begin(self, saved):
        """A call has come, or has come again."""
        if self.again and saved["rip"] == self.rip:
            return
        self.again, self.times = False, 0
        self.console, self.rip = session.folder and console_size(session.folder), saved["rip"]
        self.call = Call(View(), saved["rax"] & 0xFFFFFFFF, [lower(saved[name]) for name in ARGUMENTS[session.bits()]])
        self.stopped = self.stops_here()
        if self.call.final:
            self.finish(None)
        elif self.shown is None or self.shown and self.call.name not in self.shown:
            self.call = None

    def stops_here(self):
        """Whether the reader wants to stop at this call: `xen hypercalls break`."""
        condition = self.stops.get(self.call.name)
        self.seen = self.call
        if not condition:
            return condition is not None
        for number, argument in enumerate(self.call.arguments, 1):
            gdb.set_convenience_variable(f"arg{number}", argument)
        return bool(gdb.parse_and_eval(condition))

    def saved(self, stub, registers):
        """The guest's registers, from the end of the stack that Xen is on."""
        frame = (registers.rsp & -STACK) + self._top - SAVED
        return dict(zip(NAMES, REGISTERS.unpack(stub.read(frame, REGISTERS.size))))

    def finish(self, outcome):
        """Tells of the call that was under way."""
        call, self.call = self.call, None
        if self.shown is None or self.shown and call.name not in self.shown:
            return
        say(str(call) if outcome is None else f"{call} = {outcome}")
        for line in call.details():
            say(f"  {line}")
        for line in self.messages():
            say(f"  Xen says: {line}")
        self._left -= not self.shown

    def enough(self):
        """Whether so many were shown that the reader is asked; then as many again are."""
        if self._left > 0:
            return False
        self._left = MOST
        say(f"{MOST} hypercalls were shown; to go on shows {MOST} more, `xen hypercalls on NAME...` only some, `xen hypercalls off` none")
        return True

    def messages(self):
        """Xen's own lines on the console since the call."""
        if self.console is None:
            return []
        with open(os.path.join(session.folder, "log"), encoding="latin-1") as log:
            log.seek(self.console)
            return [line.rstrip() for line in log if line.startswith("(XEN)")]
