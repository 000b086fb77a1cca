# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: the image of a domain that it was to build, and did not take."""

import os
import re

from xenabi.headers import value
from xenabi.loader import Loading
from xenpt.memory import PAGE_SHIFT

from .files import Files
from .module_read import beside_payload, unpadded
from .rule import rule
from .rules_domains import LESSON
from .source import Source

SMALL = 32 << 20  # bytes: half of what a guest can have at most
MAX = 1 << 64
NO_ADDRESS = MAX - 1  # src/include/image.h: of a note that an image has not


def _reads_well(f) -> str:
    """What Xen's loader makes of the module, if it would take that."""
    image = Source(os.environ.get("MODULE", "")).image
    loading = Loading(image) if image and f.pvh == "n" else None
    if not loading or loading.faults() or image.machine not in ("EM_386", "EM_X86_64"):
        return ""
    return f"it ends at paddr {loading.pend:#x}, and is entered at VA {loading.entry:#x}"


def _fits(f) -> str:
    """That the guest's image is small, if it is, and nobody asked for more memory."""
    image = Files(os.environ.get("MODULE", ""), False).source.image
    end = Loading(image).pend if image and not f.guest(r"guest_mem=|layout=") and "guest_mem=" not in os.environ.get("CMDLINE", "") else 0
    return f"The guest's image is small: it ends at paddr {end:#x}, page {end >> PAGE_SHIFT:#x}." if 0 < end < SMALL else ""


def _offset(end: int, right: int, notes: dict) -> str:
    """What paddr_offset then holds."""
    taken = (right - end) % MAX
    text = taken.to_bytes(8, "little").rstrip(b"\0")
    note = next((name for name, note in notes.items() if taken and not text.isalnum() and note.number == taken), "")
    if note and note != "PADDR_OFFSET":
        return f""" They are off by {taken:#x}, which is what the note {note} says{"" if "PADDR_OFFSET" in notes else ", and the file has no note PADDR_OFFSET"}: take_note() (src/stage6-toolstack/notes.c) put that into image->paddr_offset, too. Does each case of it
            end with a break, and set its own field?"""
    kind = f', the characters "{text.decode()}"' if text.isalnum() else ""
    return f" They are off by {taken:#x}{kind}: was something else taken for the note PADDR_OFFSET (take_all(), take_note())?" if kind else ""


def _virtual(f) -> str:
    """A note's VA that was read rightly, with the right VIRT_BASE, and is said not to be in the guest's memory."""
    said = re.match(r"image: (\w+) 0x([0-9a-f]+) is not in the guest's memory", f.panic)
    base = f.guest(r"^toolstack: image of .* paddr 0 at VA 0x([0-9a-f]+)")
    loading = Loading(Source(os.environ.get("MODULE", "")).image) if said and base else None
    note = loading.notes.get(said[1]) if said and loading else None
    offset = loading.notes["VIRT_BASE"].number if loading and "VIRT_BASE" in loading.notes else 0
    if not said or not note or note.number != int(said[2], 16) or int(base[1], 16) != offset or not 0 <= note.number - offset < loading.pend:
        return ""
    return f"""The image and what stage 6 has read of it are right: the note {said[1]} says VA {note.number:#x}, and paddr 0 is at VA {offset:#x} (VIRT_BASE), so that page is at paddr {note.number - offset:#x}, in the guest's memory. What was compared at {f.where or "the line that says so"} is another number: where
        a paddr is wanted VIRT_BASE has to be taken off the VA, once."""


def _module_is_there(f) -> bool:
    """Whether dom0's pointer to its module leads to an ELF file."""
    return bool(f.info_now and f.info_now.mod_start >= f.page_offset and f.seen.peek(f.info_now.mod_start, 4) == b"\x7fELF")


@rule("guest-domain-refused", LESSON, "failure")
def _(f):
    if f.panic.startswith("image: it has no note PHYS32_ENTRY"):
        image = Files(os.environ.get("MODULE", ""), False).source.image
        if image and "startup_pvh" in image.symbols:
            return f"""A PVH domain was asked for (PVH=domU). The guest's image has a PVH entry, startup_pvh, and no note that says so: one that belongs to Xen, of type {value("XEN_ELFNOTE_PHYS32_ENTRY")} (XEN_ELFNOTE_PHYS32_ENTRY), with that paddr in 4 bytes
                (pvh-note.S). Its notes are {", ".join(Loading(image).notes)}."""
        return """A PVH domain was asked for (PVH=domU), and the guest's image does not say where it is entered as one. Of the stages only
            stage 7 has that note: make run STAGE=7 PVH=domU."""
    if re.match("image: its entry, paddr .* is beyond its end", f.panic) and f.pvh == "domU":
        return """The note PHYS32_ENTRY holds an address outside the image as it is loaded: a virtual one, from which LOAD_OFFSET was not
            taken."""
    right = _reads_well(f) if f.panic.startswith("image: ") else None
    module = Files(os.environ.get("MODULE", ""), False)
    packed = [line.removeprefix("bzImage: ") for line in module.bzimage if "payload" in line]
    if module.bzimage_bad and f.panic.startswith("image: "):
        return f"""Stage 6 refuses the bzImage that it got: "{f.panic.removeprefix("image: ")}". So does tools/bzimage, which says of the file: {module.bzimage[-1].removeprefix("bzImage: ")}. It is the setup header (setup.S), or a number that bzimage.lds works out for it, that is wrong{": payload_offset (0x248) counts from the beginning of the protected-mode part" if "payload_offset" in module.bzimage[-1] else ""}."""
    if right and packed and f.panic.startswith("image: bzImage: "):
        if beside_payload(f, packed[0]):
            return f"""Stage 6 refuses the bzImage that it got: "{f.panic.removeprefix("image: bzImage: ")}". The file is as it should be: {'; '.join(packed)}.{beside_payload(f, packed[0])}"""
        return f"""Stage 6 refuses the bzImage that it got: "{f.panic.removeprefix("image: bzImage: ")}". The file is as it should be: {'; '.join(packed)}. So it is stage 6's own reading that is wrong, which ended {f"at {f.where}" if f.where else
            "there"}: of the header's fields in src/stage6-toolstack/bzimage.c, or of the packed data in src/stage5-boot-protocol/boot/gunzip.c and inflate.c."""
    if right and packed:
        return f"""GUEST is a bzImage, and nothing is wrong with it: {'; '.join(packed)}. What stage 6 then took for the kernel's ELF file, "{f.panic}", is not what the payload unpacks to: unpack_bzimage()
            (src/stage6-toolstack/bzimage.c) has to find the payload by the setup header, to unpack it, and to pass on what came out and its size."""
    if right and "neither an ELF file" in f.panic and _module_is_there(f):
        return f"""What stage 6 took for the guest's image is not what it was given: that is an ELF file, and {right}. start_info's mod_start is repointed to it, VA {f.info_now.mod_start:#x}, and there it begins (7f 45 4c 46). So it was lost between find_files() and image_parse(): find_files() puts the first file into *image, and the second,
            which is empty if there is one alone, into *module. Are the two in this order in its definition, and wherever it and build() are called? Or it came there, and the check that refuses it is wrong: {f.where}."""
    if right and "neither an ELF file" in f.panic:
        return f"""What stage 6 took for the guest's image is not what it was given: that is an ELF file, and {right}. Dom0's module begins at start_info's mod_start, which has to be
            repointed like the others, and find_files() takes the image and the guest's module from it."""
    outside = re.match(r"image: segment (\d+) is not in the file", f.panic)
    if right and outside:
        headers = Files(os.environ.get("MODULE", ""), False).source.image.segments
        told = f"; of program header {outside[1]} p_offset is {headers[int(outside[1])].offset:#x} and p_filesz {headers[int(outside[1])].filesz:#x}" if int(
            outside[1]) < len(headers) else ""
        return f"""Stage 6 finds a segment that is not in the file, and Xen's loader finds nothing wrong with the image: {right}{told}. So image_next() (src/stage6-toolstack/image.c) takes another field for the offset, or for the size: classes[] has where each field lies, of either width, and which of them is asked
            for decides."""
    end = re.match("image: it ends at paddr 0x([0-9a-f]+)", f.panic)
    segments = Files(os.environ.get("MODULE", ""), False).source.image.segments if right else []
    if end and int(end[1], 16) in [s.vaddr + s.memsz for s in segments]:
        return f"""Stage 6 takes 0x{end[1]} for the image's end, and that is a VA: p_vaddr and p_memsz of a segment, added. Its paddr is in p_paddr: {right}. classes[] (src/stage6-toolstack/image.c) has where each field of a program header lies, of either width, and image_next() reads them."""
    if right and end:
        return f"""Stage 6 takes 0x{end[1]} for the image's end; as Xen reads it, {right}. image_next() (src/stage6-toolstack/image.c) adds p_paddr and p_memsz, and takes image->paddr_offset off.{_offset(int(end[1], 16), max(s.paddr + s.memsz for s in segments), Loading(Source(os.environ.get("MODULE", "")).image).notes)}"""
    if right and f"{NO_ADDRESS:#x} is not in the guest's memory" in f.panic:
        notes = Loading(Source(os.environ.get("MODULE", "")).image).notes
        name = f.panic.split()[1]
        told = f"the file has one, {notes[name].number:#x}, which take_note() did not take" if name in notes else f"the file has no note {name}, and then there is nothing to do there"
        return f"{NO_ADDRESS:#x} is NO_ADDRESS, which image_parse() puts in for a note that there is not: {told}. The line came from {f.where}: what is asked before it?"
    noted = re.match(r"image: its note (\w+), (0x[0-9a-f]+)", f.panic) if right else None
    stands = noted and Loading(Source(os.environ.get("MODULE", "")).image).notes.get(noted[1])
    if stands and stands.number == int(noted[2], 16):
        return f"""Stage 6 refuses the note {noted[1]}, {noted[2]}, and that is what the file has: it was read rightly, and Xen takes the image: {right}. So it is the check that is wrong, {f.where}, or what it compares the number with."""
    if right and _virtual(f):
        return _virtual(f)
    if right and "it has nothing to load" in f.panic:
        loads = [n for n, s in enumerate(Files(os.environ.get("MODULE", ""), False).source.image.segments) if s.type == "PT_LOAD"]
        return f"""Stage 6 finds no segment to load, and the file has them: program header {', '.join(map(str, loads))}, counted from 0. next_header() (src/stage6-toolstack/image.c) looks at each in turn, from e_phoff on, one e_phentsize behind the other, for the type PT_LOAD (1)."""
    if right and "it has no notes of a Xen guest" in f.panic:
        notes = Loading(Source(os.environ.get("MODULE", "")).image).notes
        told = ", ".join(f'{name} "{notes[name].text}"' for name in ("XEN_VERSION", "LOADER", "GUEST_OS") if name in notes)
        return f"""Stage 6 finds no notes of a Xen guest in the file, and they are there: {told}. A note is three words, the lengths of its name and of its contents and its type, then the name, "Xen" and its final 0, 4 bytes, then the contents, each padded to 4 bytes: take_all() goes through them, take_note() looks at the type and the
            contents (src/stage6-toolstack/notes.c)."""
    if right:
        says = f" The line comes from {f.where}." if f.where else ""
        if unpadded(f):
            return f"Stage 6 refuses the image that it got, and Xen's loader finds nothing wrong with it: {right}.{says}{unpadded(f)}"
        return f"""Stage 6 refuses the image that it got, and Xen's loader finds nothing wrong with it: {right}.{says} So it is what stage 6 makes of the file that is wrong: what that line compares, or what was read before by src/stage6-toolstack/image.c and
            notes.c, and the order in which image_parse() calls them."""
    needs = re.match(r"layout: the guest needs (\d+) pages", f.panic)
    if needs and _fits(f):
        return f"""{_fits(f)} So what lay_out() adds up to {needs[1]} pages is wrong: each time the guest gets more, place() wants more still. take() moves on by so many pages, and the sum is image_pages(), module_pages(), list_pages() (one word for each page), and the tables' number,
            count_tables() (src/stage6-toolstack/layout.c, pagetables.c)."""
    if f.panic.startswith(("image: ", "files: ", "layout: ", "toolstack: dom0 has no module")):
        return """What stage 6 got as GUEST=, MODULE= or LAYOUT= cannot be made into a domain; the line says why. A kernel with two
            levels (PAE=n) or without Xen's notes is refused here as Xen would refuse it as dom0."""
