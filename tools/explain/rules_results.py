# SPDX-License-Identifier: GPL-2.0-only
"""A function of the kit's that returned something wrong: the first, of all that were called."""

import re

from xenpt import paging
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .disassembly import function
from .facts import Facts
from .probes import Told
from .numbers import M2P, XEN_END, xens_pfn
from .questions import misplaced_info, page_fault, say, say_number
from .relation import also, offset_or_cut, relation
from .right_results import CONTRACTS
from .rule import rule
from .rules_msr import LEAF

MOST_MFNS = 1 << 24
NEAR_END = 0x1000  # bytes: so close to the end of the address space is a small number below 0


def asked(f: Facts, told: Told) -> str:
    """What it was called for, in words."""
    kinds = zip(CONTRACTS[told.name].args.split(), told.args)
    words = ", ".join(
        f"{kind} {say(f, n, *(('mfn', 'pv', 'maddr') if kind == 'MFN' else ('pv', 'linked', 'maddr', 'twice')))}" for kind, n in kinds if kind != "info")
    return f"asked for {words}" if words else "called"


def other_table(f: Facts, told: Told) -> str:
    """That the p2m was read where the m2p was meant, or the other way round, if nothing speaks against it."""
    if told.name not in ("early_m2p", "early_p2m", "phys_to_machine"):
        return ""
    index = told.args[-1] if told.name == "early_m2p" else told.args[-1] >> PAGE_SHIFT
    if told.name == "early_m2p":
        at = f.source.va(told.name) or 0
        names_m2p = any(n in range(M2P[f.bits], XEN_END[f.bits] - NEAR_END) for i in function(f.source, at) for n in constants(i.operands, f.mask))
        there = f"The p2m has {f.nr_pages:#x} entries, and this MFN is beyond them." if index >= f.nr_pages else f"Entry {index:#x} of the p2m is {f.p2m[index]:#x}."
        if not names_m2p:
            return f"No instruction of early_m2p() names an address of the m2p, VA {M2P[f.bits]:#x}, so the MFN was looked up in another table. {there} The p2m is indexed by PFN and holds MFNs; the m2p is indexed by MFN and holds PFNs."
    number = (xens_pfn(f.seen, index) if told.name != "early_m2p" and f.seen else 0) or 0
    if number and told.result & -PAGE_SIZE == number << PAGE_SHIFT & (1 << 64) - 1:
        return f"{number:#x}, of which it is made, is entry {index:#x} of the m2p: a PFN was looked up there. The m2p is indexed by MFN and holds PFNs; the p2m is indexed by PFN and holds MFNs."
    return ""


def constants(operands: str, mask: int) -> list[int]:
    """All that stand in an instruction's operands, a negative one as the address that it is."""
    return [int(n, 16) & mask for n in re.findall(r"-?0x[0-9a-f]+", operands)]


def returned(f: Facts, told: Told) -> str:
    gives = CONTRACTS[told.name].gives
    result = say(f, told.result) if "address" in gives else f"{told.result:#x}" if "MSR" in gives else say_number(f, told.result)
    return f"""{told.name}() was {asked(f, told)}, at {f.source.place(told.caller - 1)}, and returned {result}. Right is {told.right:#x},
        {gives}.{other_entry(f, told) or also(f, told.result, told.right)} {other_table(f, told) or f"It is the first function of those that are looked at to return something wrong: see {told.name}(), and what it calls."}"""


def other_entry(f: Facts, told: Told) -> str:
    """That an entry is of the right table, and has another index; whose that is, of the indices that the VA has."""
    size, word = f.entry_size, told.right & -PAGE_SIZE
    if "its entry" not in CONTRACTS[told.name].gives or told.result & -PAGE_SIZE != word or (told.result ^ told.right) % size:
        return ""
    got, right = (n % PAGE_SIZE // size for n in (told.result, told.right))
    mode = paging.FOUR_LEVEL if f.bits == 64 else paging.PAE if size == 8 else paging.TWO_LEVEL
    mine = {level.name: told.args[-1] >> level.shift & level.entries - 1 for level in mode.levels}
    own = told.name.removeprefix("get_")
    same = [f"{name}_index()" for name, n in mine.items() if n == got and name != own]
    return f" It is entry {got:#x} of the right table, and right is entry {right:#x}, {own}_index() of that VA{f'; {got:#x} is {same[0]} of it' if same else ''}."


@rule("wrong-result", "2-hypercall-page: CPUID that asks Xen")
def _(f):
    told = f.wrong_result if f.wrong_result and f.wrong_result.name.startswith("cpuid_") else None
    pages = f" 1 is what EAX of CPUID leaf {LEAF:#x} says, the number of pages: the MSR's number is in EBX." if told and told.result == 1 else ""
    return returned(f, told) + pages if told else None


@rule("wrong-result", "3-remap: Walking the tables in software")
def _(f):
    return returned(f, f.wrong_result) if f.wrong_result else None


@rule("wrong-argument", "3-remap: A pseudo-physical address in ptr", "crash", "failure")
def _(f):
    """What was found was right, and something else was used."""
    told = f.seen.probes.told if f.seen and f.seen.probes and not f.wrong_result else []
    tables = f.said.layout.get("Page tables", range(0))
    for number, call in enumerate(told):
        if call.name != "early_p2m" or call.args[1] in tables:
            continue
        for found in reversed(told[:number]):
            words = relation(f, call.args[1], found.result) if found.name in ("early_pgd", "get_pud", "get_pmd") else ""
            if words:
                return f"""early_p2m() was asked for paddr {say(f, call.args[1])}, at {f.source.place(call.caller - 1)}, for the maddr of a page-table entry. {found.name}() had found the entry
                    at {say(f, found.result)} just before, and {call.args[1]:#x} is {words}. On the way from the one to the other it was changed."""
    return None


@rule("paddr-beyond", "3-remap: A pseudo-physical address in ptr", "crash", "failure")
def _(f):
    """It gave what lies behind the p2m."""
    told = f.seen.probes.beyond if f.seen and f.seen.probes and not f.wrong_result and f.refused else None
    paddr = told.args[-1] if told else 0
    if not told or f.is_a(paddr, "linked", "twice", "maddr", "mfn", "clobbered") or misplaced_info(f):
        return None
    tables = f.said.layout.get("Page tables", range(0))
    behind = f" It is {paddr - tables.start:#x} bytes behind the beginning of the page tables: an index into one of them was too large, and a table has {PAGE_SIZE // 8} entries." if f.bits == 64 and 0 < paddr - tables.start else ""
    return f"""{told.name}() was asked for the maddr of paddr {paddr:#x}, at {f.source.place(told.caller - 1)}, and the guest's memory ends at {f.nr_pages << PAGE_SHIFT:#x}: the p2m has no entry for it, and what it returned, {told.result:#x}, is not so.{behind}"""


@rule("wrong-entry-read", "0-machine: Three kinds of address", "crash", "failure", rank=1)
def _(f):
    """A fault inside of a function that was asked for the right thing."""
    fault, pending = page_fault(f), f.seen.probes.pending if f.seen and f.seen.probes else []
    _, _, name, args, _ = pending[-1] if pending else (0, 0, "", [], 0)
    tables = {"early_p2m": f.info.mfn_list, "phys_to_machine": f.info.mfn_list + f.page_offset, "early_m2p": M2P[f.bits]} if f.info else {}
    if not fault or f.function != name or name not in tables:
        return None
    word, base = f.bits // 8, tables[name] & f.mask
    index = args[-1] if name == "early_m2p" else args[-1] >> PAGE_SHIFT
    right, number = base + index * word & f.mask, (fault.cr2 - base & f.mask) // word
    if index >= (f.nr_pages if name != "early_m2p" else MOST_MFNS) or fault.cr2 == right:
        return None
    how = offset_or_cut(f, fault.cr2, right) or offset_or_cut(f, number << PAGE_SHIFT, index << PAGE_SHIFT) or offset_or_cut(f, number, index)
    return f"""{name}() was asked for {say(f, args[-1])}, and read VA {fault.cr2:#x}, where nothing is mapped. What it is to read is entry {index:#x} of the table at VA {base:#x}, VA {right:#x}.
        Counted from there, it read entry {number:#x}{f": {how}" if how else ""}. Is it the right table, indexed by the right number, in entries of a word?"""


@rule("info-wrong", "3-remap", "crash", "failure")
def _(f):
    told = f.seen.probes.strange if f.seen and f.seen.probes and f.seen.lost_start_info is None and not f.bzimage else None
    if told:
        return f"""{told.name}() was given {say(f, told.args[0])} for start_info, at {f.source.place(told.caller - 1)}, and start_info is at P=V {told.right:#x}.{also(f, told.args[0], told.right)} Whatever is read there is
            none of its fields: were two arguments exchanged, or was the pointer repointed before?"""
