# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: what happened to the domain that it built. Dom0 itself is well, and reports failure."""

import os
import re

from xenabi.headers import value
from xenabi.loader import Loading
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .files import Files
from .numbers import built
from .questions import page_fault, say
from .rule import rule
from .source import Source

LESSON = "10-the-other-side"
BEGINS = re.compile(r"toolstack: vcpu 0 begins at VA 0x([0-9a-f]+), stack VA 0x([0-9a-f]+)")
MOST_PUSHED = 64  # bytes of a frame
SMALL = 32 << 20  # bytes: half of what a guest can have at most


@rule("guest-domain-contract", LESSON, rank=-1, unlike="Lesson 0 has the list of what a guest is promised, and src/stage6-toolstack/main.c a call for each.")
def _(f):
    if getattr(f, "broken", []):
        return f"What a guest is promised at its first instruction does not hold: {'; '.join(f.broken)}. That is the toolstack's fault, not the guest's."


@rule("guest-domain-contract", LESSON)
def _(f):
    if hasattr(f, "broken") and not f.entered_as_told and _pushed(f):
        return _pushed(f)
    if hasattr(f, "broken") and not f.entered_as_told:
        return f"""What a guest is promised at its first instruction does not hold: it was never at VA {f.said.entry:#x}, where its image begins, and ended all the same. That is the toolstack's fault, not the
            guest's."""


@rule("guest-domain-crashed", LESSON, "failure")
def _(f):
    if f.guest(r"^toolstack: the guest ended with reason 3 \(crash\)"):
        return """The domain that stage 6 built has crashed; dom0, which built it, is well. What the guest or Xen printed before that
            tells why: (d1) or [domain 1] begins the guest's lines. GUEST=1 has to end so: it can do nothing else."""


def _pushed(f) -> str:
    """That Xen's dump has the first instruction, and a stack on which something was pushed, if it has."""
    crashed, told = f.xen(r"^Domain \d+ \(vcpu#0\) crashed"), next((m for m in map(BEGINS.match, f.said.toolstack) if m), None)
    rip, rsp = f.xen(r"^RIP: +[0-9a-f]+:\[<([0-9a-f]+)"), f.xen(r"\brsp: ([0-9a-f]+)")
    if not crashed or not told or not rip or not rsp or int(rip[1], 16) != int(told[1], 16) or not 0 < int(told[2], 16) - int(rsp[1], 16) <= MOST_PUSHED:
        return ""
    return f"""The guest has not run a single instruction. RIP is VA 0x{told[1]}, where it begins, and its stack pointer is {int(told[2], 16) - int(rsp[1], 16)} bytes below VA 0x{told[2]}, where the stack does: Xen pushed a frame there, for an event that was to be delivered at once. The guest had no callback yet. Events
        have to be masked till it has one: evtchn_upcall_mask, which is byte 1 of shared_info and of its vcpu_info; byte 0 is evtchn_upcall_pending (mask_guest_events(), src/stage6-toolstack/context.c). That is the toolstack's fault, not the guest's."""


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
        return f"""Stage 6 refuses the bzImage that it got: "{f.panic.removeprefix("image: bzImage: ")}". The file is as it should be: {'; '.join(packed)}. So it is stage 6's own reading that is wrong, which ended {f"at {f.where}" if f.where else
            "there"}: of the header's fields in src/stage6-toolstack/bzimage.c, or of the packed data in src/stage5-boot-protocol/boot/gunzip.c and inflate.c."""
    if right and packed:
        return f"""GUEST is a bzImage, and nothing is wrong with it: {'; '.join(packed)}. What stage 6 then took for the kernel's ELF file, "{f.panic}", is not what the payload unpacks to: unpack_bzimage()
            (src/stage6-toolstack/bzimage.c) has to find the payload by the setup header, to unpack it, and to pass on what came out and its size."""
    if right and "neither an ELF file" in f.panic:
        return f"""What stage 6 took for the guest's image is not what it was given: that is an ELF file, and {right}. Dom0's module begins at start_info's mod_start, which has to be
            repointed like the others, and find_files() takes the image and the guest's module from it."""
    outside = re.match(r"image: segment (\d+) is not in the file", f.panic)
    if right and outside:
        headers = Files(os.environ.get("MODULE", ""), False).source.image.segments
        told = f"; of program header {outside[1]} p_offset is {headers[int(outside[1])].offset:#x} and p_filesz {headers[int(outside[1])].filesz:#x}" if int(
            outside[1]) < len(headers) else ""
        return f"""Stage 6 finds a segment that is not in the file, and read as Xen reads it there is nothing wrong with the image: {right}{told}. So image_next() (src/stage6-toolstack/image.c) takes another field for the offset, or for the size: classes[] has where each field lies, of either width, and which of them is asked
            for decides."""
    end, segments = re.match("image: it ends at paddr 0x([0-9a-f]+)", f.panic), Files(os.environ.get("MODULE", ""), False).source.image.segments if right else []
    if end and int(end[1], 16) in [s.vaddr + s.memsz for s in segments]:
        return f"""Stage 6 takes 0x{end[1]} for the image's end, and that is a VA: p_vaddr and p_memsz of a segment, added. Its paddr is in p_paddr: {right}. classes[] (src/stage6-toolstack/image.c) has where each field of a program header lies, of either width, and image_next() reads them."""
    if right:
        return f"""Stage 6 refuses the image that it got, and read as Xen reads it there is nothing wrong with it: {right}. So it is stage 6's own reading that is: src/stage6-toolstack/image.c,
            notes.c, and the order in which image_parse() calls them."""
    needs = re.match(r"layout: the guest needs (\d+) pages", f.panic)
    if needs and _fits(f):
        return f"""{_fits(f)} So what lay_out() adds up to {needs[1]} pages is wrong: each time the guest gets more, place() wants more still. Its sum is image_pages(), module_pages(), list_pages() (one word for each page), and the tables' number,
            count_tables() (src/stage6-toolstack/layout.c, pagetables.c)."""
    if f.panic.startswith(("image: ", "files: ", "layout: ", "toolstack: dom0 has no module")):
        return """What stage 6 got as GUEST=, MODULE= or LAYOUT= cannot be made into a domain; the line says why. A kernel with two
            levels (PAE=n) or without Xen's notes is refused here as Xen would refuse it as dom0."""


@rule("guest-domain-mfn", LESSON, "failure")
def _(f):
    said = f.xen("Could not get page ref for mfn ([0-9a-f]+)")
    pages = f.guest(r"^toolstack: ([0-9]+) pages, PFN 0 is MFN 0x([0-9a-f]+)")
    if said and pages and f.panic.startswith("hypercall refused: "):
        mfn = int(said[1], 16)
        kind = "it is not the domain's" if mfn else "that is what a field holds that nobody has filled in"
        if 0 < mfn < int(pages[1]):
            kind = "it is a PFN of the domain's, as the number tells"
        return f"""Xen was given MFN {mfn:#x} for a page of the domain that stage 6 builds, and {kind}: a page number of the guest's goes through its p2m
            (guest_mfn()) before Xen is told it."""


@rule("guest-domain-tables-in-dom0", LESSON, "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and fault.cr2 & 1 and built(f, fault.cr2 >> PAGE_SHIFT) is not None:
        return f"""Dom0 used {say(f, fault.cr2)} as an address. So entries of the domain's page tables were written over dom0's own memory: set_entry() (src/stage6-toolstack/pagetables.c) writes by the window, which is one page
            of {PAGE_SIZE // 8} entries. An index beyond, or a wrong LEVEL_BITS, leads into what lies behind it."""


@rule("guest-domain-foreign", LESSON + ": Trust", "failure")
def _(f):
    if not f.panic.startswith("hypercall refused: update_va_mapping_otherdomain"):
        return None
    call = f.refused if f.seen else None
    if call and call.name == "update_va_mapping_otherdomain" and call.args[0] < PAGE_SIZE:
        return f"""A page of the guest's was to be mapped at VA {call.args[0]:#x} of dom0's: the address is NULL. map_foreign() takes a page of dom0's own that is set apart for it (window, ring_pages, store_pages), and whoever calls it has to have put that into the pointer before
            (console_open(): guest->ring)."""
    said = f.xen(r"pg_owner d(\d+) l1e_owner d\d+, but real_pg_owner d(-?\d+)")
    if said and said[2] == "-1":
        given = re.search(r"MFN 0x([0-9a-f]+) of domain", f.panic)
        pages = f.guest(r"^toolstack: ([0-9]+) pages, PFN 0 is MFN")
        small = f""" {int(given[1], 16):#x} is one of the guest's {pages[1]} PFNs. Either guest_mfn() was not asked for it, or it answered by an entry that still holds a PFN: populate() puts the PFNs into the p2m, and XENMEM_populate_physmap writes the
            MFNs over them, from extent_start on: that is the first entry of the batch.""" if given and pages and int(given[1], 16) < int(pages[1]) else ""
        return f"""Dom0 was to map a page of the guest's, and the MFN it gave is no domain's: is it a PFN (guest_mfn() has the MFN), or a page that the guest was never given?{small}"""
    if said:
        return f"""Dom0 was to map a page of domain {said[2]}'s, and the call named domain {said[1]}: a page of another domain's is only mapped by a call that names
            its owner."""
