# SPDX-License-Identifier: GPL-2.0-only
"""`xen hypercalls`.

Xen is stopped where it takes a hypercall and where that returns, not the guest:
a stop makes virtual time jump to the next timer, and in Xen that harms nobody.
A GDB that debugs a 32-bit guest sees only half of Xen's addresses. So its
breakpoint is at the lower half, where no guest has code, and the one that really
stops the machine is set beside it.
"""

import os
import struct

import gdb

from .hypercall_text import Call, result
from .places import hypercall_gate
from .running import console_size
from .session import plain_errors, session

# struct cpu_user_regs: where the registers of a hypercall are, by kind of guest (xen/arch-x86/xen-x86_*.h).
REGISTERS = struct.Struct("<15Q8xQ")
NAMES = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi rip".split()
ARGUMENTS = {32: "rbx rcx rdx rsi rdi".split(), 64: "rdi rsi rdx r10 r8".split()}


class Watch:
    """What goes on: `call`, made at rip, is under way, since the console had so many bytes."""

    def __init__(self, entry, back):
        self.entry, self.back = entry, back
        self.call = self.rip = self.frame = self.console = None
        self.again = False

    def visit(self, stub):
        """The machine has stopped. Whether that was for us."""
        registers = stub.registers()
        if registers.rip == self.entry:
            self.frame = registers.rdi
            self.begin(self.saved(stub))
        elif registers.rip == self.back and self.call:
            saved = self.saved(stub)
            # Xen has something else to do first: it sends the guest back to the call, which goes on from there.
            self.again = saved["rip"] < self.rip
            if not self.again:
                self.finish(result(saved["rax"]))
        return registers.rip in (self.entry, self.back)

    def begin(self, saved):
        """A call has come, or has come again."""
        if self.again and saved["rip"] == self.rip:
            return
        bits = session.image.bits
        arguments = [saved[name] & (1 << bits) - 1 for name in ARGUMENTS[bits]]
        self.console, self.rip = console_size(session.folder), saved["rip"]
        self.call = Call(saved["rax"] & 0xFFFFFFFF, arguments)
        if self.call.final:
            self.finish(None)

    def saved(self, stub):
        """The guest's registers."""
        return dict(zip(NAMES, REGISTERS.unpack(stub.read(self.frame, REGISTERS.size))))

    def finish(self, outcome):
        """Tells of the call that was under way."""
        print(self.call if outcome is None else f"{self.call} = {outcome}")
        for line in self.call.details():
            print(f"  {line}")
        for line in self.messages():
            print(f"  Xen says: {line}")
        self.call = None

    def messages(self):
        """Xen's own lines on the console since the call."""
        with open(os.path.join(session.folder, "log"), encoding="latin-1") as log:
            log.seek(self.console)
            return [line.rstrip() for line in log if line.startswith("(XEN)")]


class Gate(gdb.Breakpoint):
    """GDB's breakpoint at one of the two places. Never stops for the reader."""

    def __init__(self, address):
        visible = address & (1 << session.image.bits) - 1
        super().__init__(f"*{visible:#x}", type=gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent = True

    def stop(self):
        session.deciding = True
        try:
            watching.watch.visit(session.stub)
        except (*session.errors, gdb.error, gdb.GdbError, OSError) as error:
            print(f"xen hypercalls: {error}")
        finally:
            session.deciding = False
        return False


class Hypercalls(gdb.Command):
    """Show each hypercall: xen hypercalls on, xen hypercalls off.

    Name, arguments, result, and what Xen printed meanwhile; of page-table updates
    each entry, with the table that it is in. Shown while the guest runs
    (`continue`, `next`, `finish`, `xen end`), which goes on."""

    watch, gates = None, ()

    def __init__(self):
        super().__init__("xen hypercalls", gdb.COMMAND_RUNNING)

    def complete(self, text, _):
        return [word for word in ("on", "off") if word.startswith(text)]

    def invoke(self, argument, from_tty):
        if argument not in ("on", "off"):
            raise gdb.GdbError("usage: xen hypercalls on, or xen hypercalls off")
        stub = session.stub
        with plain_errors():
            self.off(stub)
            if argument == "on":
                self.on(stub)

    def on(self, stub):
        if not session.boot.p2m_frames:
            raise gdb.GdbError("booted without Xen: there are no hypercalls")
        if not hypercall_gate():
            raise gdb.GdbError(f"{session.xen_syms} does not tell where this Xen takes hypercalls "
                               "(`make xen` makes a Xen with symbols)")
        self.watch = Watch(*hypercall_gate())
        self.gates = [Gate(address) for address in hypercall_gate()]
        if session.image.bits == 32:
            stub.stand(set(hypercall_gate()))

    def off(self, stub):
        for gate in self.gates:
            gate.delete()
        stub.stand(set())
        self.watch, self.gates = None, ()


def watched():
    """Addresses at which to call visit(), for who runs the machine himself."""
    return {watching.watch.entry, watching.watch.back} if watching.watch else set()


def visit(stub):
    """Whether the machine stopped for us; then it may run on."""
    if not watching.watch or not watching.watch.visit(stub):
        return False
    stub.step()
    return True


watching = Hypercalls()
