# SPDX-License-Identifier: GPL-2.0-only
"""The MSR that asks for the hypercall page, and what is written to it. Stage 2."""

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .facts import Facts
from .msr_value import WRMSR, about, beyond_end, index_in_sight, other_index, p2m_written_over, page, reads, right_value, written
from .right_results import MSR_BASE
from .rule import rule

LESSON = "2-hypercall-page"
LEAF = 0x40000002  # of CPUID, which tells the MSR


@rule("msr-low-bits", LESSON + ": A frame number instead of an address", "crash", "failure")
def _(f):
    wrmsr = written(f)
    if wrmsr and page(f) is not None and page(f) % PAGE_SIZE and not wrmsr[1] % PAGE_SIZE:
        return f"""hypercall_page is at P=V {page(f):#x}, which does not begin a page. Xen fills the whole page that the MSR names, from its beginning, P=V
            {page(f) & -PAGE_SIZE:#x}: what else lies in it is overwritten, and no stub is where it is called. Align it to 4096 bytes."""
    if wrmsr and f.xen(r"wrmsr hypercall page index 0x[0-9a-f]+ unsupported"):
        value = wrmsr[1]
        mfn = f.p2m[page(f) >> PAGE_SHIFT] if page(f) is not None and page(f) >> PAGE_SHIFT < len(f.p2m) else 0
        if mfn and value % mfn == 0 and value not in (mfn, mfn << PAGE_SHIFT):
            return f"""The hypercall-page MSR got {value:#x}, which is the right MFN, {mfn:#x}, times {value // mfn}. A page number becomes an address by a shift left of
                {PAGE_SHIFT} bits, here {mfn << PAGE_SHIFT:#x}."""
        if page(f) is not None and page(f) % PAGE_SIZE:
            return f"""hypercall_page is at P=V {page(f):#x}, which does not begin a page, so its machine address {value:#x} has low bits,
                {value % PAGE_SIZE:#x}: an index to Xen, and there is only page 0. Align it to 4096 bytes."""
        return f"""The low 12 bits of what is written to the hypercall-page MSR are an index, and there is only page 0: write the page's
            machine address and nothing else. Here the value is {value:#x}{about(f, value)}."""


@rule("msr-wrong-number", LESSON + ": Which number is the page", "crash", "failure")
def _(f):
    wrmsr = written(f)
    if wrmsr and f.fault and f.code(f.fault.ip, 2) == WRMSR and wrmsr == (MSR_BASE, MSR_BASE):
        return f"""WRMSR got {MSR_BASE:#x}, the right number, in ECX, and the same in EAX: nothing has put the lower half of the machine address there. The value goes in EDX and EAX."""
    if wrmsr and f.fault and f.code(f.fault.ip, 2) == WRMSR and wrmsr[1] == MSR_BASE:
        return f"""WRMSR got {wrmsr[0]:#x}{about(f, wrmsr[0])} as the MSR's number, and {MSR_BASE:#x}, which is its number, as the value: the two are exchanged. The number goes
            in ECX, the value in EDX and EAX."""
    if wrmsr and f.fault and f.code(f.fault.ip, 2) == WRMSR and wrmsr[0] != MSR_BASE and MSR_BASE in (wrmsr[1] >> 32, wrmsr[1] & 0xFFFFFFFF):
        return f"""WRMSR got {wrmsr[0]:#x}{about(f, wrmsr[0])} as the MSR's number, in ECX, and {MSR_BASE:#x}, which is its number, stood in {"EDX" if wrmsr[1] >> 32 == MSR_BASE else "EAX"}: registers are exchanged in the asm. The number goes in ECX, the upper half of the value in EDX,
            the lower in EAX."""
    if wrmsr and f.fault and f.code(f.fault.ip, 2) == WRMSR and wrmsr[0] != MSR_BASE and not (f.wrong_result and f.wrong_result.name.startswith("cpuid_")):
        return f"""Xen has no MSR {wrmsr[0]:#x}. The number of the hypercall-page MSR is in EBX of CPUID leaf {LEAF:#x}, here
            {MSR_BASE:#x}."""


def halves(f: Facts) -> str:
    """That EDX and EAX, which each take a half of the value, got the other's."""
    wrmsr = written(f)
    want = f.p2m[page(f) >> PAGE_SHIFT] << PAGE_SHIFT if page(f) is not None and page(f) >> PAGE_SHIFT < len(f.p2m) else 0
    return f"""The hypercall-page MSR got {wrmsr[1]:#x}: the two halves of the page's machine address, {want:#x}, are exchanged. WRMSR takes the lower in EAX, where {want >> 32:#x} was, and the upper in
        EDX, where {want & 0xFFFFFFFF:#x} was.""" if wrmsr and want and wrmsr == (MSR_BASE, (want & 0xFFFFFFFF) << 32 | want >> 32) else ""


@rule("msr-halves", LESSON + ": Which number is the page", "crash", "failure")
def _(f):
    return halves(f)


def _upper(f: Facts, value: int) -> str:
    """What the upper half is, in the lower one's place or beside it."""
    if value >> 32 == value & 0xFFFFFFFF:
        return " Both halves are the same number: EDX got the lower half, too, and takes value >> 32, the upper one."
    return ' With 64 bits "A" in an asm is RAX or RDX, not the two halves of a number.' if f.bits == 64 else ""


@rule("msr-given-pfn", LESSON + ": A PFN instead of an MFN", "crash", "failure")
def _(f):
    wrmsr = written(f)
    if wrmsr and f.xen("Bad GMFN [0-9a-f]+ .*to MSR") and not halves(f) and f.seen.lost_start_info is None:
        want = f.p2m[page(f) >> PAGE_SHIFT] << PAGE_SHIFT if page(f) is not None and f.p2m else 0
        value = wrmsr[1]
        pfn = f.pfn(value >> PAGE_SHIFT)
        if pfn is not None:
            return None
        if want and value & 0xFFFFFFFF == want:
            return f"""The hypercall-page MSR got {value:#x}: the lower half is the page's machine address, {want:#x}, and the upper, which WRMSR takes from EDX, is
                {value >> 32:#x} in place of 0.{_upper(f, value)}"""
        if want and p2m_written_over(f):
            return f"The hypercall-page MSR got {value:#x}, which is what entry {page(f) >> PAGE_SHIFT:#x} of the p2m holds now. {p2m_written_over(f)}"
        index = index_in_sight(f)
        if index is not None and not value:
            return f"""The hypercall-page MSR got 0. It was read from entry {index:#x} of the p2m, which has {f.nr_pages:#x}: that index is the page number of
                {f.number(index << PAGE_SHIFT & f.mask, "minus", "linked", "twice")}. The p2m is indexed by the PFN of a P=V address, {page(f) >> PAGE_SHIFT:#x}."""
        kind = f" That is {f.number(value, 'pv', 'linked', 'mfn', 'pfn', 'twice', 'clobbered')}." \
            if f.number(value, "pv", "linked", "mfn", "pfn", "twice", "clobbered") else ""
        entry = f.number(value >> PAGE_SHIFT, "pv")
        if not kind and want and entry.startswith("P=V address of the p2m"):
            return f"""The hypercall-page MSR got {value:#x}, and without the shift that is {value >> PAGE_SHIFT:#x}: {entry}. The address of an entry was taken for the MFN that stands in it,
                {want >> PAGE_SHIFT:#x}."""
        size = next((n for n in range(8, 24) if n != PAGE_SHIFT and page(f) is not None and page(f)
                    >> n < len(f.p2m) and value == f.p2m[page(f) >> n] << n), 0)
        if size:
            return f"""The hypercall-page MSR got {value:#x}: entry {page(f) >> size:#x} of mfn_list, {f.p2m[page(f) >> size]:#x}, shifted by {size}. So pages are taken to have {1 << size}
                bytes (PAGE_SHIFT), and they have {PAGE_SIZE}."""
        narrow = [n for n in (1, 2, 4, 8) if page(f) is not None and n != f.bits // 8 and f.info and value ==
                  int.from_bytes(f.code(f.info.mfn_list + (page(f) >> PAGE_SHIFT) * n, n), "little") << PAGE_SHIFT]
        beyond = "" if value or not f.p2m else beyond_end(f)
        if not value:  # nearly each number has a byte that is 0
            narrow = [n for n in narrow if reads(f, n)]
        entries = f"""what mfn_list gives for entry {page(f) >> PAGE_SHIFT:#x} if its entries are taken to have {" or ".join(str(n) for n in narrow)} byte{"" if narrow == [1] else "s"}. They are words (unsigned long), of
                {f.bits // 8}{right_value(f)}.""" if narrow else ""
        if narrow and value:
            return f"The hypercall-page MSR got {value:#x}. That is {entries}"
        shift = next((n for n in range(64) if want and value == want >> PAGE_SHIFT << n), None)
        if shift is not None:
            kind = f" It is the right MFN, {want >> PAGE_SHIFT:#x}, shifted by {shift}; a page is {PAGE_SHIFT} bits."
        elif not kind or not value:
            kind = " It is neither an MFN nor a PFN of this guest: it was not read from the p2m, or beyond its end, or it was changed on the way." if f.p2m else ""
            kind += f" 0 is {entries}" if kind and narrow else beyond
        right = f", {want:#x}: entry {page(f) >> PAGE_SHIFT:#x} of mfn_list, which is the PFN of hypercall_page, holds its MFN" if want else ""
        return f"The hypercall-page MSR got {value:#x}, a page that is not this guest's.{kind} It takes the page's machine address{right}."


@rule("msr-other-page", LESSON + ": A PFN instead of an MFN")
def _(f):
    wrmsr = written(f)
    if not wrmsr or page(f) is None or not f.p2m or wrmsr[0] != MSR_BASE or page(f) % PAGE_SIZE:
        return None
    pfn = f.pfn(wrmsr[1] >> PAGE_SHIFT)
    if pfn is not None and pfn != page(f) >> PAGE_SHIFT:
        thing = f.thing(pfn << PAGE_SHIFT) or "a page that nothing was put in"
        refused = "Xen may not write stubs there: a guest's page tables are not writable." if f.fault and f.code(f.fault.ip, 2) == WRMSR \
            else "Xen wrote its stubs over what was there."
        return f"""The hypercall-page MSR got {wrmsr[1]:#x}, which is PFN {pfn:#x}: {thing}. hypercall_page is PFN
            {page(f) >> PAGE_SHIFT:#x}. {refused}{other_index(f, pfn, page(f) >> PAGE_SHIFT)}"""
