# SPDX-License-Identifier: GPL-2.0-only
"""Calling one function of the image on the stopped machine, as a debugger can.

So a function is asked about cases that its own boot would never show it. It
runs P=V, on Xen's boot stack, in the guest as it was at the entry; afterwards
the registers and the image are what they were. A call that ends in panic(), in a fault or not
at all is an answer, too, and the next one can be made.
"""

import contextlib
import functools
from collections import namedtuple

from .machine import MOST_STOPS, End, Fault, Loop, Stop
from .stopped import Stopped

# value is None if the function did not return; event tells why.
Result = namedtuple("Result", "value event")

SCRATCH = 512  # bytes below the stack pointer for what is passed by reference
STACK = 4096  # bytes that a call may use of it

# What a function has to leave as it was, by width, and the flags that have to be clear when it returns.
KEPT = {32: "rbx rsi rdi rbp".split(), 64: "rbx rbp r12 r13 r14 r15".split()}
KEPT_VALUE = 0x5a0001
DIRECTION = 0x400
MUST_BE_CLEAR = {0x100: "TF", DIRECTION: "DF (std without cld)", 0x4000: "NT", 0x40000: "AC"}
SELECTORS = "ds es fs gs".split()


def left(before, regs):
    """What code has left of the processor's state that whoever runs behind it takes for granted; empty if nothing. before are the
    registers that it found."""
    set_flags = [f"the flag {flag} set. Whatever runs behind it takes for granted that it is clear" for bit, flag in MUST_BE_CLEAR.items()
                 if regs["eflags"] & bit]
    changed = [f"{name.upper()} {regs[name]:#x} instead of {before[name]:#x}. Who changes a selector puts it back" for name in SELECTORS
               if regs[name] != before[name]]
    return (set_flags + changed + [""])[0]


class Caller:
    def __init__(self, guest):
        self.guest, self.machine = guest, guest.machine
        self.back = guest.paddr("startup_xen")  # where calls return to: a breakpoint is there
        self.broken = ""  # what the calls did that no function may do; see Session.side_effects()
        self.stacks = []  # paddrs that they may have written to
        self.row = False  # see in_a_row()
        self.here()

    def here(self):
        """Calls are made from where the guest is now, P=V, and leave it there."""
        self.saved = self.machine.registers()
        self.image = [(start, self.guest.read(start, end - start)) for start, end in self.image_parts()]

    def image_parts(self):
        """First and last paddr of what has to be kept: without padding that nobody uses (labs/lab8/large.S)."""
        guest = self.guest
        ends = [guest.elf.loaded()[0].paddr, guest.paddr("padding") or 0, guest.paddr("padding_end") or 0, guest.image_end]
        return [(ends[0], ends[1]), (ends[2], ends[3])] if ends[1] else [(ends[0], ends[3])]

    def scratch(self, data=bytes(64)):
        """P=V address of memory that a call may use, holding data."""
        address = self.saved["rsp"] - SCRATCH
        self.guest.write(address, data)
        return address

    def call(self, name, *args, **how):
        """Calls a global function of the image."""
        if self.guest.paddr(name) is None:
            raise Stopped("function-missing", f"{name}() is in none of your files: was it deleted, misspelt, or made static?")
        return self.call_at(self.guest.paddr(name), *args, **how)

    def call_at(self, paddr, *args, returns="word", stack=None,
                meet=lambda event: False, leave=lambda: None):
        """Calls what is at a paddr.

        returns is word, or the size of a struct in words (32-bit: by memory). meet(stop) is asked
        at each breakpoint on the way, and says whether the call has to end there. leave() runs
        behind the call, before the image's memory is put back.
        """
        stub, guest = self.machine.stub, self.guest
        before = self.machine.registers()
        by_memory = returns != "word" and guest.bits == 32
        result = self.saved["rsp"] - 2 * SCRATCH
        words = ([result] if by_memory else []) + list(args)
        stack = ((stack or self.saved["rsp"]) - 4 * SCRATCH) & -16
        registers = {name: KEPT_VALUE + i for i, name in enumerate(KEPT[guest.bits])}
        if guest.bits == 64:
            registers |= {name: value & guest.mask for name, value in zip(("rdi", "rsi", "rdx", "rcx"), words)}
            frame = [self.back]
            stack -= 8
        else:
            frame = [self.back] + words
            stack -= 4
        guest.write(stack, b"".join((w & guest.mask).to_bytes(guest.word, "little") for w in frame))
        self.stacks.append((stack - STACK, stack + len(frame) * guest.word))
        stub.set_each({**registers, "rsp": stack, "rip": paddr, "eflags": self.saved["eflags"] & ~DIRECTION})
        event = self.run(meet)
        value = None
        if isinstance(event, Stop) and event.name == "startup_xen":
            value = event.regs["rax"] & guest.mask
            self.look_at_registers(paddr, before, event.regs, stack + (2 if by_memory else 1) * guest.word)
            if returns != "word":
                size = returns * guest.word
                value = int.from_bytes(guest.read(result, size), "little") if by_memory else event.regs["rax"]
        leave()
        self.restore(event, self.row and value is not None)
        return Result(value, event)

    def look_at_registers(self, paddr, before, regs, stack):
        """What the caller of a function may count on: the compiler does, behind every call."""
        guest, names = self.guest, KEPT[self.guest.bits]
        symbol = guest.elf.symbol_at(paddr + guest.load_offset & guest.mask)
        if not symbol or symbol.name == "jump_to":  # code of the grader's own; a function that does not return
            return
        lost = [n for i, n in enumerate(names) if regs[n] & guest.mask != KEPT_VALUE + i]
        name = f"{symbol.name}()"
        shown = [n if guest.bits == 64 else "e" + n[1:] for n in lost]
        if lost:
            self.broken = f"""{name} returns with another {', '.join(shown).upper()} than it was called with: the compiler takes for granted that
                these registers are kept. An asm has to name every register that it changes."""
        elif regs["rsp"] & guest.mask != stack:
            self.broken = f"{name} returns with the stack pointer {regs['rsp'] & guest.mask:#x} instead of {stack:#x}."
        if left(before, regs):
            self.broken = f"{name} returns with {left(before, regs)}."

    def come_back(self, regs, result=0):
        """At the first instruction of a hypercall's stub: returns to the caller, as if Xen had answered."""
        word, stub = self.guest.word, self.machine.stub
        stub.set_register("rax", result)
        stub.set_register("rip", int.from_bytes(stub.read(regs["rsp"], word), "little"))
        stub.set_register("rsp", regs["rsp"] + word)

    @contextlib.contextmanager
    def in_a_row(self):
        """While this holds, a call that returns leaves the image's memory to the next one: what a function keeps of the first question
        may not answer the second."""
        before, self.row = self.row, True
        try:
            yield
        finally:
            self.row = before
            if not self.machine.ended and not before:
                self.forget(self.image)

    def keep(self):
        """In leave(): what the call made of the image's memory is what the next one finds, until forget()."""
        self.image = [(start, self.guest.read(start, len(data))) for start, data in self.image]

    def forget(self, image):
        """The image's memory is again what it was: self.image of before."""
        self.image = image
        for start, data in image:
            self.guest.write(start, data)

    def run(self, meet):
        for _ in range(MOST_STOPS):
            event = self.machine.go()
            if not isinstance(event, Stop) or event.name in ("startup_xen", "xen_exit") or meet(event):
                return event
        return Loop(event.regs)

    def restore(self, event, keep_image=False):
        if isinstance(event, End):
            return
        if isinstance(event, Fault):
            self.machine.forget_fault(self.back)
        if isinstance(event, Loop) or self.machine.in_xen():
            self.machine.leave(self.back)
        if not keep_image:
            self.forget(self.image)
        self.machine.stub.set_each({name: value for name, value in self.saved.items() if name.startswith("r") or name == "eflags"})


def each_after_the_other(check):
    """For a check(task, boot): its calls are made in a row."""
    @functools.wraps(check)
    def in_a_row(task, boot, *more):
        with boot.calls.in_a_row():
            return check(task, boot, *more)
    return in_a_row
