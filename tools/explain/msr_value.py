# SPDX-License-Identifier: GPL-2.0-only
"""What was written to the MSR that asks for the hypercall page, and how a wrong number came of the right one."""

from __future__ import annotations

import re

from xenpt.memory import PAGE_SHIFT

from .disassembly import function
from .facts import Facts
from .questions import say_number
from .relation import offset_or_cut

WRMSR = b"\x0f\x30"


def page(f: Facts) -> int | None:
    """P=V address of the hypercall page."""
    va = f.source.va("hypercall_page")
    return None if va is None else va - f.source.offset & f.mask


def written(f: Facts) -> tuple[int, int] | None:
    """Number and value of the WRMSR that faulted, or of the last that Xen got."""
    if f.fault and f.fault.vector == 13 and f.code(f.fault.ip, 2) == WRMSR:
        regs = f.fault.regs
        return regs.rcx & 0xFFFFFFFF, (regs.rdx & 0xFFFFFFFF) << 32 | regs.rax & 0xFFFFFFFF
    return f.seen.msrs[-1] if f.seen and f.seen.msrs else None


def about(f: Facts, n: int) -> str:
    """Of a number that is no pointer, which has no words for what is near NULL."""
    return say_number(f, n).removeprefix(f"{n:#x}")


def beyond_end(f: Facts) -> str:
    """Page numbers of other kinds of address, for which there is a 0 beyond the p2m."""
    if f.seen and f.seen.probes and f.seen.probes.strange:
        return ""  # it was not start_info that the p2m was looked up in
    word, at = f.bits // 8, page(f) or 0
    kinds = {"the linked address": at + f.source.offset, "P=V less LOAD_OFFSET": at - f.source.offset}
    found = [f"{(a & f.mask) >> PAGE_SHIFT:#x}, the page number of {kind}" for kind, a in kinds.items()
             if (f.seen.peek(f.info.mfn_list + ((a & f.mask) >> PAGE_SHIFT) * word, word) if f.seen and f.info else None) == bytes(word)]
    return f" 0 is what lies beyond the p2m's {f.nr_pages:#x} entries at index {', and at '.join(found)}." if found else ""


def reads(f: Facts, size: int) -> bool:
    """Whether the code that the value came from, the WRMSR's caller and what that calls before, loads numbers of so many bytes from memory."""
    name, register = {1: (r"mov[sz]b\w", r"\w+"), 2: (r"mov[sz]w\w", r"\w+"), 4: ("mov|movslq", r"(e\w\w|r\d+d)")}.get(size, ("-", ""))
    caller = next(iter(f.callers() if f.seen and f.seen.regs else []), 0)
    end = (f.source.linked(caller) or [0])[0]
    code = [i for i in function(f.source, caller - 1) if i.address < end]
    called = [int(i.operands.split()[0], 16) for i in code[:-1] if i.name == "call" and re.match(r"[0-9a-f]+ <", i.operands)]
    return any(re.fullmatch(name, i.name) and re.search(rf"\),%{register}$", i.operands) for i in (*code, *(i for at in called for i in function(f.source, at))))


def p2m_written_over(f: Facts) -> str:
    """Whether the entry of the hypercall page is no more what Xen has put there, and by what."""
    word, begin = f.bits // 8, f.info.mfn_list if f.info else 0
    data = (f.seen.peek(begin, len(f.p2m) * word) if f.seen and begin else None) or b""
    changed = [n for n, mfn in enumerate(f.p2m[:len(data) // word]) if int.from_bytes(data[n * word:(n + 1) * word], "little") != mfn]
    if (page(f) or 0) >> PAGE_SHIFT not in changed:
        return ""
    first, end = begin + changed[0] * word, begin + (changed[-1] + 1) * word
    writers = [f.source.place(a.address) for a, b in zip(f.steps, f.steps[1:])
               if any(first <= b.registers.get(r, 0) <= end + word and b.registers[r] != a.registers.get(r) for r in ("EDI", "RDI"))]
    by = f" Last before that {'EDI' if f.bits == 32 else 'RDI'} was there at {writers[-1]}: how many of which size does that instruction copy, and where to?" if writers else ""
    return f"""Xen put {f.p2m[page(f) >> PAGE_SHIFT]:#x} there. {len(changed)} entries have changed since, from P=V {first:#x} to {end:#x}: the p2m lies right behind the image, and the kernel itself
        has written over it.{by}"""


def right_value(f: Facts) -> str:
    at = (page(f) or 0) >> PAGE_SHIFT
    return f", and there it is {f.p2m[at]:#x}" if 0 < at < len(f.p2m) else ""


def index_in_sight(f: Facts) -> int | None:
    """A page number that was made of another kind of address, in a register shortly before the end."""
    for step in reversed(f.steps[-8:]):
        for n in step.registers.values():
            if n >= f.nr_pages and f.is_a(n << PAGE_SHIFT & f.mask, "minus", "linked", "twice") and not f.is_a(n, "linked", "pv"):
                return n
    return None


def other_index(f: Facts, pfn: int, right: int) -> str:
    """How an index of mfn_list became another."""
    how = "half of it: the list was read as if its entries had half their size, which is a word's (unsigned long)" if 2 * pfn == right else \
        "twice that: the list was read as if its entries had twice their size, which is a word's (unsigned long)" if pfn == 2 * right else \
        f"{pfn // right} times that: the index of an array counts entries, and not their bytes" if pfn in (4 * right, 8 * right) else \
        "its neighbour: the index is off by one" if abs(pfn - right) == 1 else ""
    cut = offset_or_cut(f, pfn << PAGE_SHIFT, right << PAGE_SHIFT) if not how else ""
    return f" {pfn:#x} is {how}." if how else f" As an address, {pfn << PAGE_SHIFT:#x} for {right << PAGE_SHIFT:#x}, it is {cut}." if cut else ""
