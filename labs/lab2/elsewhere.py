# SPDX-License-Identifier: GPL-2.0-only
"""setup_hypercall_page() on a machine that is not this one: CPUID names another MSR, the page has another MFN, or there is no Xen.

Functions of the reader's that say so are answered by the grader, without running.
"""

from grader.checks.m2p import HIGH_MFN, open_m2p
from grader.machine import End, Stop
from grader.tables import PAGE

from .cpuid import ANSWER, LEAF

MSR = "guest_wrmsr_xen"  # Xen's function: MSR in ESI, value in RDX
OTHER_MSR = 0x400002a6  # none of Xen's


def ask_elsewhere(boot):
    """What setup_hypercall_page() writes to which MSR, if CPUID says another number and the p2m another MFN.

    Returns the value, None if none was written, and whether it was the MSR that CPUID said.
    """
    machine, guest = boot.machine, boot.guest
    pfn = guest.paddr("hypercall_page") // PAGE
    slot = guest.info["mfn_list"] + pfn * guest.word
    if not all([machine.stop_in_xen(MSR), machine.stop_in_xen(ANSWER)]):
        return None, True  # this Xen cannot be looked into
    machine.stop_at(guest.paddr("cpuid_xen_msr_base"), "cpuid_xen_msr_base")
    asked, written = [], []

    def meet(event):
        if event.name == "cpuid_xen_msr_base":
            answer_for(boot, event, OTHER_MSR)
        elif event.name == MSR:
            written.append((event.regs["rsi"] & 0xffffffff, event.regs["rdx"]))
        asked.append(event.name if event.name != ANSWER else event.regs["rsi"] & 0xffffffff)
        return False

    open_m2p(boot)(HIGH_MFN, pfn)  # a careful answer asks both tables
    guest.write(slot, HIGH_MFN.to_bytes(guest.word, "little"))
    event = boot.calls.call("setup_hypercall_page", guest.info_paddr, meet=meet).event
    if isinstance(event, End):
        return None, True
    guest.write(slot, guest.p2m[pfn].to_bytes(guest.word, "little"))
    for name in ("cpuid_xen_msr_base", MSR, ANSWER):
        machine.pass_by(name)
    number, value = written[0] if written else (None, None)
    if number is None or "cpuid_xen_msr_base" not in asked:
        return value, LEAF + 2 in asked
    return value, number == OTHER_MSR


def judge_elsewhere(task, guest, value, known):
    """The boot went well; was it luck?"""
    want = HIGH_MFN * PAGE
    true = guest.maddr(guest.paddr("hypercall_page"))
    if not known:
        task.fail("msr-number-fixed", f"""the page was filled, by luck: the MSR's number stands in the code. It is in EBX of CPUID leaf
            {LEAF + 2:#x} (cpuid_xen_msr_base()), and need not be the same on every Xen.""")
    elif value == want & 0xffffffff:
        task.fail("msr-truncated", f"""the page was filled, by luck: were hypercall_page at MFN {HIGH_MFN:#x} (above 4 GiB), the MSR would
            get {value:#x}, not maddr {want:#x}. mfn_to_maddr() widens before it shifts, and the MSR has 64 bits: EDX has the upper ones.""")
    elif value == true:
        task.fail("msr-contiguous", f"""the page was filled, by luck: were hypercall_page at another MFN, {HIGH_MFN:#x}, the MSR would still
            get maddr {value:#x}. Each PFN has its own entry in mfn_list; it does not follow from another's.""")
    elif value is not None and value != want:
        task.fail("msr-not-from-p2m", f"""the page was filled, by luck: were hypercall_page at MFN {HIGH_MFN:#x}, the MSR would get
            {value:#x}, not maddr {want:#x}.""")


def answer_for(boot, event, value):
    """At a function's first instruction: has it return value, without running."""
    stub, guest = boot.machine.stub, boot.guest
    back = int.from_bytes(stub.read(event.regs["rsp"], guest.word), "little")
    stub.set_register("rax", value)
    stub.set_register("rip", back)
    stub.set_register("rsp", event.regs["rsp"] + guest.word)


def check_refusal(task, boot):
    """setup_hypercall_page(), where cpuid_is_xen() is made to answer no."""
    machine, guest = boot.machine, boot.guest
    machine.stop_in_xen(MSR)
    machine.stop_at(guest.paddr("cpuid_is_xen"), "cpuid_is_xen")
    machine.stop_at(guest.paddr("not_under_xen"), "not_under_xen")
    asked, written, passed = [], [], []

    def meet(event):
        if event.name == MSR:
            written.append(event)
        if event.name == "cpuid_is_xen":
            asked.append(event)
            answer_for(boot, event, 0)
            return False
        if event.name == "not_under_xen":
            passed.append(int.from_bytes(machine.stub.read(event.regs["rsp"] + guest.word, guest.word), "little"))
        return event.name == "not_under_xen"

    result = boot.calls.call("setup_hypercall_page", guest.info_paddr, meet=meet)
    for name in ("cpuid_is_xen", "not_under_xen", MSR):
        machine.pass_by(name)
    event = result.event
    if isinstance(event, Stop) and event.name == "not_under_xen" and not written:
        if not passed[0]:
            task.fail("answer-null", """not_under_xen() gets NULL, which means ring 0, where it drives the serial port itself. Outside of ring 0 that is an
                exception: it needs what cpuid_is_xen() has left.""")
        return
    if isinstance(event, Stop) and event.name == "not_under_xen":
        task.fail("asked-too-late", """setup_hypercall_page() writes the MSR, and asks cpuid_is_xen() only then. On a bare machine, or
            under another hypervisor, the damage is done.""")
    elif not asked:
        task.fail("not-asked", f"""setup_hypercall_page() does not call cpuid_is_xen() before it goes on. On a bare machine, or under
            another hypervisor, writing that MSR does something else altogether. {boot.how_it_ended(event)}""")
    elif isinstance(event, Stop) and event.name == "xen_exit" and not written:
        task.fail("answer-own-end", """cpuid_is_xen() was made to say no, and setup_hypercall_page() ended the kernel by itself. That asks Xen to,
            and there is no Xen: not_under_xen() knows other ways to print.""")
    else:
        task.fail("answer-ignored", f"""cpuid_is_xen() was made to say no, and setup_hypercall_page() went on all the same. It has to
            call not_under_xen(). {boot.how_it_ended(event)}""")
