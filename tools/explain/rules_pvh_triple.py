# SPDX-License-Identifier: GPL-2.0-only
"""Stage 7 on Xen: a guest that ended by a triple fault, of which Xen has dumped the registers."""

import re

from xenabi.headers import names, value
from xenabi.loader import Loading
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .calls import Saved
from .disassembly import operand
from .missing_call import missing_call
from .relation import relation
from .rule import rule
from .msr_value import WRMSR
from .probes import MSR_BASE
from .rules_pvh_guest import LESSON, MAPPED, address, kernel
from .rules_pvh_run import ran, text
from .rules_stack import STACK_SIZE

PAGE_FAULT = 14
PAGING, PROTECTED = 1 << 31, 1  # of CR0
NO_STACK = (1 << 32) - (1 << 20)  # a stack pointer that began at 0 has come no further
MOST_TEXT = 100  # bytes
STUB = 32  # bytes of a hypercall's code
MOV_FROM_CR, MOV_TO_CR, SYSCALL, PRINTS = b"\x0f\x20", b"\x0f\x22", b"\x0f\x05", ("console_write", "write_by_page", "printk")
REGISTER = r"\b(r(?:[a-d]x|[sd]i|bp|8|9|1[0-5])): +([0-9a-f]{16})"  # of Xen's dump
FAR = 4  # sizes of the stack: so far below it the page of stubs and the read-only data are written over before anything fails


def triple_fault(f):
    """Registers of Xen's dump of a guest that ended so, by name; none if it did not."""
    dumped = {}
    if f.xen("^d[0-9]+v[0-9]+ Triple fault"):
        for name, pattern in (("rip", r"^RIP: +[0-9a-f]+:\[<([0-9a-f]+)"), *((n, rf"\b{n}: ([0-9a-f]+)") for n in ("rsp", "rax", "rcx", "rdx", "cr0", "cr2", "cr3"))):
            found = f.xen(pattern)
            if found:
                dumped[name] = int(found[1], 16)
        for name, number in re.findall(REGISTER, "\n".join(f.said.xen)):
            dumped.setdefault(name, int(number, 16))
    return dumped


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
        return f"""The kernel printed by Xen's gate, SYSCALL, which only a PV guest has: in ring 0 there is nothing it leads to, so the exception found no handler. {_to_say(f)} The gate is what console_write() starts with, and goes back to when Xen
            has refused console_io, which a domU has no right to where Xen is no debug build. A domU prints into its ring: pvh_select_console() takes that if it is no first domain (SIF_INITDOMAIN), and if HVM_PARAM_CONSOLE_PFN, which the toolstack sets, names its page."""
    used = "" if expected else _operand(f, dumped)
    if dumped.get("cr2") and not expected:
        used = f"If it was a page fault, it was at {address(f, dumped['cr2'], paged(dumped))}."
    linked = linked_at(f, dumped)
    if linked and kernel(f).source.bytes(linked, 2) == WRMSR and "rcx" in dumped:
        msr = dumped["rcx"] & 0xFFFFFFFF
        used = f"""The instruction is WRMSR, to MSR {msr:#x}{_got(f, dumped) if msr == MSR_BASE else ''}: who writes to one that there is not, or what it does not take, gets #GP.{
            f" The hypercall page's, {MSR_BASE:#x} or more, is in EBX of CPUID leaf 0x40000002, and EAX has the number of pages." if msr < MSR_BASE else ""}"""
    control = kernel(f).source.bytes(linked, 3) if linked else b""
    if control[:2] == MOV_FROM_CR and f.pvh == "domU":
        used = """The instruction reads a control register, which Xen does in the guest's place: for that it has to read the instruction itself, by CS, and refuses (#GP) if CS is no code segment or ends before it. The toolstack gives CS (sethvmcontext: cs_arbytes, cs_limit, cs_base, flat and of 32 bits)."""
    if control[:2] == MOV_TO_CR:
        register = (control[2] >> 3 & 7)
        used = f"The instruction is a move to CR{register}, and who sets a bit there that is reserved, or one that does not go with the others, gets #GP: what CR{register} held has to be read, a bit added, and that written back." \
            if register != 3 else "The instruction is a move to CR3, which takes a paddr of a table."
    return f"""An exception found no handler, and the fault of not finding one found none, too. It came at {at}. {why} {used}
        RSP is {address(f, dumped.get('rsp', 0), paged(dumped))}. {'' if expected else no_handler(f, dumped.get('rsp', 0))}"""


def _operand(f, dumped) -> str:
    """The address that the instruction named, and of which page that toolstack laid out it may have been made; Xen's dump may lack CR2."""
    used = operand(kernel(f).source, dumped.get("rip", 0), Saved(dumped))
    if not used:
        return ""
    said = f.guest(r"^toolstack: layout, PFNs: (.*)")
    pages = {name: int(pfn, 16) << PAGE_SHIFT for name, pfn in re.findall(r"(\w+) 0x([0-9a-f]+)", said[1] if said else "")}
    made = next((f" The register that it counts from, {used[1]:#x}, is {words}: that is the page of {name}, PFN {paddr >> PAGE_SHIFT:#x}, paddr {paddr:#x}." for name, paddr in pages.items()
                 if (words := relation(kernel(f), used[1], paddr)) and not used[1] & PAGE_SIZE - 1), "")
    beyond = f", and the kernel's tables map {MAPPED:#x} bytes from 0 on" if paged(dumped) and MAPPED <= used[0] < kernel(f).page_offset else ""
    return f"The instruction's operand is at {address(f, used[0], paged(dumped))}{beyond}.{made}"


def _to_say(f) -> str:
    """What the kernel's panic() was to print, and the hypercall that was refused before."""
    source = kernel(f).source
    step = next((s for s in ran(f).steps if ran(f).linked(s) == source.va("panic")), None) if ran(f) else None
    at = source.linked(ran(f).register(step, "DI")) if step and source.bits == 64 else None
    words = source.bytes(at[0], MOST_TEXT).split(b"\0")[0].decode("latin-1") if at else ""
    refused = next((c for c in reversed(ran(f).calls) if c.result is not None and c.result < 0 and c.name != "console_io"), None) if ran(f) else None
    return (f'panic() was called, with "{words}". ' if words else "") + (f"Before that Xen refused {text(f, refused)}{', and hypercall_must() was to say so' if ran(f).functions['hypercall_must'] else ''}." if refused else "")


def _got(f, dumped) -> str:
    """What the hypercall page's MSR was to get."""
    value, page = dumped.get("rdx", 0) << 32 | dumped.get("rax", 0) & 0xFFFFFFFF, kernel(f).source.va("hypercall_page")
    paddr = None if page is None else page - kernel(f).source.offset & kernel(f).mask
    return "" if paddr in (None, value) else f", which is to get hypercall_page's paddr, {paddr:#x}, and got {value:#x}{', its PFN' if value == paddr // PAGE_SIZE else ''}"


def linked_at(f, dumped) -> int:
    """Where the instruction that a guest ended at is linked; 0 if it is none of the image's."""
    found = kernel(f).source.linked(dumped.get("rip", 0))
    return found[0] if found else 0


def no_gate(f) -> str:
    """Why a page fault that was meant found no handler, by IDTR and the code that makes the gates."""
    source, run = kernel(f).source, ran(f)
    table = run.trail.table("IDT") if run else None
    if not table or table[0] != source.va("idt"):
        return "The IDT has to be loaded before." + (f" pvh_init_traps(), which does that, was never entered.{missing_call(f, source, 'pvh_init_traps')}" if run and not run.functions["pvh_init_traps"] else "")
    gate = 16 if source.bits == 64 else 8
    if table[1] // gate <= PAGE_FAULT:
        return f"The IDT is loaded, and its limit says that it has {table[1]} bytes, {table[1] // gate} gates of {gate}: none of number {PAGE_FAULT}, a page fault. The limit is sizeof(idt) - 1."
    return f"The IDT is loaded, with {table[1] // gate} gates, so it is the gate of vector {PAGE_FAULT} that cannot be used: set_gate() has to put into it the selector PVH_CS (bits 16 to 31), present and the type of an interrupt gate (0x8e, bits 40 to 47), and the handler's address around them."


def paged(dumped):
    """Whether paging was on: only then is a number in a register a VA."""
    return bool(dumped.get("cr0", 0) & PAGING)


def no_handler(f, rsp: int) -> str:
    """Why a fault finds no handler, as far as the stack pointer tells."""
    stack = kernel(f).source.va("init_stack")
    if stack is not None and stack - FAR * STACK_SIZE < rsp < stack:
        return f"init_stack begins at VA {stack:#x}, {stack - rsp:#x} bytes above: the stack has run over. Does a handler call itself, or cause the exception that it is for?"
    return "Either no IDT was loaded yet, or its gate leads nowhere, or there is no stack to push on."
