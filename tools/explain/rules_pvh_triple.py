# SPDX-License-Identifier: GPL-2.0-only
"""Stage 7 on Xen: a guest that ended by a triple fault, of which Xen has dumped the registers (pvh_dump.py)."""

from xenabi.headers import names, value
from xenabi.loader import Loading
from xenpt.memory import PAGE_SIZE

from .pvh_dump import PAGING, PROTECTED, address_used, linked_at, msr_got, no_gate, no_handler, paged, ran_over, to_say, triple_fault
from .msr_value import WRMSR
from .right_results import MSR_BASE
from .rule import rule
from .rules_pvh_guest import LESSON, address, kernel

NO_STACK = (1 << 32) - (1 << 20)  # a stack pointer that began at 0 has come no further
STUB = 32  # bytes of a hypercall's code
MOV_FROM_CR, MOV_TO_CR, SYSCALL, PRINTS = b"\x0f\x20", b"\x0f\x22", b"\x0f\x05", ("console_write", "write_by_page", "printk")


@rule("pvh-begins-elsewhere", LESSON, "failure", rank=-1)
def _(f):
    """Another entry than the image's note says."""
    note = Loading(kernel(f).source.image).notes.get(
        "PHYS32_ENTRY") if f.pvh == "domU" and f.ran and not f.ran.entered and kernel(f).source.image else None
    if not note or not f.guest("^toolstack: vcpu 0 begins"):
        return None
    return f"""The domain was never at paddr {note.number:#x}, where its image is to be entered (note PHYS32_ENTRY), and ran all the same: so it began elsewhere. pvh_set_context() (src/stage6-toolstack/pvh-context.c) gives it RIP, which has to be image->phys_entry. The ELF header's entry
        ({kernel(f).source.image.entry:#x}) is for Xen's PV guests."""


@rule("pvh-real-mode", LESSON, "failure")
def _(f):
    dumped = triple_fault(f)
    if "cr0" in dumped and not dumped["cr0"] & PROTECTED:
        return f"""CR0 is {dumped['cr0']:#x}: its PE (bit 0) is 0, so the processor is in real mode, where the image's code means something else. A PVH kernel is entered in
            protected mode of 32 bits, with flat segments and without paging: that is for the toolstack to see to (sethvmcontext: cr0 and the segments' arbytes)."""


@rule("pvh-no-stack", LESSON, "shutdown", "failure")
def _(f):
    dumped = triple_fault(f)
    rsp = dumped.get("rsp")
    # While it is 0 itself nothing has been pushed, and something else has failed, but for the very first push.
    if rsp is not None and (rsp if rsp else dumped.get("cr2", 0)) % (1 << 32) >= NO_STACK:
        return f"""The stack pointer is {rsp:#x}: it began at 0, since nobody gives a PVH kernel a stack. The first push goes to the last bytes
            below 4 GiB, or of the address space, where no memory is. The head has to load it before anything is pushed or called."""


@rule("paging-too-early", LESSON, "shutdown", "failure")
def _(f):
    dumped = triple_fault(f)
    at_once = dumped.get("cr0", 0) & PAGING and (not dumped.get("cr3") or dumped.get("cr2") == dumped.get("rip"))
    if at_once:
        return """Paging was turned on, and the very next instruction is not mapped where it runs: CR3 does not hold the tables' address, or
            they have no P=V."""


@rule("pvh-triple-fault", LESSON, "shutdown", "failure", rank=1)
def _(f):
    dumped = triple_fault(f)
    if not dumped:
        return None
    at, expected = kernel(f).source.place(dumped.get("rip", 0)), dumped.get("rip") in [va for va, _ in kernel(f).source.fixups]
    why = f"It was expected there, and is in __ex_table. {no_gate(f)}" if expected else ""
    page, rip = kernel(f).source.va("hypercall_page"), linked_at(f, dumped)
    if page is not None and 0 <= rip - page < PAGE_SIZE:
        stub = (rip - page) // STUB
        return f"""It came in the hypercall page, {rip - page:#x} bytes from its beginning (stub {stub}, {names("__HYPERVISOR_").get(stub, "no hypercall").removeprefix("__HYPERVISOR_")}), where no code of Xen's is any more, or is not yet. {
            "XENMEM_add_to_physmap is a memory_op: the page that it was to replace by shared_info is this one, so it was given another PFN than HYPERVISOR_shared_info has." if stub == value("__HYPERVISOR_memory_op") else
            "Is the page the one that the MSR was given, and has nobody written over it since?"}"""
    if linked_at(f, dumped) and kernel(f).source.bytes(linked_at(f, dumped), 2) == SYSCALL and kernel(f).source.function(dumped["rip"]) in PRINTS:
        if f.pvh == "dom0":
            return """The kernel printed by Xen's gate, SYSCALL, which only a PV guest has: in ring 0 there is nothing it leads to, so the exception found no handler. The gate is what console_write() starts with: nobody has chosen another way. pvh_select_console() does, and has to be called before
                anything is printed."""
        return f"""The kernel printed by Xen's gate, SYSCALL, which only a PV guest has: in ring 0 there is nothing it leads to, so the exception found no handler. {to_say(f)} The gate is what console_write() starts with, and goes back to when Xen
            has refused console_io, which a domU has no right to where Xen is no debug build. A domU prints into its ring: pvh_select_console() takes that if it is no first domain (SIF_INITDOMAIN), and if HVM_PARAM_CONSOLE_PFN, which the toolstack sets, names its page."""
    used = "" if expected else address_used(f, dumped)
    if dumped.get("cr2") and not expected:
        used = f"If it was a page fault, it was at {address(f, dumped['cr2'], paged(dumped))}."
    linked = linked_at(f, dumped)
    if linked and kernel(f).source.bytes(linked, 2) == WRMSR and "rcx" in dumped:
        msr = dumped["rcx"] & 0xFFFFFFFF
        used = f"""The instruction is WRMSR, to MSR {msr:#x}{msr_got(f, dumped) if msr == MSR_BASE else ''}: who writes to one that there is not, or what it does not take, gets #GP.{
            f" The hypercall page's, {MSR_BASE:#x} or more, is in EBX of CPUID leaf 0x40000002, and EAX has the number of pages." if msr < MSR_BASE else ""}"""
    control = kernel(f).source.bytes(linked, 3) if linked else b""
    named = linked and (control[:2] in (WRMSR, MOV_FROM_CR, MOV_TO_CR))  # why there was an exception is said
    if control[:2] == MOV_FROM_CR and f.pvh == "domU":
        used = """The instruction reads a control register, which Xen does in the guest's place: for that it has to read the instruction itself, by CS, and refuses (#GP) if CS is no code segment or ends before it. The toolstack gives CS (sethvmcontext: cs_arbytes, cs_limit, cs_base, flat and of 32 bits)."""
    if control[:2] == MOV_TO_CR:
        register = (control[2] >> 3 & 7)
        used = f"The instruction is a move to CR{register}, and who sets a bit there that is reserved, or one that does not go with the others, gets #GP: what CR{register} held has to be read, a bit added, and that written back." \
            if register != 3 else "The instruction is a move to CR3, which takes a paddr of a table."
    began = "An exception came when the stack had run over, so no handler could be entered any more." if ran_over(f, dumped.get("rsp", 0)) and not expected else \
        "An exception found no handler, and the fault of not finding one found none, too."
    return f"""{began} It came at {at}. {why} {used}
        RSP is {address(f, dumped.get('rsp', 0), paged(dumped))}. {'' if expected or named else no_handler(f, dumped.get('rsp', 0), dumped.get('rip', 0))}"""
