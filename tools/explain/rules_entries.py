# SPDX-License-Identifier: GPL-2.0-only
"""Page faults by an entry: one that was changed, lost a right, or may not be written to."""

from xenpt import paging
from xenpt.entry import Entry
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .calls import ARGUMENTS, Call
from .facts import Facts
from .questions import REMAP, is_linked, page_fault
from .rule import rule

FLAGS = "PRESENT RW USER PWT PCD ACCESSED DIRTY PSE".split()  # bit 0 and on


@rule("m2p-entry-overwritten", REMAP + ": MMU_MACHPHYS_UPDATE", "crash", "failure")
def _(f):
    wrong = [(c, u) for c in f.calls for u in c.updates if u[0] & 3 == 1 and c.result == 0]
    if wrong and page_fault(f):
        ptr, val = wrong[0][1]
        return f"""An update went to Xen's m2p: the low two bits of mmu_update's ptr are a command, and in {ptr:#x} it is 1,
            MMU_MACHPHYS_UPDATE. It returns 0, leaves the page table alone, and made {val:#x} the PFN of MFN {ptr >> PAGE_SHIFT:#x}."""


@rule("entry-not-present", REMAP + ": An entry without PRESENT", "crash", "failure")
def _(f):
    fault = page_fault(f)
    walk = f.walk(fault.cr2) if fault else None
    if walk and walk.problem and walk.path and walk.path[-1].value > PAGE_SIZE and not walk.path[-1].value & paging.PRESENT:
        entry = walk.path[-1]
        return f"""The walk of VA {fault.cr2:#x} ends at {entry.name} = {entry.value:#x}, which holds a page but has no PRESENT bit (bit 0). Xen
            stores such an entry without checking it and returns 0. {exchanged(f, fault.cr2, entry.value) or copied(f, fault.cr2, entry)}"""


def copied(f: Facts, va: int, entry: Entry) -> str:
    """What an entry has to do with the one of P=V that it was to be a copy of."""
    low = f.walk(va - (f.source.offset if va in f.source.extent else f.page_offset) & f.mask) if is_linked(f, va) else None
    same = [e for e in low.path if e.level.shift == entry.level.shift] if low else []
    if same and entry.value == same[0].maddr:
        return f"""{entry.value:#x} is the machine address of the entry that was to be copied, {same[0].name} of P=V. What belongs there is what stands in that one, {same[0].value:#x}."""
    if same and same[0].value ^ entry.value < PAGE_SIZE:
        return f"""The entry that was to be copied, {same[0].name} of P=V, is {same[0].value:#x}: its flags, or some of them, were lost."""
    return ""


def exchanged(f: Facts, va: int, value: int) -> str:
    """Whether an entry would be a good one if its halves were exchanged, and which call brought them so."""
    other = value >> 32 | (value & 0xFFFFFFFF) << 32
    known = f.pfn(other >> PAGE_SHIFT) is not None or f.info and other >> PAGE_SHIFT == f.info.shared_info >> PAGE_SHIFT
    if not known or not other & paging.PRESENT:
        return ""
    told, call = f"Its two halves of 32 bits are exchanged: {other:#x} would be right.", mapped_by(f, va)
    if not call or f.bits == 64 or given(f, call) != value:
        return told
    wrapper = next((way for way in f.source.inlined(call.caller - 1) if way.startswith("HYPERVISOR_")), "the wrapper that makes the call")
    return f"""{told} {call.name}, called at {f.source.place(call.caller)}, got them so: {call.args[1]:#x} as argument 2, in {ARGUMENTS[32][1].upper().replace("R", "E", 1)}, and {call.args[2]:#x} as argument 3. An argument of 64 bits takes two registers of a
        32-bit guest, the low half first: see {wrapper}, and HYPERCALL_U64() in it."""


def mapped_by(f: Facts, va: int) -> Call | None:
    """The update_va_mapping (or that of another domain) that was last made for the page of an address, and not refused."""
    return next((c for c in reversed(f.calls) if c.name.startswith("update_va_mapping") and c.args[0] >> PAGE_SHIFT == va >> PAGE_SHIFT and c.result == 0), None)


def given(f: Facts, call: Call) -> int:
    """The entry that an update_va_mapping was given."""
    return call.args[1] if f.bits == 64 else call.args[1] | call.args[2] << 32


@rule("right-lost", REMAP + ": Two roads", "crash", "failure",
      unlike="A page table is read-only through its pte; a right that is lost above one pte is lost for all of them.")
def _(f):
    fault = page_fault(f)
    walk = f.walk(fault.cr2) if fault and fault.denied else None
    if not walk or not is_linked(f, fault.cr2):
        return None
    for entry in walk.path:
        if entry.level.powerless or entry.level.shift == PAGE_SHIFT:
            continue
        what = "RW (bit 1)" if fault.write and not entry.value & paging.RW else \
            "USER (bit 2)" if not entry.value & paging.USER else ""
        if fault.fetch and entry.value & paging.NX:
            return f"""{entry.name} of VA {fault.cr2:#x} is {entry.value:#x}, with NX (bit 63): nothing below it can be run. The remap is to copy
                an entry as it is, with all its flags."""
        if what:
            return f"""{entry.name} of VA {fault.cr2:#x} is {entry.value:#x}, without {what}: nothing below it can be {"written to" if fault.write else "used"},
                though the ptes allow it. The remap is to copy an entry as it is, with all its flags."""
    return None


@rule("direct-store", REMAP + ": An ordinary store", "crash", "failure")
def _(f):
    fault = page_fault(f)
    walk = f.walk(fault.cr2) if fault and fault.write and fault.denied else None
    pfn = f.pfn(walk.maddr >> PAGE_SHIFT) if walk and walk.maddr is not None else None
    if pfn is not None and (pfn << PAGE_SHIFT) in f.said.layout.get("Page tables", range(0)):
        return f"""A store to VA {fault.cr2:#x}, {f.thing(pfn << PAGE_SHIFT)}: a page table in use, which is mapped read-only
            ({walk.path[-1].name} = {walk.path[-1].value:#x}). Entries are changed by mmu_update, not by assignment."""


@rule("page-read-only", REMAP + ": An ordinary store", "crash", "failure")
def _(f):
    fault = page_fault(f)
    walk = f.walk(fault.cr2) if fault and fault.write and fault.denied else None
    pte = walk.path[-1] if walk and walk.maddr is not None else None
    pfn = f.pfn(walk.maddr >> PAGE_SHIFT) if pte else None
    if pte and not pte.value & paging.RW and (pfn is None or (pfn << PAGE_SHIFT) not in f.said.layout.get("Page tables", range(0))):
        call = mapped_by(f, fault.cr2)
        asked = given(f, call) if call else 0
        told = f" {call.name}, called at {f.source.place(call.caller)}, was given {asked:#x}, whose flags are {flags(asked)}." if call and not asked & paging.RW else ""
        user = f"""USER (bit 2) stands there, of which a page of the kernel's has no need, and not RW: are the two exchanged? RW is {paging.RW:#x}, and USER {paging.USER:#x}.""" if told and asked & paging.USER else ""
        return f"""A store to VA {fault.cr2:#x} ({f.number(fault.cr2) or "a page of the guest's"}), which is mapped read-only: {pte.name} is
            {pte.value:#x}, without RW (bit 1).{told} {user}"""


def flags(entry: int) -> str:
    """Names of an entry's."""
    return " | ".join(name for bit, name in enumerate(FLAGS) if entry >> bit & 1) or "none"
