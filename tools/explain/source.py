# SPDX-License-Identifier: GPL-2.0-only
"""Addresses of an image in the source's words: function, file and line."""

from __future__ import annotations

import functools
import os
import re
import struct
import subprocess

from xenabi.image import ElfError, Image

SAMPLE = 64  # bytes


def _below_src(line: str) -> str:
    """file:line of addr2line's, below src/ or work/."""
    return os.path.normpath(re.sub(r"^.*/((src|work|labs)/)", r"\1", line.strip()).partition(" (")[0])


class Source:
    """An image's symbols; also of one that has none, whose addresses stay numbers."""

    loads = True  # False of an ELF file that has nothing to load

    def __init__(self, path: str) -> None:
        self.path = re.sub(r"\.bzImage$", ".elf", path)
        try:
            self.image: Image | None = Image(self.path)
            self.loads = bool(self.image.loaded())
            self.offset = self.image.load_offset
            self.bits = self.image.bits
            self.image.note_sections()  # can be read: what follows relies on it
        except (OSError, ElfError):
            self.image, self.offset, self.bits = None, 0, 32
        self.mask = (1 << self.bits) - 1

    @functools.cached_property
    def extent(self) -> range:
        """The linked VAs of the image."""
        parts = self.image.loaded() if self.image else []
        return range(parts[0].vaddr, parts[-1].vaddr + parts[-1].memsz) if parts else range(0)

    @functools.cached_property
    def code(self) -> range:
        """Those of its code."""
        text = self.image.section(".text") if self.image else None
        return range(text[0], text[0] + text[1]) if text else range(0)

    def linked(self, address: int) -> tuple[int, str] | None:
        """The linked VA of an address in the image, and the word for what it was: VA or P=V."""
        if address in self.extent:
            return address, "VA"
        va = address + self.offset & self.mask
        return (va, "P=V") if va in self.extent else None

    def samples(self, entry: int | None) -> list[tuple[int, bytes]]:
        """The bytes at the entry; the first and the last of each part that is loaded, and the first of its .bss: each with its paddr."""
        found: list[tuple[int, bytes]] = []
        for part in self.image.loaded() if self.image and entry is not None else ():
            at = part.offset + entry - part.paddr
            found += [(entry, self.image.data[at:at + SAMPLE])] if 0 <= entry - part.paddr < part.filesz else []
        for part in self.image.loaded() if self.image else ():
            data = self.image.data[part.offset:part.offset + part.filesz]
            found += [(part.paddr, data[:SAMPLE]), (part.paddr + max(0, part.filesz - SAMPLE), data[-SAMPLE:]),
                      (part.paddr + part.filesz, bytes(min(SAMPLE, part.memsz - part.filesz)))]
        return [(paddr, data) for paddr, data in found if data]

    @functools.cached_property
    def fixups(self) -> list[tuple[int, int]]:
        """__ex_table: VAs of instructions that may fault, each with where to go on. Both are distances from themselves."""
        table = self.image.section("__ex_table") if self.image else None
        part = next((p for p in self.image.loaded() if p.vaddr <= table[0] < p.vaddr + p.filesz), None) if table and table[1] else None
        if not part:
            return []
        begin = part.offset + table[0] - part.vaddr
        pairs = struct.iter_unpack("<ii", self.image.data[begin:begin + table[1] // 8 * 8])
        return [(table[0] + 8 * n + insn, table[0] + 8 * n + 4 + fixup) for n, (insn, fixup) in enumerate(pairs)]

    def va_of(self, section: str) -> int:
        """Where a section of the image begins; 0 if there is none."""
        found = self.image.section(section) if self.image else None
        return found[0] if found else 0

    def bytes(self, va: int, count: int) -> bytes:
        """What the file has at a linked VA."""
        part = next((p for p in self.image.loaded() if p.vaddr <= va < p.vaddr + p.filesz), None) if self.image else None
        return self.image.data[part.offset + va - part.vaddr:][:count] if self.image and part else b""

    def is_code(self, address: int) -> bool:
        found = self.linked(address)
        return bool(found) and found[0] in self.code

    def va(self, symbol: str) -> int | None:
        return self.image.symbols.get(symbol) if self.image else None

    def top_of(self, symbol: str) -> int | None:
        """The VA behind a variable."""
        found = self.image.symbol(symbol) if self.image else None
        return found.value + found.size if found else None

    def extent_of(self, function: str) -> range:
        """The P=V addresses of a function."""
        found = self.image.symbol(function) if self.image else None
        return range(found.value - self.offset & self.mask, found.value - self.offset + found.size & self.mask) if found else range(0)

    def name(self, address: int) -> str:
        """symbol, or symbol+0x12; empty if it is not in the image."""
        found = self.linked(address)
        symbol = found and self.image.symbol_at(found[0])
        if not symbol:
            return ""
        return symbol.name + (f"+{found[0] - symbol.value:#x}" if found[0] != symbol.value else "")

    def begin(self, address: int) -> int | None:
        """The linked VA at which the function begins that an address is in."""
        found = self.linked(address)
        symbol = found and self.image and self.image.symbol_at(found[0])
        return symbol.value if symbol else None

    def function(self, address: int) -> str:
        return self.name(address).partition("+")[0]

    @functools.lru_cache(maxsize=None)
    def line(self, address: int) -> str:
        """file:line, below src/ or work/; empty if there is none."""
        found = self.linked(address)
        if not found:
            return ""
        said = subprocess.run(["addr2line", "-e", self.path, f"{found[0]:#x}"], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL).stdout.strip()
        return "" if "?" in said else _below_src(said)

    def inlined(self, address: int) -> list[str]:
        """The functions that an instruction's code is of, the innermost first, each as function (file:line)."""
        found = self.linked(address)
        said = subprocess.run(["addr2line", "-i", "-f", "-e", self.path, f"{found[0]:#x}"], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL).stdout.splitlines() if found else []
        return [f"{name}() ({_below_src(line)})" for name, line in zip(said[::2], said[1::2]) if "?" not in line]

    def place(self, address: int) -> str:
        """P=V 0x100123: function, file:line"""
        found = self.linked(address)
        word = found[1] if found else "VA"
        if not found or found[0] not in self.code:
            return f"{word} {address:#x}: no code of the image"
        return f"{word} {address:#x}: {', '.join(w for w in (self.function(address), self.line(address)) if w)}"
