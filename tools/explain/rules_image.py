# SPDX-License-Identifier: GPL-2.0-only
"""Xen refuses the image, or is about to come to grief over it: notes, program headers, sizes."""

import functools

from xenabi.loader import Loading, Placed

from .facts import Facts
from .garbled import wrong
from .rule import rule

LESSON = "1-notes"
ADDRESSES = LESSON + ": Two addresses for everything"
BOUNDS = r"^ERROR: ELF start or entries are out of bounds"
LOADER = "^ERROR: Will only load images built for the generic loader or Linux images"
VERSION = r"^ERROR: Xen will only load images built for Xen v3\.0 \(Not '(.*?)'"


@functools.lru_cache(maxsize=1)
def loading(f: Facts) -> Loading | None:
    """The image as Xen reads it; of a bzImage the kernel that was packed in it."""
    return Loading(f.source.image) if f.source.image else None


def note(f: Facts, name: str) -> Placed | None:
    return loading(f).notes.get(name) if loading(f) else None


def said(f: Facts, name: str) -> int:
    """A number of Xen's list of addresses, virt_entry for instance."""
    match = f.xen(rf"^ +{name} += 0x([0-9a-f]+)")
    return int(match[1], 16) if match else 0


@rule("xen-without-32bit", "0-machine: What if", "refusal")
def _(f):
    if f.xen("^Found 32-bit PV kernel, but"):
        return """This Xen cannot run 32-bit paravirtual kernels at all: Debian's ready-made ones are built without them. Leave XEN= out
            to use the kit's own, or boot a 64-bit kernel with ARCH=x86_64."""


@rule("notes-garbled", LESSON + ": An ELF note", "refusal", "panic", unlike="`readelf -n` shows the notes as the linker meant them.")
def _(f):
    what = wrong(f.source.image) if loading(f) else ""
    if what:
        return f"""The notes cannot be read as notes: {what}. A note is the name's size, the value's size and the type, then name and value,
            each padded to a multiple of 4 bytes."""


@rule("no-notes", LESSON + ": An ELF note", "refusal")
def _(f):
    if f.xen("^ERROR: Not a Xen-ELF image: No ELF notes"):
        return """Xen found no ELF note that it can read. The notes must be in a section of type SHT_NOTE (in the assembler: @note) or in
            a PT_NOTE program header, and the linker script must keep them. See readelf -n."""


@rule("notes-not-xens", LESSON + ": An ELF note", "refusal")
def _(f):
    if f.xen(LOADER + r" \(Not '' and ''\)") and not f.xen("^ELF: note: "):
        return """Xen took no note for its own: one counts only if its name is exactly "Xen", capital X, with its final zero (name size
            4). None is in the list that Xen prints."""


@rule("loader-note", LESSON + ": The notes", "refusal")
def _(f):
    match = f.xen(LOADER + r" \(Not '(.*?)' and '(.*?)'\)")
    if match:
        return f"""The LOADER note must say "generic". Xen forgives it only if GUEST_OS says "linux". Here LOADER is "{match[1]}" and
            GUEST_OS is "{match[2]}"; what is empty is missing."""


@rule("xen-version-note", LESSON + ": No XEN_VERSION", "refusal")
def _(f):
    match = f.xen(VERSION)
    if match:
        return f"""The XEN_VERSION note must begin with "xen-3.0" to this day: it names the interface, not the Xen that runs. Here it
            {f'says "{match[1]}"' if match[1] else "is missing"}."""


@rule("virt-base-alone", LESSON + ": The classic way: notes with addresses", "refusal", "crash")
def _(f):
    base, entry = note(f, "VIRT_BASE"), note(f, "ENTRY")
    if base and f.xen(BOUNDS):
        return f"""There is a VIRT_BASE note, {base.number:#x}. So Xen maps the image at VIRT_BASE plus p_paddr, VA
            {said(f, "virt_kstart"):#x} to {said(f, "virt_kend"):#x}, and wants a virtual address as entry. It got
            {said(f, "virt_entry"):#x}, from {"the ENTRY note" if entry else "the ELF header, since there is no ENTRY note"}. Notes with
            addresses come together (VIRT_BASE, ENTRY, HYPERCALL_PAGE), or not at all, as here."""


@rule("entry-note", LESSON + ": The classic way: notes with addresses", "refusal")
def _(f):
    entry = note(f, "ENTRY")
    if entry and f.xen(BOUNDS):
        return f"""There is an ENTRY note, {entry.number:#x}, and no VIRT_BASE. Then the image is mapped P=V, from
            {said(f, "virt_kstart"):#x} to {said(f, "virt_kend"):#x}, and the entry must be in there."""


@rule("paddr-offset-note", LESSON + ": The classic way: notes with addresses", "refusal")
def _(f):
    if f.xen("ELF_PADDR_OFFSET set, VIRT_BASE unset"):
        return "The PADDR_OFFSET note says from which address p_paddr counts up to VIRT_BASE; without a VIRT_BASE note it means nothing."


@rule("p2m-note", LESSON + ": The classic way: notes with addresses", "refusal", "panic")
def _(f):
    place = note(f, "INIT_P2M")
    if place and f.xen("P->M table"):
        return f"The INIT_P2M note asks for the p2m at VA {place.number:#x}, where the image or its first mapping is already."


@rule("p_paddr-virtual", ADDRESSES, "refusal", "panic")
def _(f):
    start, entry = said(f, "virt_kstart"), said(f, "virt_entry")
    if f.xen(BOUNDS) and start > 0x10000000 and not note(f, "VIRT_BASE"):
        return f"""The program headers' p_paddr holds a virtual address, {start:#x}, and the entry is {entry:#x}. Without a VIRT_BASE note
            Xen takes p_paddr for the place to load at, so the linker script has to subtract LOAD_OFFSET from every section's load
            address: AT(...)."""


@rule("entry-virtual", LESSON + ": A virtual address as the entry", "refusal")
def _(f):
    entry, start, end = said(f, "virt_entry"), said(f, "virt_kstart"), said(f, "virt_kend")
    if f.xen(BOUNDS) and entry and not start <= entry <= end:
        kind = " That is a linked VA." if f.source.offset and entry - f.source.offset & f.mask in range(start, end) else ""
        return f"""The ELF header's entry, {entry:#x}, lies outside the image as it is loaded, {start:#x} to {end:#x}.{kind} Without a
            VIRT_BASE note it has to be the pseudo-physical address of the first instruction: ENTRY() of the linked address minus
            LOAD_OFFSET."""


@rule("hypercall-page-note", LESSON + ": The classic way: notes with addresses", "refusal")
def _(f):
    page = note(f, "HYPERCALL_PAGE")
    if f.xen("^Invalid HYPERCALL_PAGE field") and page:
        return f"""The HYPERCALL_PAGE note says {page.number:#x}, and Xen would have to write its stubs there. But without VIRT_BASE the
            image is mapped P=V, where that is no address of it: {f.number(page.number, "linked") or "it is outside"}. An image
            without addresses in its notes asks for the page by the MSR."""


@rule("hv-start-low-note", "6-other-modes: Other splits", "refusal")
def _(f):
    low = note(f, "HV_START_LOW")
    if f.xen("too high a hypervisor start"):
        return f"""The HV_START_LOW note asks that Xen begin no lower than VA {low.number if low else 0:#x}. For a 32-bit guest it begins
            at 0xf5800000, and can be moved down only, not up."""


@rule("two-levels", "6-other-modes: Two levels today", "refusal")
def _(f):
    mode = note(f, "PAE_MODE")
    if f.xen("^Mismatch between Xen and DOM0 kernel") and mode and mode.text == "no":
        return """A 32-bit kernel with two levels of page tables (PAE=n). No Xen since early 2008 runs those: since then 32-bit guests
            have three (PAE). To boot it, name a Xen from before that was built without PAE: XEN=file."""


@rule("pae-mode-note", LESSON + ": PAE_MODE says Yes", "refusal")
def _(f):
    mode = note(f, "PAE_MODE")
    if f.xen("^Mismatch between Xen and DOM0 kernel") and f.bits == 32 and f.xen("^ Dom0 kernel: 32-bit, lsb") and not (mode and mode.text == "no"):
        return f"""Xen runs 32-bit kernels with three-level page tables only, and asks the PAE_MODE note: it has to be there and say exactly
            "yes". Here it {f'says "{mode.text}"' if mode else "is missing"}. A kernel with two levels (PAE=n) needs a Xen from before
            2008."""


@rule("mismatch", "0-machine", "refusal", rank=1)
def _(f):
    if f.xen("^Mismatch between Xen and DOM0 kernel"):
        return """The image is not of a kind that this Xen runs: compare its two lines "Xen  kernel" and "Dom0 kernel" (V=1), and the
            ELF header's e_machine (readelf -h)."""


@rule("feature-unknown", LESSON + ": An unknown feature", "refusal")
def _(f):
    features = note(f, "FEATURES")
    last = [line for line in f.said.xen if line.startswith("ELF: ")][-1:]
    if features and "!" in features.text and last and last[0].startswith("ELF: note: FEATURES"):
        return f"""Xen stopped reading at the FEATURES note, "{features.text}". A name behind "!" is a feature that the kernel insists
            on; one that Xen does not know, also a misspelt one, makes it refuse without giving a reason."""


@rule("image-too-large", ADDRESSES, "refusal", "panic")
def _(f):
    if f.xen("allocation is too small for kernel image|Not enough RAM|Failed to load the kernel binary"):
        parts = f.source.image.loaded() if f.source.image else []
        size = max((p.paddr + p.memsz for p in parts), default=0)
        return f"""Dom0 has less memory than the image needs: it ends at paddr {size:#x}, {size >> 20} MiB. Either it is large (a huge
            array in .bss?), or it asks to be loaded high: everything below its load address counts, too. See p_paddr and MemSiz in
            readelf -l."""


@rule("payload-not-elf", "5-boot-protocol", "refusal", rank=1)
def _(f):
    broken = f.xen("not an ELF binary|broken ELF")
    if broken:
        return f"""What Xen loads is no ELF file that it can read: "{broken.string.strip()}". Its headers lead outside the file (readelf
            -lS)."""


@rule("entry-elsewhere", LESSON + ": The first instructions", "crash", "failure", "silence", "timeout")
def _(f):
    start, entry = f.source.va("startup_xen"), f.said.entry
    if start is not None and entry is not None and entry not in (start, start - f.source.offset & f.mask):
        return f"""Xen enters at {entry:#x} ({f.number(entry, "pv", "linked") or "no address of the image"}), and startup_xen, where the image means
            to begin, is P=V {start - f.source.offset & f.mask:#x}."""


@rule("note-at-fault", LESSON + ": The notes", "refusal", rank=1, unlike="`make notes IMAGE=file` shows all that Xen reads.")
def _(f):
    faults = loading(f).faults() if loading(f) else []
    if faults:
        return f"""Read as Xen reads them, this is wrong with the notes: {"; ".join(f"{x.note or 'the notes'}: {x.why}" for x in faults)}."""
