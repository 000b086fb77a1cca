# SPDX-License-Identifier: GPL-2.0-only
"""Page faults by an address: which number was used as one, before, during and after the remap."""

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .calls import IRET, MOST_UPDATES, SHUTDOWN
from .disassembly import absolute, operand
from .frames import gates
from .handed import handed
from .linker import by_linker
from .missing_call import later_call
from .questions import JUMP, REMAP, is_linked, page_fault, remapped, stack_in_code, who
from .rule import rule
from .unset import unset, unset_variable

PAGE_FLAGS = 0x067  # of a page in use: PRESENT, RW, USER, ACCESSED, DIRTY


@rule("repointed-twice", JUMP + ": What still points low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "twice") and not f.is_a(fault.cr2, "pv", "linked"):
        if f.source.line(fault.ip).partition(":")[0].endswith(".S") and absolute(f.source, fault.ip) == fault.cr2:
            return f"VA {fault.cr2:#x} is {f.number(fault.cr2, 'twice')}: the instruction at {f.source.place(fault.ip)} has that address in itself. A symbol's address is the linked one, and to get its paddr LOAD_OFFSET has to be subtracted once (pa()), not added."
        if f.virt_base:
            return f"""VA {fault.cr2:#x} is {f.number(fault.cr2, 'twice')}. The note VIRT_BASE ({f.virt_base:#x}) had Xen map the image and all that comes with it at linked VAs: the pointer to start_info and the pointers in it
                are VAs that are right from the first instruction on, and nothing is to be added to them.{who(f, fault.cr2)}"""
        return f"VA {fault.cr2:#x} is {f.number(fault.cr2, 'twice')}. A pointer was repointed that had been repointed already.{who(f, fault.cr2)}"


@rule("text-as-pointer", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "text"):
        return f"""VA {fault.cr2:#x} is {f.number(fault.cr2, "text")}. Either the text's first bytes were read as a pointer (char * where char[] is meant), or a text
            that was too long ran over a pointer.{who(f, fault.cr2)}"""


@rule("entry-as-address", REMAP + ": Walking the tables in software", "crash", "failure")
def _(f):
    fault = page_fault(f)
    pfn = f.pfn(fault.cr2 >> PAGE_SHIFT) if fault else None
    if pfn is not None and f.is_a(fault.cr2 & ~0xFFF | PAGE_FLAGS, "entry") and not f.is_a(fault.cr2, "pv", "linked") and fault.cr2 > PAGE_SIZE and not stack_in_code(f):
        return f"""VA {fault.cr2:#x} is a machine address, in PFN {pfn:#x} ({f.thing(pfn << PAGE_SHIFT) or "a page of this guest"}), used as a
            virtual one. An entry's MFN has to go through the m2p before the table behind it can be read, P=V
            {pfn << PAGE_SHIFT | fault.cr2 & 0xFFF:#x}.{who(f, fault.cr2)}"""


@rule("null-call", JUMP + ": No trap table", "crash", "failure")
def _(f):
    fault = page_fault(f) if not f.bare else None
    if fault and fault.fetch and fault.cr2 < PAGE_SIZE and fault.returned_to and fault.cr2:
        return None if f.is_a(fault.cr2, "flags") else f"""A RET took {fault.cr2:#x} off the stack, which is no address: the function was jumped to, not called, or something that was pushed lies above the
            return address."""
    if fault and fault.fetch and fault.cr2 < PAGE_SIZE:
        blocked = [c for c in f.calls if c.name == "set_callbacks"]
        into = f"{f.ran_into_next}() ran on behind its end, into {f.left_by}(). " if f.ran_into_next else ""
        if fault.returned_to and not f.is_behind_call(fault.top) and f.left_by not in ("", "xen_start_kernel") and not into:
            return f"""A RET took {fault.cr2:#x} off the stack, at the end of {f.left_at}: the function was jumped to, not called, or what was pushed lies above the return address still."""
        if fault.returned_to and not f.is_behind_call(fault.top):
            return f"""{into}A RET took {fault.cr2:#x} off the stack. A function that was jumped to has no return address (jump_to() pushes 0 in its place, so that this is seen), and must not come to its
                end: does xen_start_kernel() go on to start_kernel(), and does that never return?"""
        first = next(x for x in (*(f.seen.faults if f.seen else ()), fault) if (x.ip, x.cr2) == (fault.ip, fault.cr2))
        place = f.source.place(first.way[-1].address) if first.way and f.source.is_code(first.way[-1].address) else f.left_at
        return f"""Address {fault.cr2:#x} was called. Either a function pointer is NULL, or Xen did: it has no better address for a callback that was
            not set by set_callbacks ({"it was called" if blocked else "it was never called"}).{"" if blocked else later_call(f, f.source, "xen_init_events")}
            {f"The image's code was left at {place}." if place else ""}"""


@rule("null-call", JUMP + ": No trap table", "crash")
def _(f):
    last = f.calls[-1] if f.calls and not f.fault else None
    told = next((c.args for c in f.calls if c.name == "set_callbacks"), None)
    event = told[1 if f.bits == 32 else 0] if told else 0
    if last and told and not event and last.name != IRET:
        return f"""An event came, and Xen had no address at which to enter the kernel: set_callbacks was given {', '.join(f'{a:#x}' for a in told[:4])}, and the address for events, the {"second" if f.bits == 32 else "first"} of
            them, is 0. Are its arguments in their places? They are {"a code segment and an address, twice" if f.bits == 32 else "two addresses, for events and for a return that fails"}."""
    bound = any(c.name == "event_channel_op" and not c.refused for c in f.calls)
    if last and not told and last.name != IRET and (bound or last.name == SHUTDOWN[0] and last.args[0] != SHUTDOWN[1] and last.result is None):
        doing = f"The guest slept, in sched_op({last.args[0]:#x})" if last.name == SHUTDOWN[0] else f"The last hypercall was {last.name}"
        return f"""{doing}, and an event came. No callback had been registered: set_callbacks was never called, so Xen had no address at which to enter the kernel, and ended it.{later_call(f, f.source, "xen_init_events")} Events
            are set up (xen_init_events()) before any is waited for."""


@rule("null-pointer", JUMP + ": A null pointer", "crash", "failure")
def _(f):
    fault = page_fault(f)
    fixed = f.source.line(fault.ip).partition(":")[0].endswith(".S") and absolute(f.source, fault.ip) == fault.cr2 if fault else False
    if fault and fixed and not f.is_a(fault.cr2, "linked"):
        return f"""The instruction at {f.source.place(fault.ip)} takes its operand from memory, at the fixed address {fault.cr2:#x}, and nothing is mapped there. In this assembly a number is an address, unless a $ stands before it."""
    if fault and fault.cr2 < PAGE_SIZE and f.source.function(fault.ip) not in ("probe_kernel_read", "trap_stubs") and not fault.returned_to and (f.source.is_code(fault.ip) or fault.fetch and not f.bare):
        used = operand(f.source, fault.ip, fault.regs)
        if used and used[0] == fault.cr2 and 0 < used[1] <= fault.cr2 and not used[2] and not unset_variable(f, fault.ip):
            return f"""VA {fault.cr2:#x} was used: the pointer is {used[1]:#x}{f", and what was to be reached lies {fault.cr2 - used[1]:#x} bytes behind it" if fault.cr2 > used[1] else ""}. That is no address and not NULL, but a small number (a
                count, an index, a port, a domain) in the place of a pointer: are two arguments exchanged, at the call of {f.source.function(fault.ip)}() or in it?{handed(f)}"""
        return f"""A NULL pointer was used, or a member of what it should point to, {fault.cr2:#x} bytes behind it. While P=V is mapped this goes
            unnoticed: page 0 is an ordinary page then.{unset(f, fault.ip)}"""


def took_pv(f, va: int) -> tuple[str, int] | None:
    """The entry of P=V that an update of the remap wrote to, so that a P=V address is not mapped any more, and what it wrote."""
    walk = f.walk(va)
    updates = [u for c in f.calls if c.name == "mmu_update" and "remap.c" in f.source.line(c.caller) for u in c.updates]
    for ptr, val in updates if walk and walk.problem and walk.path else ():
        entry = f.va_of_entry(ptr & -8)
        if entry and entry[0] in [e.name for e in walk.path] and entry[1] <= va:
            return f"{entry[0]} of VA {entry[1]:#x}", val
    return None


@rule("pv-overwritten", REMAP + ": Asking Xen", "crash", "failure")
def _(f):
    fault = page_fault(f)
    taken = took_pv(f, fault.cr2) if fault and f.is_a(fault.cr2, "pv") else None
    if taken:
        return f"""The remap's update wrote {taken[1]:#x} to {taken[0]}, P=V's own entry, and so the mapping that the kernel runs in went: P=V {fault.cr2:#x} ({f.number(fault.cr2, "pv")}) is not mapped any more. An entry is read at paddr, and
            written at paddr + PAGE_OFFSET: here ptr names the one that was to be read."""


@rule("code-low", JUMP + ": A jump that stays low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and fault.fetch and not fault.denied and f.is_a(fault.cr2, "pv") and not f.native and not f.virt_base and not took_pv(f, fault.cr2):
        vector = next((n for n, a in gates(f) if a == fault.cr2), None)
        if vector is not None:
            return f"""The trap table that was registered leads vector {vector} to P=V {fault.cr2:#x} ({f.number(fault.cr2, 'pv')}), whose mapping has been dropped: Xen entered the handler there. The table takes linked VAs, LOAD_OFFSET more."""
        return f"""Code was to be run at P=V {fault.cr2:#x} ({f.number(fault.cr2, 'pv')}), whose mapping has been dropped: the jump did not leave
            P=V, or a function pointer, a return address or a callback still holds such an address."""


def never_sent(f) -> str:
    """Whether updates were only collected."""
    waiting = (f.word("batched") or 0) & 0xFFFFFFFF
    return f"{waiting} updates were collected (batched is {waiting}), and never sent: that is flush_batch()'s part. " if 0 < waiting < MOST_UPDATES else ""


@rule("linked-address-before-remap", "1-notes: Code that is right at two addresses", "crash", "failure",
      unlike="`xen hypercalls on` in `make gdb`: was there an mmu_update before?")
def _(f):
    fault = page_fault(f)
    if fault and is_linked(f, fault.cr2) and f.seen and not f.virt_base and not remapped(f) and not any(c.name == "mmu_update" and c.refused for c in f.calls):
        used = f"""Linked VA {fault.cr2:#x} ({f.number(fault.cr2, 'linked') or "in the linked mapping"}) was used, {fault.doing}, and no page-table update
            has been made yet: nothing is mapped there before the remap."""
        left = fault.way[-1].address if fault.fetch and fault.way else fault.cr2
        jumped = "" if is_linked(f, left) else f" It was jumped to at {f.place(left)}."
        if by_linker(f, fault):
            return f"{used} {by_linker(f, fault)}{jumped}"
        return f"""{used} {never_sent(f)}Either a pointer got PAGE_OFFSET added too early, or the remap was
            left out, or the linker put an address into data or code.{jumped}{who(f, fault.cr2)}"""
