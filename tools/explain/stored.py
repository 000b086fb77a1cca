# SPDX-License-Identifier: GPL-2.0-only
"""The constants that a function has put on its stack before a call, by its instructions alone: where a guest's memory cannot be read, a struct
that a hypercall was given is seen by them."""

from __future__ import annotations

import re

from .disassembly import Instruction, branch, function
from .source import Source

SIZES = {"b": 1, "w": 2, "l": 4, "q": 8}
_ON_STACK = re.compile(r"(-?0x[0-9a-f]+)?\(%rsp\)$")
_REGISTER = re.compile(r"%[re]?(\w\w?d?)$")
_OPERATIONS = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
               "shr": lambda a, b: a >> b, "shl": lambda a, b: a << b}


class Stored:
    """Of 64-bit code, in the order of its instructions: registers, and bytes by their distance from RSP."""

    def __init__(self, source: Source, address: int) -> None:
        """address: in the run of instructions that ends by the call."""
        self.source = source
        self.registers: dict[str, int | None] = {}
        self.bytes: dict[int, int | None] = {}
        self.argument: int | None = None  # the distance that the second argument, RSI, points to
        last = branch(source, address)
        for instruction in function(source, address) if last else ():
            if instruction.address == last.address:
                break
            self._take(instruction)

    def number(self, at: int, size: int) -> int | None:
        """A field of the struct that the second argument points to; None if it is no constant."""
        found = [self.bytes.get(self.argument + at + n) for n in range(size)] if self.argument is not None else [None]
        return int.from_bytes(bytes(b for b in found if b is not None), "little") if None not in found else None

    def _take(self, instruction: Instruction) -> None:
        name = instruction.name
        if name.startswith("call"):
            self.registers.clear()
            return
        parts = re.split(r",(?![^(]*\))", instruction.operands)
        if len(parts) != 2:
            return
        source, target = parts
        stack = _ON_STACK.match(target)
        if target == "%rsi":
            from_stack = _ON_STACK.match(source) if name == "lea" else None
            self.argument = int(from_stack[1] or "0", 16) if from_stack else 0 if source == "%rsp" else None
        value = self._value(source, instruction, name == "lea")
        kind = next((k for k in _OPERATIONS if name.rstrip("lq") == k), "")
        if stack and name.startswith("mov"):
            size = SIZES.get(name[3:4], 8 if source.startswith("%r") else 4)
            for n in range(size):
                self.bytes[int(stack[1] or "0", 16) + n] = None if value is None else value >> 8 * n & 0xFF
        elif _REGISTER.match(target):
            before = self.registers.get(_key(target))
            self.registers[_key(target)] = value if name.startswith(("mov", "lea")) else None if value is None or before is None or not kind else \
                _OPERATIONS[kind](before, value) & self.source.mask

    def _value(self, operand: str, instruction: Instruction, is_address: bool) -> int | None:
        if operand.startswith("$"):
            return int(operand[1:], 16) & self.source.mask
        if instruction.named is not None and operand.endswith("(%rip)"):
            if is_address:
                return instruction.named
            data = self.source.bytes(instruction.named, 8)
            return int.from_bytes(data, "little") if len(data) == 8 else None
        return self.registers.get(_key(operand)) if _REGISTER.match(operand) else None


def _key(register: str) -> str:
    """The same of %rax and %eax, of %r9 and %r9d."""
    return re.sub(r"^%[re]?|d$", "", register) if register[-1] == "d" and register[1:2] == "r" else re.sub(r"^%[re]?", "", register)
