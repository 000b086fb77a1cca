# SPDX-License-Identifier: GPL-2.0-only
"""A payload that was refused: another packer's, or one that is as it should be."""

import os
import re

from .rule import rule
from .rules_bzimage import GZIP, LESSON, LOADED, UNPACK, begins, header, stops
from .subarch import HEADER
from .unpacker import STACK, pages

PACKERS = {b"\xfd7zXZ": "xz's mark", b"\x5d\0": "lzma's", b"\x28\xb5\x2f\xfd": "zstd's",
           b"\x02\x21\x4c\x18": "lz4's", b"BZh": "bzip2's", b"\x89LZO": "lzo's"}
REGISTERS = "EAX ECX EDX EBX ESI EDI EBP".split()
UNPACKER = ("unpack.c", "gunzip.c", "inflate.c")


@rule("bzimage-other-packer", UNPACK, "refusal", "panic", "failure")
def _(f):
    told = re.search("payload: unpacks to ([0-9]+) bytes, but its last 4 bytes say ([0-9]+)", header(f, "payload: unpacks to"))
    first = begins(f)
    if told and stops(f) and first and not first[1].startswith(GZIP):
        name = next((name for magic, name in PACKERS.items() if first[1].startswith(magic)), "no packer that is known here")
        there = "Natively the unpacker here (gunzip.c) takes gzip files only" if f.native and f.guest("^bzImage: ") else \
            f"Xen unpacks such files too, but takes the payload's last 4 bytes for its unpacked size whatever packed it, and here they say {told[2]}, and it unpacks to {told[1]}. gzip alone writes its size there; behind another packer's file it has to be added, and counted in payload_length"
        return f"The payload is no gzip file: at file offset {first[0]:#x} it begins with {first[1][:6].hex(' ')}, which is {name}. {there}. Which packer makes it is said in bzimage.mk (gzip -n -9)."
    return None


@rule("bzimage-refused", LESSON, "failure")
def _(f):
    said = f.guest(r"^bzImage: (.*)\. Stop\.$")
    if said and said[1].startswith("the boot loader gave no setup header") and f.bare and f.bare.read_paddr(f.bare.info + HEADER, 4) == b"HdrS":
        return None  # there is one, and unpack() looked elsewhere
    if said and f.bzimage and not f.bzimage_bad and f.native and "unpack.c" in says(said[1]):
        good = "; ".join(line.removeprefix("bzImage: ") for line in f.bzimage if "payload" in line or "kernel" in line)
        return f"""The unpacker refuses the file: "{said[1]}". tools/bzimage finds nothing wrong with it: {good}{_segments(f)}. So it is the unpacker's reading that is wrong, or the check that says so: {says(said[1])}.{_linked(f)}"""
    return None


@rule("bzimage-refused", LESSON, "failure", rank=1)
def _(f):
    if f.guest(r"^bzImage: .*\. Stop\.$"):
        return "The unpacker (src/stage5-boot-protocol/boot/unpack.c) could not load the kernel, and says why."


def _segments(f) -> str:
    parts = f.source.image.loaded() if f.source.image else []
    room = f.unpacker.head if f.unpacker else 0
    right = parts and room and all(LOADED <= p.paddr and p.paddr + p.memsz <= room and p.filesz <= p.memsz for p in parts)
    return f"; and its segments are to lie at paddr {parts[0].paddr:#x} to {parts[-1].paddr + parts[-1].memsz:#x} (p_paddr; p_vaddr begins at {parts[0].vaddr:#x}), below the unpacker at {room:#x}, none with more bytes in the file than in memory" if right else ""


def _linked(f) -> str:
    """That the unpacker has used a segment's p_vaddr: nothing else leads it to a linked address."""
    parts = [p for p in f.source.image.loaded() if p.vaddr != p.paddr] if f.source.image and f.bare and f.bare.state and not f.bare.entered else []
    top = f.unpacker.source.va("stack_end") if f.unpacker and f.unpacker.source else None
    stack = pages(f.bare, top - STACK, STACK) if parts and top else b""
    held = {int.from_bytes(stack[at:at + 4], "little") for at in range(0, len(stack), 4)} | {f.bare.state[name] for name in REGISTERS if parts}
    part = next((p for p in parts if p.vaddr in held), None)
    return part and f" At its end it has {part.vaddr:#x} in a register, or on its stack: that is p_vaddr of a segment, which is of no use while paging is off. Where a segment is to lie is its p_paddr, {part.paddr:#x}." or ""


def says(words: str) -> str:
    """The lines of the unpacker's that say so."""
    found = []
    for name in UNPACKER:
        path = f"src/stage5-boot-protocol/boot/{name}"
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                found += [f"{path}:{n}" for n, line in enumerate(file, 1) if words in line]
    return " or ".join(found) or "see src/stage5-boot-protocol/boot/unpack.c"
