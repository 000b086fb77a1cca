# SPDX-License-Identifier: GPL-2.0-only
"""Where the guest is, in a way that can be recognised when it is run again.

A position is an instruction that is about to be executed, with all registers
and the top of the stack. Xen's own instructions do not count: while Xen runs,
the position is that of the guest instruction that led there, which has been
attempted: one further than where it stands.
"""

import struct

from .packets import StubError

# The top of Xen's stack while a guest waits (struct cpu_user_regs): registers, vector, what the processor saved.
_SAVED = struct.Struct("<15Q4xI5Q")
_HYPERCALL_VECTORS = (0x82, 0x100)
_XENS = range(0xFFFF800000000000, 0xFFFF880000000000)  # where its stacks lie, and no guest's
_GATES = (b"\xcd\x82", b"\x0f\x05")  # int $0x82, syscall
_STACK = 128
# Where Xen was about to send the guest to a handler, it has put a frame on the guest's stack, at most so large.
_FRAME = 96
# A place that differs in more words was not the same.
MOST_DIFFERENT = 6


class NoPosition(Exception):
    """The guest is nowhere; says why."""


class Moment:
    """Where the machine is, which must be stopped. attempted: Xen is at work."""

    def __init__(self, stub, monitor):
        self.registers = stub.registers()
        self.icount = monitor.icount()
        self.attempted = self.registers.in_xen

    def same_as(self, other):
        """Whether two are one, exactly."""
        return self.icount == other.icount and self.registers.raw == other.registers.raw


class Position(Moment):
    """A moment that can be recognised. address is the instruction; attempted: it has begun, and Xen is at work for it."""

    def __init__(self, stub, monitor):
        super().__init__(stub, monitor)
        self._saved = None
        if not self.attempted:
            self.address, self.stack_pointer = self.registers.rip, self.registers.rsp
            self.goes_on_at = self.address
        else:
            self._guest_side(stub, monitor)
        self._stack = read_stack(stub, self.stack_pointer, _STACK + _FRAME) if self.stack_pointer is not None else b""

    def _guest_side(self, stub, monitor):
        """What the guest was doing, as Xen saved it."""
        try:
            top = struct.unpack("<Q", stub.read(monitor.task_register_base() + 4, 8))[0]
            *general, vector, rip, cs, _, rsp, _ = _SAVED.unpack(stub.read(top - _SAVED.size, _SAVED.size))
        except StubError as error:
            raise NoPosition(f"Xen is at work, and its stack cannot be read ({error})") from None
        if self.registers.rsp not in _XENS:
            # After a syscall Xen's first instructions have the guest's stack still, and have saved nothing.
            self.stack_pointer, self.goes_on_at = self.registers.rsp, self.registers.rcx
            self.address = self.goes_on_at - 2
            return
        # In Xen's first instructions its stack still has what it saved the time before.
        too_early = self.registers.rsp > top - _SAVED.size
        if too_early and read(stub, self.registers.rcx - 2, 2) == _GATES[1]:
            # After a syscall: the guest's stack pointer is in rax or saved, the other registers are untouched.
            self.stack_pointer, self.goes_on_at = None, self.registers.rcx
            self.address = self.goes_on_at - 2
            return
        if not cs & 3:
            raise NoPosition("Xen is at work for itself: no guest instruction led here")
        self.address = self.goes_on_at = rip
        self.stack_pointer = rsp
        if (too_early or vector in _HYPERCALL_VECTORS) and read(stub, rip - 2, 2) in _GATES:
            # What the processor has saved is the address behind it.
            self.address -= 2
        else:
            self._saved = general

    def differences(self, stub):
        """In how many registers and words of the stack the machine, which stands at address, is not as it was then; None
        if it is somewhere else. A guest that has read the time has a few that are never the same again."""
        now = stub.registers()
        if self.stack_pointer is None:
            untouched = "rbx rdx rsi rdi rbp r8 r9 r10 r12 r13 r14 r15".split()
            return 0 if all(getattr(now, name) == getattr(self.registers, name) for name in untouched) else None
        frame = now.rsp - self.stack_pointer
        if now.in_xen or not 0 <= frame <= (_FRAME if self._saved else 0):
            return None
        if self.attempted:
            # Xen saves them one by one, so each is there, or still where the guest had it.
            saved = zip(now.in_the_order_of_xen(), self._saved or (), self.registers.in_the_order_of_xen())
            different = sum(value not in places for value, *places in saved)
        else:
            different = _different(now.raw, self.registers.raw)
        different += _different(read_stack(stub, now.rsp, _STACK), self._stack[frame:frame + _STACK])
        return different if different <= MOST_DIFFERENT else None


def _different(one, other):
    """How many words, of four bytes."""
    return sum(one[at:at + 4] != other[at:at + 4] for at in range(0, max(len(one), len(other)), 4))


def read_stack(stub, pointer, size):
    """The top of the stack, as far as it is mapped."""
    page = 4096 - pointer % 4096
    return read(stub, pointer, size) or read(stub, pointer, min(size, page))


def read(stub, address, count):
    """Bytes, or nothing if they are not mapped."""
    try:
        return stub.read(address, count)
    except StubError:
        return b""
