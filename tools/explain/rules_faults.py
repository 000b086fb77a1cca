# SPDX-License-Identifier: GPL-2.0-only
"""Exceptions: which number was used as an address, what the page tables say of it, what the stack pointer is."""

import itertools

from xenabi.hypercalls import TRAP
from xenpt import paging
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .facts import Facts
from .fault import Fault
from .numbers import M2P
from .rules_hypercall import WRMSR
from .rule import rule

REMAP, JUMP, MACHINE = "3-remap", "4-start-kernel", "0-machine"
STACK_SIZE, STACK_END_MAGIC = 0x2000, 0x57AC6E9D  # THREAD_SIZE; linux/magic.h
PORT = ("e4", "e5", "e6", "e7", "ec", "ed", "ee", "ef")  # IN and OUT
NEAR_STACK = 4096  # so close to the stack pointer is a push, a call or a local variable
M2P_ENTRY = 0x067


def page_fault(f: Facts) -> Fault | None:
    return f.fault if f.fault and f.fault.page else None


def is_linked(f: Facts, va: int) -> bool:
    """Whether it is in the mapping that the remap makes."""
    paddr = va - f.page_offset & f.mask
    inside = f.source.linked(va)
    return bool(f.page_offset) and paddr < f.nr_pages << PAGE_SHIFT or bool(inside and inside[1] == "VA")


def remapped(f: Facts) -> bool:
    """Whether a page-table update was made, and accepted."""
    return any(c.name == "mmu_update" and c.result == 0 for c in f.calls)


def by_stack(f: Facts, fault: Fault) -> bool:
    return abs(fault.cr2 - (fault.regs.rsp & f.mask)) < NEAR_STACK or bool(f.xen("fault at .*crash_page_fault"))


def right_stack(f: Facts, esp: int) -> bool:
    """Whether it is in Xen's boot stack, or in the kernel's own, up to its top."""
    own, boot = f.source.va("init_stack"), f.said.layout.get("Boot stack", range(0))
    return boot.start < esp <= boot.stop or own is not None and own < esp <= own + STACK_SIZE


def who(f: Facts, n: int) -> str:
    """Where a number came from, if that is known."""
    line = f.first_seen(n)
    return f" It was first in a register after {line}." if line else ""


@rule("stack-overflow", MACHINE + ": What Xen guarantees at the start", "crash", "failure")
def _(f):
    fault = page_fault(f)
    stack = f.said.layout.get("Boot stack")
    if fault and stack and fault.write and fault.denied and by_stack(f, fault) and fault.cr2 in f.said.layout.get("Page tables", range(0)):
        return f"""The stack ran out of its page, {stack.start:#x} to {stack.stop:#x}, down into what lies below: VA {fault.cr2:#x} is in the page
            tables, which a guest cannot write to. The boot stack is one page: no large arrays, no deep recursion before the jump to a
            larger stack."""


@rule("stack-overflow", JUMP + ": The jump", "crash", "failure")
def _(f):
    jumped = any(c.name == "set_trap_table" for c in f.calls)
    if f.fault and jumped and f.source.va("init_stack") is not None and (f.word("init_stack") or 0) & 0xFFFFFFFF != STACK_END_MAGIC:
        return f"""init_stack overflowed: the word at its lower end, VA {f.source.va("init_stack"):#x}, is no longer what was put there, and what lies
            below it was written over: .bss, then code. It has {STACK_SIZE} bytes (THREAD_SIZE): no large arrays, no deep recursion."""


@rule("stack-pointer", JUMP + ": The jump", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if not fault or not f.seen or not by_stack(f, fault) or fault.cr2 in f.said.layout.get("Page tables", range(0)):
        return None
    esp = fault.regs.rsp & f.mask
    walk = f.walk(esp - f.bits // 8)
    if right_stack(f, esp) or walk and not walk.problem and walk.rights.write:
        return None
    kind = f.number(esp) or "in no stack that is known"
    return f"""The stack pointer, VA {esp:#x}, is {kind}: nothing that can be written to is mapped there
        ({walk.problem if walk and walk.problem else "it is read-only"}). Xen's boot stack is
        {" to ".join(f"{n:#x}" for n in (f.said.layout["Boot stack"].start, f.said.layout["Boot stack"].stop)) if "Boot stack" in f.said.layout else "gone"};
        {f"init_stack's top is VA {f.source.va('init_stack') + STACK_SIZE:#x}" if f.source.va("init_stack") else "the image has none of its own"}."""


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
            stores such an entry without a look at it and returns 0. {exchanged(f, entry.value)}"""


def exchanged(f: Facts, value: int) -> str:
    """Whether an entry would be a good one if its halves were exchanged."""
    other = value >> 32 | (value & 0xFFFFFFFF) << 32
    known = f.pfn(other >> PAGE_SHIFT) is not None or f.info and other >> PAGE_SHIFT == f.info.shared_info >> PAGE_SHIFT
    return f"Its two halves of 32 bits are exchanged: {other:#x} would be right." if known and other & paging.PRESENT else ""


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
        return f"""A store to VA {fault.cr2:#x} ({f.number(fault.cr2) or "a page of the guest's"}), which is mapped read-only: {pte.name} is
            {pte.value:#x}, without RW (bit 1). {"An update_va_mapping made it so." if any(c.name == "update_va_mapping" for c in f.calls) else ""}"""


@rule("repointed-twice", JUMP + ": What still points low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "twice") and not f.is_a(fault.cr2, "pv", "linked"):
        return f"VA {fault.cr2:#x} is {f.number(fault.cr2, 'twice')}. A pointer was repointed that had been repointed already.{who(f, fault.cr2)}"


@rule("entry-as-address", REMAP + ": Walking the tables in software", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2 & ~0xFFF | M2P_ENTRY, "entry") and not f.is_a(fault.cr2, "pv", "linked") and fault.cr2 > PAGE_SIZE:
        pfn = f.pfn(fault.cr2 >> PAGE_SHIFT)
        return f"""VA {fault.cr2:#x} is a machine address, in PFN {pfn:#x} ({f.thing(pfn << PAGE_SHIFT) or "a page of this guest"}), used as a
            virtual one. An entry's MFN has to go through the m2p before the table behind it can be read, P=V
            {pfn << PAGE_SHIFT | fault.cr2 & 0xFFF:#x}.{who(f, fault.cr2)}"""


@rule("null-call", JUMP + ": No trap table", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and fault.fetch and fault.cr2 < PAGE_SIZE:
        blocked = [c for c in f.calls if c.name == "set_callbacks"]
        return f"""Address {fault.cr2:#x} was called. Either a function pointer is NULL, or Xen did: it has no better address for a callback that was
            not set by set_callbacks ({"it was called" if blocked else "it was never called"}).
            {f"The image's code was left at {f.left_at}." if f.left_at else ""}"""


@rule("deliberate-fault", JUMP + ": No trap table", "crash", "failure", "silence", "timeout")
def _(f):
    fault = page_fault(f)
    if not fault or f.source.function(fault.ip) != "probe_kernel_read":
        return None
    registered = any(c.name == "set_trap_table" for c in f.calls)
    return f"""This fault was meant: probe_kernel_read() reads VA {fault.cr2:#x} to see whether it is mapped. But nobody caught it:
        {"the handler did not find the instruction in __ex_table, or did not make use of what it found" if registered else
         "no trap table had been registered yet (set_trap_table)"}{f"; it came {len(f.repeated)} times" if f.repeated else ""}."""


@rule("null-pointer", JUMP + ": A null pointer", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and fault.cr2 < PAGE_SIZE:
        return f"""A NULL pointer was used, or a member of what it should point to, {fault.cr2:#x} bytes behind it. While P=V is mapped this goes
            unnoticed: page 0 is an ordinary page then."""


@rule("code-low", JUMP + ": A jump that stays low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and fault.fetch and not fault.denied and f.is_a(fault.cr2, "pv") and not f.native:
        return f"""Code was to be run at P=V {fault.cr2:#x} ({f.number(fault.cr2, 'pv')}), whose mapping has been dropped: the jump did not leave
            P=V, or a function pointer, a return address or a callback still holds such an address."""


@rule("linked-address-before-remap", "1-notes: Code that is right at two addresses", "crash", "failure",
      unlike="`xen hypercalls on` in `make gdb`: was there an mmu_update before?")
def _(f):
    fault = page_fault(f)
    if fault and is_linked(f, fault.cr2) and f.seen and not remapped(f):
        return f"""Linked VA {fault.cr2:#x} ({f.number(fault.cr2, 'linked') or "in the linked mapping"}) was used, {fault.doing}, and no page-table update
            has been made yet: nothing is mapped there before the remap. Either a pointer got PAGE_OFFSET added too early, or the remap was
            left out, or the linker put an address into data or code.{who(f, fault.cr2)}"""


@rule("remap-incomplete", REMAP + ": How far the remap must reach", "crash", "failure")
def _(f):
    fault = page_fault(f)
    walk = f.walk(fault.cr2) if fault else None
    if walk and walk.problem and is_linked(f, fault.cr2) and remapped(f) and any(c.updates for c in f.calls) and walk.path[-1].value <= PAGE_SIZE:
        paddr = fault.cr2 - (f.source.offset if f.source.linked(fault.cr2) and f.bits == 64 else f.page_offset) & f.mask
        ends = max((r.stop for name, r in f.said.layout.items() if name != "TOTAL"), default=0)
        if paddr >= ends:
            return None
        return f"""The remap was made, but VA {fault.cr2:#x} (paddr {paddr:#x}, {f.thing(paddr) or "nothing of Xen's or the image's"}) is not mapped:
            {walk.problem}. The updates changed {changed(f)}. The limit is too small, an entry was left out or went to a wrong slot, or an
            empty one was copied: mmu_update returns 0 for all of these."""


def changed(f: Facts) -> str:
    """Which entries were changed, by table and index."""
    told = []
    for call in f.calls:
        for ptr, val in call.updates:
            pfn = f.pfn(ptr >> PAGE_SHIFT)
            told.append(f"entry {(ptr & PAGE_SIZE - 1) >> 3} of PFN {pfn:#x} to {val:#x}" if pfn is not None else f"maddr {ptr:#x}")
    return ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "") or "nothing"


def in_register(f: Facts, fault: Fault, index: int) -> bool:
    """Whether the instruction had it as an index, counted in entries or bytes."""
    values = {v & f.mask for v in fault.regs.values.values()}
    return index in values or index * f.bits // 8 & f.mask in values


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
        return f"""VA {fault.cr2:#x} is entry {p2m_index(f, fault):#x} of the p2m, which is the page number of P=V {pv:#x} ({f.thing(pv)}) plus PAGE_OFFSET: a
            pointer of start_info's was repointed twice."""


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


@rule("repointed-wrong", JUMP + ": What still points low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "minus") and not f.is_a(fault.cr2, "linked", "pv"):
        return f"""VA {fault.cr2:#x} is {f.number(fault.cr2, "minus")}: to repoint a P=V pointer, PAGE_OFFSET is added to it.{who(f, fault.cr2)}"""


@rule("invalid-pfn", "0-machine: Three kinds of address", "crash", "failure", rank=1)
def _(f):
    fault = page_fault(f)
    if fault and f.is_a(fault.cr2, "invalid") and not by_stack(f, fault):
        return f"""VA {fault.cr2:#x} is {f.number(fault.cr2, "invalid")}. The m2p was asked about a page and did not know it, and the answer was
            used: the number was no MFN of this guest (an entry of which too much or too little was taken), or the m2p was read where it
            does not begin.{who(f, fault.cr2)}"""


@rule("no-updates", REMAP + ": Asking Xen", "crash", "failure")
def _(f):
    fault = page_fault(f)
    asked = [c for c in f.calls if c.name == "mmu_update"]
    if fault and is_linked(f, fault.cr2) and asked and not any(c.args[1] for c in asked):
        return f"""mmu_update was asked for 0 updates, and returned {asked[-1].result}: nothing was remapped, and VA {fault.cr2:#x} is not mapped."""


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
        return f"""The guest owns this page, paddr {fault.cr2:#x}, but Xen maps only the beginning of memory for the start, up to TOTAL in its
            arrangement, {total.stop:#x}.{who(f, fault.cr2)}"""


@rule("pv-address-after-drop", JUMP + ": What still points low", "crash", "failure")
def _(f):
    fault = page_fault(f)
    walk = f.walk(fault.cr2) if fault else None
    image = f.said.layout.get("Loaded kernel")
    low = f.walk(image.start) if image else None
    if fault and PAGE_SIZE <= fault.cr2 < f.nr_pages << PAGE_SHIFT and walk and walk.problem and low and low.problem:
        thing = f.number(fault.cr2, "pv")
        field = next((name for name in ("mfn_list", "pt_base", "mod_start", "shared_info") if f.info and 0 <= fault.cr2 - getattr(f.info, name) < 0x100000
                      and getattr(f.info, name)), "")
        return f"""P=V {fault.cr2:#x} ({thing or "a page of this guest"}) was used after its mapping was dropped: {walk.problem}. Some pointer still
            holds it: {f"start_info's {field} was not repointed" if field and field in thing or field == "mfn_list" else "not all of start_info's were repointed"}, or one was saved before the
            jump.{who(f, fault.cr2)}"""


@rule("wild-jump", JUMP + ": The jump", "crash", "failure", rank=1)
def _(f):
    fault = f.fault
    if fault and not f.source.is_code(fault.ip) and f.left_at:
        landed = f.landed or fault.ip
        kind = f.number(landed)
        return f"""The processor ran where the image has no code: it came to VA {landed:#x}{f" ({kind})" if kind else ""}, and stopped at
            {fault.ip:#x}. The image's code was left at {f.left_at}: by a jump, a call or a return to a number that is no address of code."""


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
        return f"""Linked VA {fault.cr2:#x} would be paddr {paddr:#x}, which is {"beyond the guest's memory" if paddr >= f.nr_pages << PAGE_SHIFT
            else "beyond all that the remap had to reach"}: compare it with the limit.{who(f, fault.cr2)}"""


@rule("trap-table-selector", JUMP + ": What a kernel sets up first", "timeout", "crash", "vanished", "silence")
def _(f):
    wrong = selectors(f)
    if wrong and (f.xen("Pre-exception") or f.repeated or f.fault and f.fault.vector == 13):
        return f"""The handlers were registered with the code segment {wrong[0]:#x}: the trap table, or the callbacks, must name FLAT_KERNEL_CS,
            {right_cs(f):#x}. Xen faulted on entering one, again and again."""


def right_cs(f: Facts) -> int:
    return 0xE033 if f.bits == 64 else 0xE019


def selectors(f: Facts) -> list[int]:
    """Code segments that handlers were registered with and that are not Xen's flat one."""
    layout = TRAP[f.bits]
    tables = [c.data[:len(c.data) // layout.size * layout.size] for c in f.calls if c.name == "set_trap_table"]
    found = [cs for table in tables for _, _, cs, _ in itertools.takewhile(lambda gate: gate[3], layout.iter_unpack(table))]
    found += [cs for c in f.calls if c.name == "set_callbacks" and f.bits == 32 for cs in (c.args[0], c.args[2])]
    return [cs for cs in found if cs != right_cs(f)]


@rule("frame-shifted", JUMP + ": What a kernel sets up first", "crash", "failure", "timeout", "silence")
def _(f):
    if f.fault and f.is_a(f.fault.ip, "selector"):
        return f"""The processor was to go on at {f.fault.ip:#x}, which is {f.number(f.fault.ip, "selector")}. So the frame that was returned by is a word
            off: something more was taken off the stack, or left on it, between the entry of the handler and its iret."""


@rule("bad-selector", JUMP + ": What a kernel sets up first", "crash", "failure")
def _(f):
    if f.fault and f.fault.vector in (10, 11, 12, 13) and f.fault.error:
        selector = f.fault.error & 0xFFFC
        word = f"an interrupt gate, {f.fault.error >> 3:#x}" if f.fault.error & 2 else f"the segment selector {selector:#x}"
        return f"""A general protection fault whose error code, {f.fault.error:#x}, is not 0: it names {word}. Segments are Xen's flat
            ones: FLAT_KERNEL_CS, DS and SS. A frame that was changed on the way back from a handler names others, or a trap was raised by
            INT that the guest may not raise."""


@rule("privileged-instruction", MACHINE + ": Ring 1", "crash", "failure")
def _(f):
    if f.fault and f.fault.vector == 13 and not f.fault.error and f.code(f.fault.ip, 2) != WRMSR:
        code = f.code(f.fault.ip, 8).hex(" ")
        if code[:2] in PORT:
            return f"""A general protection fault at an access to an I/O port (bytes {code}). Ports belong to Xen; dom0 may have them after
                PHYSDEVOP_set_iopl with level 1, any other domain may not."""
        return f"""A general protection fault at the bytes {code or "?"}: most often an instruction that only ring 0 may use. A paravirtual kernel does
            not run there: cli, sti, hlt, lgdt, mov to cr3 are Xen's, and hypercalls take their place."""


@rule("division", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    if f.fault and f.fault.vector == 0:
        return "A division by zero, or one whose result does not fit. Its operands are in the registers and in the line of source."


@rule("undefined-instruction", "7-debugging: Reading a crash", "crash", "failure")
def _(f):
    if f.fault and f.fault.vector == 6:
        if f.code(f.fault.ip, 2) == b"\x0f\x0b" or not f.seen:
            return """An undefined instruction: a ud2 that says "this cannot happen" (Linux's BUG(), or the end of a function that must not
                return). Without a trap table it is mute."""
        left = f" It was left at {f.left_at}." if not f.source.is_code(f.fault.ip) and f.left_at else ""
        return f"""The bytes {f.code(f.fault.ip, 6).hex(" ")} at VA {f.fault.ip:#x} are no instruction:
            {"they are no code of the image." if left else "the code there was written over, or the jump went into its middle."}{left}"""


@rule("shutdown-crash", MACHINE, "crash")
def _(f):
    if not f.fault and f.xen("^Hardware Dom0 crashed") and not f.xen(r"^Domain 0 \(vcpu#0\) crashed"):
        return "There was no fault: the guest itself asked for SCHEDOP_shutdown with SHUTDOWN_crash."


@rule("fault-loop", JUMP + ": No trap table", "silence", "timeout", "crash", rank=1)
def _(f):
    if f.repeated:
        return f"""The same exception came {len(f.repeated)} times: the handler returns to the instruction that caused it, without a change, or
            causes it itself. An entry of __ex_table that leads back to its own instruction does that."""
