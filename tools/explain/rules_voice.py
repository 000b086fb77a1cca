# SPDX-License-Identifier: GPL-2.0-only
"""Before there is a voice: what the head passes on, and what CPUID says. Stages 1 and 2."""

from .linker import by_linker
from .questions import page_fault, say
from .rule import rule
from .rules_image import entered_elsewhere
from .msr_value import about
from .rules_msr import LESSON

FIRST_LEAF = 0x40000000  # of the hypervisor's
RING = ("ring_write", "ring", "publish", "notify", "console_select_ring")


@rule("cpuid-without-prefix", LESSON + ": CPUID without the prefix", "failure")
def _(f):
    said = f.guest('not under Xen: CPUID leaf 0x40000000 names "(?!%s)(.*?)"')
    if said and said[1] != "XenVMMXenVMM" and (f.seen is None or not f.seen.leaves):
        return f"""CPUID was answered by the processor below ("{said[1]}"), not by Xen: the forced-emulation prefix is missing. A
            paravirtual guest has to write ud2a; .ascii "xen"; cpuid (XEN_CPUID in Xen's headers)."""


@rule("cpuid-misread", LESSON + ": CPUID that asks Xen", "failure")
def _(f):
    said = f.guest('not under Xen: CPUID leaf 0x40000000 names "(?!%s)(.*?)"')
    if said and said[1] == "XenVMMXenVMM":
        return """CPUID told Xen's name, and the kernel refused it: the comparison is at fault, or what is made of its result. The name is in EBX, ECX, EDX of leaf 0x40000000, in
            this order, and EAX is the last leaf, at least 0x40000002."""
    if said and f.seen and f.seen.leaves and FIRST_LEAF not in f.seen.leaves:
        return f"""Xen was asked for CPUID leaf {", ".join(say(f, n, "pv", "linked", "clobbered") for n in f.seen.leaves)}, and its name is in leaf {FIRST_LEAF:#x}. The leaf has to be in EAX before the instruction: in its asm, EAX is an input and an output ("+a")."""
    if said and f.seen and f.seen.leaves:
        return f"""Xen was asked for CPUID leaf {", ".join(f"{n:#x}" for n in f.seen.leaves)} and answered; but what the kernel read out
            of it, "{said[1]}", is not its name. The name is in EBX, ECX, EDX of leaf 0x40000000, in this order, and EAX is the last leaf."""


@rule("start_info-lost", "1-notes: The first instructions", "crash", "failure")
def _(f):
    lost = f.seen.lost_start_info if f.seen and not f.bzimage and not entered_elsewhere(f) and not (page_fault(f) and by_linker(f, f.fault)) else None
    if lost is not None and f.seen.returns == f.seen.start_info:
        return f"""xen_entry() was jumped to, not called: start_info, P=V {f.seen.start_info:#x}, which the head has pushed, stands where the return
            address belongs, and its argument is what lies above, {lost:#x}{about(f, lost)}. CALL pushes a return address; with JMP the head has to
            push something in its place."""
    if lost is not None:
        return f"""start_info was lost on the way from the head to xen_entry(): Xen passed P=V {f.seen.start_info:#x} in ESI (RSI), and
            xen_entry() got {lost:#x}{about(f, lost)}. The head has to pass the register on before it uses it: pushed on 32 bits, in RDI
            on 64."""


@rule("ring-in-dom0", LESSON + ": The code", "crash", "failure", "silence", "timeout")
def _(f):
    if f.info and f.info.is_dom0 and f.seen and (f.function in RING or f.refused and f.source.line(f.refused.caller).startswith("src/stage2-hypercall/ring.c")):
        return """The kernel prints into a ring that is shared with dom0, and this is dom0: start_info's flags have SIF_INITDOMAIN, and its field console.domU, from which console_select_ring() takes the ring's page, has something else in dom0 (console.dom0). Only a domain without that flag has a ring
            to print to. Who calls console_select() has to look at the flag first, as setup_hypercall_page() does."""
