# SPDX-License-Identifier: GPL-2.0-only
"""The classic notes, which hold addresses: VIRT_BASE, ENTRY, PADDR_OFFSET, INIT_P2M, HYPERCALL_PAGE. They come together, or not at all."""

from xenpt.memory import PAGE_SHIFT

from .disassembly import operand
from .facts import Facts
from .questions import page_fault, who
from .rule import rule
from .rules_notes import LESSON, at_fault, loading, note

CLASSIC = LESSON + ": The classic way: notes with addresses"


@rule("virt-base-alone", CLASSIC, "refusal")
def _(f):
    fault, base = at_fault(f, "ENTRY"), note(f, "VIRT_BASE")
    if fault and base and not note(f, "ENTRY"):
        return f"""There is a VIRT_BASE note, {base.number:#x}, and no ENTRY note: {fault.why}. Notes with addresses come together (VIRT_BASE,
            ENTRY, HYPERCALL_PAGE), or not at all."""


@rule("entry-and-base", CLASSIC, "refusal")
def _(f):
    fault, base, entry = at_fault(f, "ENTRY") or at_fault(f, "VIRT_BASE"), note(f, "VIRT_BASE"), note(f, "ENTRY")
    if not fault or not base or not entry:
        return None
    if "PADDR_OFFSET" in loading(f).notes:
        return f"""The notes VIRT_BASE ({base.number:#x}), PADDR_OFFSET ({loading(f).number("PADDR_OFFSET", 0):#x}) and ENTRY ({entry.number:#x}) do not agree: {fault.why}.
            The image is mapped at VIRT_BASE plus p_paddr minus PADDR_OFFSET. Where p_paddr is a paddr, as here, PADDR_OFFSET has to be 0, or
            left out."""
    if loading(f).pstart >= base.number and base.number:
        return f"""The program headers' p_paddr are linked VAs, from {loading(f).pstart:#x} on, and Xen adds the note VIRT_BASE ({base.number:#x}) to them: {fault.why}. The linker script has to take
            LOAD_OFFSET from every section's load address, AT(...); or a note PADDR_OFFSET says by how much they are too high."""
    lower = entry.number + base.number in range(loading(f).kstart, loading(f).kend)
    which = f"ENTRY is a paddr: with a VIRT_BASE note it has to be the linked VA, {entry.number + base.number:#x}" if lower else \
        f"VIRT_BASE has to be what a linked VA is above its p_paddr, {f.source.offset:#x}" if base.number != f.source.offset else \
        "ENTRY has to be the linked VA of the first instruction"
    return f"""The notes VIRT_BASE ({base.number:#x}) and ENTRY ({entry.number:#x}) do not agree: {fault.why}. {which}."""


@rule("entry-note", CLASSIC, "refusal")
def _(f):
    fault = at_fault(f, "ENTRY")
    if fault and note(f, "ENTRY") and not note(f, "VIRT_BASE"):
        return f"""There is an ENTRY note, and no VIRT_BASE: {fault.why}, mapped P=V. The entry must be in there, or the notes with addresses
            come together."""


@rule("paddr-offset-note", CLASSIC, "refusal")
def _(f):
    fault = at_fault(f, "PADDR_OFFSET")
    if fault:
        return f"""The PADDR_OFFSET note: {fault.why}. It is the address from which p_paddr counts up to VIRT_BASE; without a VIRT_BASE note it
            means nothing."""


@rule("p2m-note", CLASSIC, "refusal", "panic")
def _(f):
    fault, place = at_fault(f, "INIT_P2M"), note(f, "INIT_P2M")
    if fault and place:
        return f"The INIT_P2M note asks for the p2m at VA {place.number:#x}: {fault.why}."


@rule("hypercall-page-note", CLASSIC, "refusal")
def _(f):
    fault, page = at_fault(f, "HYPERCALL_PAGE"), note(f, "HYPERCALL_PAGE")
    if page and f.xen("^Invalid HYPERCALL_PAGE field"):
        right = f.source.va("hypercall_page") or 0
        low = note(f, "VIRT_BASE") and page.number == right - f.source.offset & f.mask
        how = f"That is the paddr of hypercall_page: beside VIRT_BASE the note holds the VA, {right:#x}" if low else "An image without addresses in its notes asks for the page by the MSR"
        return f"""The HYPERCALL_PAGE note says {page.number:#x}, and Xen would have to write its stubs there:
            {fault.why if fault else f"the image is at {loading(f).kstart:#x} to {loading(f).kend:#x}, and what is mapped for it ends little behind it"}. {f"It is a {f.number(page.number, 'linked')}. " if f.number(page.number, "linked") else ""}{how}."""


@rule("hypercall-page-note", CLASSIC, "crash", "failure", "silence", "timeout", "mute")
def _(f):
    """Xen wrote its stubs elsewhere."""
    page, right = note(f, "HYPERCALL_PAGE"), f.source.va("hypercall_page")
    if page and right is not None and page.number not in (right, right - f.source.offset & f.mask):
        return f"""The HYPERCALL_PAGE note says {page.number:#x}, {f.number(page.number, "linked", "pv") or "which is nothing of the image's"}, and
            hypercall_page is at VA {right:#x}. Xen wrote its stubs over what was there, before the first instruction."""


def index_of_p2m(f: Facts) -> tuple[int, int] | None:
    """The address at which the p2m was to be read, and the VA whose page number was the index."""
    used = operand(f.source, f.fault.ip, f.fault.regs) if f.fault and f.info and f.virt_base else None
    address = f.fault.cr2 if used and f.fault.page else used[0] if used else 0
    index, rest = divmod(address - f.info.mfn_list & f.mask, f.bits // 8) if used else (0, 1)
    va = index << PAGE_SHIFT & f.mask
    return (address, va) if not rest and f.is_a(va, "linked") else None


@rule("va-for-paddr", CLASSIC, "crash", "failure")
def _(f):
    found = index_of_p2m(f)
    if not found:
        return None
    address, va = found
    filled = " The page need not be asked for: there is a note HYPERCALL_PAGE, and Xen had filled it before the entry." if note(
        f, "HYPERCALL_PAGE") and va == f.source.va("hypercall_page") else ""
    return f"""VA {address:#x} is entry {va >> PAGE_SHIFT:#x} of the p2m (VA {f.info.mfn_list:#x}), and that is the page number of VA {va:#x} ({f.number(va, "linked")}). A VA was taken for a paddr: the note
        VIRT_BASE ({f.virt_base:#x}) had Xen map the image at its linked VAs, not P=V, and a paddr is so much less than its VA.{filled}"""


@rule("paddr-for-va", CLASSIC, "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.virt_base and f.thing(fault.cr2) and not f.is_a(fault.cr2, "linked"):
        return f"""VA {fault.cr2:#x} was used, {fault.doing}, and that is the {f.number(fault.cr2, "pv")}. Nothing is mapped P=V: the note VIRT_BASE had Xen map the image and all that comes with it so much higher, {f.virt_base:#x}, so that is at VA
            {fault.cr2 + f.virt_base & f.mask:#x}.{who(f, fault.cr2)}"""
