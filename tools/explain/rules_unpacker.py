# SPDX-License-Identifier: GPL-2.0-only
"""Stage 5 without Xen: how the unpacker is entered, what it passes on, and whether the kernel is where it is entered."""

from .bare_questions import NATIVE
from .rule import rule
from .unpacker import CODE32, came_to, left_for

HEADER = 0x202  # of boot_params: where its setup header has its magic number
ELF_BEGIN = b"\x7fELF\1\1\1\0"
SAMPLE = 8  # bytes of code


@rule("bare-not-loaded", NATIVE, "vanished", "silence", "timeout", "failure")
def _(f):
    if f.bare and f.bare.lost and f.bare.entered:
        paddr, now, right = f.bare.lost
        at = next(n for n, (a, b) in enumerate(zip(now, right)) if a != b)
        untouched = f.unpacker and f.unpacker.source and f.unpacker.source.bytes(f.unpacker.head + paddr + at - CODE32, SAMPLE) == now[at:at + SAMPLE]
        if untouched:
            return f"""The kernel was entered, and no segment of it was placed: at paddr {paddr + at:#x} there are {now[at:at + SAMPLE].hex(' ')}, which is the unpacker itself as the boot loader put it there, and should be {right[at:at + SAMPLE].hex(' ')}. In unpack(), the loop goes over e_phnum program headers, which begin e_phoff bytes
                behind the ELF file's beginning, and has to call place_segment() for each of type PT_LOAD."""
        begin = now[at:at + SAMPLE] == ELF_BEGIN
        if begin:
            return f"""The kernel was entered, and at paddr {paddr + at:#x} its ELF file begins, {now[at:at + SAMPLE].hex(' ')}, where its first segment should: {right[at:at + SAMPLE].hex(' ')}. place_segment() has to copy p_filesz bytes from p_offset bytes behind the file's beginning."""
        return f"""The kernel was entered, and it is not in memory as its program headers say: at paddr {paddr + at:#x} there are {now[at:at + 8].hex(' ')}, and should be
            {right[at:at + 8].hex(' ')}{', zeros, since that is .bss' if not any(right) else ''}. Whoever loads it, the unpacker here, has to place every segment of type PT_LOAD: p_filesz bytes at
            p_paddr, and zeros up to p_memsz."""


@rule("unpacker-stack", NATIVE, "vanished", "silence", "timeout", "failure")
def _(f):
    bottom, top = (f.unpacker.source.va(name) for name in ("_bss", "stack_end")) if came_to(f) == 2 and f.unpacker.source else (None, None)
    first = next((step for step in f.steps if "/unpack.c:" in f.unpacker.place(step.address)), None) if top else None
    there = first and f.bare.read(first.address, SAMPLE) == f.unpacker.source.bytes(first.address, SAMPLE)
    if first and there and not bottom < first.registers["ESP"] <= top:
        return f"""The unpacker's C code was entered with ESP {first.registers['ESP']:#x}, and its stack ends at {top:#x} (stack_end) and lies in .bss, from {bottom:#x}: what is pushed
            goes over whatever lies below ESP, such as the payload. head.S has to load stack_end."""


@rule("unpacker-not-copied", NATIVE, "vanished", "silence", "timeout", "failure")
def _(f):
    differs = f.unpacker.not_copied(f.bare) if came_to(f) == 2 else None
    base = next((base for name, _, base in f.bare.state.bases if name == "ES"), 0) if differs else 0
    segment = f""" ES still begins at {base:#x}, and what REP MOVS writes goes there and behind, since it writes by ES: the segment registers have to be flat, all of them, when the unpacker is entered (setup.S, behind the far jump).""" if base else ""
    return differs and f"""The kernel was never entered. {left_for(f)} The unpacker is not where it is linked to run: at {differs[0]:#x} the bytes are
        {differs[1].hex(' ')}, and should be {differs[2].hex(' ')}. Its first instructions (head.S) copy all of it there from code32_start: ESI, EDI, ECX and the direction have
        to be right.{segment}"""


@rule("unpacker-not-moved", NATIVE, "vanished", "silence", "timeout", "failure")
def _(f):
    if came_to(f) == 2 and f.unpacker.source and not any(f.unpacker.is_linked(step.address) for step in f.steps):
        return f"""The unpacker was copied to {f.unpacker.head:#x}, where it is linked to run, and the processor never came there: it went on where it was loaded, at
            {CODE32:#x}, which is the kernel's place. {left_for(f)} Behind the copy it has to jump to the linked address of the next instruction."""


@rule("unpacker-boot-params", NATIVE, "failure")
def _(f):
    if came_to(f) == 2 and f.guest("^bzImage: the boot loader gave no setup header") and f.bare.read_paddr(f.bare.info + HEADER, 4) == b"HdrS":
        return f"""The unpacker was entered with boot_params at paddr {f.bare.info:#x} in ESI, and {HEADER:#x} bytes behind that is HdrS, as it should be. What unpack() was given as its
            argument is another address: head.S keeps ESI in EBP before it uses that for the copy, and pushes EBP."""


@rule("unpacker-boot-params", NATIVE, "vanished", "silence", "timeout", "failure")
def _(f):
    """The kernel's ESI is not the unpacker's."""
    told = f.bare.infos if f.bare and f.bare.entered and f.unpacker else []
    if len(told) > 1 and told[-1] != told[-2] and f.bare.jumped_to != f.bare.way[-1]:
        return None  # it was jumped to somewhere else before
    if len(told) > 1 and told[-1] != told[-2]:
        kind = f.unpacker.name(told[-1]) or f.number(told[-1])
        return f"""The kernel was entered (startup_32) with ESI {told[-1]:#x}{f' ({kind})' if kind else ''}, and the unpacker was with ESI {told[-2]:#x}{", where boot_params is" if f.bare.read_paddr(told[-2] + HEADER, 4) == b"HdrS" else ""}: what the common head copied is something else. The
            unpacker's head.S keeps ESI in EBP, and has to load it again before it jumps to the kernel, since its copy (rep movsl) has changed it."""


@rule("native-wrong-entry", NATIVE, "vanished", "silence", "timeout", "failure")
def _(f):
    """The kernel was jumped to at another place than startup_32."""
    right, to = (f.bare.way[-1], f.bare.jumped_to) if f.bare and f.bare.entered and f.unpacker else (0, 0)
    entry = f.source.image.entry if right else 0
    if right and to != right and f.source.is_code(to):
        xens = to in (entry, entry - f.source.offset & f.mask)
        kind = ": that is the entry in the ELF header, which is for Xen, and what begins there takes ESI for start_info" if xens else ""
        return f"""The unpacker jumped to the kernel at {f.source.place(to)}{kind}. The kernel is to be entered at startup_32, paddr {right:#x}, {right - f.source.samples(right)[1][0]:#x} bytes (STARTUP_32_OFFSET) behind its beginning; unpack() has to return that
            address. The processor came to startup_32 only later, from there, with ESI {f.bare.infos[-1]:#x}{f' ({f.number(f.bare.infos[-1])})' if f.number(f.bare.infos[-1]) else ''}."""
