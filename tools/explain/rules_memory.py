# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: the map of memory that a loader tells of, and that the kernel found wrong."""

import re
import struct

from xenpt.memory import PAGE_SIZE

from .bare_questions import NATIVE
from .facts import Facts
from .rule import rule

ENTRIES, TABLE, ENTRY = 0x1E8, 0x2D0, 20  # of boot_params: how many, where the first is, and its bytes
MOST_RANGES, KIND = 128, 16  # of an e820_table; where an entry has its type
HEADER, MAGIC, REP_MOVS = 0x202, b"HdrS", b"\xf3\xa5"  # of boot_params: where its setup header has a magic number; bytes of code
STRIDES = (16, 18, 20, 22, 24, 28, 32)


def _good(data: bytes, count: int, stride: int) -> bool:
    """Whether ranges so far apart ascend, do not overlap, and are of a kind that there is."""
    end = 0
    for n in range(count):
        first, size, kind = struct.unpack_from("<QQI", data, n * stride)
        if first < end or not size or first + size >> 64 or kind not in range(1, 20):
            return False
        end = first + size
    return count > 1


def _copied_elsewhere(f: Facts) -> str:
    """Where the common head put its copy of boot_params, if the kernel's own is empty and the loader's is not."""
    own = f.source.va("boot_params")
    if own is None or not f.bare or not f.bare.info or f.bare.read_paddr(f.bare.info + HEADER, 4) != MAGIC or any(f.bare.read_paddr(own - f.source.offset & f.mask, PAGE_SIZE)):
        return ""
    copy = next((s for s in f.steps if f.source.linked(s.address) and f.source.bytes(f.source.linked(s.address)[0], 2) == REP_MOVS), None)
    to = copy.registers["EDI"] + 4 * copy.registers["ECX"] - PAGE_SIZE & f.mask if copy else 0
    where = f": at {f.place(copy.address)} EDI led to {to:#x}{f' ({f.number(to)})' if f.number(to) else ''}" if copy else ""
    return f"""The kernel's boot_params, paddr {own - f.source.offset & f.mask:#x}, is all zeros, and the boot loader's, at paddr {f.bare.info:#x}, which ESI held at startup_32, has HdrS and {f.bare.read_paddr(f.bare.info + ENTRIES, 1)[0]} ranges of memory (e820_entries). So the common head's copy (head_32.S, rep movsl) did not go to boot_params{where}. It takes the destination from EDI, the source
        from ESI, and the number of words from ECX."""


def _same(f: Facts, own: int, data: bytes, count: int) -> bool:
    """Whether the kernel's boot_params has the loader's ranges."""
    at = range(TABLE, min(TABLE + count * ENTRY, PAGE_SIZE), ENTRY)
    return bool(at) and all(f.bare.read(own + n, 8)[:4] == data[n:n + 4] for n in (ENTRIES, *at))


@rule("e820-garbled", NATIVE, "failure")
def _(f):
    told = re.match(r"e820: (?:range (\d+)|no usable range)", f.panic)
    params = f.bare.infos[-1] if told and f.bare and f.bare.infos else 0
    data = f.bare.read_paddr(params, PAGE_SIZE) if params else b""
    if not told or len(data) < PAGE_SIZE:
        return None
    count = data[ENTRIES]
    right = next((s for s in STRIDES if _good(data[TABLE:], min(count, (PAGE_SIZE - TABLE) // s), s)), 0)
    if told[1] and "begins where range 0 does" in f.panic:
        if told[1] == "1":
            return f"""Range 1 is range 0 already: the BIOS tells its ranges one by one, beginning with the first where EBX is 0, and leaves in EBX what is to be given back for the next. So EBX was 0 at the second question, too: within the loop of setup.S something sets it, or what the BIOS left there is lost. EBX is cleared once, before the loop.
                The loop went on all the same, for boot_params names {data[ENTRIES]} ranges."""
        return f"""Range {told[1]} is range 0 once more: the BIOS tells its ranges one by one, with a number in EBX that is to be given back unchanged, and EBX is 0 when the last has been told. Asked again then, it begins from the beginning. The loop in setup.S has to end by that, and
            boot_params names {data[ENTRIES]} ranges."""
    said = f"The loader's e820_table is at {TABLE:#x} of boot_params (paddr {params:#x}), and has {count} ranges"
    if right and right != ENTRY:
        return f"""{said}. Read with {right} bytes from one to the next it makes sense: they ascend, none overlaps another, and each is of a known kind. struct boot_e820_entry has {ENTRY} bytes without a gap. setup.S asks the
            BIOS for each (INT 0x15, EAX = 0xe820), and has to move DI on by {ENTRY} each time."""
    own = f.source.va("boot_params")
    size = _size_told(f, data)
    if right and own is not None and _same(f, own, data, count) and size:
        return f"""{said}, which are as they should be; the kernel's copy, boot_params, has the same. Of range {told[1]} the size there is {size[1]:#x}, and {size[0]:#x} is what check_range() made of the two numbers that it was given, the range's first address and its end: native_show_e820() (e820_32.c) works out the end
            wrongly, or the two are exchanged."""
    if right and own is not None and _same(f, own, data, count):
        return f"""{said}, which are as they should be: they ascend, and none overlaps another. The kernel's copy, boot_params, has the same. So the check itself is wrong, by which native_show_e820() (e820_32.c) said so: {"check_range()" if told[1] else "holds_kernel(), or which ranges it is asked about"}."""
    if right:
        return f"""{said}, which are as they should be: they ascend, and none overlaps another. So what the kernel looked at is something else: the common head has to copy boot_params whole, and native_show_e820() to read e820_table
            from there, or its check is wrong."""
    return f"""{said}; read with {ENTRY} bytes each, they descend or overlap, and with no other distance are they better. Each is an address and a size of 8 bytes, and a type of 4, as the BIOS wrote them to ES:DI: is DI
        where the table begins, EBX left alone from one call to the next, and is no more counted than was written?"""


@rule("no-memory-map", "5-boot-protocol", "failure")
def _(f):
    told = re.match(r"e820: boot_params names no usable memory in (\d+) ranges", f.panic)
    passed = f.bare.infos if f.bare else []
    if told and passed and f.bare.read_paddr(passed[-1] + HEADER, 4) != MAGIC:
        return None if len(set(passed[-2:])) > 1 else f"""ESI was {passed[-1]:#x} at startup_32 ({f.number(passed[-1]) or "nothing that is known here"}), and there is no boot_params: {HEADER:#x} bytes behind that there is no HdrS. The unpacker was entered with the same number, so it was the setup part (setup.S) that
            jumped with another ESI than boot_params' address."""
    if told:
        data = f.bare.read_paddr(f.bare.infos[-1] + TABLE, MOST_RANGES * ENTRY) if f.bare and f.bare.infos else b""
        if _copied_elsewhere(f):
            return _copied_elsewhere(f)
        usable = sum(1 for n in range(int(told[1])) if len(data) >= (n + 1) * ENTRY and data[n * ENTRY + KIND] == 1)
        if usable:
            return f"""boot_params names usable memory: of its {told[1]} ranges {usable} are of type 1 (e820_table, 0x2d0). So it is native_show_e820() (src/stage5-boot-protocol/e820_32.c) that did not add it up: the entry that it looks at, its type, the sum, or the comparison behind the loop."""
        if not int(told[1]) and any(data):
            return f"""boot_params has 0 ranges of memory (e820_entries, 0x1e8), and in e820_table (0x2d0) ranges have been written, the first from {int.from_bytes(data[:8], "little"):#x} on: so the BIOS has answered, and nobody has counted its answers. The file's setup part (setup.S) has to
                add 1 to e820_entries for each; or that field was lost where boot_params was copied."""
        if int(told[1]) and data and not any(data):
            return f"""boot_params has {told[1]} ranges of memory (e820_entries, 0x1e8), and e820_table (0x2d0) is all zeros: the BIOS has answered and its answers were counted, and it wrote them elsewhere. It writes to ES:DI: before the first INT 0x15 DI has to be the offset of
                e820_table, and then to go on by 20 bytes (setup.S)."""
        one = " The first has been written, and the second is all zeros: was each written to the same place? DI, where the BIOS puts a range, has to go on by 20 bytes." \
            if int(told[1]) > 1 and any(data[:ENTRY]) and not any(data[ENTRY:2 * ENTRY]) else ""
        return f"""boot_params has {told[1]} ranges of memory (e820_entries, 0x1e8), and none of them is of type 1, usable. On a PC the file's setup part asks the BIOS for them, one by one (setup.S: INT 0x15 with EAX = 0xe820, EDX = "SMAP" and ECX = 20, the bytes that there is room for), and ends at the first
            answer without "SMAP" in EAX, or with the carry flag set; the common head copies what it wrote.{one}"""


def _size_told(f: Facts, data: bytes) -> tuple[int, int] | None:
    """The size of a range that the kernel printed, and the one in the table, if they differ."""
    told = re.match(r"e820: range (\d+), from maddr 0x[0-9a-f]+, has 0x([0-9a-f]+) bytes", f.panic)
    at = TABLE + int(told[1]) * ENTRY + 8 if told else 0
    size = int.from_bytes(data[at:at + 8], "little")
    return (int(told[2], 16), size) if told and int(told[2], 16) != size else None
