# SPDX-License-Identifier: GPL-2.0-only
"""How a number that is wrong was made of the right one: cut, shifted, an offset too much or too little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

if TYPE_CHECKING:
    from .facts import Facts

TYPICAL = (3, 9, PAGE_SHIFT, 21, 32)  # shifts; a single bit can be made of any other by one
NEAR = 64  # bytes: so little beside an address is a field or an entry of the same thing


def relation(f: Facts, got: int, right: int) -> str:
    """In a few words; empty if nothing of the kind is seen."""
    return offset_or_cut(f, got, right) or upper_half(got, right)


def upper_half(got: int, right: int) -> str:
    """Two halves of a 64-bit number that come from two places, as in EDX:EAX."""
    got, right = got & (1 << 64) - 1, right & (1 << 64) - 1
    if right and got & 0xFFFFFFFF == right and got >> 32:
        return f"the right one, but for its upper half of 32 bits, which is {got >> 32:#x}: something else was given in that place"
    return ""


def offset_or_cut(f: Facts, got: int, right: int) -> str:
    """As relation(), by arithmetic alone: what an index of such a number is, too."""
    got, right = got & (1 << 64) - 1, right & (1 << 64) - 1
    offsets = {"PAGE_OFFSET": f.page_offset, "LOAD_OFFSET": f.source.offset}
    for name, offset in offsets.items() if got else ():
        if offset and got in (right + offset, right + offset & f.mask):
            return f"the right one with {name} added"
        if offset and got in (right - offset, right - offset & f.mask):
            return f"the right one with {name} taken off"
    if got == offsets["LOAD_OFFSET"] - offsets["PAGE_OFFSET"] + right & f.mask and f.bits == 64:
        return "the right one, but with LOAD_OFFSET in PAGE_OFFSET's place"
    if got and got == right % PAGE_SIZE and right >= PAGE_SIZE:
        return "the offset in the page of the right one, and the page's address is lost"
    for bits in (32, 16, 8):
        if got and got != right and got == right & (1 << bits) - 1:
            return f"the lower {bits} bits of the right one: it went through a type, or a register, of so few"
    if not got or not right:
        return ""
    bits = range(1, 33) if bin(got).count("1") > 1 else TYPICAL
    for count in bits:
        if got == right << count or got & f.mask == right << count & f.mask:
            return f"the right one, shifted left by {count} bits too many"
        if got == right >> count:
            return f"the right one, shifted right by {count} bits too many, or left by {count} too few"
    if right % PAGE_SIZE and got == right - right % PAGE_SIZE:
        return f"the right one without its lower {PAGE_SHIFT} bits, the offset in the page"
    if 0 < abs(got - right) <= NEAR:
        return f"{abs(got - right)} bytes {'beyond' if got > right else 'below'} the right one"
    return ""


def repointed(f: Facts, got: int, right: int) -> str:
    """The same of linked addresses, of which the lower part may have been changed before PAGE_OFFSET was added."""
    return also(f, got, right) or also(f, got - f.page_offset & f.mask, right - f.page_offset & f.mask)


def also(f: Facts, got: int, right: int) -> str:
    """The same as a sentence."""
    words = relation(f, got, right)
    return f" {got:#x} is {words}." if words else ""
