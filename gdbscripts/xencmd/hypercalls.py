# SPDX-License-Identifier: GPL-2.0-only
"""`xen hypercalls`.

Xen is stopped where it begins with a hypercall that is wanted and where that returns, not the guest:
a stop makes virtual time jump to the next timer, and in Xen that harms nobody. Each stop takes a millisecond, so calls
that nobody asked for are not stopped at.
A GDB that debugs a 32-bit guest sees only half of Xen's addresses. So its
breakpoint is at the lower half, where no guest has code, and the one that really
stops the machine is set beside it.
"""

import gdb

from xenabi.headers import names

from .hypercall_watch import Watch, lower
from .connection import forget
from .interrupts import stops_if_interrupted
from .log import unpaged
from .places import hypercall_gate, in_xen
from .session import plain_errors, session
from .style import say


USAGE = "usage: xen hypercalls on [NAME...], xen hypercalls break NAME [if CONDITION], or xen hypercalls off"


class Gate(gdb.Breakpoint):
    """GDB's breakpoint where a call begins. Stops for the reader only if he wants that, or if he pressed Ctrl-C."""

    def __init__(self, address):
        super().__init__(f"*{lower(address):#x}", type=gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent = True

    @stops_if_interrupted
    def stop(self):
        session.deciding = True
        watch = watching.watch
        try:
            if not watch.visit(session.stub):
                return False
            if watch.stopped:
                say(f"at {watch.seen}, in Xen: `xen back 1` is the guest's instruction, `xen step` leads behind it")
                return True
            if watch.call:
                with unpaged():
                    done = watch.through(session.stub)
                forget()
                return not done or watch.enough()
            return watch.enough()  # an iret, which does not return
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
    console_io), only these; without, 1000 at a time.

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
            watch = self.watch or self.new_watch()
            if what == "on":
                watch.shown = set(wanted)
            else:
                watch.stops[wanted[0]] = condition.strip()
            self.on(stub, watch)

    @staticmethod
    def new_watch():
        if not session.under_xen:
            raise gdb.GdbError("booted without Xen: there are no hypercalls")
        if session.second_level:
            raise gdb.GdbError("a PVH guest makes its hypercalls by VMMCALL: only those of PV guests can be watched")
        path = session.known_xen_syms()
        if not hypercall_gate():
            raise gdb.GdbError(f"{path} does not tell where this Xen takes hypercalls (`make xen` makes a xen-syms that does, "
                               "`xen connect xen-syms FILE` names one)")
        return Watch(*hypercall_gate())

    def on(self, stub, watch):
        self.off(stub)
        self.watch = watch
        self.gates = [Gate(address) for address in watch.places]
        if session.bits() == 32:
            stub.stand(watch.places | in_xen())

    def off(self, stub):
        for gate in self.gates:
            gate.delete()
        stub.stand(in_xen())
        self.watch, self.gates = None, ()


def watched():
    """Addresses at which to call visit(), for a caller that runs the machine itself."""
    return watching.watch.places if watching.watch else set()


def visit(stub):
    """Whether the machine stopped for us, and may run on."""
    watch = watching.watch
    if not watch or not watch.visit(stub):
        return False
    if watch.call:
        return watch.through(stub) and not watch.enough()
    stub.step()
    return not watch.enough()


def known_names():
    return [name.removeprefix("__HYPERVISOR_") for name in names("__HYPERVISOR_").values()]


watching = Hypercalls()
