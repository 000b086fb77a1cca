# SPDX-License-Identifier: GPL-2.0-only
"""The MSR, and the page that Xen fills: what must hold, and what went wrong.

Whether Xen filled the page is seen in Xen itself, at the function that takes the
MSR: a guest could write the stubs by hand, and would not know what suits this machine.
"""

from grader.checks.remap import check_left
from grader.hypercall_page import good_stub
from grader.machine import Fault, Stop
from grader.tables import PAGE
from xenabi.headers import value

from .cpuid import LEAF, own_cpuid
from .elsewhere import MSR, ask_elsewhere, judge_elsewhere

CONSOLE_IO = value("__HYPERVISOR_console_io")


def check_filled(task, boot):
    """Runs from the entry to the first line that xen_entry() prints, or to wherever it ends."""
    guest = boot.guest
    elsewhere = ask_elsewhere(boot)
    writes, can = [], boot.machine.stop_in_xen(MSR)
    event = to_first_print(boot, writes)
    paddr = guest.paddr("hypercall_page")
    page = guest.read(paddr, PAGE)
    bad = [n for n in range(PAGE // 32) if not good_stub(page[32 * n:32 * n + 32], n, guest.bits)]
    other = [value for value in writes if value & -PAGE != guest.maddr(paddr)]
    if isinstance(event, Fault) and event.vector == 13 and boot.code_at(event.ip, 2) == b"\x0f\x30":
        explain_msr(task, boot, event)
    elif can and not writes and not (isinstance(event, Stop) and event.name == "printk"):
        explain_no_fill(task, boot, event)
    elif other and known_slip(task, guest, other[0], f"the MSR got {other[0]:#x}, and Xen filled that page"):
        pass
    elif other:
        pfn = guest.pfn_of.get(other[0] // PAGE)
        whose = f"PFN {pfn:#x}" if pfn is not None else "not this guest's"
        task.fail("msr-other-page", f"""Xen filled a page with its stubs, but not hypercall_page: the MSR got {other[0]:#x}, which is
            {whose}. hypercall_page is PFN {paddr // PAGE:#x}, maddr {guest.maddr(paddr):#x}.""")
    elif can and not writes:
        forged = "It has stubs, but they are not Xen's. " if not bad else ""
        task.fail("msr-not-written", f"""Xen was never asked for a hypercall page. {forged}Its maddr has to be written to the MSR
            whose number CPUID leaf {LEAF + 2:#x} gives. {boot.how_it_ended(event)}""")
    elif bad:
        task.fail("page-damaged", f"entry {bad[0]} of the hypercall page is {page[32 * bad[0]:32 * bad[0] + 8].hex(' ')}: not Xen's "
                  "stub. Something wrote over it.")
    elif not isinstance(event, Stop) or event.name == "xen_exit":
        task.fail("setup-no-end", f"Xen filled the page, but setup_hypercall_page() did not return: {boot.describe(event)}.")
    else:
        judge_elsewhere(task, guest, *elsewhere)
        check_left(task, boot, event)
    boot.at_first_print = event


def known_slip(task, guest, value, said):
    """Whether it is clear how hypercall_page's maddr was got wrong; noted then."""
    pfn = guest.paddr("hypercall_page") // PAGE
    want = guest.p2m[pfn] * PAGE
    if value == want & 0xffffffff != want:
        task.fail("msr-truncated", f"""{said}: that is hypercall_page's maddr {want:#x} without its upper bits. mfn_to_maddr() widens before it shifts, and the MSR
            has 64 bits: EDX has the upper ones.""")
    elif value & -PAGE == (guest.p2m[0] + pfn) * PAGE:
        task.fail("msr-contiguous", f"""{said}: you took the MFNs to follow each other from the first. hypercall_page is at maddr {want:#x}: each PFN has its own
            entry in mfn_list.""")
    else:
        return False
    return True


def explain_no_fill(task, boot, event):
    """The kernel ended before Xen was asked for anything."""
    guest, fault = boot.guest, getattr(event, "cr2", None)
    paddr = guest.paddr("hypercall_page")
    table = guest.info["mfn_list"]
    said = f"setup_hypercall_page() did not come to its end: {boot.describe(event)}"
    if fault is not None and fault == table + (paddr + guest.load_offset & guest.mask) // PAGE * guest.word & guest.mask:
        task.fail("msr-va-in-p2m", f"""{said}. That is the p2m's entry for a linked virtual address. Its index is a PFN. The code
            is position independent: the address of hypercall_page is its paddr already.""")
    elif fault is not None and fault == table + paddr * guest.word & guest.mask:
        task.fail("msr-index-bytes", f"{said}. That is the p2m indexed by an address; it has one entry a page.")
    elif isinstance(event, Fault) and not guest.elf.symbol_at(event.ip + guest.load_offset & guest.mask):
        task.fail("msr-not-written", f"""{said}. A hypercall was made through hypercall_page, and Xen had not been asked to fill it: its
            maddr has to be written to the MSR whose number CPUID leaf {LEAF + 2:#x} gives.""")
    else:
        task.fail("setup-no-end", f"{said}. Xen had not been asked for the page yet.")


def to_first_print(boot, writes):
    """Stops at printk() called from xen_entry(); the stage's own early.c does that right after the set-up.

    What Xen's MSRs are given meanwhile is added to writes.
    """
    machine, guest = boot.machine, boot.guest
    machine.stop_at(guest.paddr("printk"), "printk")
    entry = boot.elf.symbol("xen_entry")
    while True:
        event = machine.go()
        if isinstance(event, Stop) and event.name == MSR:
            writes.append(event.regs["rdx"])
        elif isinstance(event, Stop) and event.name == "printk":
            caller = int.from_bytes(machine.stub.read(event.regs["rsp"], guest.word), "little") + guest.load_offset & guest.mask
            if entry.value <= caller < entry.value + entry.size:
                return event
        elif not isinstance(event, Stop) or event.name == "xen_exit":
            return event


def explain_msr(task, boot, event):
    """A general protection fault at WRMSR: Xen did not like what it was given."""
    guest, regs = boot.guest, event.regs
    number, value = regs["rcx"] & 0xffffffff, (regs["rdx"] & 0xffffffff) << 32 | regs["rax"] & 0xffffffff
    paddr = guest.paddr("hypercall_page")
    want, base = guest.maddr(paddr), own_cpuid_later(boot)
    said = f"WRMSR of {value:#x} to MSR {number:#x} faulted"
    if number != base:
        task.fail("msr-wrong-number", f"{said}: Xen has no such MSR. The number is in EBX of CPUID leaf {LEAF + 2:#x}: {base:#x}.")
    elif known_slip(task, guest, value, said):
        pass
    elif value == paddr:
        task.fail("msr-paddr", f"{said}: that is hypercall_page's pseudo-physical address (PFN {paddr // PAGE:#x}). Xen wants the "
                  f"machine address, maddr {want:#x}: mfn_list, indexed by PFN.")
    elif value in (paddr + guest.load_offset & guest.mask, paddr + guest.page_offset & guest.mask):
        task.fail("msr-va", f"{said}: that is its linked virtual address. Xen wants the machine address, maddr {want:#x}.")
    elif value in (want // PAGE, paddr // PAGE):
        which = "MFN" if value == want // PAGE else "PFN"
        task.fail("msr-page-number", f"{said}: that is a page number ({which}). The MSR takes an address, maddr {want:#x}.")
    elif value & -PAGE == want:
        task.fail("msr-low-bits", f"{said}: the right page, but its low 12 bits are {value % PAGE:#x}. They are an index, and there "
                  "is only page 0.")
    elif value == 0:
        task.fail(
            "msr-zero", f"{said}: there is nothing in hypercall_page_maddr() yet, or mfn_list was read where it holds nothing. The page's maddr is {want:#x}.")
    elif value // PAGE in guest.pfn_of:
        task.fail("msr-wrong-page", f"{said}: that is PFN {guest.pfn_of[value // PAGE]:#x}, which Xen may not write stubs to (a page "
                  f"table?). hypercall_page is PFN {paddr // PAGE:#x}, maddr {want:#x}.")
    else:
        task.fail("msr-foreign", f"{said}: no page of this guest is at that machine address. hypercall_page is at maddr {want:#x}.")


def own_cpuid_later(boot):
    """The MSR's number, asked after a fault; the guest's registers do not matter any more."""
    boot.machine.forget_fault(boot.calls.back)
    return own_cpuid(boot, LEAF + 2)


def check_console(task, boot):
    """From the first line that xen_entry() prints: does it come by stub CONSOLE_IO of the page?"""
    machine, guest = boot.machine, boot.guest
    event = boot.at_first_print
    machine.stop_at(int.from_bytes(machine.stub.read(event.regs["rsp"], guest.word), "little"), "printed")
    machine.stop_at(guest.paddr("hypercall_page") + 32 * CONSOLE_IO, "console_io")
    event = machine.go()
    for name in ("printed", "console_io", "printk"):
        machine.pass_by(name)
    if not isinstance(event, Stop) or event.name != "console_io":
        task.fail("console-not-selected", """what is printed after setup_hypercall_page() still goes by Xen's gate (enum console). It
            should go through the page that was just filled: console_select(CONSOLE_XEN).""")
