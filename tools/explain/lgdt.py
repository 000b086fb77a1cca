# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: which LGDT was executed, or was to be, and where it took its operand from."""

from .facts import Facts
from .relation import also
from .unpacker import SETUP

LGDT = b"\x0f\x01\x16"  # with an offset of 16 bits behind it
LGDT_32, HEAD = b"\x0f\x01\x15", 64  # with an address of 32 bits behind it; bytes: so long is a head before the first selector
NOBODY = "nobody has loaded it, and LGDT has to be executed before the first selector of the kernel's is loaded"


def lgdt(f: Facts) -> str:
    """What the setup part's LGDT takes, if it has one, or the kernel's head's."""
    if f.bare.entered:
        return _kernels_lgdt(f)
    source = f.unpacker.source if f.unpacker and not f.bare.entered else None
    part = source.image.loaded()[0] if source and source.image else None
    code = source.image.data[part.offset:part.offset + part.filesz] if part else b""
    at = code.find(LGDT)
    if at < 0:
        return NOBODY
    operand = SETUP + int.from_bytes(code[at + len(LGDT):at + len(LGDT) + 2], "little")
    return f"LGDT, at {f.place(SETUP + at)}, takes limit and base from {operand:#x}, where {code[operand - SETUP:operand - SETUP + 6].hex(' ')} stand in the file"


def _kernels_lgdt(f: Facts) -> str:
    begin, pointer = f.source.linked(f.steps[0].address) if f.steps else None, f.source.va("gdt_pointer")
    end = f.source.linked(f.bare.fault.ip) if f.bare.fault else None
    code = f.source.bytes(begin[0], end[0] - begin[0]) if begin and end and 0 < end[0] - begin[0] < HEAD else b""
    at = code.find(LGDT_32)
    if at < 0 or pointer is None:
        return NOBODY
    operand, right = int.from_bytes(code[at + len(LGDT_32):at + len(LGDT_32) + 4], "little"), pointer - f.source.offset & f.mask
    there = f.bare.read_paddr(operand, 6) if operand < f.bare.size else b""
    return f"""LGDT was executed, at {f.place(f.steps[0].address + at)}, and took limit and base from paddr {operand:#x}, where {f"there are {there.hex(' ')}" if there else f"no memory is (it ends at {f.bare.size:#x})"}. gdt_pointer is at paddr {right:#x}.{also(f, operand, right)} While paging is off
        it is to be named by its paddr: pa()"""
