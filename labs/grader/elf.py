# SPDX-License-Identifier: GPL-2.0-only
"""What an ELF file says: symbols, load addresses, notes.

Used for the image under test, whose symbols tell where to stop, for the objects
it was linked from, and for xen-syms. Only what is needed is read.
Source: the ELF specification; xen/elfnote.h for the notes.
"""

import struct
from collections import namedtuple

Symbol = namedtuple("Symbol", "name value size local")
Segment = namedtuple("Segment", "type offset vaddr paddr filesz memsz")
Note = namedtuple("Note", "name type desc")

PT_LOAD, PT_NOTE = 1, 4
SHT_SYMTAB = 2
STB_LOCAL = 0
STT_SECTION, STT_FILE = 3, 4

NUMBERS = {"ENTRY": 1, "HYPERCALL_PAGE": 2, "VIRT_BASE": 3, "PADDR_OFFSET": 4, "XEN_VERSION": 5, "GUEST_OS": 6,
           "GUEST_VERSION": 7, "LOADER": 8, "PAE_MODE": 9, "FEATURES": 10, "BSD_SYMTAB": 11, "HV_START_LOW": 12,
           "L1_MFN_VALID": 13, "SUSPEND_CANCEL": 14, "INIT_P2M": 15, "MOD_START_PFN": 16, "SUPPORTED_FEATURES": 17,
           "PHYS32_ENTRY": 18}
NAMES = {number: name for name, number in NUMBERS.items()}

SIX = ("GUEST_OS", "GUEST_VERSION", "XEN_VERSION", "FEATURES", "PAE_MODE", "LOADER")


class Elf:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data[:4] != b"\x7fELF":
            raise ValueError(f"{path} is no ELF file")
        self.bits = 64 if self.data[4] == 2 else 32
        if self.bits == 64:
            self.entry, phoff, shoff = struct.unpack_from("<3Q", self.data, 24)
            sizes = struct.unpack_from("<5H", self.data, 54)
        else:
            self.entry, phoff, shoff = struct.unpack_from("<3I", self.data, 24)
            sizes = struct.unpack_from("<5H", self.data, 42)
        phentsize, phnum, shentsize, shnum, _ = sizes
        self.segments = [self.segment(phoff + i * phentsize) for i in range(phnum)]
        self.sections = [self.section(shoff + i * shentsize) for i in range(shnum)]
        self.all_symbols = self.read_symbols()
        self.symbols = {s.name: s for s in self.all_symbols if not s.local}

    def segment(self, at):
        if self.bits == 64:
            kind, _, offset, va, pa, filesz, memsz = struct.unpack_from("<2I5Q", self.data, at)
        else:
            kind, offset, va, pa, filesz, memsz = struct.unpack_from("<6I", self.data, at)
        return Segment(kind, offset, va, pa, filesz, memsz)

    def section(self, at):
        """Type, file offset, size, linked section."""
        form = "<2I4QI" if self.bits == 64 else "<7I"
        _, kind, _, _, offset, size, link = struct.unpack_from(form, self.data, at)
        return kind, offset, size, link

    def read_symbols(self):
        for kind, offset, size, link in self.sections:
            if kind == SHT_SYMTAB:
                return list(self.symbol_table(offset, size, self.sections[link][1]))
        return []

    def symbol_table(self, offset, size, names):
        form, order = ("<IBBHQQ", (0, 1, 3, 4, 5)) if self.bits == 64 else ("<IIIBBH", (0, 3, 5, 1, 2))
        table = memoryview(self.data)[offset:offset + size]
        for fields in struct.iter_unpack(form, table):
            name, info, section, value, length = (fields[i] for i in order)
            if section == 0 or info & 15 in (STT_SECTION, STT_FILE):
                continue
            end = self.data.index(b"\0", names + name)
            text = self.data[names + name:end].decode(errors="replace")
            yield Symbol(text, value, length, info >> 4 == STB_LOCAL)

    def address(self, name):
        """VA that a global symbol is linked at; None if there is no such symbol."""
        symbol = self.symbols.get(name)
        return symbol.value if symbol else None

    def symbol_at(self, va):
        """The function or variable that a linked VA lies in, or None. Assembly's labels have no size: they reach to the next."""
        part = self.loaded()[0]
        if not part.vaddr <= va < part.vaddr + part.memsz:
            return None
        below = [s for s in self.all_symbols if part.vaddr <= s.value <= va and (s.size == 0 or va < s.value + s.size)]
        return max(below, key=lambda s: (s.value, s.size), default=None)

    def loaded(self):
        return [s for s in self.segments if s.type == PT_LOAD and s.memsz]

    def notes(self):
        """All notes in segments of type PT_NOTE; raises struct.error or ValueError if one is garbled."""
        found = []
        for part in self.segments:
            if part.type != PT_NOTE:
                continue
            at, end = part.offset, part.offset + part.filesz
            while at < end:
                name_size, desc_size, kind = struct.unpack_from("<3I", self.data, at)
                at += 12
                name = self.data[at:at + name_size]
                at += (name_size + 3) & ~3
                desc = self.data[at:at + desc_size]
                at += (desc_size + 3) & ~3
                if at > end:
                    raise ValueError("a note reaches beyond its segment")
                found.append(Note(name.rstrip(b"\0").decode(errors="replace"), kind, desc))
        return found
