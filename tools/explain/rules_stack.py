# SPDX-License-Identifier: GPL-2.0-only
"""The stack pointer, and the stacks that exist."""

from .disassembly import branch
from .facts import Facts
from .questions import JUMP, MACHINE, by_stack, page_fault, stack_in_code
from .rule import rule

STACK_SIZE, STACK_END_MAGIC = 0x2000, 0x57AC6E9D  # THREAD_SIZE; linux/magic.h
NEAR_ENTRY = 0x200  # bytes


def right_stack(f: Facts, esp: int) -> bool:
    """Whether it is in Xen's boot stack, or in the kernel's own, up to its top."""
    own, boot = f.source.va("init_stack"), f.said.layout.get("Boot stack", range(0))
    return boot.start < esp <= boot.stop or own is not None and own < esp <= own + STACK_SIZE


@rule("stack-overflow", MACHINE + ": What Xen guarantees at the start", "crash", "failure")
def _(f):
    fault = page_fault(f)
    stack = f.said.layout.get("Boot stack")
    if fault and stack and fault.write and fault.denied and by_stack(f, fault) and fault.cr2 in f.said.layout.get("Page tables", range(0)):
        return f"""The stack ran out of its page, {stack.start:#x} to {stack.stop:#x}, down into what lies below: VA {fault.cr2:#x} is in the page
            tables, which a guest cannot write to. The boot stack is one page: no large arrays, no deep recursion before the jump to a
            larger stack."""


@rule("stack-overflow", JUMP + ": The jump", "crash", "failure")
def _(f):
    jumped = any(c.name == "set_trap_table" for c in f.calls)
    if f.fault and jumped and not f.repeated and f.word("init_stack") is not None and f.word("init_stack") & 0xFFFFFFFF != STACK_END_MAGIC:
        return f"""init_stack overflowed: the word at its lower end, VA {f.source.va("init_stack"):#x}, is no longer what was put there, and what lies
            below it was written over: .bss, then code. It has {STACK_SIZE} bytes (THREAD_SIZE): no large arrays, no deep recursion."""


@rule("stack-overflow", JUMP + ": The jump", "crash", "failure", "silence", "timeout")
def _(f):
    """By the first exception that was not meant: what follows it may be anything."""
    first = next((x for x in f.seen.faults if x.ip not in dict(f.source.fixups)), None) if f.seen else None
    bottom = f.source.va("init_stack")
    if f.repeated and first and bottom is not None and bottom - STACK_SIZE < first.regs.rsp & f.mask < bottom:
        return f"""init_stack overflowed: the first exception that was not meant, at {f.source.place(first.ip)}, came with the stack pointer at VA {first.regs.rsp & f.mask:#x}, and init_stack begins at VA
            {bottom:#x}. What lies below it was written over: .bss, then code. A deep recursion, or handlers that interrupt each other without end, use it up."""


@rule("stack-elsewhere", JUMP + ": The jump", "crash", "failure")
def _(f):
    """It is in another variable of the image's."""
    esp = f.fault.regs.rsp & f.mask if f.fault and f.seen and f.source.va("init_stack") is not None else 0
    found = f.source.linked(esp - 1) if esp else None
    symbol = f.source.image.symbol_at(found[0]) if found and found[0] not in f.source.code else None
    if symbol and symbol.size and symbol.name != "init_stack":
        return f"""The stack pointer, VA {esp:#x}, is in {f.source.name(esp)}, and not in init_stack, which is VA {f.source.va("init_stack"):#x} to
            {f.source.top_of("init_stack"):#x}: where it was set, another end, or another size (THREAD_SIZE), was taken for init_stack's. Whatever is put into that
            variable is put over return addresses, and the other way round."""


def _is_near(f: Facts, address: int, esp: int) -> bool:
    """Whether a function begins at an address, and the stack pointer is so little below it as a few calls push."""
    return f.source.is_code(address) and f.source.begin(address) == f.source.linked(address)[0] and 0 <= address - esp < NEAR_ENTRY


def _jumps(f: Facts, address: int) -> bool:
    last = branch(f.source, address)
    return bool(last and last.name.startswith("jmp"))


@rule("stack-in-code", JUMP + ": The jump", "crash", "failure")
def _(f):
    if not stack_in_code(f):
        return None
    esp = f.fault.regs.rsp & f.mask
    to = next((b.address for a, b in zip(f.steps, f.steps[1:]) if _is_near(f, b.address, esp) and _jumps(f, a.address)), None)
    jumped = f" It lies right below {f.source.name(to)}(), which was jumped to: so the stack pointer got the address of the code." if to is not None else ""
    return f"""The stack pointer is VA {esp:#x}, and that is in the image's code: {f.source.place(esp)}.{jumped} What is pushed there is written over instructions, and what a function takes for its arguments and variables is code. A stack pointer is to be in
        a stack: the top of init_stack, VA {(f.source.va("init_stack") or 0) + STACK_SIZE:#x}."""


@rule("stack-pointer", JUMP + ": The jump", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if not fault or not f.seen or not by_stack(f, fault) or fault.cr2 in f.said.layout.get("Page tables", range(0)):
        return None
    esp = fault.regs.rsp & f.mask
    walk = f.walk(esp - f.bits // 8)
    if right_stack(f, esp) or walk and not walk.problem and walk.rights.write:
        return None
    kind = f.number(esp) or "in no stack that is known"
    return f"""The stack pointer, VA {esp:#x}, is {kind}: nothing that can be written to is mapped there
        ({walk.problem if walk and walk.problem else "it is read-only"}). Xen's boot stack is
        {" to ".join(f"{n:#x}" for n in (f.said.layout["Boot stack"].start, f.said.layout["Boot stack"].stop)) if "Boot stack" in f.said.layout else "gone"};
        {f"init_stack's top is VA {f.source.va('init_stack') + STACK_SIZE:#x}" if f.source.va("init_stack") else "the image has none of its own"}."""
