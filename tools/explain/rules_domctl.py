# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: a domctl that Xen refused, which says no more than a number; what its struct says is in domctl_struct.py."""

import re

from xenabi.structs import constants, struct
from xenpt.memory import PAGE_SHIFT

from .domctl_struct import asked, context, in_context
from .rule import rule

LESSON = "10-the-other-side"
STEP = LESSON + ": And one word wrong elsewhere"
VERSIONS = range(0x14, 0x19)  # that the kernel tries
ERRORS = {"EACCES": "Xen takes domctl with its own version only, and that was none of those that were tried; or, of set_address_size, the domain has memory already",
          "ESRCH": "there is no such domain", "ENOSYS": "Xen knows no such operation", "EPERM": "the caller may not do that",
          "EEXIST": "there is a domain of that number", "ENODATA": "a record that it needs is not there", "ENOMEM": "Xen has no memory left for it", "EFAULT": "the struct, or what it points to, is not at that address",
          "EOPNOTSUPP": "it is not for a domain of this kind (PV, PVH), or this Xen was built without it", "EINVAL": "a field of the struct has a value that Xen does not take"}
TABLE = {level: f"a page table of level {level}" for level in (1, 2, 3, 4)}
TYPES = TABLE | {5: "a descriptor table", 7: "an ordinary, writable page"}
# What Xen wants of a step, where it refuses without a reason.
STEPS = {
    "createdomain": "max_vcpus is at least 1, grant_opts is GRANT_version(1), and flags are 0 for a PV domain",
    "set_address_size": "it comes before the domain's memory, or Xen's own mappings of that would have the wrong format",
    "setvcpucontext": "max_vcpus has to be called before; the registers are in the struct of the domain's width, which set_address_size sets; "
    "the flags have VGCF_in_kernel; and cr3 names, by its MFN, a table of the top level",
    "sethvmcontext": "a row of records, each a struct hvm_save_descriptor (its typecode, HVM_SAVE_CODE(), and its length, HVM_SAVE_LENGTH()) and what that says: HEADER first, then CPU, and at the end a descriptor of zeros",
    "max_vcpus": "a domain gets as many as createdomain said, and only once",
}
# What each step of build_guest() prints, in order, and the step; of PVH, those without a star.
SAID = {"created domain": "create_domain()", "layout, PFNs": "lay_out()", r"\d+ pages, ": "populate()", "loaded paddr": "load_image()", "channels: ": "open_channels()",
        "(hvm_)?start_info is at": "write_start_info()", r"\d+ page tables of": "write_page_tables()*", "pinned, ": "pin_page_tables()*", "vcpu 0 begins": "set_context()"}

ENDED_IN = {"memory_op(populate": "populate()", "hypercall refused: update_va_mapping_otherdomain": "load_image()", "hypercall refused: mmuext_op(MMUEXT_PIN": "pin_page_tables()",
            "hypercall refused: domctl(setvcpucontext": "set_context()"}


@rule("guest-domain-left-out", LESSON, "failure")
def _(f):
    at = next((step for words, step in ENDED_IN.items() if f.panic.startswith(words)), "")
    steps = [(step.rstrip("*"), bool(f.guest(f"^toolstack: {line}"))) for line, step in SAID.items() if f.pvh == "n" or not step.endswith("*")]
    last = max((n for n, (step, said) in enumerate(steps) if said or step == at), default=0)
    missing = [step for step, said in steps[:last] if not said]
    if missing:
        return f"""A step of the building of the domain was left out, or comes too late: {', '.join(missing)}, which has printed nothing, before {steps[last][0]}. Each step of {"build_guest" if f.pvh == "n" else "build_pvh_guest"}()
            (src/stage6-toolstack/main.c) needs those before it."""


@rule("guest-domain-cr3", LESSON, "failure")
def _(f):
    said, wrote = f.xen("Could not get page ref for mfn 0*([0-9a-f]+)"), re.search(r"domctl\(setvcpucontext\), cr3 of MFN 0x([0-9a-f]+)", f.panic)
    if said and wrote and int(said[1], 16) and int(said[1], 16) == int(wrote[1], 16) >> PAGE_SHIFT:
        return f"""Xen found MFN {int(said[1], 16):#x} in cr3, which is {int(wrote[1], 16):#x}, the top table's MFN, shifted right by {PAGE_SHIFT}: ctrlreg[3] got the MFN as it is. A cr3 is an address, which xen_pfn_to_cr3() makes of it."""
    if said and wrote and int(said[1], 16) != int(wrote[1], 16) and f.seen and not in_context(f, int(wrote[1], 16)):
        return f"""The registers that setvcpucontext was given have no cr3 that names MFN {int(wrote[1], 16):#x}, the top-level table: Xen found MFN {int(said[1], 16):#x} there. ctrlreg[3] has to be
            xen_pfn_to_cr3() of it."""


@rule("guest-domain-width", LESSON + ": No width set", "failure")
def _(f):
    said, wrote = f.xen("Could not get page ref for mfn 0*([0-9a-f]+)"), re.search(r"domctl\(setvcpucontext\), cr3 of MFN 0x([0-9a-f]+)", f.panic)
    created = f.guest(r"^toolstack: created domain \d+, (32|64) bits")
    if said and wrote and created and int(said[1], 16) != int(wrote[1], 16) and created[1] == "32":
        mfn = int(wrote[1], 16)
        if f.seen and not in_context(f, mfn):
            return None
        return f"""Xen found MFN {int(said[1], 16):#x} in cr3 where the toolstack wrote MFN {mfn:#x}: it read the registers in another layout than they were written
            in. Every PV domain begins as one of 64 bits, with a vcpu_guest_context of 64 bits; a 32-bit guest needs domctl(set_address_size) with 32
            before it has memory. Or ctrlreg[3] was not made by xen_pfn_to_cr3()."""


@rule("guest-domain-context", LESSON, "failure")
def _(f):
    registers, vcpu = context(f)
    created = f.guest(r"^toolstack: created domain \d+, (32|64) bits")
    if not registers or not created or f.xen("Could not get page ref for mfn|Bad type .saw"):
        return None
    told, in_kernel = struct(f.bits, "struct vcpu_guest_context", "flags").number(registers, "flags"), *constants(f.bits, "VGCF_in_kernel")
    why = f"it names vcpu {vcpu}, and the domain has one, 0" if vcpu else \
        "VGCF_in_kernel (bit 2) is not set: a guest of 64 bits begins in its kernel, or not at all" if not told & in_kernel and created[1] == "64" else \
        f"what Xen looks at is whether max_vcpus has made vcpu {vcpu}, the flags ({told:#x}: bit 2 VGCF_in_kernel, bit 5 VGCF_online), the selectors, and cr3"
    return f"Xen did not take the registers that the toolstack gave it: {why}. setvcpucontext is to have all that the first instruction needs."


@rule("guest-domain-table-type", STEP, "failure")
def _(f):
    """What Xen has a page for, by the three highest bits of its type_info (PGT_*)."""
    said = f.xen(r"Bad type \(saw ([0-9a-f]{16}) != exp ([0-9a-f]{16})\) for mfn 0*([0-9a-f]+) \(pfn 0*([0-9a-f]+)\)")
    if said and f.panic.startswith("hypercall refused: domctl(setvcpucontext)"):
        is_one, wanted = (TYPES.get(int(word, 16) >> 61, "another page") for word in said.groups()[:2])
        return f"""cr3 names the guest's PFN 0x{said[4]}, and Xen has that page as {is_one}, where cr3 takes {wanted}: it is not the top-level table, or was pinned as a table of another level
            (MMUEXT_PIN_L*_TABLE, by the number of levels)."""


@rule("guest-domain-step", STEP, "failure", rank=1)
def _(f):
    found = re.match(r"hypercall refused: domctl\((\w+)\).*: -\d+ \((\w+)\)$", f.panic)
    if not found:
        return None
    step, error = found.groups()
    if f.seen and not f.seen.deaf and not any(c.name == "domctl" for c in f.calls):
        return f"""The kernel says that Xen refused domctl({step}), and no domctl was made: {error} is what the variable held before. The call is missing, at {f.where}, or its result goes elsewhere."""
    wants = f" What Xen asks of {step}: {STEPS[step]}." if step in STEPS and error != "ESRCH" else ""
    meant, named = re.search(r"of domain (\d+):", f.panic), re.search(r"interface_version \S+, domain (\d+)", asked(f))
    if meant and named and meant[1] != named[1]:
        wants = f" It was to be domain {meant[1]}, and the struct names {named[1]}: domctl() (src/stage6-toolstack/domctl.c) has to write its argument into op->domain."
    given = re.search("interface_version 0x([0-9a-f]+)", asked(f))
    if step == "getdomaininfo" and error == "ESRCH" and meant and f.guest(f"^toolstack: created domain {meant[1]},"):
        return f"""Domain {meant[1]} had been created, and is gone by now: ESRCH is what Xen answers then, and what destroy() waits for. domain_from() (src/stage6-toolstack/serve.c) has to take that one error, -XEN_ESRCH, for its answer, and not for a failure."""
    if step == "getdomaininfo" and error == "EACCES" and given and int(given[1], 16) not in VERSIONS:
        wants = f" {int(given[1], 16):#x} is none of the versions that were to be tried, {VERSIONS[0]:#x} to {VERSIONS[-1]:#x}: domctl() (src/stage6-toolstack/domctl.c) has to write version into op->interface_version, and domctl_find_version() to count it up."
    if re.search(r"domctl\(\w+\) of domain 0\b", f.panic) and step not in ("createdomain", "getdomaininfo"):
        wants = " Domain 0 is the one that asks: createdomain answers which domain it has made (op.domain), and each later step has to name that one."
    return f"""Stage 6 asked for domctl({step}), and Xen refused that step of the building of a domain: {error}, {ERRORS.get(error, 'see xen/errno.h')}. {asked(f)}{wants}"""


@rule("guest-domain-step", STEP, "failure", rank=1)
def _(f):
    if f.panic.startswith("hypercall refused: event_channel_op(EVTCHNOP_alloc_unbound)"):
        return """Stage 6 asked for event_channel_op(EVTCHNOP_alloc_unbound), and Xen refused that step of the building of a domain: createdomain's max_evtchn_port says how many
            ports there are."""
