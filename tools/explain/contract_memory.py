# SPDX-License-Identifier: GPL-2.0-only
"""Of what a PV guest is promised, that it has a stack, and that its image was loaded and the rest of it cleared. See contract.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenabi.loader import Loading
from xenpt.entry import Walk
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE
from xenpt.paging import RW

if TYPE_CHECKING:
    from .observe import Observation
    from .source import Source

MOST = 1 << 20  # bytes of a segment that are compared: more than the kit's guests have
CLEARED = 64  # zeros that are no accident
FRESH = 0xC2  # what a debug Xen fills fresh pages with


def stack(seen: Observation, base: int, layout: dict[str, int]) -> Iterator[str]:
    top = seen.at_entry.rsp & (1 << seen.bits) - 1
    bottom = base + (layout.get("stack", 0) << PAGE_SHIFT)
    walk = seen.guest().space.walk(top - seen.bits // 8)
    if layout and top != bottom + PAGE_SIZE:
        pushes = f", and the first push would go where nothing can be written to: {walk.problem or _entry(walk)}" if walk.problem or not walk.rights.write else ""
        yield f"ESP (RSP) is {top:#x}{pushes}; the toolstack laid the stack's page out from VA {bottom:#x} to VA {bottom + PAGE_SIZE:#x}, and a stack begins at its page's end"
    elif walk.problem or not walk.rights.write:
        yield f"ESP (RSP) is {top:#x}, and the word below it cannot be written to: {walk.problem or _read_only(walk)}"


def _entry(walk: Walk) -> str:
    """The highest level that forbids it: what is below cannot allow it again."""
    first = next(e for e in walk.path if not e.level.powerless and not e.value & RW)
    return f"{first.name} is {first.value:#x}, without RW"


def _read_only(walk: Walk) -> str:
    page = walk.path[-1]
    if _entry(walk).startswith(page.name):
        return f"{_entry(walk)} (write_page_tables(): each page that is no page table has it)"
    return f"{_entry(walk)}, so that nothing below it can be, whatever the pte says, {page.value:#x} (link_tables(): each entry that leads to another table has RW)"


def image(seen: Observation, source: Source, base: int) -> Iterator[str]:
    """The first byte that is not the image's. The hypercall page, if the image has one, is Xen's by now."""
    note = Loading(source.image).notes.get("HYPERCALL_PAGE") if source.image else None
    stubs = note.number if note else -PAGE_SIZE
    for part in source.image.loaded() if source.image else ():
        right = source.image.data[part.offset:part.offset + part.filesz][:MOST].ljust(min(part.memsz, MOST), b"\0")
        va = part.paddr + base
        data = seen.peek(va, len(right)) or b""
        different = (n for n, (a, b) in enumerate(zip(data, right)) if a != b and not stubs <= va + n < stubs + PAGE_SIZE)
        at = None if data == right else next(different, None if data else 0)
        if at is not None:
            yield _differs(va + at, data[at:], right[at:], part.offset + at if at < part.filesz else None, va + part.memsz, _cleared(seen, va + part.memsz, data[at:part.filesz]))
            return


def _differs(va: int, data: bytes, right: bytes, offset: int | None, end: int, cleared: str) -> str:
    wrong = next((n for n, (a, b) in enumerate(zip(data, right)) if a == b), len(data))
    fresh = " (a debug Xen fills fresh pages with c2: nothing was written there)" if data[:wrong].count(FRESH) == wrong > 0 else ""
    place = f"{va % PAGE_SIZE:#x} bytes into a page" if va % PAGE_SIZE else "where a page begins"
    there = f"at VA {va:#x}, {place}, there are {data[:8].hex(' ') or 'no bytes'}{fresh}"
    if offset is None:
        return f""".bss is not clear: {there}. What is before is as it should be. It is to be clear to VA {end:#x}, the segment's p_paddr and p_memsz: see up to where load_image() says that it cleared. guest_clear() comes to each byte behind the segment's filesz, page by page, and in each to no more than its
            rest"""
    if len(data) >= CLEARED and not any(data[:CLEARED]):
        return f"""{there}, and many zeros more, where the image has {right[:8].hex(' ')} (file offset {offset:#x}): {cleared}"""
    return f"{there}, and the image has {right[:8].hex(' ')} there (file offset {offset:#x}): it was not loaded there"


def _cleared(seen: Observation, end: int, data: bytes) -> str:
    """Who has put zeros where the image has bytes. Of a debug Xen's fresh pages some have no c2; but not all that the segment lies in, and the next, too."""
    clear = "somebody has cleared it: guest_clear() was given bytes of the image, and not only what lies behind the segment's filesz, or came after guest_write() to the same"
    pattern = bytes([FRESH]) * 8
    return clear if seen.peek(end, len(pattern)) == pattern and pattern not in data else f"either nothing was written there, and the page held zeros before, or {clear}"
