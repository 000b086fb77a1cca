# SPDX-License-Identifier: GPL-2.0-only
"""Stage 7 on Xen: what Xen's dump of a guest that ended by a triple fault tells, with the guest's image beside it."""

import re

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .disassembly import operand
from .missing_call import missing_call
from .questions import page_of
from .relation import relation
from .rules_pvh_guest import MAPPED, address, kernel
from .rules_pvh_run import ran, text
from .rules_stack import STACK_SIZE
from .saved import Saved

PAGE_FAULT = 14
PAGING, PROTECTED = 1 << 31, 1  # of CR0
MOST_TEXT = 100  # bytes
REGISTER = r"\b(r(?:[a-d]x|[sd]i|bp|8|9|1[0-5])): +([0-9a-f]{16})"  # of Xen's dump
CONSOLE = ("console.c", "printk.c", "ring.c", "string.c")  # files by which the handler of an exception prints
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


def address_used(f, dumped) -> str:
    """The address that the instruction named, and of which page that toolstack laid out it may have been made; Xen's dump may lack CR2."""
    used = operand(kernel(f).source, dumped.get("rip", 0), Saved(dumped))
    if not used:
        return ""
    said = f.guest(r"^toolstack: layout, PFNs: (.*)")
    pages = {name: int(pfn, 16) << PAGE_SHIFT for name, pfn in re.findall(r"(\w+) 0x([0-9a-f]+)", said[1] if said else "")}
    begins = f" The register that it counts from, {used[1]:#x}, is"
    page = next((f"the paddr of {page_of(name)}, PFN {paddr >> PAGE_SHIFT:#x}." for name, paddr in pages.items() if used[1] == paddr), "")
    made = page or next((f"{words}: that is {page_of(name)}, PFN {paddr >> PAGE_SHIFT:#x}, paddr {paddr:#x}." for name, paddr in pages.items()
                         if (words := relation(kernel(f), used[1], paddr)) and not used[1] & PAGE_SIZE - 1), "")
    beyond = f", and the kernel's tables map {MAPPED:#x} bytes from 0 on" if paged(dumped) and MAPPED <= used[0] < kernel(f).page_offset else ""
    return f"The instruction's operand is at {address(f, used[0], paged(dumped))}{beyond}." + (f"{begins} {made}" if made else "")


def to_say(f) -> str:
    """What the kernel's panic() was to print, and the hypercall that was refused before."""
    source = kernel(f).source
    step = next((s for s in ran(f).steps if ran(f).linked(s) == source.va("panic")), None) if ran(f) else None
    at = source.linked(ran(f).register(step, "DI")) if step and source.bits == 64 else None
    words = source.bytes(at[0], MOST_TEXT).split(b"\0")[0].decode("latin-1") if at else ""
    refused = next((c for c in reversed(ran(f).calls) if c.result is not None and c.result < 0 and c.name != "console_io"), None) if ran(f) else None
    return (f'panic() was called, with "{words}". ' if words else "") + (f"Before that Xen refused {text(f, refused)}{', and hypercall_must() was to say so' if ran(f).functions['hypercall_must'] else ''}." if refused else "")


def msr_got(f, dumped) -> str:
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


def ran_over(f, rsp: int) -> bool:
    """Whether init_stack has run over, and not by much."""
    stack = kernel(f).source.va("init_stack")
    return stack is not None and stack - FAR * STACK_SIZE < rsp < stack


def no_handler(f, rsp: int, rip: int) -> str:
    """Why a fault finds no handler, as far as the stack pointer tells."""
    stack = kernel(f).source.va("init_stack")
    if ran_over(f, rsp) and kernel(f).source.line(rip).partition(":")[0].endswith(CONSOLE):
        return f"init_stack begins {stack - rsp:#x} bytes above that, at VA {stack:#x}. The handler prints, by the code that the fault is in, and so fell into the fault again and again, until the stack had run over."
    if ran_over(f, rsp):
        return f"init_stack begins at VA {stack:#x}, {stack - rsp:#x} bytes above: the stack has run over. Does a handler call itself, or cause the exception that it is for?"
    return "Either no IDT was loaded yet, or its gate leads nowhere, or there is no stack to push on."
