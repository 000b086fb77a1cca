# SPDX-License-Identifier: GPL-2.0-only
"""What the code of an entry, from its first instruction to the iret hypercall, does with Xen's frame and with the registers.

An entry is straight code: pushes, pops, a call, a jump. So it can be followed without being run: which word is where on the stack,
and what is in which register. At its end each register has to hold what it held, and nothing may lie below Xen's frame.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from .disassembly import BLOCK, Instruction, instructions
from .facts import Facts
from .frames import gates

HAS_ERROR_CODE = (8, 10, 11, 12, 13, 14, 17)
XENS = {32: [], 64: ["RCX", "R11"]}  # words below the frame
FRAME = {32: "EIP CS EFLAGS".split(), 64: "RIP CS RFLAGS RSP SS".split()}
PUSHA = "EAX ECX EDX EBX ESP EBP ESI EDI".split()
KEPT = {32: PUSHA, 64: "RAX RCX RDX RBX RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15".split()}
SCRATCH = {32: PUSHA[:3], 64: "RAX RCX RDX RSI RDI R8 R9 R10 R11".split()}
MOST, MOST_NAMED = 100, 3  # instructions; registers
NO_FLAGS = "no 0 was pushed, the flags for iret"
CALLBACK = "xen_hypervisor_callback"


class Followed:
    """An entry's stack, the top first, and its registers, each word by what it is: RCX stands for what RCX was when the kernel was interrupted."""

    def __init__(self, f: Facts, at: int, error: bool) -> None:
        self.f, self.at, self.word = f, at, f.bits // 8
        self.stack = [*XENS[f.bits], *["the error code"] * error, *FRAME[f.bits]]
        self.registers = {name: name for name in KEPT[f.bits]} | {name: f"what Xen left in {name}" for name in XENS[f.bits]}
        self.back = self._run()  # whether it was followed to the hypercall page

    @property
    def opening(self) -> list[str]:
        """The pops that it begins with."""
        code = itertools.takewhile(lambda i: i.name == "pop", instructions(self.f.source, self.at, self.at + BLOCK))
        return [f"pop {i.operands}" for i in code]

    def _run(self) -> bool:
        at, page = self.at, self.f.source.va("hypercall_page") or 0
        for _ in range(MOST):
            code = instructions(self.f.source, at, at + BLOCK)
            for now in code:
                if now.name == "jmp" or not self._does(now):
                    break
            to = re.match(r"([0-9a-f]+) ", now.operands) if code and now.name == "jmp" else None
            at = int(to[1], 16) if to else 0
            if not self.f.source.is_code(at):
                return 0 < page <= at < page + 0x1000
        return False

    def _does(self, now: Instruction) -> bool:
        """Whether it could be followed."""
        moved = re.fullmatch(r"\$0x([0-9a-f]+),%[er]sp", now.operands)
        register, into = now.operands.lstrip("%").upper(), now.operands.rpartition(",%")[2].upper()
        if now.name == "push":
            self.stack.insert(0, self.registers.get(register, now.operands))
        elif now.name == "pop" and self.stack and register in self.registers:
            self.registers[register] = self.stack.pop(0)
        elif now.name == "pusha":
            self.stack[:0] = [self.registers[name] for name in reversed(PUSHA)]
        elif now.name == "popa" and len(self.stack) >= len(PUSHA):
            self.registers |= {name: word for name, word in zip(reversed(PUSHA), self.stack) if name != "ESP"}
            del self.stack[:len(PUSHA)]
        elif now.name == "call":
            called = now.operands.partition("<")[2].rstrip(">") or "the handler"
            self.registers |= {name: f"what {called}() left in it" for name in SCRATCH[self.f.bits]}
        elif now.name == "add" and moved:
            del self.stack[:int(moved[1], 16) // self.word]
        elif now.name == "mov" and into in self.registers:
            self.registers[into] = "another number"
        elif now.name not in ("nop", "cld"):
            return False
        return True

    def _what(self, word: str) -> str:
        return f"what {word} was" if word in KEPT[self.f.bits] else word

    @property
    def xens_words(self) -> bool:
        """Whether what is wrong at its end is no more than that Xen's two words were not taken off, or exchanged."""
        ip, xens = FRAME[self.f.bits][0], XENS[self.f.bits]
        left = self.stack[self.stack[:1] == ["$0x0"]:]
        changed = [name for name, word in self.registers.items() if word != name]
        return bool(xens) and self.stack[:1] == ["$0x0"] and ip in left and {*left[:left.index(ip)], *changed} <= {*xens}

    @property
    def wrong(self) -> str:
        """What is not at its end as it has to be; empty if nothing is known to be."""
        left, flags = self.stack, self.stack[:1] == ["$0x0"] or self.f.bits == 32
        left = left[self.f.bits == 64 and flags:]
        ip = FRAME[self.f.bits][0]
        below = [self._what(word) for word in left[:left.index(ip)]] if ip in left else []
        more = f" and {len(below) - MOST_NAMED} words more" if len(below) > MOST_NAMED else ""
        found = [f"{', '.join(below[:MOST_NAMED])}{more} {'is' if len(below) == 1 else 'are'} still on the stack, below the frame"] if below else []
        found += [] if ip in left else ["a part of the frame itself was taken off the stack"]
        found += [] if flags else [NO_FLAGS]
        changed = [f"{name} holds {self._what(word)}" for name, word in self.registers.items() if word != name]
        return "; ".join([*found, *changed[:MOST_NAMED]]) if self.back else ""


def _entries(f: Facts) -> Iterator[tuple[str, int, Followed]]:
    """Those of the exceptions that came, and of the events."""
    stubs, callback = dict(gates(f)), f.source.va(CALLBACK)
    came = dict.fromkeys(x.vector for x in f.seen.faults if x.vector in stubs) if f.seen else ()
    for vector in came:
        yield f"the entry of vector {vector}", stubs[vector], Followed(f, stubs[vector], vector in HAS_ERROR_CODE)
    if callback is not None:
        yield "the entry of events, xen_hypervisor_callback", callback, Followed(f, callback, False)


def no_flags(f: Facts) -> str:
    """Which entry lacks the flags for iret, and nothing else."""
    name, at, found = next(((name, at, found) for name, at, found in _entries(f) if found.wrong), ("", 0, None))
    return f"{name}, {f.source.place(at)}" if found and found.wrong == NO_FLAGS else ""


def by_code(f: Facts) -> str:
    """Which entry, of those of the exceptions that came and of the events, cannot go back as it came, by its code; empty if none is known."""
    for name, at, found in _entries(f):
        if found.wrong:
            lost = f.bits == 64 and found.opening[:2] != ["pop %rcx", "pop %r11"]
            opens = f"It begins with {', '.join(found.opening) or 'no pop'}, and Xen has put two words below its frame, RCX and, above it, R11: they are taken off first of all, by pop %rcx and pop %r11." if lost else "All that it pushes has to be taken off again, in the opposite order."
            return f"""It is {name}, {f.source.place(at)}{"" if lost and found.xens_words else f": by its code, when it comes to the iret hypercall, {found.wrong}"}. {opens}"""
    return ""
