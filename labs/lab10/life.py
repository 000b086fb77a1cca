# SPDX-License-Identifier: GPL-2.0-only
"""The guest's first instruction, and its end."""

import re

from grader.machine import Stop
from grader.tables import PAGE

from xenabi.structs import constants, struct

from .building import UNHEARD_OF
from .guestpages import OUT_CONS, OUT_PROD
from .contents import check_strays, ends_with

STORE = struct(64, "struct xenstore_domain_interface", "req_prod", "rsp_prod")
VERDICT_SUCCESS = 0x10  # src/include/console.h
IN_KERNEL, ONLINE, I387_VALID = constants(64, "VGCF_in_kernel_X86_64", "VGCF_online_X86_64", "VGCF_I387_VALID")
FLAT = constants(64, *(f"FLAT_KERNEL_{name}_X86_{bits}" for bits in (32, 64) for name in ("CS", "SS")))
SELECTORS = {32: FLAT[:2], 64: FLAT[2:]}
IF, ALWAYS_SET = 1 << 9, 1 << 1
# What console.c and store.c say of a ring that is not empty at a guest's end.
CONSOLE_LEFT = re.compile(r"console: at its end the producer is (0x[0-9a-f]+), and the consumer (0x[0-9a-f]+)")
STORE_LEFT = re.compile(r"xenstore's ring has [1-9]\d* bytes of domain \d+'s questions, .* and 0 bytes of answers")


def check_context(task, run):
    layout, context = run.layout, run.context
    if context is None or not context.raw:
        task.fail("context-none", f"for {run.who}, no registers were set. {ends_with(run)}")
        return

    flags, ss, sp, cr3 = (layout.context.number(context.raw, name) for name in ("flags", "kernel_ss", "kernel_sp", "ctrlreg[3]"))
    top, stack = run.pages[layout.tables.start], layout.va(layout.stack + 1)
    folded = top << 12 if layout.bits == 64 else (top << 12 | top >> 20) & 0xffffffff
    if cr3 == layout.tables.start << 12:
        task.fail("context-cr3-pfn", f"for {run.who}, cr3 is {cr3:#x}: made of the PFN. The processor knows only machine pages.")
    elif cr3 != folded and cr3 == top << 12 & (1 << layout.bits) - 1:
        task.fail("context-cr3-not-folded", f"for {run.who}, cr3 is {cr3:#x} for MFN {top:#x}, which is above 4 GiB: 32 bits have no room for that, so the "
                  f"upper bits go to the lowest (xen_pfn_to_cr3), which gives {folded:#x}. Below 4 GiB nobody would have noticed.")
    elif cr3 != folded:
        task.fail("context-cr3", f"for {run.who}, cr3 is {cr3:#x}; the top table is MFN {top:#x}, which gives {folded:#x}.")
    elif context.ret != 0:
        task.fail("context-refused",
                  f"for {run.who}, Xen refused the registers, with {context.ret}: are the flags right (VGCF_in_kernel)? {ends_with(run)}")
    elif not flags & IN_KERNEL:
        task.fail("context-in-kernel",
                  f"for {run.who}, the flags lack VGCF_in_kernel: the guest begins in its kernel. With 32 bits nothing shows it.")
    elif not flags & ONLINE:
        task.fail("context-online", f"for {run.who}, the flags lack VGCF_online: Xen takes the registers, and never runs the processor.")
    elif flags & I387_VALID:
        task.fail("context-fpu", f"for {run.who}, the flags have VGCF_I387_VALID, and nobody has filled in fpu_ctxt: with a control word of 0 the guest's first calculation "
                  "may be an exception.")
    elif ss != SELECTORS[layout.bits][1]:
        task.fail("context-kernel-ss",
                  f"for {run.who}, kernel_ss is {ss:#x}, not FLAT_KERNEL_SS: Xen would find no stack on the way from user mode to the kernel.")
    elif sp != stack:
        task.fail("context-kernel-sp",
                  f"for {run.who}, kernel_sp is {sp:#x}; the stack begins at {stack:#x}. No stage has user mode, so nothing shows it here.")
    elif more(layout.context, context.raw) is not None:
        at = more(layout.context, context.raw)
        task.fail("context-more", f"for {run.who}, byte {at:#x} of the context is {context.raw[at]:#04x}, in none of the fields that the task is about: a handler, a table or "
                  "a register that the guest would set by itself.")
    elif run.entry is None:
        task.fail("context-ip",
                  f"for {run.who}, the guest was let run and never came to its first instruction, VA {layout.entry:#x}. {ends_with(run)}")
    else:
        check_entry(task, run, stack)


def more(layout, raw):
    """Offset of the first byte in a field that nobody asked for; None if all of those are 0. A second cr3 is for user mode, and does no harm."""
    left = bytearray(raw)
    for offset, size in layout.fields.values():
        left[offset:offset + size] = bytes(size)
    return next((at for at, byte in enumerate(left) if byte), None)


def check_entry(task, run, stack):
    """The registers as the guest has them."""
    regs, layout = run.entry, run.layout
    info, mask = layout.va(layout.start_info), (1 << layout.bits) - 1
    cs, ss = SELECTORS[layout.bits]
    if regs["rsp"] & mask != stack:
        below = " That is the stack page's first byte, and a stack grows down." if regs["rsp"] & mask == stack - PAGE else ""
        task.fail("context-sp", f"for {run.who}, the stack pointer is {regs['rsp'] & mask:#x}, and should be {stack:#x}.{below}")
    elif regs["rsi"] & mask != info:
        task.fail("context-si", f"for {run.who}, ESI or RSI is {regs['rsi'] & mask:#x}; start_info is at VA {info:#x}.")
    elif regs["cs"] & 0xfffc != cs & 0xfffc or regs["ss"] & 0xfffc != ss & 0xfffc:
        task.fail("context-selectors",
                  f"for {run.who}, CS is {regs['cs']:#x} and SS {regs['ss']:#x}; Xen's flat segments for a kernel are {cs:#x} and {ss:#x}.")
    elif layout.bits == 32 and any(regs[name] & 0xfffc != ss & 0xfffc for name in ("ds", "es", "fs", "gs")):
        task.fail("context-selectors", f"for {run.who}, DS, ES, FS and GS are not all FLAT_KERNEL_DS: " +
                  ", ".join(f"{regs[n]:#x}" for n in ("ds", "es", "fs", "gs")) + ".")
    elif regs["eflags"] & ~ALWAYS_SET != IF:
        task.fail("context-flags",
                  f"for {run.who}, the flags register is {regs['eflags']:#x} at the guest's first instruction. Of its flags only IF is to be set.")
    else:
        check_strays(task, run, "set_context")


def check_given_up(task, run):
    """A guest that stands still at its first instruction, and the toolstack's limit is two seconds."""
    if not isinstance(run.event, Stop) or run.event.name != "dom0's end" or run.verdict == VERDICT_SUCCESS:
        task.fail("serve-no-limit", f"""for {run.who}, which does nothing for ever: {ends_with(run)} attend() has to give it up (give_up()) when
            system_time() is at the limit.""")
    elif run.late and run.ring and run.ring[OUT_CONS:OUT_CONS + 4] != run.ring[OUT_PROD:OUT_PROD + 4]:
        task.fail("serve-not-drained", f"""for {run.who}, which writes a line and then does nothing for ever, the line was never read: attend() is called whenever something has
            happened, and passes on what is there. A guest that has more to say than the ring holds would wait for ever.""")


def check_rings(task, run, prod, cons, unanswered):
    """What is left in a guest's rings at its end: its console's two indexes, and a question. Returns whether that is a fault."""
    if prod != cons and cons:
        task.fail("serve-lost-lines", f"for {run.who}, what the guest wrote right before its end was never read. When Xen says that it has shut down, all of it is in "
                  "the ring: so ask first, and drain the ring then. The other way round the last lines are lost, now and then.")
    elif prod != cons:
        task.fail("serve-not-drained",
                  f"for {run.who}, nothing that the guest wrote into its console ring was ever read: {prod} bytes are there at its end.")
    elif unanswered:
        task.fail("serve-no-answer", f"for {run.who}, the guest asked for something in its store ring, and was never answered: store_answer().")
    else:
        return False
    return True


def told_by_dom0(task, run):
    """The same, where dom0 itself has found it when it closed the rings."""
    said = "\n".join(run.lines)
    console, store = CONSOLE_LEFT.search(said), STORE_LEFT.search(said)
    prod, cons = (int(n, 16) for n in console.groups()) if console else (0, 0)
    return check_rings(task, run, prod, cons, store)


def check_serve(task, run):
    left = run.left
    if left is None and run.late and any("not at its end after" in line for line in run.lines):
        task.fail("serve-limit-first", f"""for {run.who}, Xen said that it has shut down, and the limit had passed when dom0 heard of it. {ends_with(run)} A guest that has
            ended is not given up: does attend() ask for XEN_DOMINF_shutdown, and before it looks at the limit?""")
        return
    if left is None and told_by_dom0(task, run):
        return
    if left is None:
        task.fail("serve-no-end", f"for {run.who}, the domain was never destroyed. {ends_with(run)} Does attend() see that it has shut down?")
        return
    if left.mapped:
        pfn, va = next(iter(left.mapped.items()))
        name = {run.layout.console: ", its console,", run.layout.store: ", its store,"}.get(pfn, "")
        task.fail("serve-still-mapped", f"for {run.who}, the domain is destroyed while PFN {pfn:#x}{name} is still mapped in dom0, at VA {va:#x}: Xen keeps that page, "
                  "and with it the domain, for ever.")
        return
    cons, prod = (int.from_bytes(left.ring[at:at + 4], "little") for at in (OUT_CONS, OUT_PROD))
    if check_rings(task, run, prod, cons, STORE.number(left.store, "req_prod") and not STORE.number(left.store, "rsp_prod")):
        return
    if not isinstance(run.event, Stop) or run.event.name != "dom0's end":
        task.fail("serve-no-verdict", f"for {run.who}, dom0 did not come to its own end. {ends_with(run)}")
    elif run.other_reason and run.verdict == VERDICT_SUCCESS:
        task.fail("serve-reason-lost", f"for {run.who}, Xen said that it has ended for the reason {UNHEARD_OF:#x}, which is none that is known, and dom0 reports a "
                  "success: the reason is lost. It is in the flags, XEN_DOMINF_shutdownmask from bit XEN_DOMINF_shutdownshift on.")
    elif not run.other_reason and run.verdict != VERDICT_SUCCESS:
        task.fail("serve-reason", f"for {run.who}, the guest ended well (reason 0), and dom0 reports a failure: {ends_with(run)} The reason is in the flags, "
                  "from bit XEN_DOMINF_shutdownshift on.")
