# SPDX-License-Identifier: GPL-2.0-only
"""An ELF file: the image that boots, its symbols and notes; xen-syms, too.

pyelftools reads it. What is added here are the questions that this kit asks.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from .notes import Note, NoteError, notes_in

T = TypeVar("T")
GNU_BUILD_ID = 3
SHF_ALLOC, SHF_TLS = SH_FLAGS.SHF_ALLOC, SH_FLAGS.SHF_TLS


class ElfError(Exception):
    """This is not an ELF file that can be used; says why."""


class Symbol(NamedTuple):
    name: str
    value: int  # VA
    size: int  # bytes; 0 for assembly's labels
    local: bool


class Segment(NamedTuple):
    type: str  # PT_LOAD, PT_NOTE, ...
    offset: int  # in the file
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    flags: int  # PF_X, PF_W, PF_R: bits 0 to 2


class Image:
    """An ELF file, read whole. ElfError if it is none, or ends too early."""

    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data[:4] != b"\x7fELF" or self.data[5:6] != b"\x01":
            raise ElfError(f"{path} is not an ELF file")
        self._elf: Any = self._whole(lambda: ELFFile(io.BytesIO(self.data)))
        self.bits: int = self._elf.elfclass
        self.machine = str(self._elf["e_machine"])  # EM_386, EM_X86_64, ...
        self.entry: int = self._elf["e_entry"]
        self.segments: list[Segment] = self._whole(lambda: [
            Segment(str(s["p_type"]), s["p_offset"], s["p_vaddr"], s["p_paddr"], s["p_filesz"], s["p_memsz"], s["p_flags"])
            for s in self._elf.iter_segments()])

    def _whole(self, read: Callable[[], T]) -> T:
        """pyelftools has many ways to say that a file was cut."""
        try:
            return read()
        except (ELFError, ConstructError, struct.error, ValueError, IndexError, KeyError, AttributeError, AssertionError):
            raise ElfError(f"{self.path} is truncated or garbled: make it again") from None

    def loaded(self) -> list[Segment]:
        """What a loader puts into memory."""
        return [s for s in self.segments if s.type == "PT_LOAD" and s.memsz]

    @property
    def load_offset(self) -> int:
        """VA minus paddr: how far from its linked address the image runs P=V."""
        for part in self.loaded():
            return part.vaddr - part.paddr
        raise ElfError(f"{self.path} has nothing to load")

    def section(self, name: str) -> tuple[int, int] | None:
        """VA and size of a section."""
        found = self._whole(lambda: self._elf.get_section_by_name(name))
        return (found["sh_addr"], found["sh_size"]) if found else None

    def unloaded(self) -> list[tuple[str, int, int]]:
        """Name, VA and size of each section that the program uses memory for, and that no segment brings there."""
        parts = [range(s.vaddr, s.vaddr + s.memsz) for s in self.loaded()]
        used = self._whole(lambda: [(s.name, s["sh_addr"], s["sh_size"]) for s in self._elf.iter_sections()
                                    if s["sh_flags"] & SHF_ALLOC and s["sh_size"] and not s["sh_flags"] & SHF_TLS])
        return [(name, va, size) for name, va, size in used if not any(va in p and va + size <= p.stop for p in parts)]

    # ---- symbols -----------------------------------------------------------

    @functools.cached_property
    def all_symbols(self) -> list[Symbol]:
        """Every function, variable and label, local ones too."""
        return self._whole(lambda: list(self._read_symbols()))

    def _read_symbols(self) -> Iterator[Symbol]:
        table = self._elf.get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if table else ():
            info = symbol["st_info"]
            if symbol["st_shndx"] != "SHN_UNDEF" and info["type"] not in ("STT_SECTION", "STT_FILE"):
                yield Symbol(symbol.name, symbol["st_value"], symbol["st_size"], info["bind"] == "STB_LOCAL")

    @functools.cached_property
    def symbols(self) -> dict[str, int]:
        """The VA of each symbol, by name; of several the global one."""
        return {s.name: s.value for local in (True, False) for s in self.all_symbols if s.local == local}

    def address(self, name: str) -> int | None:
        """The VA that a global symbol is linked at; None if there is no such symbol."""
        symbol = self.symbol(name)
        return symbol.value if symbol else None

    def symbol(self, name: str) -> Symbol | None:
        """A global symbol."""
        return self._global.get(name)

    @functools.cached_property
    def _global(self) -> dict[str, Symbol]:
        return {s.name: s for s in self.all_symbols if not s.local}

    def symbol_at(self, va: int) -> Symbol | None:
        """The function or variable that a linked VA lies in. Assembly's labels have no size: they reach to the next."""
        part = self.loaded()[0]
        if not part.vaddr <= va < part.vaddr + part.memsz:
            return None
        below = [s for s in self.all_symbols if part.vaddr <= s.value <= va and (s.size == 0 or va < s.value + s.size)]
        return max(below, key=lambda s: (s.value, s.size), default=None)

    # ---- notes -------------------------------------------------------------

    def notes(self) -> list[Note]:
        """All notes of its PT_NOTE segments, in the order of the file; NoteError if one is garbled."""
        return [note for part in self.segments if part.type == "PT_NOTE"
                for note in notes_in(self.data[part.offset:part.offset + part.filesz])]

    def note_segments(self) -> list[tuple[int, int]]:
        """File offset and size of each PT_NOTE segment."""
        return [(part.offset, part.filesz) for part in self.segments if part.type == "PT_NOTE"]

    def note_sections(self) -> list[tuple[int, int]]:
        """The same of sections. A file need not have any."""
        return self._whole(lambda: [(s["sh_offset"], s["sh_size"]) for s in self._elf.iter_sections()
                                    if s["sh_type"] == "SHT_NOTE"])

    @property
    def build_id(self) -> str:
        """What tells this file from any other: its GNU build-id, else a hash of it."""
        with contextlib.suppress(NoteError):
            for note in self.notes():
                if note.owner == "GNU" and note.type == GNU_BUILD_ID:
                    return note.data.hex()
        return hashlib.sha256(self.data).hexdigest()[:40]
