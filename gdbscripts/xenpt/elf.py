# SPDX-License-Identifier: GPL-2.0-only
"""As much of an ELF file as it takes: width, entry, load offset, notes."""

import functools
import hashlib
import struct
from typing import NamedTuple

_PT_LOAD, _PT_NOTE, _SHT_SYMTAB = 1, 4, 2


class ElfError(Exception):
    """This is no ELF file that can be used; says why."""


class Note(NamedTuple):
    owner: str
    type: int
    data: bytes


class Image:
    """An ELF file, read whole."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data[:4] != b"\x7fELF" or self.data[5:6] != b"\x01":
            raise ElfError(f"{path} is no ELF file")
        self.bits = 64 if self.data[4] == 2 else 32
        try:
            self._read_headers()
        except struct.error:
            raise ElfError(f"{path} is truncated: make it again") from None

    def _read_headers(self):
        if self.bits == 64:
            self.entry, offset = struct.unpack_from("<24xQQ", self.data)
            count = struct.unpack_from("<56xH", self.data)[0]
            form, pick = "<IIQQQQQQ", (0, 2, 3, 4, 5)
        else:
            self.entry, offset = struct.unpack_from("<24xII", self.data)
            count = struct.unpack_from("<44xH", self.data)[0]
            form, pick = "<IIIIIIII", (0, 1, 2, 3, 4)
        size = struct.calcsize(form)
        headers = [struct.unpack_from(form, self.data, offset + i * size) for i in range(count)]
        self.segments = [tuple(h[i] for i in pick) for h in headers]  # type, offset, VA, paddr, size

    @property
    def load_offset(self):
        """VA minus paddr: how far from its linked address the image runs P=V."""
        for kind, _, va, paddr, _ in self.segments:
            if kind == _PT_LOAD:
                return va - paddr
        raise ElfError(f"{self.path} has nothing to load")

    def notes(self):
        """All notes, in the order of the file."""
        for kind, offset, _, _, size in self.segments:
            end = offset + size
            while kind == _PT_NOTE and offset + 12 <= end:
                namesz, descsz, note = struct.unpack_from("<III", self.data, offset)
                offset += 12
                name = self.data[offset:offset + namesz].rstrip(b"\0").decode("latin-1")
                offset += namesz + 3 & ~3
                yield Note(name, note, self.data[offset:offset + descsz])
                offset += descsz + 3 & ~3

    @functools.cached_property
    def symbols(self):
        """The value of each symbol, by name."""
        wide = self.bits == 64
        table, = struct.unpack_from("<40xQ" if wide else "<32xI", self.data)
        size, count = struct.unpack_from("<58xHH" if wide else "<46xHH", self.data)
        headers = [struct.unpack_from("<4xI16xQQI" if wide else "<4xI8xIII", self.data, table + i * size)
                   for i in range(count)]  # type, offset, size, link
        found = {}
        for kind, offset, length, link in headers:
            if kind != _SHT_SYMTAB:
                continue
            names = headers[link][1]
            for name, value in struct.iter_unpack("<I4xQ8x" if wide else "<II8x",
                                                  self.data[offset:offset + length]):
                end = self.data.index(b"\0", names + name)
                found[self.data[names + name:end].decode("latin-1")] = value
        return found

    @property
    def build_id(self):
        """What tells this file from any other: its GNU build-id, else a hash of it."""
        for note in self.notes():
            if note.owner == "GNU" and note.type == 3:
                return note.data.hex()
        return hashlib.sha256(self.data).hexdigest()[:40]
