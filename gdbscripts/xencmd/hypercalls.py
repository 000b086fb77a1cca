# SPDX-License-Identifier: GPL-2.0-only
"""`xen hypercalls`.

Xen is stopped where it takes a hypercall and where that returns, not the guest:
a stop makes virtual time jump to the next timer, and in Xen that harms nobody.
A GDB that debugs a 32-bit guest sees only half of Xen's addresses. So its
breakpoint is at the lower half, where no guest has code, and the one that really
stops the machine is set beside it.
"""

import gdb

from xenabi.headers import names

from .hypercall_watch import Watch, lower
from .interrupts import stops_if_interrupted
from .places import hypercall_gate, in_xen
from .session import plain_errors, session


USAGE = "usage: xen hypercalls on [NAME...], xen hypercalls break NAME [if CONDITION], or xen hypercalls off"


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
            if watching.watch.stopped:
                watching.watch.stopped = False
                print(f"at {watching.watch.call}, in Xen: `xen back 1` is the guest's instruction, `xen step` leads behind it")
                return True
        except (*session.errors, gdb.error, gdb.GdbError, OSError) as error:
            print(f"xen hypercalls: {error}")
        finally:
            session.deciding = False
        return False


class Hypercalls(gdb.Command):
    """Show each hypercall: xen hypercalls on [NAME...], xen hypercalls off.

    Name, arguments, result, and what Xen printed meanwhile; of page-table updates
    each entry, with the table that it is in. Shown while the guest runs
    (`continue`, `next`, `finish`, `xen end`), which goes on. With NAMEs (mmu_update,
    console_io), only these.

    xen hypercalls break NAME [if CONDITION] stops where Xen takes such a call;
    $arg1 to $arg5 are its arguments: xen hypercalls break mmu_update if $arg2 > 1"""

    watch, gates = None, ()

    def __init__(self):
        super().__init__("xen hypercalls", gdb.COMMAND_RUNNING)

    def complete(self, text, word):
        first = [word for word in ("on", "off", "break") if word.startswith(text)]
        return first if " " not in text else [name for name in known_names() if name.startswith(word)]

    def invoke(self, argument, from_tty):
        what, _, rest = argument.partition(" ")
        name, _, condition = rest.partition(" if ")
        wanted = name.split()
        if what not in ("on", "off", "break") or what == "off" and rest or what == "break" and len(wanted) != 1:
            raise gdb.GdbError(USAGE)
        for name in wanted:
            if name not in known_names():
                raise gdb.GdbError(f"{name} is no hypercall of xen.h; {USAGE}")
        with plain_errors():
            stub = session.stub
            if what == "off":
                self.off(stub)
                return
            self.on(stub)
            if what == "on":
                self.watch.shown = set(wanted)
            else:
                self.watch.stops[wanted[0]] = condition.strip()

    def on(self, stub):
        if not session.under_xen:
            raise gdb.GdbError("booted without Xen: there are no hypercalls")
        if session.second_level:
            raise gdb.GdbError("a PVH guest makes its hypercalls by VMMCALL: only those of PV guests can be watched")
        if not hypercall_gate():
            raise gdb.GdbError(f"{session.xen_syms or 'xen-syms, which is missing,'} does not tell where this Xen takes hypercalls "
                               "(`make xen` makes a xen-syms that does, `xen connect xen-syms FILE` names one)")
        if self.watch:
            return
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


def known_names():
    return [name.removeprefix("__HYPERVISOR_") for name in names("__HYPERVISOR_").values()]


watching = Hypercalls()
