# SPDX-License-Identifier: GPL-2.0-only
"""What the image's debug information tells of its code: functions and lines. All addresses are linked ones."""

from __future__ import annotations

import bisect
import io
import os
from collections.abc import Iterator
from typing import NamedTuple

from elftools.common.exceptions import ELFError
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from xenabi.image import Image

from .dwarf_functions import Functions


class Line(NamedTuple):
    """Where an instruction comes from."""
    file: str
    line: int


class DebugInfo:
    """Of one ELF file; one without debug information has symbols at best."""

    def __init__(self, image: Image) -> None:
        self.image, self.bits = image, image.bits
        elf = ELFFile(io.BytesIO(image.data))
        self.symbols = sorted(self._symbols(elf))
        self.sections = [(s["sh_addr"], s["sh_size"], s.name) for s in elf.iter_sections()
                         if s["sh_flags"] & 2 and s["sh_size"]]
        self._rows, self._programs = [], {}
        self.functions = None
        if elf.has_dwarf_info():
            dwarf = elf.get_dwarf_info()
            self._read_lines(dwarf)
            self.functions = Functions(dwarf, self.bits, self._path)
        self._rows.sort(key=lambda row: row[0])
        self._starts = [row[0] for row in self._rows]
        self._symbol_starts = [symbol[0] for symbol in self.symbols]

    @staticmethod
    def _symbols(elf: ELFFile) -> Iterator[tuple[int, int, str]]:
        for section in elf.iter_sections():
            if isinstance(section, SymbolTableSection):
                for symbol in section.iter_symbols():
                    kind = symbol["st_info"]["type"]
                    if isinstance(symbol["st_shndx"], int) and symbol.name and kind in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE"):
                        yield symbol["st_value"], symbol["st_size"], symbol.name

    def _read_lines(self, dwarf: DWARFInfo) -> None:
        """Rows (address, end, Line) of the line table."""
        for unit in dwarf.iter_CUs():
            program = dwarf.line_program_for_CU(unit)
            if not program:
                continue
            self._programs[unit.cu_offset] = program
            before = None
            for entry in program.get_entries():
                state = entry.state
                if state is None:
                    continue
                if before and before.address != state.address:
                    self._rows.append((before.address, state.address, Line(self._path(unit, before.file), before.line)))
                before = None if state.end_sequence else state

    def _path(self, unit: CompileUnit, number: int) -> str:
        """The path of a file, from the top of the kit if it is inside."""
        folder = unit.get_top_DIE().attributes.get("DW_AT_comp_dir")
        folder = folder.value.decode("utf-8", "replace") if folder else ""
        header = self._programs[unit.cu_offset].header
        five = header.version >= 5
        entry = header.file_entry[number if five else number - 1]
        name, directory = entry.name.decode("utf-8", "replace"), entry.dir_index
        if five:
            where = header.include_directory[directory].decode("utf-8", "replace")
        else:
            where = header.include_directory[directory - 1].decode("utf-8", "replace") if directory else folder
        path = os.path.normpath(os.path.join(folder, where, name))
        inside = os.path.relpath(path, os.getcwd())
        return path if inside.startswith("..") else inside

    def line(self, address: int) -> Line | None:
        """The Line of an address, or None."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index >= 0 and address < self._rows[index][1]:
            return self._rows[index][2]
        return None

    def symbol(self, address: int) -> tuple[int, int] | None:
        """(index in symbols, offset) of the symbol that an address belongs to, or None."""
        index = bisect.bisect_right(self._symbol_starts, address) - 1
        while index >= 0:
            start, size, _ = self.symbols[index]
            if address < start + max(size, 1) or not size:
                return index, address - start
            if address - start > 1 << 16:
                return None
            index -= 1
        return None

    def linked(self, address: int) -> int:
        """The linked address of what may be used P=V: the image's own, or the same address if it is not the image's."""
        return next((va for va in (address, address + self.image.load_offset) if self.holds(va)), address)

    def symbol_near(self, address: int) -> tuple[str, int] | None:
        """(name, offset) of an address, linked or P=V; None if it is no symbol's."""
        found = self.symbol(self.linked(address)) if self.holds(self.linked(address)) else None
        return found and (self.symbols[found[0]][2], found[1])

    def holds(self, address: int) -> bool:
        """Whether an address is in the image."""
        return any(start <= address < start + size for start, size, _ in self.sections)


__all__ = ["DebugInfo", "ELFError", "Line"]
