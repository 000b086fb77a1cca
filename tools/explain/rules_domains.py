# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: what happened to the domain that it built. Dom0 itself still runs, and reports failure."""

import re

from xenabi.headers import value
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .domctl_struct import asked
from .numbers import built
from .questions import page_fault, say
from .rule import rule

LESSON = "10-the-other-side"
BEGINS = re.compile(r"toolstack: vcpu 0 begins at VA 0x([0-9a-f]+), stack VA 0x([0-9a-f]+)")
FLAT = {0xE030: "FLAT_KERNEL_CS of 64 bits", 0xE028: "FLAT_KERNEL_SS of 64 bits",
        0xE018: "FLAT_KERNEL_CS of 32 bits", 0xE020: "FLAT_KERNEL_SS and _DS of 32 bits"}  # without their ring
FRAME = {32: 12, 64: 56}  # bytes that Xen pushes for an event; an error code is a word more


@rule("guest-domain-contract", LESSON, rank=-1, unlike="Lesson 0 has the list of what a guest is promised, and src/stage6-toolstack/main.c a call for each.")
def _(f):
    if getattr(f, "broken", []):
        return f"What a guest is promised at its first instruction does not hold: {'; '.join(f.broken)}. That is the toolstack's fault, not the guest's."


@rule("guest-domain-contract", LESSON)
def _(f):
    if hasattr(f, "broken") and not f.entered_as_told and _pushed(f):
        return _pushed(f)
    refused = f.xen(r"^d\d+v\d+ Unhandled: vec 13, #GP\[([0-9a-f]+)\]") if hasattr(f, "broken") and not f.entered_as_told else None
    if refused and int(refused[1], 16):
        selector = int(refused[1], 16)
        kind = f", that of {FLAT[selector]}" if selector in FLAT else ""
        return f"""The guest has not run a single instruction: Xen went to it with the registers that setvcpucontext was given, and the processor refused selector {selector:#x}{kind} (#GP, by its error code). CS has to be FLAT_KERNEL_CS, SS FLAT_KERNEL_SS, the others FLAT_KERNEL_DS, each of the guest's width (src/stage6-toolstack/context.c)."""
    if hasattr(f, "broken") and not f.entered_as_told:
        return f"""What a guest is promised at its first instruction does not hold: it was never at VA {f.said.entry:#x}, where its image begins, and ended all the same. That is the toolstack's fault, not the
            guest's."""


@rule("guest-domain-crashed", LESSON, "failure")
def _(f):
    if f.guest(r"^toolstack: the guest ended with reason 3 \(crash\)"):
        return """The domain that stage 6 built has crashed, and not dom0, which built it. What the guest or Xen printed before that
            tells why: (d1) or [domain 1] begins the guest's lines. GUEST=1 has to end so: it can do nothing else."""


@rule("guest-domain-left", LESSON, "failure")
def _(f):
    told = re.match(r"toolstack: all guests are at their end, and Xen still has domain (\d+), flags 0x([0-9a-f]+)", f.panic)
    if not told:
        return None
    said = "\n".join(f.said.guest)
    created, gone = (re.findall(rf"^toolstack: {words}", said, re.M) for words in (r"created domain (\d+),", r"domain (\d+) is gone"))
    flags = int(told[2], 16)
    state = "It has ended, and was not destroyed" if flags & 1 << value("_XEN_DOMINF_shutdown") else \
        "It is paused still, as it was created: it never ran, and was not destroyed" if flags & 1 << value("_XEN_DOMINF_paused") else "It runs still"
    return f"""Dom0 has created domain{'s' if len(created) > 1 else ''} {', '.join(created)}, and destroyed {', '.join(gone) or 'none'}: domain {told[1]} is left. {state}. start_kernel() (src/stage6-toolstack/main.c) has a loop that builds the guests, and one that destroys them, and serve() lets them run: each has to go through the same guests, as many as count says."""


def _pushed(f) -> str:
    """That Xen's dump has the first instruction, and a stack on which something was pushed, if it has."""
    crashed, told = f.xen(r"^Domain \d+ \(vcpu#0\) crashed"), next((m for m in map(BEGINS.match, f.said.toolstack) if m), None)
    rip, rsp = f.xen(r"^RIP: +[0-9a-f]+:\[<([0-9a-f]+)"), f.xen(r"\brsp: ([0-9a-f]+)")
    if not crashed or not told or not rip or not rsp or int(rip[1], 16) != int(told[1], 16) or int(told[2], 16) - int(rsp[1], 16) != FRAME[f.bits] or f.xen(r"^d\d+v\d+ Unhandled"):
        return ""
    return f"""The guest has not run a single instruction. RIP is VA 0x{told[1]}, where it begins, and its stack pointer is {int(told[2], 16) - int(rsp[1], 16)} bytes below VA 0x{told[2]}, where the stack does: Xen pushed a frame there, for an event that was to be delivered at once. The guest had no callback yet. Events
        have to be masked till it has one: evtchn_upcall_mask, which is byte 1 of shared_info and of its vcpu_info; byte 0 is evtchn_upcall_pending (mask_guest_events(), src/stage6-toolstack/context.c). That is the toolstack's fault, not the guest's."""


@rule("guest-domain-mfn", LESSON, "failure")
def _(f):
    said = f.xen("Could not get page ref for mfn ([0-9a-f]+)")
    pages = f.guest(r"^toolstack: ([0-9]+) pages, PFN 0 is MFN 0x([0-9a-f]+)")
    given = re.search("gmfn 0x([0-9a-f]+)", asked(f)) if f.panic.startswith("hypercall refused: domctl(hypercall_init)") else None
    if given and pages and int(given[1], 16) < int(pages[1]):
        pfn = int(given[1], 16)
        named = re.search("Error mfn 0*([0-9a-f]+)", "\n".join(f.said.xen))
        seen = " Xen's own line, too, takes it for an MFN." if named and int(named[1], 16) == pfn else ""
        return f"""domctl(hypercall_init) was given gmfn {pfn:#x}, and that is a PFN of the domain's, which has {pages[1]} pages from MFN 0x{pages[2]} on.{seen} Of a PV domain Xen counts in MFNs: the page that is to get the stubs is named by guest_mfn(guest, {pfn:#x}), which asks the p2m
            (write_stubs(), src/stage6-toolstack/load.c)."""
    if said and pages and f.panic.startswith("hypercall refused: "):
        mfn, meant = int(said[1], 16), re.search(r"MFN 0x([0-9a-f]+)", f.panic)
        if meant and int(meant[1], 16) != mfn == 0:
            return None  # the kernel gave another: Xen has read it elsewhere
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
