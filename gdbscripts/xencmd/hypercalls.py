# SPDX-License-Identifier: GPL-2.0-only
"""`xen hypercalls`.

Xen is stopped where it takes a hypercall and where that returns, not the guest:
a stop makes virtual time jump to the next timer, and in Xen that harms nobody.
A GDB that debugs a 32-bit guest sees only half of Xen's addresses. So its
breakpoint is at the lower half, where no guest has code, and the one that really
stops the machine is set beside it.
"""

import gdb

from .hypercall_watch import Watch, lower
from .interrupts import stops_if_interrupted
from .places import hypercall_gate, in_xen
from .session import plain_errors, session


class Gate(gdb.Breakpoint):
    """GDB's breakpoint at one of the two places. Stops for the reader only if he pressed Ctrl-C meanwhile."""

    def __init__(self, address):
        super().__init__(f"*{lower(address):#x}", type=gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent = True

    @stops_if_interrupted
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
        with plain_errors():
            self.off(session.stub)
            if argument == "on":
                self.on(session.stub)

    def on(self, stub):
        if not session.under_xen:
            raise gdb.GdbError("booted without Xen: there are no hypercalls")
        if not hypercall_gate():
            raise gdb.GdbError(f"{session.xen_syms or 'xen-syms, which is missing,'} does not tell where this Xen takes hypercalls (`make xen` makes a xen-syms "
                               "that does, `xen connect xen-syms FILE` names one)")
        self.watch = Watch(*hypercall_gate())
        self.gates = [Gate(address) for address in hypercall_gate()]
        if session.bits() == 32:
            stub.stand(set(hypercall_gate()) | in_xen())

    def off(self, stub):
        for gate in self.gates:
            gate.delete()
        stub.stand(in_xen())
        self.watch, self.gates = None, ()


def watched():
    """Addresses at which to call visit(), for who runs the machine himself."""
    return {watching.watch.entry, watching.watch.back} if watching.watch else set()


def visit(stub):
    """Whether the machine stopped for us; then it may run on."""
    ours = bool(watching.watch) and watching.watch.visit(stub)
    if ours:
        stub.step()
    return ours


watching = Hypercalls()
