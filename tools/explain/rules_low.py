# SPDX-License-Identifier: GPL-2.0-only
"""What stage 4 found wrong of what the jump leaves behind: a stack that overflowed, pointers that are still low, P=V that stays."""

import re

from .questions import JUMP, hexadecimals, misplaced_info, say
from .relation import repointed
from .rule import rule
from .rules_stack import STACK_END_MAGIC

NEAR_END, UNUSED = 1024, 1024  # bytes at the lower end of init_stack, and above that
COMMANDS = {1: "MMU_MACHPHYS_UPDATE, which changes the m2p", 2: "MMU_PT_UPDATE_PRESERVE_AD"}


@rule("stack-overflow", JUMP + ": The jump", "failure")
def _(f):
    if f.panic.startswith("stack: the lower end") and not (f.word("init_stack") or 0) & 0xFFFFFFFF and f.seen:
        return f"""The word at the lower end of init_stack, VA {hexadecimals(f.panic)[0]:#x}, is 0: nobody has written over it, but {STACK_END_MAGIC:#x} (STACK_END_MAGIC) was never put there. verify_arrival() does that, first of all, and was not called, or
            did not come as far as that."""
    if f.panic.startswith("stack: the lower end") and f.seen:
        bottom = hexadecimals(f.panic)[0]
        call = next((c for c in f.calls if any(0 <= a - bottom < NEAR_END for a in c.args)), None)
        between = f.seen.peek(bottom + NEAR_END, UNUSED) or b"x"
        room = (f.source.top_of("init_stack") or 0) - (f.source.va("init_stack") or 0) > NEAR_END + UNUSED  # else each call comes down so far
        if room and (call or not any(between)):
            by = f" {call.name} was given that address, at {f.source.place(call.caller)}: its data were put there." if call else ""
            return f"""The word at the lower end of init_stack, VA {bottom:#x}, was written over: it is {say(f, f.word("init_stack") or 0)}.{by}{"" if any(between) else " No stack came down so far, for what lies above it is all zeros: somebody else wrote there."}"""
    if f.panic.startswith("stack: the lower end"):
        return f"""init_stack overflowed: the word at its lower end, VA {hexadecimals(f.panic)[0]:#x}, was written over. It has {(f.source.top_of("init_stack") or 0) - (f.source.va("init_stack") or 0)} bytes (THREAD_SIZE):
            a large array, deep recursion, or a stack pointer that began too low."""


@rule("start-info-not-repointed", JUMP + ": What still points low", "failure", "crash", "silence")
def _(f):
    dropping = not any(c.name == "set_callbacks" for c in f.calls)
    if misplaced_info(f) and dropping and not f.fault and not f.panic.startswith("hypercall page: "):
        pointer, right = misplaced_info(f)
        return f"""xen_start_info is {pointer:#x}{f" ({f.number(pointer)})" if f.number(pointer) else ""}, and should be VA {right:#x}: start_info was not
            repointed before the jump, or something else was put there.{repointed(f, pointer, right) if pointer else ""} What it pointed to was used all the same, since page 0 is an ordinary page while P=V holds."""


@rule("field-repointed-wrong", JUMP + ": What still points low", "failure", "crash")
def _(f):
    now = f.info_now if any(c.name == "set_trap_table" for c in f.calls) else None
    for name in ("pt_base", "mfn_list") if now and f.info else ():
        was, value = getattr(f.info, name), getattr(now, name)
        if value not in (was, was + f.page_offset & f.mask, was + 2 * f.page_offset & f.mask):
            return f"""start_info's {name} is {value:#x}{f" ({f.number(value)})" if f.number(value) else ""} now. Xen had it at P=V {was:#x}, so repointed it has to be VA
                {was + f.page_offset & f.mask:#x}.{repointed(f, value, was + f.page_offset & f.mask)}"""
    return None


@rule("identity-map-still-there", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    if not f.panic.startswith("P=V is still mapped"):
        return None
    if f.pvh != "n":
        walk = f.bare.walk(0) if f.bare and f.bare.state else None
        if walk and walk.maddr is None and walk.problem.startswith("pgd["):
            return f"""VA 0 could be read, and {walk.problem}: pvh_drop_identity_map() has cleared that entry in memory, and the processor still had the translation in its TLB. A store to a table does not change the TLB: CR3 has to be loaded afterwards, which flushes it."""
        return """VA 0 is still mapped, P=V. pvh_drop_identity_map() clears the pgd entries below PAGE_OFFSET by stores, and loads CR3, which flushes the TLB: it was not called, cleared other entries, or CR3 was not
            loaded afterwards."""
    names_of = [c.name for c in f.calls]
    left = re.search(r"pgd\[(\d+)\] is 0x([0-9a-f]+)", f.panic)
    if left and "set_trap_table" in names_of and "mmu_update" not in names_of[names_of.index("set_trap_table"):]:
        return f"""pgd[{left[1]}] is {int(left[2], 16):#x} still. xen_drop_identity_map() has come as far as its own check, and no mmu_update was made since the trap table was registered: what it collected was never sent to Xen (apply()), or nothing was
            collected."""
    if "set_trap_table" in names_of and "mmu_update" not in names_of[names_of.index("set_trap_table"):]:
        return """VA 0 is still mapped, P=V: no page-table entry was changed since the trap table was registered, so xen_drop_identity_map(), which clears the pgd entries of P=V by mmu_update, was not called, or
            returned early."""
    walk = f.walk(0)
    updates = [u for c in f.calls if c.name == "mmu_update" for u in c.updates if not u[1]]
    command = updates[0][0] & 3 if len({ptr & 3 for ptr, _ in updates}) == 1 else 0
    if left and command:
        return f"""pgd[{left[1]}] is {int(left[2], 16):#x} still. The updates that were to clear the entries of P=V had the command {command} in the low two bits of ptr, {COMMANDS.get(command, "which is none")}. An entry is changed by MMU_NORMAL_PT_UPDATE, 0."""
    if left and updates:
        named = ", ".join(f"{ptr:#x}" for ptr, _ in updates[:4])
        return f"""pgd[{left[1]}] is {int(left[2], 16):#x} still. The updates that were to clear the entries of P=V had as ptr: {named}. Is each the machine address of an
            entry, the next {f.entry_size if f.seen and f.seen.boot else 8} bytes on, with the command (0) in its low two bits, and does the loop begin and end with the right one?"""
    flushed = any(c.name == "mmuext_op" and not c.refused and c.args[1] for c in f.calls)
    dropped = [c for c in f.calls if c.name == "mmu_update"][-1:]
    if walk and walk.problem and f.seen and any(x.page and x.cr2 == 0 for x in f.seen.faults):
        return None  # the read did fault, so no TLB has it
    if walk and walk.problem and flushed:
        return f"""The pgd entries of P=V are gone ({walk.problem}), mmuext_op was made and accepted, and no page fault was seen at VA 0. Either that operation was no flush of the TLB (MMUEXT_TLB_FLUSH_LOCAL), or the probe has not read memory there:
            probe_kernel_read() takes a word from where its register points to, mov (%reg)."""
    if walk and walk.problem:
        return f"""The pgd entries of P=V are gone ({walk.problem}), and no flush of the TLB was made (mmuext_op, MMUEXT_TLB_FLUSH_LOCAL): the processor may still remember them. It comes after the update."""
    if dropped and not dropped[0].args[1] and walk and f.info_now and f.info_now.pt_base == f.info.pt_base + f.page_offset & f.mask:
        return f"""No pgd entry was cleared: the last mmu_update had 0 updates, so the loop over the pgd found no entry there, or did not begin, or it was not the pgd (VA {f.info_now.pt_base:#x},
            start_info's pt_base) that it looked at. P=V has
            {walk.path[-1].name if len(walk.path) == 1 else next((e.name for e in walk.path if e.level.name == "pgd"), "pgd[0]")}; the loop begins there, and ends where the linked mapping or Xen's part does, at the lower
            of pgd_index(PAGE_OFFSET) and pgd_index(XEN_VIRT_START)."""
    return f"""The pgd entries of the P=V mapping were not all cleared: {walk.path[1].name + f" is {walk.path[1].value:#x}" if walk and len(walk.path) > 1 else "VA 0 is mapped"}.
        Or it was not the pgd that was looked at: is xen_start_info set, and start_info's pt_base repointed, before the jump?
        The last mmu_update had {dropped[0].args[1] if dropped else 0} updates."""
