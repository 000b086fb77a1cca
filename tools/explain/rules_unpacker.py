# SPDX-License-Identifier: GPL-2.0-only
"""Stage 5 without Xen: what runs before the kernel, the setup part and the unpacker, and whether the kernel is where it is entered."""

from .bare_questions import NAMES, NATIVE, fault
from .bare_state import CR0_PE
from .rule import rule
from .rules_bzimage import header_word
from .rules_refused import says
from .unpacker import CODE32, SETUP_ENTRY, pages

HEADER, CODE32_START, PAYLOAD_OFFSET, PAYLOAD_LENGTH, LOADFLAGS = 0x202, 0x214, 0x248, 0x24C, 0x211  # fields of the setup header
LOADED_HIGH = 1
ELF_BEGIN = b"\x7fELF\1\1\1\0"
GZIP = b"\x1f\x8b"
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
        return f"""The unpacker jumped to the kernel at {f.source.place(to)}{kind}. The kernel is to be entered at startup_32, paddr {right:#x}, {right - f.source.samples(right)[1][0]:#x} bytes (STARTUP_32_OFFSET) behind its beginning; unpack() returns that
            address in EAX. startup_32 was come to only from there, with ESI {f.bare.infos[-1]:#x}{f' ({f.number(f.bare.infos[-1])})' if f.number(f.bare.infos[-1]) else ''}."""


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
