# SPDX-License-Identifier: GPL-2.0-only
"""Stage 5 without Xen: a bzImage whose kernel was never entered, and a payload that its unpacker found wrong."""

from .bare_questions import NAMES, NATIVE, fault
from .bare_state import CR0_PE
from .rule import rule
from .rules_bzimage import header_word
from .rules_refused import says
from .unpacker import CODE32, SETUP_ENTRY, came_to, left_for, pages

CODE32_START, PAYLOAD_OFFSET, PAYLOAD_LENGTH, LOADFLAGS = 0x214, 0x248, 0x24C, 0x211  # fields of the setup header
LOADED_HIGH = 1
GZIP = b"\x1f\x8b"


@rule("bare-never-entered", NATIVE, "vanished", "silence", "timeout")
def _(f):
    if came_to(f) not in (0, 1):
        return None
    start, found = header_word(f, CODE32_START), fault(f)
    if found and found.error:
        return None  # a selector: there is a rule for those
    wrong = f"The setup header's code32_start (0x214), where the setup part jumps to, is {start:#x}, and the protocol has {CODE32:#x} there." \
        if start != CODE32 else ""
    real = "The processor is still in real mode (CR0's PE, bit 0, is 0)." if not f.bare.state["CR0"] & CR0_PE else ""
    fell = f"That ended in {NAMES.get(found.vector, f'vector {found.vector}')} at {f.place(found.ip)}." if found else ""
    if came_to(f) == 0 and not header_word(f, LOADFLAGS) & LOADED_HIGH:
        return f"""The setup header's loadflags (0x211) are {header_word(f, LOADFLAGS) & 0xFF:#x}: without LOADED_HIGH (bit 0) a boot loader takes the file for a zImage, and puts the protected-mode part at 0x10000, not at code32_start ({CODE32:#x}), where this one is made for. {fell}"""
    if came_to(f) == 0:
        return f"The setup part of the bzImage was never entered: the boot loader did not come to {SETUP_ENTRY:#x} of the file. {wrong} {_file(f)}"
    return f"""The setup part of the bzImage (setup.S) was entered, and the unpacker, at code32_start ({CODE32:#x}), never was. {left_for(f)} {real} {fell} {wrong} {_file(f)}"""


def _file(f) -> str:
    return f"Of the file tools/bzimage says: {f.bzimage[-1].removeprefix('bzImage: ')}." if f.bzimage_bad else ""


@rule("bare-never-entered", NATIVE, "vanished", "silence", "timeout", rank=1)
def _(f):
    if came_to(f) != 2:
        return None
    found = fault(f)
    what = f"It fell over {NAMES.get(found.vector, f'vector {found.vector}')} at {f.place(found.ip)}." if found else ""
    return f"""The kernel in the bzImage was never entered: the unpacker was, and did not come to its end. {left_for(f, f.unpacker.head)} {what} {_file(f)} The entry is
        startup_32, at 1 MiB and STARTUP_32_OFFSET, in protected mode without paging."""


def _unpacked(f) -> str:
    """How much of the unpacked file is right."""
    at = f.unpacker.head + header_word(f, PAYLOAD_OFFSET) if came_to(f) == 2 and f.unpacker.source else 0
    payload = pages(f.bare, at, header_word(f, PAYLOAD_LENGTH)) if at else b""
    found = f.unpacker.right_bytes(f.bare, payload) if payload[:2] == GZIP else None
    if not found:
        return ""
    begin, size, right = found
    if right < size:
        return f". The unpacked file, which begins at {begin:#x} (_end), is right up to byte {right:#x} of {size:#x}, and wrong from there: that is for inflate.c to make of the deflate stream"
    checksum, told = (int.from_bytes(payload[len(payload) - n:][:4], "little") for n in (8, 4))
    return f""". The unpacked file, from {begin:#x} (_end) on, is in memory with all its {size:#x} bytes as they should be, so inflate.c has done its part, and gunzip.c is wrong in what it compares. The payload's last 8 bytes are {payload[-8:].hex(' ')}: the checksum, {checksum:#x}, which crc32() has to make of the unpacked bytes, and their
            number, {told:#x}. get_u32() reads each of the two, the lowest byte first"""


@rule("unpacker-wrong", NATIVE, "failure")
def _(f):
    said = f.guest(r"^bzImage: (the payload\b.*)\. Stop\.$") if f.native else None
    at = f.unpacker.head + header_word(f, PAYLOAD_OFFSET) if said and f.unpacker and f.unpacker.source and said[1].endswith("not a gzip file") else 0
    if at and f.bare and f.bare.reached == 2 and f.bare.read_paddr(at, 2) == GZIP:
        return f"""The unpacker says that {said[1]}, and the payload is in memory, at {at:#x}, and begins like one: {GZIP.hex(' ')}. That address is unpack_head ({f.unpacker.head:#x}) and the header's payload_offset. So unpack() (unpack.c) gave gunzip() another one, or gunzip.c compares the first bytes wrongly
            ({says(said[1])})."""
    if said and "longer, unpacked" in said[1] and f.bzimage and not f.bzimage_bad:
        return f"""The unpacker came to the end of the room that it has for the unpacked file before it was done. tools/bzimage says of the payload: {f.bzimage[-2].removeprefix('bzImage: ').removeprefix('payload: ')}. The room is what unpack() (unpack.c) gives gunzip(), ELF_ROOM bytes; if that is
            enough, inflate.c puts more there than the file has."""
    if said and f.bzimage and not f.bzimage_bad and "unpack.c" not in says(said[1]):
        return f"""The unpacker says that {said[1]}, and tools/bzimage finds nothing wrong with the file: {f.bzimage[-2].removeprefix('bzImage: ')}. So it is the unpacker that is, which says so in {says(said[1])}{_unpacked(f) or
            ": gunzip.c looks at the packed file's two ends, inflate.c at all between, which is the deflate stream: from byte 10 of the payload, behind gzip's header, to 8 bytes before its end"}."""
