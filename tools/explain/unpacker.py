# SPDX-License-Identifier: GPL-2.0-only
"""What runs before the kernel in a bzImage, without Xen: the setup part and the unpacker, by the symbols of the file beside it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from .source import Source

if TYPE_CHECKING:
    from .bare import Bare

SETUP, CODE32 = 0x10000, 0x100000  # where QEMU loads the two parts
HEAD, END = "unpack_head", "_unpack_end"  # of the unpacker, where it is linked to run
SAMPLE = 32  # bytes


class Unpacker:
    """Of a stage's bzImage. Without its symbols all addresses stay numbers."""

    def __init__(self, image: str) -> None:
        path = re.sub(r"\.bzImage$", ".unpacker", image)
        self.source = Source(path) if path != image and os.path.exists(path) else None
        self.head, self.end = (self.source.va(name) or 0 if self.source else 0 for name in (HEAD, END))

    def linked(self, address: int) -> int | None:
        """Where it was linked, of an address at which one of them lies."""
        setup = self.source.image.loaded()[0] if self.source and self.source.image else None
        if setup and address - SETUP in range(setup.memsz):
            return address - SETUP
        if address - CODE32 in range(self.end - self.head):
            return address - CODE32 + self.head
        return address if address in range(self.head, self.end) else None

    def place(self, address: int) -> str:
        """0x200012: unpack_head, file:line; empty if neither of them is there."""
        linked = self.linked(address)
        words = [] if linked is None else [self.source.function(linked), self.source.line(linked)]
        return f"{address:#x}: {', '.join(word for word in words if word)}" if any(words) else ""

    def in_setup(self, address: int) -> bool:
        linked = self.linked(address)
        return linked is not None and linked < self.head

    def not_copied(self, bare: Bare, address: int) -> tuple[int, bytes, bytes] | None:
        """An address of the unpacker's, what stands there, and what the file has there, if they differ."""
        part = next((p for p in self.source.image.loaded() if p.vaddr == self.head), None) if self.source and self.source.image else None
        if not part or address not in range(self.head, self.end):
            return None
        at = part.offset + address - self.head
        right, now = self.source.image.data[at:at + SAMPLE], bare.read(address, SAMPLE)
        return (address, now, right) if now[:len(right)] != right[:len(now)] else None
