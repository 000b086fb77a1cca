# SPDX-License-Identifier: GPL-2.0-only
"""What runs before the kernel in a bzImage, without Xen: the setup part and the unpacker, by the symbols of the file beside it."""

from __future__ import annotations

import os
import re
import zlib
from typing import TYPE_CHECKING

from xenpt.memory import PAGE_SIZE

from .source import Source

if TYPE_CHECKING:
    from .bare import Bare
    from .trail import Step

SETUP, CODE32 = 0x10000, 0x100000  # where QEMU loads the two parts
SETUP_ENTRY = 0x200  # of the first
GZIP_BITS = 31  # zlib: a gzip file, of any window
SAMPLE = 8  # bytes
STACK = 4096  # bytes of its stack: head.S
HEAD, END = "unpack_head", "_unpack_end"  # of the unpacker, where it is linked to run


def pages(bare: Bare, paddr: int, count: int) -> bytes:
    """Bytes of more than one page."""
    begins = range(paddr & -PAGE_SIZE, paddr + count, PAGE_SIZE)
    return b"".join(bare.read_paddr(max(paddr, page), min(paddr + count, page + PAGE_SIZE) - max(paddr, page)) for page in begins)


class Unpacker:
    """Of a stage's bzImage. Without its symbols all addresses stay numbers."""

    def __init__(self, image: str) -> None:
        path = re.sub(r"\.bzImage$", ".unpacker", image)
        self.source = Source(path) if path != image and os.path.exists(path) else None
        self.head, self.end = (self.source.va(name) or 0 if self.source else 0 for name in (HEAD, END))

    # Where the setup part is entered, and the unpacker.
    way = (SETUP + SETUP_ENTRY, CODE32)

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
        line = "" if linked is None else self.source.line(linked)
        # The setup part's symbols are few, and numbers among them: its lines say more. Without one it is its data.
        words = [] if linked is None else [line or "no code of setup.S"] if self.in_setup(address) else [self.source.function(linked), line]
        return f"{address:#x}: {', '.join(word for word in words if word)}" if any(words) else ""

    def name(self, address: int) -> str:
        """What an address in the unpacker, or in its .bss, is: its stack, or a symbol; empty if it is none of its own."""
        bottom, top = (self.source.va(name) if self.source else None for name in ("_bss", "stack_end"))
        if bottom is not None and top is not None and bottom <= address <= top and top - address <= STACK:
            return f"stack_end - {top - address}, on the unpacker's stack" if top != address else "stack_end, the top of the unpacker's stack"
        return f"{self.source.name(address)}, in the unpacker" if self.source and self.is_linked(address) and self.source.name(address) else ""

    def in_setup(self, address: int) -> bool:
        linked = self.linked(address)
        return linked is not None and linked < self.head

    def not_copied(self, bare: Bare) -> tuple[int, bytes, bytes] | None:
        """The first address of the unpacker's at which memory is not as in the file, what is there, and what should be."""
        part = next((p for p in self.source.image.loaded() if p.vaddr == self.head), None) if self.source and self.source.image else None
        for at in range(0, part.filesz if part else 0, PAGE_SIZE):
            right = self.source.image.data[part.offset + at:part.offset + min(at + PAGE_SIZE, part.filesz)]
            now = bare.read(self.head + at, len(right))
            if now != right[:len(now)]:
                byte = next(n for n, (a, b) in enumerate(zip(now, right)) if a != b)
                return self.head + at + byte, now[byte:byte + SAMPLE], right[byte:byte + SAMPLE]
        return None

    def right_bytes(self, bare: Bare, payload: bytes) -> tuple[int, int, int] | None:
        """Where the unpacked file is in memory, how many bytes it should have, and how many are right from its beginning on; None if the payload is no gzip file."""
        at = self.source.va("_end") if self.source else None
        try:
            right = zlib.decompress(payload, GZIP_BITS)
        except zlib.error:
            return None
        now = pages(bare, at, len(right)) if at else b""
        return None if not at else (at, len(right), next((n for n, (a, b) in enumerate(zip(now, right)) if a != b), len(now)))

    def is_linked(self, address: int) -> bool:
        return address in range(self.head, self.end)

    def last(self, steps: list[Step], since: int) -> tuple[int, int | None] | None:
        """The last place of the two parts that ran, behind an address, and where the processor went on from there."""
        number = next((n for n in range(len(steps) - 1, -1, -1) if (self.linked(steps[n].address) or -1) >= since), None)
        if number is None:
            return None
        return steps[number].address, steps[number + 1].address if number + 1 < len(steps) else None


def came_to(f) -> int:
    """How far a bzImage came that did not come to its kernel: 0 the boot loader, 1 the setup part, 2 the unpacker; -1 if it did, or is none."""
    return f.bare.reached if f.bare and f.unpacker and not f.bare.entered else -1


def left_for(f, since: int = 0) -> str:
    """Where the processor was last in one of the two, behind an address, and where it went from there."""
    last = f.unpacker.last(f.steps, since)
    return "" if not last else f"It was last at {f.unpacker.place(last[0]) or hex(last[0])}" + (f", and went on at {last[1]:#x}{_kind(f, last[1])}." if last[1] is not None else ".")


def _kind(f, address: int) -> str:
    kind = "code32_start, where the unpacker is loaded" if address == CODE32 else f.number(address)
    return f" ({kind})" if kind else ""
