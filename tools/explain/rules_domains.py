# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: what happened to the domain that it built. Dom0 itself is well, and reports failure."""

import os
import re

from xenabi.headers import value
from xenabi.loader import Loading

from .rule import rule
from .source import Source

LESSON = "10-the-other-side"


@rule("guest-domain-contract", LESSON, unlike="Lesson 0 has the list of what a guest is promised, and src/stage6-toolstack/main.c a call for each.")
def _(f):
    promises = getattr(f, "broken", [])
    if hasattr(f, "broken") and not f.entered_as_told:
        promises = [f"it was never at VA {f.said.entry:#x}, where its image begins, and ended all the same"]
    if promises:
        return f"What a guest is promised at its first instruction does not hold: {'; '.join(promises)}. That is the toolstack's fault, not the guest's."


@rule("guest-domain-crashed", LESSON, "failure")
def _(f):
    if f.guest(r"^toolstack: the guest ended with reason 3 \(crash\)"):
        return """The domain that stage 6 built has crashed; dom0, which built it, is well. What the guest or Xen printed before that
            tells why: (d1) or [domain 1] begins the guest's lines. GUEST=1 has to end so: it can do nothing else."""


@rule("guest-domain-reason", LESSON, "failure")
def _(f):
    ended = f.guest(r"^toolstack: the guest ended with reason ([^03]\S*.*)")
    if ended and not f.xen("^d[0-9]+v[0-9]+ Triple fault"):
        return f"""The domain that stage 6 built shut down, but with reason {ended[1]} and not with 0 (poweroff), which is a domU's word
            for success. GUEST=0 asks for a reboot: that stage knows itself only as dom0."""


@rule("guest-domain-mute", LESSON + ": The console ring", "mute")
def _(f):
    if f.guest("^toolstack: created domain"):
        return """The domain that stage 6 built came to its end, and of what it printed nothing arrived. A guest prints into the ring of the page that start_info's console.domU names, by its MFN, and rings its
            event channel; dom0 has to have mapped the same page, and to read what is between the ring's two indexes."""


@rule("guest-domain-ring", LESSON + ": The console ring", "failure")
def _(f):
    said = f.guest(r"^toolstack: domain [0-9]+ wrote nonsense into its (\S+) ring")
    if said and f.guest(r"^toolstack: the guest ended with reason 0"):
        return f"""The domain that stage 6 built came to its end, but on the way it broke the rules of its {said[1]} ring: the producer's index was further from the
            consumer's than the ring is large, or the guest moved the index that is dom0's. What it wrote there was lost."""


def _reads_well(f) -> str:
    """What Xen's loader makes of the module, if it would take that."""
    image = Source(os.environ.get("MODULE", "")).image
    loading = Loading(image) if image and f.pvh == "n" else None
    if not loading or loading.faults() or image.machine not in ("EM_386", "EM_X86_64"):
        return ""
    return f"it ends at paddr {loading.pend:#x}, and is entered at VA {loading.entry:#x}"


@rule("guest-domain-refused", LESSON, "failure")
def _(f):
    if f.panic.startswith("image: it has no note PHYS32_ENTRY"):
        return """A PVH domain was asked for (PVH=domU), and the guest's image does not say where it is entered as one. Of the stages only
            stage 7 has that note: make run STAGE=7 PVH=domU."""
    if re.match("image: its entry, paddr .* is beyond its end", f.panic) and f.pvh == "domU":
        return """The note PHYS32_ENTRY holds an address outside the image as it is loaded: a virtual one, from which LOAD_OFFSET was not
            taken."""
    right = _reads_well(f) if f.panic.startswith("image: ") else None
    if right and "neither an ELF file" in f.panic:
        return f"""What stage 6 took for the guest's image is not what it was given: that is an ELF file, and {right}. Dom0's module begins at start_info's mod_start, which has to be
            repointed like the others, and find_files() takes the image and the guest's module from it."""
    if right:
        return f"""Stage 6 refuses the image that it got, and read as Xen reads it there is nothing wrong with it: {right}. So it is stage 6's own reading that is: src/stage6-toolstack/image.c,
            notes.c, and the order in which image_parse() calls them."""
    if f.panic.startswith(("image: ", "files: ", "layout: ", "toolstack: dom0 has no module")):
        return """What stage 6 got as GUEST=, MODULE= or LAYOUT= cannot be made into a domain; the line says why. A kernel with two
            levels (PAE=n) or without Xen's notes is refused here as Xen would refuse it as dom0."""


@rule("guest-domain-never-ran", LESSON + ": A vcpu that is not online", "failure")
def _(f):
    if f.guest(r"PANIC: toolstack: domain [0-9]+ has never run"):
        return """Xen took the domain that stage 6 built, and never gave it the processor: its vcpu is not online (VGCF_online), has no
            registers (setvcpucontext), or is still paused (unpausedomain). Dom0 itself works."""


@rule("guest-domain-never-ends", LESSON, "failure")
def _(f):
    if f.guest(r"PANIC: toolstack: domain [0-9]+ is not at its end"):
        return """The domain that stage 6 built has run and is still there, but has not shut down: it waits for an event that does not
            come, or spins. Dom0 itself works. `xen guest 1` in `make gdb STAGE=6` leads to it."""


@rule("guest-domain-zombie", LESSON + ": The ring still mapped", "failure")
def _(f):
    found = f.guest(r"PANIC: toolstack: domain [0-9]+ is a zombie, flags 0x([0-9a-f]+)")
    if not found:
        return None
    flags = int(found[1], 16)
    if flags & 1 << value("_XEN_DOMINF_paused") and not flags & 1 << value("_XEN_DOMINF_shutdown"):
        return """The domain was destroyed and never ran: it is still paused (bit 3 of the flags), as it was made. Serving begins with unpausedomain (serve()), and destroy() comes when the domain has ended.
            And a page of it is still mapped, which serving ends with, too."""
    alive = "" if flags & 1 << value("_XEN_DOMINF_shutdown") else "It had not shut down (bit 2 of the flags): was it served till its end?"
    return f"""The domain was destroyed, but Xen keeps it for a page of it that is still mapped elsewhere: dom0 has to unmap the
            console ring, the store's ring and its window, before it destroys the domain. {alive}"""


@rule("guest-domain-mfn", LESSON, "failure")
def _(f):
    said = f.xen("Could not get page ref for mfn ([0-9a-f]+)")
    pages = f.guest(r"^toolstack: ([0-9]+) pages, PFN 0 is MFN 0x([0-9a-f]+)")
    if said and pages and f.panic.startswith("hypercall refused: "):
        mfn = int(said[1], 16)
        kind = "it is a PFN of the domain's, as the number tells" if mfn < int(pages[1]) else "it is not the domain's"
        return f"""Xen was given MFN {mfn:#x} for a page of the domain that stage 6 builds, and {kind}: a page number of the guest's goes through its p2m
            (guest_mfn()) before Xen is told it."""


@rule("guest-domain-foreign", LESSON + ": Trust", "failure")
def _(f):
    if not f.panic.startswith("hypercall refused: update_va_mapping_otherdomain"):
        return None
    said = f.xen(r"pg_owner d(\d+) l1e_owner d\d+, but real_pg_owner d(-?\d+)")
    if said and said[2] == "-1":
        return """Dom0 was to map a page of the guest's, and the MFN it gave is no domain's: is it a PFN (guest_mfn() has the MFN), or a page that the guest was never given?"""
    if said:
        return f"""Dom0 was to map a page of domain {said[2]}'s, and the call named domain {said[1]}: a page of another domain's is only mapped by a call that names
            its owner."""


@rule("guest-domain-memory", LESSON + ": No memory allowed", "failure")
def _(f):
    if f.panic.startswith("memory_op(populate_physmap)"):
        return """Xen gave the domain that stage 6 builds fewer pages than it was asked for. If it says Over-allocation, max_mem allows
            no more; otherwise the machine has no more: GUEST_MEM=MiB makes it larger."""
