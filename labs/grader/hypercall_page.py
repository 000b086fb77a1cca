# SPDX-License-Identifier: GPL-2.0-only
"""CPUID, the MSR, and the page that Xen fills: what must hold, and what went wrong.

Whether Xen filled the page is seen in Xen itself, at the function that does it:
a guest could write the stubs by hand, and would not know what suits this machine.
"""

from machine import Fault, Stop
from tables import PAGE
from translation import no_answer

XEN_NAME = b"XenVMMXenVMM"
LEAF = 0x40000000
IRET = 23
FILL = "init_hypercall_page"  # Xen's function


# ---- CPUID -----------------------------------------------------------------------


def check_cpuid(task, boot):
    buffer = boot.calls.scratch()
    result = boot.calls.call("cpuid_is_xen", buffer)
    if result.value is None:
        return explain_cpuid_fault(task, boot, result)
    eax, ebx, ecx, edx = (boot.guest.read(buffer + 4 * i, 4) for i in range(4))
    name = ebx + ecx + edx
    highest = int.from_bytes(eax, "little")
    shown = name.decode("ascii", errors="replace").replace("\0", ".")
    said = f'your CPUID of leaf {LEAF:#x} gives EAX {highest:#x} and the name "{shown}" (EBX, ECX, EDX), not "XenVMMXenVMM"'
    if name == bytes(12) and highest in (0, LEAF):
        task.fail("cpuid-zero", f"{said}. Nothing was asked yet, or the answer was not taken out of the registers.")
    elif name[:4] in (b"TCGT", b"Genu", b"Auth", b"KVMK"):
        prefix = name[:4] in (b"TCGT", b"KVMK")
        task.fail("cpuid-no-prefix" if prefix else "cpuid-wrong-leaf", f"{said}: " + (
            "the processor below answered, not Xen. A paravirtual guest's CPUID is not intercepted: it takes the "
            "forced-emulation prefix (XEN_CPUID)." if prefix else
            f"that is the processor's maker, leaf 0. The leaf has to be in EAX when CPUID runs: {LEAF:#x}."))
    elif name != XEN_NAME and sorted((ebx, ecx, edx)) == sorted((b"XenV", b"MMXe", b"nVMM")):
        task.fail("cpuid-registers-mixed", f"{said}: the registers are mixed up. The name is in EBX, ECX, EDX, in this order.")
    elif name != XEN_NAME:
        task.fail("cpuid-wrong", f"{said}.")
    elif highest < LEAF + 2 or result.value & 0xff != 1:
        task.fail("cpuid-eax-lost", f"{said.split(' and the')[0]}: EAX has the number of the last leaf there is.")
    else:
        check_msr_base(task, boot)


def check_msr_base(task, boot):
    want = own_cpuid(boot, LEAF + 2)
    result = boot.calls.call("cpuid_xen_msr_base")
    if result.value != want:
        got = boot.describe(result.event) if result.value is None else f"{result.value:#x}"
        task.fail("cpuid-second-leaf", f"""leaf {LEAF + 2:#x} should give {want:#x} in EBX, the number of Xen's first MSR, and yours
            gives {got}. Is the leaf that was asked for in EAX, or always the same one?""")


def own_cpuid(boot, leaf):
    """EBX of a leaf, asked by code of the grader's: ud2a, "xen", cpuid, mov %ebx,%eax, ret."""
    code = bytes([0x0f, 0x0b]) + b"xen" + bytes([0x0f, 0xa2, 0x89, 0xd8, 0xc3])
    code = bytes([0xb8]) + leaf.to_bytes(4, "little") + code
    return boot.calls.call_at(boot.calls.scratch(code)).value


def explain_cpuid_fault(task, boot, result):
    event = result.event
    if isinstance(event, Fault) and event.vector == 6:
        code = boot.code_at(event.ip, 7)
        task.fail("cpuid-bad-prefix", f"""an undefined instruction {boot.where(event.ip)}: the bytes there are {code.hex(' ')}. Xen takes
            it for its prefix only if it is 0f 0b 78 65 6e (ud2a, "xen"), with cpuid (0f a2) right behind.""")
    else:
        no_answer(boot, "cpuid_is_xen()", result, task, "cpuid-no-answer")


# ---- the page -----------------------------------------------------------------------


def check_filled(task, boot):
    """Runs from the entry to the first line that xen_entry() prints, or to wherever it ends."""
    guest = boot.guest
    seen = watch_fill(boot)
    event = to_first_print(boot, seen)
    filled = seen["fills"] or not seen["can"]
    page = guest.read(guest.paddr("hypercall_page"), PAGE)
    bad = [n for n in range(PAGE // 32) if not good_stub(page[32 * n:32 * n + 32], n, guest.bits)]
    if isinstance(event, Fault) and event.vector == 13 and boot.code_at(event.ip, 2) == b"\x0f\x30":
        return explain_msr(task, boot, event)
    if not filled and not (isinstance(event, Stop) and event.name == "printk"):
        return explain_no_fill(task, boot, event)
    if len(bad) > 64 and seen["fills"]:
        return task.fail("msr-other-page", f"""Xen filled a page with its stubs, but not hypercall_page: that page (PFN
            {guest.paddr('hypercall_page') // PAGE:#x}, MFN {guest.maddr(guest.paddr('hypercall_page')) // PAGE:#x}) has none at
            entry {bad[0]}. {found_elsewhere(guest)}""")
    if not filled:
        forged = "It has stubs, but they are not Xen's. " if not bad else ""
        task.fail("msr-not-written", f"""Xen was never asked for a hypercall page. {forged}Its maddr has to be written to the MSR
            whose number CPUID leaf {LEAF + 2:#x} gives. {boot.how_it_ended(event)}""")
    elif bad:
        task.fail("page-damaged", f"entry {bad[0]} of the hypercall page is {page[32 * bad[0]:32 * bad[0] + 8].hex(' ')}: not Xen's "
                  "stub. Something wrote over it.")
    elif not isinstance(event, Stop) or event.name == "xen_exit":
        task.fail("setup-no-end", f"Xen filled the page, but setup_hypercall_page() did not return: {boot.describe(event)}.")
    boot.at_first_print = event


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
    else:
        task.fail("setup-no-end", f"{said}. Xen had not been asked for the page yet.")


def watch_fill(boot):
    return {"can": boot.machine.stop_in_xen(FILL), "fills": 0}


def to_first_print(boot, seen):
    """Stops at printk() called from xen_entry(); the stage's own early.c does that right after the set-up."""
    machine, guest = boot.machine, boot.guest
    machine.stop_at(guest.paddr("printk"), "printk")
    entry = boot.elf.symbols["xen_entry"]
    while True:
        event = machine.go()
        if isinstance(event, Stop) and event.name == FILL:
            seen["fills"] += 1
        elif isinstance(event, Stop) and event.name == "printk":
            caller = int.from_bytes(machine.stub.read(event.regs["rsp"], guest.word), "little") + guest.load_offset & guest.mask
            if entry.value <= caller < entry.value + entry.size:
                return event
        elif not isinstance(event, Stop) or event.name == "xen_exit":
            return event


def good_stub(stub, number, bits):
    """Xen's stub: it loads the hypercall's number and enters Xen. iret is made differently."""
    load = b"\xb8" + number.to_bytes(4, "little")
    if bits == 64:
        return load + b"\x0f\x05" in stub
    return load + b"\xcd\x82" in stub and (number == IRET or stub[7] == 0xc3)


def found_elsewhere(guest):
    for pfn in range(0, guest.limit() // PAGE + 64):
        if good_stub(guest.read(pfn * PAGE + 32, 32), 1, guest.bits):
            return f"PFN {pfn:#x} has them."
    return "No page near the image has them."


def explain_msr(task, boot, event):
    """A general protection fault at WRMSR: Xen did not like what it was given."""
    guest, regs = boot.guest, event.regs
    number, value = regs["rcx"] & 0xffffffff, (regs["rdx"] & 0xffffffff) << 32 | regs["rax"] & 0xffffffff
    paddr = guest.paddr("hypercall_page")
    want, base = guest.maddr(paddr), own_cpuid_later(boot)
    said = f"WRMSR of {value:#x} to MSR {number:#x} faulted"
    if number != base:
        task.fail("msr-wrong-number", f"{said}: Xen has no such MSR. The number is in EBX of CPUID leaf {LEAF + 2:#x}: {base:#x}.")
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
        task.fail("msr-zero", f"{said}: there is nothing in hypercall_page_maddr() yet. The page's maddr is {want:#x}.")
    elif value // PAGE in guest.pfn_of:
        task.fail("msr-wrong-page", f"{said}: that is PFN {guest.pfn_of[value // PAGE]:#x}, which Xen may not write stubs to (a page "
                  f"table?). hypercall_page is PFN {paddr // PAGE:#x}, maddr {want:#x}.")
    else:
        task.fail("msr-foreign", f"{said}: no page of this guest is at that machine address. hypercall_page is at maddr {want:#x}.")


def own_cpuid_later(boot):
    """The MSR's number, asked after a fault; the guest's registers do not matter any more."""
    boot.machine.forget_fault(boot.calls.back)
    return own_cpuid(boot, LEAF + 2)


# ---- what goes with it -------------------------------------------------------------------


def check_refusal(task, boot):
    """setup_hypercall_page(), where cpuid_is_xen() is made to answer no."""
    machine, guest = boot.machine, boot.guest
    machine.stop_in_xen(FILL)
    machine.stop_at(guest.paddr("cpuid_is_xen"), "cpuid_is_xen")
    machine.stop_at(guest.paddr("not_under_xen"), "not_under_xen")
    asked = []

    def meet(event):
        if event.name == "cpuid_is_xen":
            asked.append(event)
            stub = machine.stub
            back = int.from_bytes(stub.read(event.regs["rsp"], guest.word), "little")
            stub.set_register("rax", 0)
            stub.set_register("rip", back)
            stub.set_register("rsp", event.regs["rsp"] + guest.word)
            return False
        return event.name in ("not_under_xen", FILL)

    result = boot.calls.call("setup_hypercall_page", guest.info_paddr, meet=meet)
    for name in ("cpuid_is_xen", "not_under_xen", FILL):
        machine.pass_by(name)
    event = result.event
    if isinstance(event, Stop) and event.name == "not_under_xen":
        return
    if not asked:
        task.fail("not-asked", f"""setup_hypercall_page() does not call cpuid_is_xen() before it goes on. On a bare machine, or under
            another hypervisor, writing that MSR does something else altogether. {boot.how_it_ended(event)}""")
    else:
        task.fail("answer-ignored", f"""cpuid_is_xen() was made to say no, and setup_hypercall_page() went on all the same. It has to
            call not_under_xen(). {boot.how_it_ended(event)}""")


def check_console(task, boot):
    """At the first line that xen_entry() prints: which way it will go."""
    guest = boot.guest
    where = next((s.value for s in boot.elf.all_symbols if s.name == "console" and s.size == 4), None)
    way = int.from_bytes(guest.read(where - guest.load_offset & guest.mask, 4), "little") if where else None
    if way != 1:
        task.fail("console-not-selected", f"""after setup_hypercall_page() the console still goes by way {way} (enum console), Xen's gate. It
            should go through the page that was just filled: console_select(CONSOLE_XEN).""")
