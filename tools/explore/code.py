# SPDX-License-Identifier: GPL-2.0-only
"""The instructions that were executed, as text."""

from __future__ import annotations

import re
import subprocess
import tempfile

from xenpt.memory import PAGE_SIZE
from xenpt.space import AddressSpace

from .debug_info import DebugInfo
from .numbers import json_number
from .recording import Recording

_LINE = re.compile(r"^ *([0-9a-f]+):\t(.*)$", re.MULTILINE)
_LONGEST = 15  # bytes of an instruction
_MACHINE = {32: "i386", 64: "i386:x86-64"}


def of_image(path: str) -> dict[int, str]:
    """Linked address -> text of each instruction in an ELF file."""
    return _read(["objdump", "-d", "-z", "--no-show-raw-insn", path])


def of_bytes(data: bytes, address: int, bits: int) -> str:
    """The text of one instruction."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        found = _read(["objdump", "-D", "-z", "-b", "binary", "-m", _MACHINE[bits], "--no-show-raw-insn",
                       f"--adjust-vma={address:#x}", f"--stop-address={address + 1:#x}", file.name])
    return found.get(address, "(unknown)")


def _read(command: list[str]) -> dict[int, str]:
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    # Two comments of objdump's tell nothing that the page does not tell better.
    return {int(address, 16): re.sub(r"\s+(#.*|<.*>)?$", "", text.replace("\t", " ")).rstrip()
            for address, text in _LINE.findall(listing)}


def in_memory(space: AddressSpace, address: int) -> bytes:
    """The bytes of the instruction at a VA, as many as are mapped."""
    for size in (_LONGEST, PAGE_SIZE - address % PAGE_SIZE):
        data = space.read(address, min(size, _LONGEST))
        if data:
            return data
    return b""


class Code:
    """rows: (linked address, text, symbol, file, line) of all instructions of the functions that were executed; symbol and
    file are indices. Where there is no function, of the instructions alone. The first stands for all of other domains."""

    def __init__(self, recording: Recording, info: DebugInfo, space: AddressSpace | None) -> None:
        """space: the address space in which what is not the image's own code is looked up."""
        self.rows, self.index, self.files, self._info = [[0, "(another domain's)", -1, -1, 0]], {}, [], info
        listing = of_image(info.image.path)
        executed = {info.linked(address): address for address in set(recording.trace.addresses)}
        symbols = {info.symbol(va)[0] for va in executed if va in listing and info.symbol(va)}
        for va in sorted({*executed, *(va for va in listing if info.symbol(va) and info.symbol(va)[0] in symbols)}):
            text = listing.get(va)
            if text is None:
                data = space and in_memory(space, executed[va])
                text = of_bytes(data, va, info.bits) if data else "(not mapped)"
            self.index[va] = len(self.rows)
            self.rows.append([json_number(va), text, *self._origin(va, info)])

    def _origin(self, va: int, info: DebugInfo) -> tuple[int, int, int]:
        line, symbol = info.line(va), info.symbol(va)
        if line and line.file not in self.files:
            self.files.append(line.file)
        return (symbol[0] if symbol else -1), (self.files.index(line.file) if line else -1), (line.line if line else 0)

    def index_of(self, address: int, other: bool) -> int:
        """The row of an instruction, linked or P=V; if it is another domain's, the one that says so."""
        return 0 if other else self.index[self._info.linked(address)]

    def text(self, address: int) -> str:
        """The instruction at an address, linked or P=V."""
        return self.rows[self.index[self._info.linked(address)]][1]
