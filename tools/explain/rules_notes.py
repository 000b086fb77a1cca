# SPDX-License-Identifier: GPL-2.0-only
"""Xen refuses the image for one of its notes. Which one, and why, is what xenabi/loader.py says, the reader of `make notes`, too."""

import functools
import re

from xenabi.loader import Fault, Loading, Placed

from .compiled import size_of
from .facts import Facts
from .garbled import misplaced, wrong
from .rule import rule

LESSON = "1-notes"


@functools.lru_cache(maxsize=1)
def loading(f: Facts) -> Loading | None:
    """The image as Xen reads it; of a bzImage the kernel that was packed in it."""
    return Loading(f.source.image) if f.source.image else None


def note(f: Facts, name: str) -> Placed | None:
    return loading(f).notes.get(name) if loading(f) else None


def at_fault(f: Facts, name: str) -> Fault | None:
    """What is wrong with this note, if that is what Xen says, too."""
    faults = loading(f).faults() if loading(f) else []
    said = [x for x in faults if x.says and any(x.says in line for line in f.said.xen)]
    return said[0] if said and said[0].note == name else None


def says(f: Facts, name: str) -> str:
    """What a note that takes text has: that, or the bytes that are none."""
    found = note(f, name)
    data = found.note.data if found else b""
    if data and not re.fullmatch(rb"[ -~]*\0*", data):
        number = f", the number {found.number:#x}" if found.number else ""
        return f"has the bytes {data[:8].hex(' ')}{number}, and it takes text, with a 0 behind it (.asciz)"
    return f'says "{found.text}"' if found else "is missing"


@rule("notes-garbled", LESSON + ": An ELF note", "refusal", "panic", unlike="`readelf -n` shows the notes as the linker meant them.")
def _(f):
    what = wrong(f.source.image) if loading(f) and loading(f).faults() else ""
    if what:
        return f"""The notes cannot be read as notes: {what}. A note is the name's size, the value's size and the type, then name and value,
            each padded to a multiple of 4 bytes."""


@rule("note-types", LESSON + ": The notes", "refusal")
def _(f):
    what = misplaced(f.source.image) if loading(f) and loading(f).faults() else ""
    if what:
        return f"""The values are those of other notes than the types say: {what}. A note's third word is its type, XEN_ELFNOTE_ of xen/elfnote.h; all
            that is asked of a note is asked by that number."""


@rule("no-notes", LESSON + ": An ELF note", "refusal")
def _(f):
    if f.xen("^ERROR: Not a Xen-ELF image: No ELF notes"):
        return """Xen found no ELF note that it can read. The notes must be in a section of type SHT_NOTE (in the assembler: @note) or in
            a PT_NOTE program header, and the linker script must keep them. See readelf -n."""


@rule("notes-not-xens", LESSON + ": An ELF note", "refusal")
def _(f):
    if at_fault(f, "LOADER") and not loading(f).all:
        return """Xen took no note for its own: one counts only if its name is exactly "Xen", capital X, with its final zero (name size
            4). None is in the list that Xen prints."""


@rule("pvh-image", "11-pvh", "refusal")
def _(f):
    if at_fault(f, "LOADER") and "PHYS32_ENTRY" in loading(f).notes and not {"LOADER", "GUEST_OS", "XEN_VERSION"} & set(loading(f).notes):
        return f"""The image has the note PHYS32_ENTRY ({loading(f).number("PHYS32_ENTRY", 0):#x}), and none of those of a paravirtual kernel: it is meant to be entered as PVH. PVH=qemu
            does that without Xen, PVH=dom0 under Xen."""


@rule("loader-note", LESSON + ": The notes", "refusal")
def _(f):
    fault = at_fault(f, "LOADER")
    if fault:
        return f"""The LOADER note: {fault.why}. Here LOADER {says(f, "LOADER")}, and GUEST_OS {says(f, "GUEST_OS")}."""


@rule("xen-version-note", LESSON + ": No XEN_VERSION", "refusal")
def _(f):
    fault = at_fault(f, "XEN_VERSION")
    if fault:
        return f"""The XEN_VERSION note: {fault.why}, to this day: it names the interface, not the Xen that runs. Here it
            {says(f, "XEN_VERSION")}."""


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
        entry = size_of(f.source.path, "pteval_t")
        if entry == 8:
            return """The PAE_MODE note says "no", and the kernel is built for three levels of page tables (PAE): its entries, pteval_t, have 8 bytes. So the note is wrong and has to be "yes": is the condition under which notes.S says so met?"""
        if not entry:
            return """The PAE_MODE note says "no". Was the kernel built with PAE=n, for two levels of page tables? No Xen since early 2008 runs such a one. If it was built with PAE, as it is by default, the note is wrong and has to be "yes":
                is the condition under which notes.S says so met?"""
        return """A 32-bit kernel with two levels of page tables (PAE=n). No Xen since early 2008 runs those: since then 32-bit guests
            have three (PAE). To boot it, name a Xen from before that was built without PAE: XEN=file."""


@rule("pae-mode-note", LESSON + ": PAE_MODE says Yes", "refusal")
def _(f):
    fault, mode = at_fault(f, "PAE_MODE"), note(f, "PAE_MODE")
    if fault and not (mode and mode.text == "no"):
        return f"""The PAE_MODE note: {fault.why}. It has to be there and say exactly that. Here it
            {says(f, "PAE_MODE")}. A kernel with two levels (PAE=n) needs a Xen from before 2008."""


@rule("feature-unknown", LESSON + ": An unknown feature", "refusal")
def _(f):
    features = note(f, "FEATURES")
    last = [line for line in f.said.xen if line.startswith("ELF: ")][-1:]
    if features and "!" in features.text and last and last[0].startswith("ELF: note: FEATURES"):
        odd = next((name for name in features.text.split("|") if not re.fullmatch("!?[a-z0-9_]+", name)), None)
        return f"""Xen stopped reading at the FEATURES note, "{features.text}". A name behind "!" is a feature that the kernel insists
            on; one that Xen does not know, also a misspelt one, makes it refuse without giving a reason.{f' Here "{odd}" is one name to Xen: between two names stands "|", and nothing else.' if odd is not None else ""}"""


@rule("note-at-fault", LESSON + ": The notes", "refusal", rank=1, unlike="`make notes IMAGE=file` shows all that Xen reads.")
def _(f):
    faults = loading(f).faults() if loading(f) else []
    if faults:
        return f"""Read as Xen reads them, this is wrong with the notes: {"; ".join(f"{x.note or 'the notes'}: {x.why}" for x in faults)}."""
