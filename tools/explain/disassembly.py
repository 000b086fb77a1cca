# SPDX-License-Identifier: GPL-2.0-only
"""Instructions of an image, in objdump's words: what a run of them ends by, which variable they read, and who stores to it."""

from __future__ import annotations

import functools
import re
import subprocess
from typing import NamedTuple

from xenabi.image import Symbol

from .saved import Saved
from .source import Source

_LINE = re.compile(r"^ *([0-9a-f]+):\s+(?:(?:lock|rep\w*|data16|[c-g]s) )*(\S+)\s*([^#]*?)\s*(?:# ([0-9a-f]+).*)?$")
_MEMORY = re.compile(r"(-?0x[0-9a-f]+)?\((%\w+)?(?:,(%\w+),(\d))?\)$")
_LEAVES = re.compile(r"(j\w+|call\w*|l?ret\w*|iret\w*|ljmp\w*|lcall\w*|loop\w*|int|syscall)$")
LONGEST = 15  # bytes of an instruction
BLOCK = 0x100  # bytes: so long are the runs of instructions that QEMU logs the registers of
GOT = "_GLOBAL_OFFSET_TABLE_"  # from which 32-bit code counts its variables


class Instruction(NamedTuple):
    address: int
    name: str
    operands: str
    named: int | None  # the address that a distance from RIP leads to


@functools.lru_cache(maxsize=8)
def instructions(source: Source, start: int, stop: int) -> tuple[Instruction, ...]:
    """Those of linked VAs."""
    said = subprocess.run(["objdump", "-d", "--no-show-raw-insn", f"--start-address={start:#x}", f"--stop-address={stop:#x}", source.path],
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL).stdout
    found = (_LINE.match(line) for line in said.splitlines())
    return tuple(Instruction(int(m[1], 16), m[2], m[3], int(m[4], 16) if m[4] else None) for m in found if m and not m[2].startswith("<"))


def branch(source: Source, address: int) -> Instruction | None:
    """The jump, call or return that the run of instructions ends by which begins at an address."""
    at = source.linked(address)
    return next((i for i in instructions(source, at[0], at[0] + BLOCK) if _LEAVES.match(i.name)), None) if at else None


def memory(source: Source, operand: str, registers: dict[str, int]) -> int | None:
    """The address that an operand means; None if it is none in memory, or made of registers that are not known."""
    text = operand.strip().lstrip("*")
    if re.fullmatch(r"(%\ws:)?0x[0-9a-f]+", text):
        return int(text.rpartition(":")[2], 16)
    match = _MEMORY.search(text)
    try:
        base, index = (registers[name[1:].upper()] if name else 0 for name in match.group(2, 3)) if match else (0, 0)
    except KeyError:
        return None
    return int(match[1] or "0", 16) + base + index * int(match[4] or 0) & source.mask if match else None


def operand(source: Source, ip: int, regs: Saved) -> tuple[int, int, int] | None:
    """The address that an instruction's operand in memory means, and the two registers that it is made of; None if there is none, or they are not known."""
    at = source.linked(ip)
    first = next(iter(instructions(source, at[0], at[0] + LONGEST)), None) if at else None
    match = re.search(_MEMORY.pattern.rstrip("$"), first.operands) if first else None
    # Xen saves EAX as RAX, and QEMU's log has it as EAX.
    base, index = (regs.values.get(name[1:], regs.values.get("r" + name[2:])) if name else 0 for name in match.group(2, 3)) if match else (None, None)
    return None if base is None or index is None else (int(match[1] or "0", 16) + base + index * int(match[4] or 0) & source.mask, base, index)


def absolute(source: Source, address: int) -> int | None:
    """The address in memory that an instruction names as a number alone, without a register."""
    at = source.linked(address)
    first = next(iter(instructions(source, at[0], at[0] + LONGEST)), None) if at else None
    found = re.search(r"(?:^|[,*])(0x[0-9a-f]+)(?:$|,)", first.operands) if first and not _LEAVES.match(first.name) else None
    return int(found[1], 16) if found else None


def function(source: Source, address: int) -> tuple[Instruction, ...]:
    """All of the function that an address is in."""
    begin = source.begin(address)
    found = source.image.symbol_at(begin) if source.image and begin is not None else None
    return instructions(source, found.value, found.value + found.size) if found else ()


def variable(source: Source, instruction: Instruction) -> str:
    """The variable, one word large, that an instruction's operand in memory is; empty if it is none."""
    address, symbol = _address(source, instruction), symbol_of(source, instruction)
    whole = address is not None and symbol and symbol.value == address & source.mask and symbol.size == source.bits // 8 and symbol.value not in source.code
    return symbol.name if symbol and whole else ""


def _address(source: Source, instruction: Instruction) -> int | None:
    return instruction.named if instruction.named is not None else _from_got(source, instruction)


def symbol_of(source: Source, instruction: Instruction) -> Symbol | None:
    """What of the image an instruction's operand in memory lies in."""
    address = _address(source, instruction)
    return source.image.symbol_at(address & source.mask) if address is not None and source.image else None


def _from_got(source: Source, instruction: Instruction) -> int | None:
    """The address of an operand that is counted from the GOT, as 32-bit code does: its register comes from a thunk, or from another that does."""
    match, got = _MEMORY.search(re.sub(r",%\w+$", "", instruction.operands)), source.va(GOT)
    if not match or got is None or not match[2] or match[3]:
        return None
    known: set[str] = set()
    for other in function(source, instruction.address):
        thunk, copy = re.search(r"<__x86\.get_pc_thunk\.(\w+)>", other.operands), re.fullmatch(r"(%\w+),(%\w+)", other.operands)
        known |= {"%e" + thunk[1]} if thunk else {copy[2]} if copy and other.name == "mov" and copy[1] in known else set()
    return got + int(match[1] or "0", 16) if match[2] in known else None


def calls_of(source: Source, name: str) -> list[Instruction]:
    """Where other functions of the image call one, or end by a jump to it."""
    found = (i for i in instructions(source, source.code.start, source.code.stop) if _LEAVES.match(i.name) and i.operands.endswith(f"<{name}>"))
    return [i for i in found if source.function(i.address) != name]


def writers(source: Source, name: str) -> list[str]:
    """The functions whose code stores to a variable."""
    stores = (i for i in instructions(source, source.code.start, source.code.stop)
              if i.name.startswith("mov") and i.operands[:1] in "%$" and i.operands.endswith(")"))
    return list(dict.fromkeys(source.function(i.address) for i in stores if variable(source, i) == name))


def last_load(source: Source, address: int) -> Instruction | None:
    """The instruction before an address, in its function, that loaded the register by which that one addresses memory."""
    code = [i for i in function(source, address) if i.address <= address]
    match = _MEMORY.search(re.sub(r",%\w+$|,%\w+,%\w+$", "", code[-1].operands)) if code and code[-1].address == address else None
    base = match[2] if match and match[2] else ""
    return next((i for i in reversed(code[:-1]) if base and i.operands.endswith("," + base)), None)
