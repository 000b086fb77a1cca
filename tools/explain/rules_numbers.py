# SPDX-License-Identifier: GPL-2.0-only
"""Page faults by a number that was worked out wrongly: a page number, an index, an MFN."""

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .facts import Facts
from .fault import Fault
from .numbers import M2P
from .questions import JUMP, MACHINE, REMAP, by_stack, is_linked, page_fault, remapped, who
from .rule import rule


def in_register(f: Facts, fault: Fault, index: int) -> bool:
    """Whether the instruction had it as an index, counted in entries or bytes."""
    values = {v & f.mask for v in fault.regs.values.values()}
    return index in values or index * f.bits // 8 & f.mask in values or fault.cr2 in values and f.is_a(index, "pv") and bool(f.thing(index))


def p2m_index(f: Facts, fault: Fault) -> int:
    """Which entry of the p2m an address is, taken as one."""
    begin = f.info.mfn_list + (f.page_offset if fault.cr2 >= f.page_offset else 0)
    return (fault.cr2 - begin & f.mask) // (f.bits // 8)


@rule("p2m-not-repointed", JUMP + ": The p2m not repointed", "crash", "failure")
def _(f):
    fault = page_fault(f)
    pv = (p2m_index(f, fault) << PAGE_SHIFT) + f.page_offset & f.mask if fault and f.info and f.bits == 32 else 0
    if pv and p2m_index(f, fault) >= f.nr_pages and in_register(f, fault, p2m_index(f, fault)) and f.thing(pv):
        return f"""VA {fault.cr2:#x} is entry {p2m_index(f, fault):#x} of the p2m: the number of P=V page {pv:#x} ({f.thing(pv)}) less PAGE_OFFSET. A
            pointer that is still P=V was taken for a linked one: start_info's {"pt_base" if "page tables" in f.thing(pv) else "pointer"}
            was not repointed."""


@rule("repointed-twice", JUMP + ": What still points low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    pv = (p2m_index(f, fault) << PAGE_SHIFT) - f.page_offset & f.mask if fault and f.info and f.bits == 32 else 0
    if pv and p2m_index(f, fault) >= f.nr_pages and in_register(f, fault, p2m_index(f, fault)) and f.thing(pv):
        early = f.source.linked(fault.ip) and f.source.linked(fault.ip)[1] == "P=V"
        why = "a linked address was given where a P=V one is wanted, which is a paddr: PAGE_OFFSET was added too early" if early else \
            "a pointer of start_info's was repointed twice"
        return f"""VA {fault.cr2:#x} is entry {p2m_index(f, fault):#x} of the p2m, which is the page number of P=V {pv:#x} ({f.thing(pv)}) plus PAGE_OFFSET:
            {why}."""


@rule("table-index", "0-machine: Three kinds of address", "crash", "failure")
def _(f):
    """The p2m is indexed by a PFN, the m2p by an MFN: whether the index that leads to the address was something else."""
    fault = page_fault(f)
    if not fault or not f.info or fault.fetch or f.is_a(fault.cr2, "linked", "null"):
        return None
    word = f.bits // 8
    for name, begin, right in (("m2p", M2P[f.bits], "an MFN"), ("p2m", f.info.mfn_list, "a PFN"),
                               ("p2m", f.info.mfn_list + f.page_offset & f.mask, "a PFN")):
        index = (fault.cr2 - begin & f.mask) // word
        kinds = ("maddr", "entry") if name == "m2p" else ("maddr", "entry", "pv", "linked", "mfn")
        if index >= f.nr_pages and in_register(f, fault, index) and f.is_a(index, *kinds) and (fault.cr2 - begin & f.mask) % word == 0:
            return f"""VA {fault.cr2:#x} is the {name}'s entry number {index:#x}, and that number is {f.number(index, *kinds)}. The index is
                {right}: one entry a page.{who(f, fault.cr2)}"""
    return None


@rule("table-index", "0-machine: Three kinds of address", "crash", "failure", rank=1)
def _(f):
    """The same, of a number that means nothing."""
    fault = page_fault(f)
    if fault and f.info and f.function in ("early_m2p", "early_p2m", "phys_to_machine"):
        name, begin = ("m2p", M2P[f.bits]) if f.function == "early_m2p" else \
            ("p2m", f.info.mfn_list + (f.page_offset if f.function == "phys_to_machine" else 0) & f.mask)
        index = (fault.cr2 - begin & f.mask) // (f.bits // 8)
        if in_register(f, fault, index):
            return f"""VA {fault.cr2:#x} is the {name}'s entry number {index:#x}, and there are not so many pages. {f"The number is {f.number(index)}. " if f.number(index) else ""}What
                the index was taken from is no entry, or no address, of this guest's: was the table before that indexed right?"""
    return None


@rule("m2p-address", REMAP + ": Walking the tables in software", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if not fault or f.function != "early_m2p":
        return None
    for value in fault.regs.values.values():
        base = fault.cr2 - value * f.bits // 8 & f.mask
        if f.pfn(value) is not None and base != M2P[f.bits]:
            return f"""The m2p was read at VA {fault.cr2:#x}, for MFN {value:#x}, so it was taken to begin at VA {base:#x}. It begins at
                {M2P[f.bits]:#x}."""
    return None


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


@rule("invalid-pfn", "0-machine: Three kinds of address", "crash", "failure", rank=1)
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "invalid") and not by_stack(f, fault):
        asked = next((n for s in reversed(f.steps) if s.address in f.source.extent_of("early_m2p") for n in s.registers.values() if n in f.pfn_of), None)
        if asked is not None:
            return f"""VA {fault.cr2:#x} is {f.number(fault.cr2, "invalid")}. early_m2p() was asked for MFN {asked:#x}, which is this guest's: PFN {f.pfn(asked):#x}. Either the check
                that is to tell this guest's pages from others (below nr_pages, and the p2m agrees) refuses them, or the m2p was read where it does not begin,
                {M2P[f.bits]:#x}, or in entries of another size than a word."""
        return f"""VA {fault.cr2:#x} is {f.number(fault.cr2, "invalid")}. The m2p was asked about a page and did not know it, and the answer was
            used: the number was no MFN of this guest (an entry of which too much or too little was taken, or what was read is no entry at all), or
            the m2p was read where it does not begin, or in entries of another size than a word.{who(f, fault.cr2)}"""


@rule("no-updates", REMAP + ": Asking Xen", "crash", "failure")
def _(f):
    fault = page_fault(f)
    asked = [c for c in f.calls if c.name == "mmu_update"]
    if fault and is_linked(f, fault.cr2) and asked and not any(c.args[1] for c in asked):
        return f"""mmu_update was asked for 0 updates, and returned {asked[-1].result}: nothing was remapped, and VA {fault.cr2:#x} is not mapped.
            The loop over the entries ended before its first: the limit is 0, or no higher than where it starts."""


@rule("m2p-address", "8-errata: 1. dom0 has no console page", "crash", "failure", rank=1)
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "xen") and not f.is_a(fault.cr2, "invalid") and not by_stack(f, fault):
        return f"""VA {fault.cr2:#x} is a hole {f.number(fault.cr2, 'xen')}. The m2p is only as long as there are pages: what is not an MFN
            (console.domU.mfn of dom0, a maddr, a PFN shifted) leads beyond it. Or it was not read where it begins, 0xf5800000 (PAE) or
            0xffff800000000000 (x86-64).{who(f, fault.cr2)}"""


@rule("beyond-initial-mapping", MACHINE + ": What Xen guarantees at the start", "crash", rank=1)
def _(f):
    fault = page_fault(f)
    total = f.said.layout.get("TOTAL")
    if fault and total and total.stop <= fault.cr2 < f.nr_pages << PAGE_SHIFT:
        return f"""P=V {fault.cr2:#x} is not mapped: Xen maps only the beginning of memory for the start, up to TOTAL in its arrangement,
            {total.stop:#x}. Either a page beyond was meant, which is the guest's and has no mapping yet; or the number was worked out wrongly (a
            PFN or an index that is off), and nothing of the kernel's lies there.{who(f, fault.cr2)}"""


@rule("pv-address-after-drop", JUMP + ": What still points low", "crash", "failure")
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
        if field and field in thing or field == "mfn_list":
            whose.append(f"start_info's {field} was not repointed")
        elif not holders:
            whose.append("not all of start_info's were repointed, or one was saved before the jump")
        whose = ("" if holders else "Some pointer still holds it: ") + "; ".join(whose)
        return f"""P=V {fault.cr2:#x} ({thing or "a page of this guest"}) was used after its mapping was dropped: {walk.problem}. {whose}.{who(f, fault.cr2)}"""


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
        return ""
    return f" The stack pointer, {esp:#x}, is in {f.source.function(esp - 1)}: " + (
        "the addresses of code and stack are exchanged." if f.is_a(landed, "stack") else
        "it was given the address of code, so what was jumped to is another number, too: were both read from the right places?")


def out_of_code(f: Facts, landed: int) -> str:
    """Whether a number is what stands in the code that a register points to."""
    for name, value in f.steps[-1].registers.items() if f.steps else ():
        if f.source.is_code(value) and name not in ("EIP", "RIP") and f.code(value, f.bits // 8) == landed.to_bytes(f.bits // 8, "little"):
            return f""" {name} held {value:#x} ({f.source.function(value)}), and the number is the first bytes of the code there: the jump read its target from
                memory, jmp *(%reg), where the register holds it, jmp *%reg."""
    return ""


@rule("machine-address", REMAP + ": Walking the tables in software", "crash", "failure", rank=1)
def _(f):
    fault = page_fault(f)
    if fault and not fault.fetch and f.bits == 32 and 0x1000000 <= fault.cr2 < 0x4000000 and not f.is_a(fault.cr2, "linked"):
        return f"""VA {fault.cr2:#x} lies beyond dom0's memory, where nothing was ever P=V, and is in the range of machine addresses: an MFN that was
            not translated, or translated as if it were a PFN.{who(f, fault.cr2)}"""


@rule("linked-beyond", REMAP + ": How far the remap must reach", "crash", "failure", rank=1)
def _(f):
    fault = page_fault(f)
    if fault and fault.cr2 >= f.page_offset > 0 and remapped(f) and not f.is_a(fault.cr2, "xen") and not fault.denied:
        paddr = fault.cr2 - f.page_offset & f.mask
        beyond = "beyond the guest's memory" if f.nr_pages and paddr >= f.nr_pages << PAGE_SHIFT else "beyond all that the remap had to reach"
        if f.pfn(paddr >> PAGE_SHIFT) is not None and paddr >> PAGE_SHIFT > f.nr_pages:
            return f"""Linked VA {fault.cr2:#x} would be paddr {paddr:#x}, and that is the {f.number(paddr, "maddr")}: an MFN was taken for a PFN. It has to go
                through the m2p first.{who(f, fault.cr2)}"""
        return f"Linked VA {fault.cr2:#x} would be paddr {paddr:#x}, which is {beyond}: compare it with the limit.{who(f, fault.cr2)}"
