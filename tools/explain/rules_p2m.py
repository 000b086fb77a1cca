# SPDX-License-Identifier: GPL-2.0-only
"""Page faults at an entry of the p2m or the m2p: the index was made of another kind of number."""

from xenpt.memory import PAGE_SHIFT

from .facts import Facts
from .fault import Fault
from .handed import handed, indexed
from .numbers import M2P
from .questions import JUMP, REMAP, all_repointed, by_stack, page_fault, who
from .rule import rule


def in_register(f: Facts, fault: Fault, index: int) -> bool:
    """Whether the instruction had it as an index, counted in entries or bytes; as an index that is too large, without its upper bits."""
    values = {v & f.mask for v in fault.regs.values.values()}
    offset = index * f.bits // 8 & f.mask
    return offset in values or any(v * f.bits // 8 & f.mask == offset for v in values) or fault.cr2 in values and f.is_a(index, "pv") and bool(f.thing(index))


def p2m_index(f: Facts, fault: Fault) -> int:
    """Which entry of the p2m an address is, taken as one."""
    begin = f.info.mfn_list + (f.page_offset if fault.cr2 >= f.page_offset else 0)
    return (fault.cr2 - begin & f.mask) // (f.bits // 8)


@rule("pointer-not-repointed", JUMP + ": The p2m not repointed", "crash", "failure")
def _(f):
    fault = page_fault(f)
    pv = (p2m_index(f, fault) << PAGE_SHIFT) + f.page_offset & f.mask if fault and f.info else 0
    if pv and p2m_index(f, fault) >= f.nr_pages and in_register(f, fault, p2m_index(f, fault)) and f.thing(pv) and f.source.linked(fault.ip) in ((fault.ip, "VA"), None) and not all_repointed(f):
        return f"""VA {fault.cr2:#x} is entry {p2m_index(f, fault):#x} of the p2m: the number of P=V page {pv:#x} ({f.thing(pv)}) less PAGE_OFFSET. A
            pointer that is still P=V was taken for a linked one: start_info's {"pt_base" if "page tables" in f.thing(pv) else "pointer"}
            was not repointed."""


@rule("repointed-twice", JUMP + ": What still points low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    pv = (p2m_index(f, fault) << PAGE_SHIFT) - f.page_offset & f.mask if fault and f.info else 0
    if pv and p2m_index(f, fault) >= f.nr_pages and in_register(f, fault, p2m_index(f, fault)) and f.thing(pv):
        early = f.source.linked(fault.ip) and f.source.linked(fault.ip)[1] == "P=V"
        now = f.info_now
        once = now and now.pt_base == f.info.pt_base + f.page_offset & f.mask and now.mfn_list == f.info.mfn_list + f.page_offset & f.mask
        why = "a linked address was given where a P=V one is wanted, which is a paddr: PAGE_OFFSET was added too early" if early else \
            "start_info's pointers are repointed, and just once: so a linked address was given where a paddr is wanted, and __pa(), which takes PAGE_OFFSET off, is missing" if once else \
            "a pointer of start_info's was repointed twice"
        return f"""VA {fault.cr2:#x} is entry {p2m_index(f, fault):#x} of the p2m, which is the page number of P=V {pv:#x} ({f.thing(pv)}) plus PAGE_OFFSET:
            {why}."""


def _not_start_info(f: Facts, pv: int) -> str:
    """Of a pointer that is P=V after all of start_info's were repointed."""
    if not all_repointed(f):
        return ""
    made = indexed(f, pv)
    told = f"{made}. So the pointer itself is a small number and no address, and the index ran far. Are two arguments exchanged, at the call or in the function?" if made else \
        "it is another one that is P=V, or a number that is no pointer."
    return f" All of start_info's pointers are repointed; {told}{handed(f)}"


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
        address = index << PAGE_SHIFT & f.mask
        if name == "p2m" and index >= f.nr_pages and f.is_a(address, "minus"):
            return f"""VA {fault.cr2:#x} is the p2m's entry number {index:#x}, and there are {f.nr_pages:#x} pages. As a PFN that is address {address:#x}: {f.number(address, "minus")}.{_not_start_info(f, address + f.page_offset & f.mask)}{who(f, fault.cr2)}"""
        kinds = ("maddr", "entry") if name == "m2p" else ("maddr", "entry", "pv", "linked", "mfn")
        if index >= f.nr_pages and in_register(f, fault, index) and f.is_a(index, *kinds) and (fault.cr2 - begin & f.mask) % word == 0:
            return f"""VA {fault.cr2:#x} is the {name}'s entry number {index:#x}, and that number is {"the " if f.number(index, *kinds).startswith("machine address") else ""}{f.number(index, *kinds)}. The index is
                {right}: one entry a page.{who(f, fault.cr2)}"""
    return None


def dom0s_console(f: Facts, number: int) -> bool:
    """Whether that is the union of start_info that has an MFN in a domU, and two 32-bit numbers in dom0."""
    return f.info.is_dom0 and number == f.info.console_0 | f.info.console_1 << 32


@rule("table-index", "0-machine: Three kinds of address", "crash", "failure", rank=1)
def _(f):
    """The same, of a number that means nothing."""
    fault = page_fault(f)
    if fault and f.info and f.function in ("early_m2p", "early_p2m", "phys_to_machine"):
        name, begin = ("m2p", M2P[f.bits]) if f.function == "early_m2p" else \
            ("p2m", f.info.mfn_list + (f.page_offset if f.function == "phys_to_machine" else 0) & f.mask)
        index = (fault.cr2 - begin & f.mask) // (f.bits // 8)
        if in_register(f, fault, index) and not dom0s_console(f, index):
            return f"""VA {fault.cr2:#x} is the {name}'s entry number {index:#x}, and there are not so many pages. {f"The number is {f.number(index)}. " if f.number(index) else ""}What
                the index was taken from is no entry, or no address, of this guest's{": all its bits are set, as in a mask" if index & 0xFFFFF == 0xFFFFF else ""}. Was the table before that indexed right? {
                "An entry's MFN is (entry & PTE_MFN_MASK) >> PAGE_SHIFT: pteval_mfn()." if name == "m2p" else ""}"""
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


@rule("invalid-pfn", "0-machine: Three kinds of address", "crash", "failure", rank=1)
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "invalid") and not by_stack(f, fault):
        code = f.source.extent_of("early_m2p")
        asked = next((n for s in reversed(f.steps) if s.address in code for n in s.registers.values() if n in f.pfn_of), None)
        if asked is not None:
            return f"""VA {fault.cr2:#x} is {f.number(fault.cr2, "invalid")}. early_m2p() was asked for MFN {asked:#x}, which is this guest's: PFN {f.pfn(asked):#x}. Either the check
                that is to tell this guest's pages from others (below nr_pages, and the p2m agrees) refuses them, or the m2p was read where it does not begin,
                {M2P[f.bits]:#x}, or in entries of another size than a word."""
        return f"""VA {fault.cr2:#x} is {f.number(fault.cr2, "invalid")}. The m2p was asked about a page and did not know it, and the answer was
            used: the number was no MFN of this guest (an entry of which too much or too little was taken, or what was read is no entry at all), or
            the m2p was read where it does not begin, or in entries of another size than a word.{who(f, fault.cr2)}"""


@rule("m2p-address", "8-errata: 1. dom0 has no console page", "crash", "failure", rank=1)
def _(f):
    fault = page_fault(f)
    index = (fault.cr2 - M2P[f.bits] & f.mask) // (f.bits // 8) if fault else 0
    if fault and f.info and f.function == "early_m2p" and dom0s_console(f, index):
        return f"""VA {fault.cr2:#x} is the m2p's entry number {index:#x}. That is start_info's console.dom0, two 32-bit numbers: only a domU
            has an MFN there. Dom0 has no console page, so look at SIF_INITDOMAIN before console.domU.mfn is read."""
    if fault and f.is_a(fault.cr2, "xen") and not f.is_a(fault.cr2, "invalid") and not by_stack(f, fault):
        return f"""VA {fault.cr2:#x} is a hole {f.number(fault.cr2, 'xen')}. The m2p is only as long as there are pages: what is not an MFN
            (console.domU.mfn of dom0, a maddr, a PFN shifted) leads beyond it. Or it was not read where it begins, 0xf5800000 (PAE) or
            0xffff800000000000 (x86-64).{who(f, fault.cr2)}"""
