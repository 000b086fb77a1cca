# SPDX-License-Identifier: GPL-2.0-only
"""While Xen runs: `xen where` has its backtrace, `xen step` leads to the guest's next instruction.

Xen's symbols stay out of GDB, where they would get in the way of the guest's: a 32-bit guest's
GDB could not even hold their addresses. A debug Xen keeps frame pointers, so its stack can be followed by hand.
"""

import bisect
import subprocess

import gdb

from xenqemu.position import NoPosition, Position
from xenqemu.packets import StubError
from xenqemu.patience import patiently
from xenqemu.timeline import PATIENCE, SLICE

from .arguments import none
from .connection import symbol_at
from .interrupts import uninterrupted
from .places import at_end, ends
from .session import elf, plain_errors, session
from .style import say
from .time import moving, timeline

# Where Xen goes back to a guest, and how many instructions that takes at most.
EXITS, LAST = ("restore_all_guest", "compat_restore_all_guest"), 100
STACKS = range(0xFFFF800000000000, 0xFFFF880000000000)
MOST_FRAMES = 30


class Names:
    """Xen's functions by address."""

    def __init__(self, path):
        symbols = sorted((s.value, s.name) for s in elf(path).all_symbols if s.value in STACKS)
        self._path, self._values, self._names = path, [v for v, _ in symbols], [n for _, n in symbols]

    def name(self, address, length=0):
        """Of the function at an address, with the distance of what lies behind so many bytes there."""
        at = bisect.bisect_right(self._values, address) - 1
        if at == len(self._values) - 1:  # behind the end of its image: for each processor there is one for SYSCALL
            return f"{address:#x}, a stub that Xen has made"
        return f"{self._names[at]}+{address - self._values[at] + length:#x}" if at >= 0 else f"{address:#x}"

    def offset(self, address):
        """How far an address is behind the beginning of its function."""
        at = bisect.bisect_right(self._values, address) - 1
        return address - self._values[at] if at >= 0 else None

    def lines(self, addresses):
        """The source line of each."""
        done = subprocess.run(["addr2line", "-s", "-e", self._path, *(f"{a:#x}" for a in addresses)], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patiently(300))
        return done.stdout.split("\n")[:-1]


def names():
    path = session.known_xen_syms()
    if path not in _names:
        _names[path] = Names(path)
    return _names[path]


_names = {}


def caller(stub, registers, known):
    """Where a function goes back to that has not put the frame pointer in order yet: a list of one, or of none."""
    offset = known.offset(registers.rip)
    # The first instruction, of one byte, pushes the old one. (An exception's entry has no caller, but an error code there.)
    data = stub.peek(registers.rsp + 8 * offset, 8) if offset in (0, 1) else None
    return [address for address in (int.from_bytes(data or b"", "little"),) if address in STACKS]


def frames(stub, registers, known):
    """Return addresses, from the innermost."""
    found, frame = [registers.rip, *caller(stub, registers, known)], registers.rbp
    while frame in STACKS and len(found) < MOST_FRAMES:
        data = stub.peek(frame, 16)
        if not data:
            break
        above, address = (int.from_bytes(data[at:at + 8], "little") for at in (0, 8))
        if address not in STACKS:
            break
        found.append(address)
        if above <= frame:
            break
        frame = above
    return found


def guest_side():
    """Whose instruction Xen is at work for."""
    try:
        address = Position(session.stub, session.monitor).address
    except NoPosition:
        return "Xen is at work for itself"
    except gdb.GdbError:
        return "for whose instruction is not known: that needs QEMU's monitor (QMP), which `make gdb` opens"
    known = f" <{name}>" if (name := symbol_at(address)) else ""
    return f"for the guest's instruction at VA {address:#x}{known}"


class Where(gdb.Command):
    """Where Xen is, while it runs: xen where. A backtrace, and the guest's instruction that led there."""

    def __init__(self):
        super().__init__("xen where", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen where")
        with plain_errors():
            registers = session.stub.registers()
            if not registers.in_xen:
                raise gdb.GdbError("the guest runs, not Xen: `backtrace` is for it")
            known = names()
            found = frames(session.stub, registers, known)
            # A caller is where it called: behind that, another function may begin.
            calls = [found[0], *(address - 1 for address in found[1:])]
            for number, (address, call, line) in enumerate(zip(found, calls, known.lines(calls))):
                say(f"#{number:<2} {address:#x} {known.name(call, address - call)} at {line}")
            say(guest_side())


class Step(gdb.Command):
    """One instruction of the guest's, with all that Xen does for it: xen step.

    Inside Xen, on to the next instruction that the guest executes."""

    def __init__(self):
        super().__init__("xen step", gdb.COMMAND_RUNNING, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen step")
        with moving():
            line, stub = timeline(), session.stub
            registers = stub.registers()
            if at_end():
                raise gdb.GdbError("this is the end of the boot: `xen back` goes back from here")
            with stub.patience(PATIENCE, line.clock):
                self.step(stub, registers.rip if not registers.in_xen else Position(stub, session.monitor).address)

    @staticmethod
    def step(stub, instruction):
        """Until another instruction than this is next: Xen may have something else to do in the middle of a hypercall, and
        sends the guest back to it."""
        while True:
            stub.step()
            if stub.registers().in_xen:
                to_guest(stub)
            if stub.registers().rip != instruction or stub.registers().in_xen:
                return


def to_guest(stub):
    """From inside Xen to where it enters the guest."""
    exits = {address for address in map(session.xen_symbol, EXITS) if address}
    while stub.registers().in_xen:
        with stub.breakpoints(exits | set(ends())):
            if stub.registers().rip not in exits:
                stub.run_on(SLICE)
        if stub.registers().rip in ends():
            return
        for _ in range(LAST):
            stub.step()
            if not stub.registers().in_xen:
                return
    raise StubError("Xen does not come back to the guest")


class Entered:
    """Says so when a step of the reader's has led into Xen."""

    inside = False

    @uninterrupted
    def stopped(self, _):
        if not session.timeline:
            return
        try:
            registers = session.stub.registers()
            before, self.inside = self.inside, registers.in_xen
            if registers.in_xen and not before and registers.rip not in ends():
                say(f"now in Xen, {names().name(registers.rip)}, {guest_side()}: `xen where` has its backtrace, "
                    "`xen step` goes on to the guest's next instruction, `xen back 1` back to this one")
        except (*session.errors, gdb.GdbError, OSError):
            pass  # then there is nothing to say


gdb.events.stop.connect(Entered().stopped)
Where()
Step()
