# SPDX-License-Identifier: GPL-2.0-only
"""Page faults by a number that was worked out wrongly: a pointer, a page number, where a jump led to."""

import re

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .calls import UPDATE
from .disassembly import branch, memory, operand
from .facts import Facts
from .handed import handed
from .questions import JUMP, MACHINE, REMAP, all_repointed, is_linked, page_fault, say, who
from .rule import rule
from .rules_updates import not_asked_for

SIZES = range(2, 65)  # bytes of an element of a table


@rule("address-as-pfn", "0-machine: Three kinds of address", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "shifted"):
        return f"VA {fault.cr2:#x} is {f.number(fault.cr2, 'shifted')}.{who(f, fault.cr2)}"


@rule("repointed-wrong", JUMP + ": What still points low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "minus") and not f.is_a(fault.cr2, "linked", "pv"):
        return f"""VA {fault.cr2:#x} is {f.number(fault.cr2, "minus")}: to repoint a P=V pointer, PAGE_OFFSET is added to it.{who(f, fault.cr2)}"""


@rule("repointed-wrong", JUMP + ": What still points low", "crash", "failure")
def _(f):
    """By another number than PAGE_OFFSET."""
    fault, pointer = page_fault(f), f.word("xen_start_info") if f.seen else 0
    added = (pointer or 0) - f.seen.start_info & f.mask if pointer else 0
    if not fault or not added or added % (1 << 20) or added in (f.page_offset, 2 * f.page_offset & f.mask, -f.page_offset & f.mask) or not 0 <= fault.cr2 - pointer < PAGE_SIZE:
        return None
    if added == f.source.offset + f.page_offset & f.mask:
        return f"""xen_start_info is {pointer:#x}: that is start_info's P=V address, {f.seen.start_info:#x}, with LOAD_OFFSET and PAGE_OFFSET both added. repoint() adds PAGE_OFFSET, and the pointer that it was given had LOAD_OFFSET already (linked_va()): repoint_start_info() takes P=V's."""
    return f"""xen_start_info is {pointer:#x}: that is start_info's P=V address, {f.seen.start_info:#x}, and {added:#x}. PAGE_OFFSET is {f.page_offset:#x} here, and it is that by which a P=V pointer is repointed (repoint()): VA {f.seen.start_info + f.page_offset & f.mask:#x}
        would be right."""


@rule("no-updates", REMAP + ": Asking Xen", "crash", "failure")
def _(f):
    fault = page_fault(f)
    asked = [c for c in f.calls if c.name == "mmu_update"]
    if fault and is_linked(f, fault.cr2) and asked and not any(c.args[1] for c in asked):
        filled = UPDATE.unpack((f.seen.peek(asked[-1].args[0], UPDATE.size) if f.seen else None) or bytes(UPDATE.size))
        if all(filled):
            return f"mmu_update was asked for 0 updates, at {f.source.place(asked[-1].caller)}, and VA {fault.cr2:#x} is not mapped. {not_asked_for(f, asked[-1], filled)}"
        return f"""mmu_update was asked for 0 updates, and returned {asked[-1].result}: nothing was remapped, and VA {fault.cr2:#x} is not mapped.
            {bounds(f) or "Either none was collected, or the loop over the entries ended before its first: is the limit 0, or no higher than where it starts?"}"""


def bounds(f: Facts) -> str:
    """What the remap was given, if no entry lies between."""
    start, limit = (f.seen.probes.remap if f.seen and f.seen.probes else None) or (0, 1)
    if start < limit:
        return ""
    kind = {f.source.offset: " (LOAD_OFFSET, a VA)", f.page_offset: " (PAGE_OFFSET, a VA)"}.get(start, "")
    return f"""remap_kernel() got paddr {start:#x}{kind} as the start and {limit:#x} as the limit, and nothing lies between. Both are paddrs, and the start is 0."""


@rule("beyond-initial-mapping", MACHINE + ": What Xen guarantees at the start", "crash", rank=1)
def _(f):
    fault = page_fault(f)
    total = f.said.layout.get("TOTAL")
    if fault and total and total.stop <= fault.cr2 < f.nr_pages << PAGE_SHIFT:
        return f"""P=V {fault.cr2:#x} is not mapped: Xen maps only the beginning of memory for the start, up to TOTAL in its arrangement,
            {total.stop:#x}. Either a page beyond was meant, which is the guest's and has no mapping yet; or the number was worked out wrongly (a
            PFN or an index that is off), and nothing of the kernel's lies there.{who(f, fault.cr2)}{made_of(f, fault)}"""


def made_of(f, fault) -> str:
    """Which registers an address was made of, if of two."""
    used = operand(f.source, fault.ip, fault.regs)
    return f" It was made of two registers, {say(f, used[1])} and, as an index, {say(f, used[2])}." if used and used[0] == fault.cr2 and used[2] else ""


@rule("pv-address-after-drop", JUMP + ": What still points low", "crash", "failure", "silence", "timeout")
def _(f):
    fault = page_fault(f)
    walk = f.walk(fault.cr2) if fault else None
    image = f.said.layout.get("Loaded kernel")
    low = f.walk(image.start) if image else None
    if fault and PAGE_SIZE <= fault.cr2 < f.nr_pages << PAGE_SHIFT and walk and walk.problem and low and low.problem:
        thing = f.number(fault.cr2, "pv").replace("the module", "the module (mod_start)")
        field = next((name for name in ("mfn_list", "pt_base", "mod_start", "shared_info") if f.info and 0 <= fault.cr2 - getattr(f.info, name) < 0x100000
                      and getattr(f.info, name)), "")
        holders = [] if fault.fetch else f.holders(fault.cr2)
        whose = [f"{' and '.join(holders[:2])}, which is still P=V"] if holders else []
        if field and field in thing or field == "mfn_list" and not holders:
            whose.append(f"start_info's {field} was not repointed")
        elif not holders:
            whose.append("one was saved before the jump, or a number that is no pointer was taken for one" if all_repointed(f) else
                         "not all of start_info's were repointed, or one was saved before the jump")
        begin = "All of start_info's pointers are repointed: " if all_repointed(f) else "Some pointer still holds it: "
        whose = ("" if holders else begin) + "; ".join(whose)
        return f"""P=V {fault.cr2:#x} ({thing or "a page of this guest"}) was used after its mapping was dropped: {walk.problem}. {whose}.{who(f, fault.cr2)}"""


@rule("pointer-as-index", JUMP + ": A null pointer", "crash", "failure")
def _(f):
    """A pointer, times the size of an element, and little more."""
    fault = page_fault(f)
    values = fault.regs.values.values() if fault and f.source.is_code(fault.ip) and not f.is_a(fault.cr2, "pv", "linked") and f.source.image else ()
    symbols = {s.value: s for s in (f.source.image.symbol_at(v & f.mask) for v in values) if s and s.value not in f.source.code}
    for symbol in symbols.values():
        size = next((k for k in SIZES if (fault.cr2 - k * symbol.value) & f.mask < symbol.size), 0)
        if size:
            return f"""VA {fault.cr2:#x} is {size} times the address of {symbol.name} (VA {symbol.value:#x}), cut to {f.bits} bits, plus {(fault.cr2 - size * symbol.value) & f.mask:#x}: a pointer was used as the index into a table whose entries have {size} bytes. Are two arguments
                exchanged, at the call of {f.source.function(fault.ip)}() or in it?{handed(f)}"""
    return None


@rule("wild-jump", JUMP + ": The jump", "crash", "failure", rank=1)
def _(f):
    fault = f.fault
    if fault and not f.source.is_code(fault.ip) and f.left_at:
        landed = f.landed or fault.ip
        kind = f.number(landed)
        how = f"it came to VA {landed:#x}{f' ({kind})' if kind else ''}" + (f", and stopped at {fault.ip:#x}" if landed != fault.ip else "")
        return f"""The processor ran where the image has no code: {how}. The image's code was left at {f.left_at}: by a jump, a call or a return to a
            number that is no address of code.{out_of_code(f, landed)}{stack_for_code(f, landed)}"""


def stack_for_code(f: Facts, landed: int) -> str:
    """Whether it jumped to its stack, and took its code for that."""
    esp = f.steps[-1].registers.get("RSP", f.steps[-1].registers.get("ESP", 0)) if f.steps else 0
    if not f.source.is_code(esp - 1):
        return " That is an address for the stack pointer, taken for the code's: are the two exchanged?" if f.is_a(landed, "stack") else ""
    return f" The stack pointer, {esp:#x}, is in {f.source.function(esp - 1)}: " + (
        "the addresses of code and stack are exchanged." if f.is_a(landed, "stack") else
        "it was given the address of code, so what was jumped to is another number, too: were both read from the right places?")


def out_of_code(f: Facts, landed: int) -> str:
    """Whether a number is what stands in the code that a register points to."""
    for name, value in f.steps[-1].registers.items() if f.steps else ():
        if f.source.is_code(value) and name not in ("EIP", "RIP") and f.code(value, f.bits // 8) == landed.to_bytes(f.bits // 8, "little"):
            return f""" {name} held {value:#x} ({f.source.function(value)}), and the number is the first bytes of the code there: the jump read its target from
                memory, jmp *(%reg), where the register holds it, jmp *%reg."""
    jump = branch(f.source, f.left_from) if f.left_from is not None else None
    held = None if not jump else memory(f.source, jump.operands, {}) if re.match(r"\*\w+$", jump.operands) else jump.named
    if held is not None and f.source.is_code(held) and f.compiled(held, f.bits // 8) == landed.to_bytes(f.bits // 8, "little"):
        return f""" The instruction is {jump.name} {jump.operands}, which reads its target from memory, at {held:#x}, and that is code, {f.source.function(held)}(): its first {f.bits // 8} bytes were taken for an address. To come to
                {f.source.function(held)}() it has to be without the asterisk."""
    return ""


@rule("machine-address", REMAP + ": Walking the tables in software", "crash", "failure", rank=1)
def _(f):
    fault = page_fault(f)
    if fault and not fault.fetch and f.bits == 32 and 0x1000000 <= fault.cr2 < 0x4000000 and not f.is_a(fault.cr2, "linked"):
        return f"""VA {fault.cr2:#x} lies beyond dom0's memory, where nothing was ever P=V, and is in the range of machine addresses: an MFN that was
            not translated, or translated as if it were a PFN.{who(f, fault.cr2)}"""
