# SPDX-License-Identifier: GPL-2.0-only
"""Stage 5 without Xen: what runs before the kernel, the setup part and the unpacker, and whether the kernel is where it is entered."""

from .bare import CR0_PE
from .bare_questions import NAMES, NATIVE, fault
from .rule import rule

CODE32_START, CODE32 = 0x214, 0x100000  # a field of the setup header, and what the protocol has in it


def header_word(f, offset: int) -> int:
    with open(f.boots, "rb") as file:
        file.seek(offset)
        return int.from_bytes(file.read(4), "little")


@rule("bare-not-loaded", NATIVE, "vanished", "silence", "timeout", "failure")
def _(f):
    if f.bare and f.bare.lost:
        paddr, now, right = f.bare.lost
        at = next(n for n, (a, b) in enumerate(zip(now, right)) if a != b)
        return f"""The kernel was entered, and it is not in memory as its program headers say: at paddr {paddr + at:#x} there are {now[at:at + 8].hex(' ')}, and should be
            {right[at:at + 8].hex(' ')}{', zeros, since that is .bss' if not any(right) else ''}. Whoever loads it, the unpacker here, has to place every segment of type PT_LOAD: p_filesz bytes at
            p_paddr, and zeros up to p_memsz."""


@rule("unpacker-not-copied", NATIVE, "vanished", "silence")
def _(f):
    address = f.address if f.bare and not f.bare.entered and f.unpacker and f.bare.state["CR0"] & CR0_PE else None
    if address is None or f.unpacker.in_setup(address) or header_word(f, CODE32_START) != CODE32:
        return None
    differs = f.unpacker.not_copied(f.bare, address) or f.unpacker.not_copied(f.bare, f.unpacker.head)
    return differs and f"""The kernel was never entered. The processor came to {f.place(address)}, and the unpacker is not where it is linked to run: at {differs[0]:#x} the bytes are
        {differs[1][:8].hex(' ')}, and should be {differs[2][:8].hex(' ')}. Its first instructions (head.S) copy all of it there from code32_start: ESI, EDI, ECX and the direction have
        to be right."""


@rule("bare-never-entered", NATIVE, "vanished", "silence", rank=1)
def _(f):
    if not f.bare or f.bare.entered or not f.bare.trail or not f.bzimage:
        return None
    start, found = header_word(f, CODE32_START), fault(f)
    what = f"It fell over {NAMES.get(found.vector, f'vector {found.vector}')} at {f.place(found.ip)}." if found else ""
    wrong = f"The setup header's code32_start (0x214), where the setup part jumps to, is {start:#x}, and the protocol has {CODE32:#x} there: fields before it are missing, or too many." \
        if start != CODE32 else ""
    bad = f"Of the file tools/bzimage says: {f.bzimage[-1].removeprefix('bzImage: ')}." if f.bzimage_bad else ""
    return f"""The kernel in the bzImage was never entered: what runs before it, the setup part or the unpacker, did not come to its end. {what} {wrong} {bad} The entry is
        startup_32, at 1 MiB and STARTUP_32_OFFSET, in protected mode without paging."""


@rule("unpacker-wrong", NATIVE, "failure")
def _(f):
    said = f.guest(r"^bzImage: (the payload .*)\. Stop\.$") if f.native else None
    if said and f.bzimage and not f.bzimage_bad:
        return f"""The unpacker says that {said[1]}, and tools/bzimage finds nothing wrong with the file: {f.bzimage[-2].removeprefix('bzImage: ')}. So it is the unpacker that is: gunzip.c looks at
            the packed file's two ends, inflate.c at all between."""
