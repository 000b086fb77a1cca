# SPDX-License-Identifier: GPL-2.0-only
"""Xen refuses the image, or is about to come to grief over it: program headers, sizes. Its notes: rules_notes.py."""

import os

from xenabi.loader import ANY

from .facts import Facts
from .rule import rule
from .rules_notes import loading, note

LESSON = "1-notes"
MACHINES = {32: "EM_386", 64: "EM_X86_64"}
ADDRESSES = LESSON + ": Two addresses for everything"
MIB16 = 1 << 24  # every LOAD_OFFSET is a multiple of that, and far more
HIGH = 0x10000000  # no image is loaded there: it is a VA
BOUNDS = r"^ERROR: ELF start or entries are out of bounds"
NOT_ELF = "not an ELF binary|broken ELF|ELF: [ps]hdr overflow"  # Xen's words


def said(f: Facts, name: str) -> int:
    """A number of Xen's list of addresses, virt_entry for instance."""
    match = f.xen(rf"^ +{name} += 0x([0-9a-f]+)")
    return int(match[1], 16) if match else 0


@rule("xen-without-32bit", "0-machine: What if", "refusal")
def _(f):
    if f.xen("^Found 32-bit PV kernel, but"):
        return """This Xen cannot run 32-bit paravirtual kernels at all: Debian's ready-made ones are built without them. Leave XEN= out
            to use the kit's own, or boot a 64-bit kernel with ARCH=x86_64."""


@rule("no-segment", ADDRESSES, "refusal", "panic")
def _(f):
    if not f.source.loads:
        return """The image has no program header of type PT_LOAD, and it is by these alone that Xen, or any loader, knows what to put into memory. In the linker script, PHDRS has to give one,
            and each section of code and data has to name it (`readelf -lW` shows them)."""
    parts = f.source.image.loaded() if f.source.image else []
    if parts and not any(p.flags & ANY for p in parts):
        return f"""Xen loads no segment of the image: it takes those of type PT_LOAD that may be read (4), written (2) or executed (1), and p_flags is {', '.join(hex(p.flags) for p in parts)}. In the linker script that is FLAGS() in PHDRS: 7 for all three."""


@rule("p_paddr-virtual", ADDRESSES, "refusal", "panic")
def _(f):
    if not f.source.loads:
        return None
    start, entry = said(f, "virt_kstart"), said(f, "virt_entry")
    if f.xen(BOUNDS) and start >= HIGH and loading(f).pend and not note(f, "VIRT_BASE"):
        return f"""The program headers' p_paddr holds a virtual address, {start:#x}, and the entry is {entry:#x}. Without a VIRT_BASE note
            Xen takes p_paddr for the place to load at, so the linker script has to subtract LOAD_OFFSET from every section's load
            address: AT(...)."""


@rule("entry-virtual", LESSON + ": A virtual address as the entry", "refusal")
def _(f):
    entry, start, end = said(f, "virt_entry"), said(f, "virt_kstart"), said(f, "virt_kend")
    if f.xen(BOUNDS) and entry and start < HIGH and not start <= entry <= end and not note(f, "ENTRY") and not note(f, "VIRT_BASE"):
        part = next((p for p in f.source.image.loaded() if f.source.va("startup_xen") in range(p.vaddr, p.vaddr + p.memsz)), None)
        shift = part.vaddr - part.paddr if part else 0
        if shift % MIB16:
            return f"""The ELF header's entry, {entry:#x}, lies outside the image as it is loaded, {start:#x} to {end:#x}, and it is the load addresses that are
                wrong: p_vaddr {part.vaddr:#x} less p_paddr {part.paddr:#x} is {shift:#x}, which is no LOAD_OFFSET. AT() in the linker script takes LOAD_OFFSET off, and
                nothing else."""
        kind = " That is a linked VA." if f.source.offset and entry - f.source.offset & f.mask in range(start, end) else ""
        return f"""The ELF header's entry, {entry:#x}, lies outside the image as it is loaded, {start:#x} to {end:#x}.{kind} Without a
            VIRT_BASE note it has to be the pseudo-physical address of the first instruction: ENTRY() of the linked address minus
            LOAD_OFFSET."""


@rule("mismatch", "0-machine", "refusal", rank=1)
def _(f):
    if f.xen("^Mismatch between Xen and DOM0 kernel"):
        bits, machine = (f.source.image.bits, f.source.image.machine) if f.source.image else (0, 0)
        if bits and machine != MACHINES[bits]:
            return f"""The ELF header's e_machine (offset 18) is {machine}, and a file of class ELF{bits} for this processor has {MACHINES[bits]} there: the
                image was made for another one, or with another compiler than it needs."""
        return """The image is not of a kind that this Xen runs: compare its two lines "Xen  kernel" and "Dom0 kernel" (V=1), and the
            ELF header's e_machine (readelf -h)."""


@rule("segment-sizes", ADDRESSES, "refusal", "panic")
def _(f):
    part = next((p for p in f.source.image.loaded() if p.filesz > p.memsz), None) if f.source.image else None
    if part and f.xen("Failed to load the kernel binary|impossible sizes"):
        return f"""The program header of the segment at paddr {part.paddr:#x} says that it has {part.filesz:#x} bytes in the file (p_filesz) and {part.memsz:#x} in memory
            (p_memsz). Xen keeps room for the second, and copies the first. In memory a segment is as large as in the file, or larger, by .bss."""


@rule("image-too-large", ADDRESSES, "refusal", "panic", rank=1)
def _(f):
    if f.xen("allocation is too small for kernel image|Not enough RAM|Failed to load the kernel binary"):
        told = f.xen(r"^ *Dom0 kernel: .*paddr 0x[0-9a-f]+ -> 0x([0-9a-f]+)")
        size, given = int(told[1], 16) if told else 0, os.environ.get("DOM0_MEM")
        return f"""Dom0 has less memory{f', {given} MiB (DOM0_MEM=),' if given else ''} than the image needs: it ends at paddr {size:#x}, {-(-size >> 20)} MiB. Either it is large (a huge
            array in .bss?), or it asks to be loaded high: everything below its load address counts, too. See p_paddr and MemSiz in
            readelf -l."""


@rule("payload-not-elf", "5-boot-protocol", "refusal", rank=1)
def _(f):
    broken = f.xen(NOT_ELF)
    if broken:
        return f"""What Xen loads is not an ELF file that it can read: "{broken.string.strip()}". Its headers lead outside the file (readelf
            -lS)."""


@rule("section-not-loaded", ADDRESSES, "crash", "failure", "silence", "timeout", "mute", "vanished", unlike="readelf -lS: \"Section to Segment mapping\" has to name each.")
def _(f):
    lost = f.source.image.unloaded() if f.source.image else []
    if lost:
        name, va, size = lost[0]
        return f"""The section {name}, {size:#x} bytes at VA {va:#x}, is in no segment of type PT_LOAD (or ends behind its p_memsz), so nobody brings it
            into memory or keeps room for it. What is put behind the image, the p2m, start_info, page tables, lies in the same place, and the kernel's
            variables are written over it. The linker script has to name a PT_LOAD (:image) for it."""


@rule("entry-elsewhere", LESSON + ": The first instructions", "crash", "failure", "silence", "timeout")
def _(f):
    if entered_elsewhere(f):
        start, entry = f.source.va("startup_xen"), f.said.entry
        place = f"VA {start:#x}" if note(f, "VIRT_BASE") else f"P=V {start - f.source.offset & f.mask:#x}"
        return f"""Xen enters at {entry:#x} ({f.number(entry, "pv", "linked") or "no address of the image"}), which {"the note ENTRY" if note(f, "ENTRY") else "the ELF header"} names as the entry, and startup_xen, where the image means
            to begin, is {place}."""


def entered_elsewhere(f) -> bool:
    start, entry = f.source.va("startup_xen"), f.said.entry
    return start is not None and entry is not None and entry not in (start, start - f.source.offset & f.mask)
