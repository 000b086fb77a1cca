# SPDX-License-Identifier: GPL-2.0-only
"""Hypercalls that Xen refused, above all page-table updates. Stage 3."""

from errno import EFAULT, EINVAL, ENOSYS, EPERM, ESRCH

from xenabi.headers import errors, names, value
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .calls import MOST_UPDATES, UPDATE, Call
from .facts import Facts
from .rule import rule

LESSON = "3-remap"
SELF = value("DOMID_SELF")
MMU = ("mmu_update", "update_va_mapping", "mmuext_op")
MOST_COUNT = 0x10000
POINTERS = {"mmu_update": (0, 2), "mmuext_op": (0, 2), "console_io": (2,), "set_trap_table": (0,), "event_channel_op": (1,),
            "xen_version": (1,), "physdev_op": (1,), "sched_op": (1,), "memory_op": (1,)}


def refused(f: Facts, *numbers: int, name: tuple[str, ...] = ()) -> Call | None:
    """The call that was refused, if with one of these errors and of this name."""
    call = f.refused
    return call if call and (not numbers or -call.result in numbers) and (not name or call.name in name) else None


def say(f: Facts, n: int, *words: str) -> str:
    """The number, and what it is."""
    kind = f.number(n, *words)
    return f"{n:#x}" + (f" ({kind})" if kind else "")


BUILT = "^toolstack: created domain "  # another's tables are: rules_pin.py


@rule("arguments-exchanged", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update", "mmuext_op"))
    if call and call.args[1] > MOST_COUNT and call.args[0] < MOST_COUNT:
        return f"""{call.name} got {call.args[0]:#x} as the address of its updates and {say(f, call.args[1])} as their number: the two are
            exchanged. The order is updates, count, done, domain."""


@rule("count-not-a-number", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update", "mmuext_op"))
    if call and call.args[1] > MOST_COUNT:
        return f"""{call.name} got {say(f, call.args[1])} as the number of its updates. The order is updates, count, done, domain."""


@rule("bad-domain", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update", "mmuext_op"))
    domain = call.args[3] if call else SELF
    if call and domain > 0xFFFF and f.bits == 64:
        return f"""{call.name} got {say(f, domain)} as its domain, which is the number of none: its fourth argument did not come by R10. A hypercall's
            fourth goes there, and not into RCX as a function's does, since SYSCALL overwrites RCX."""
    if call and domain & 0xFFFF != SELF and not (domain and f.guest(f"^toolstack: created domain {domain}, ")) and (domain or -call.result in (ESRCH, EPERM)):
        word = {0x7FF1: "DOMID_IO, whose pages are those of devices"}.get(domain, f"{say(f, domain, 'pv', 'linked', 'clobbered')}")
        return f"""{call.name} names another domain than its caller: {word}. It does not exist, is not one to act for, or does not own the
            page. Use DOMID_SELF ({SELF:#x})."""


@rule("update-size", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update",))
    data = f.seen.peek(call.args[0], UPDATE.size) if call and f.seen else None
    if not data or f.bits != 32:
        return None
    first, second = (int.from_bytes(data[at:at + 4], "little") for at in (0, 4))
    if second and f.pfn(first >> PAGE_SHIFT) is not None and f.pfn(second >> PAGE_SHIFT) is not None:
        return f"""struct mmu_update has two fields of 64 bits, ptr and val, also in a 32-bit guest. In memory, two of 32 bits stand there:
            {first:#x} and {second:#x}. Xen takes both for ptr, {second:#x}{first:08x}."""


@rule("empty-updates", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update",))
    if call and call.updates and set(call.updates) == {(0, 0)}:
        return f"""At VA {call.args[0]:#x} ({f.number(call.args[0]) or "nothing that is known here"}), where mmu_update was told to find
            {call.args[1]} updates, there are zeros: they were never written, or the address is not theirs."""


@rule("update-exchanged", LESSON + ": Asking Xen", "failure")
def _(f):
    if refused(f, name=("mmu_update",)) and f.update and f.is_a(f.update[0], "entry") and f.is_a(f.update[1], "maddr") and not f.update[1] & 7:
        return f"""ptr and val are exchanged: mmu_update's ptr is {f.update[0]:#x}, {f.number(f.update[0], "entry")}, and its val
            {f.update[1]:#x}, {f.number(f.update[1], "maddr")}."""


@rule("empty-update", LESSON + ": Asking Xen", "failure")
def _(f):
    if refused(f, name=("mmu_update",)) and f.update == (0, 0) and f.refused.done and f.refused.updates[0] != (0, 0):
        return f"""Update number {f.refused.done + 1} of {f.refused.args[1]} was never filled in: the count given to mmu_update is larger than
            the number of updates."""


@rule("count-too-large", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update",))
    if call and f.seen and not call.updates and call.done == 0 and MOST_UPDATES < call.args[1] <= MOST_COUNT:
        return f"""mmu_update was told that there are {call.args[1]:#x} updates at VA {say(f, call.args[0])}, of {UPDATE.size} bytes each. The count is one of
            updates, not of bytes, and only as many as were filled in."""


@rule("entry-unaligned", LESSON + ": Asking Xen", "failure")
def _(f):
    if refused(f, name=("mmu_update",)) and f.update and f.update[0] & 4 and f.pfn(f.update[0] >> PAGE_SHIFT) is not None:
        return f"""mmu_update's ptr, {f.update[0]:#x}, does not begin an entry: entries have 8 bytes, and the low two bits of ptr are the
            command."""


def p2m_pointer(f: Facts) -> tuple[int, int] | None:
    """Where stage 4 looks for the p2m, and where it is, if it was used and is wrong, and not by the remap's distance."""
    pointer = f.word("phys_to_machine_mapping") if f.info and f.info_now else None
    right = f.info.mfn_list + f.page_offset & f.mask if f.info else 0
    used = refused(f, name=("mmu_update",)) and any(c.name == "set_trap_table" for c in f.calls) or f.function == "phys_to_machine"
    wrong = used and pointer is not None and pointer not in (right, f.info.mfn_list, right + f.page_offset & f.mask)
    return (pointer, right) if wrong else None


@rule("p2m-pointer", "4-start-kernel: The p2m not repointed", "failure", "crash")
def _(f):
    if p2m_pointer(f):
        pointer, right = p2m_pointer(f)
        return f"""phys_to_machine_mapping is {say(f, pointer)}, and the p2m is at VA {right:#x} (start_info's mfn_list, repointed). What was read by it as an
            MFN is none."""


@rule("p2m-not-repointed", "4-start-kernel: The p2m not repointed", "failure")
def _(f):
    call = refused(f, name=("mmu_update",))
    if call and f.update and not p2m_pointer(f) and not any(ptr >> PAGE_SHIFT for ptr, _ in call.updates) and any(ptr for ptr, _ in call.updates):
        return """An update in machine page 0, which is no guest's: the p2m was asked about an address that is not pseudo-physical, most
            likely a P=V pointer of start_info (pt_base) that was not repointed, or one that was repointed twice: subtracting PAGE_OFFSET
            from it made nonsense, and beyond the p2m's end there are zeros."""


@rule("pfn-in-ptr", LESSON + ": A pseudo-physical address in ptr", "failure",
      unlike="`xen hypercalls on` in `make gdb` shows each update with the table that it hits.")
def _(f):
    call = refused(f, name=("mmu_update",))
    if not call or not f.update or f.pfn(f.update[0] >> PAGE_SHIFT) is not None or f.update[0] < PAGE_SIZE or not (
            f.xen_said_then("Could not get page for") or -call.result == ENOSYS):
        return None
    ptr = f.update[0] if f.is_a(f.update[0], "mfn") else f.update[0] & ~3
    kind = f.number(ptr, "pv", "linked", "twice", "mfn", "clobbered")
    if f.is_a(ptr, "pv") and f.thing(ptr):
        want = f.p2m[ptr >> PAGE_SHIFT] << PAGE_SHIFT | ptr & PAGE_SIZE - 1 if ptr >> PAGE_SHIFT < len(f.p2m) else 0
        return f"""mmu_update's ptr, {ptr:#x}, is pseudo-physical ({kind}). The entry to change has to be named by its machine address,
            {want:#x}: it must go through the p2m first (early_p2m())."""
    if f.is_a(ptr, "linked", "twice", "mfn", "clobbered"):
        return f"""mmu_update's ptr, {ptr:#x}, is no machine address: {kind}. The entry to change has to be named by its machine address."""
    return f"""mmu_update's ptr, {ptr:#x}, is not in a page of this guest's (MFN {ptr >> PAGE_SHIFT:#x} is not in its p2m). It has to be the
        machine address of the entry to change: early_p2m() of its paddr. What was translated, or added to it?"""


@rule("pfn-instead-of-mfn", LESSON + ": A frame number that is a PFN", "failure")
def _(f):
    if not refused(f) or not f.xen_said_then("Could not get page ref for mfn|Could not get page type|Bad mfn|mfn [0-9a-f]+ .*not owned|l1e_owner|Bad L[1-4] flags"):
        return None
    value = f.update[1] if f.update else f.refused.args[1] if f.refused.name == "update_va_mapping" else 0
    frame = (value & (1 << 52) - 1) >> PAGE_SHIFT
    if f.pfn(frame) is not None or not frame:
        return None
    kind = f.number(frame, "pfn", "pv") if f.is_a(frame, "pfn") else f.number(frame << PAGE_SHIFT, "linked", "pv", "mfn")
    if f.pfn(value) is not None:
        kind = f"MFN {value:#x} was not shifted by {PAGE_SHIFT}"
    return f"""The new entry, {value:#x}, names page {frame:#x}, which is not this guest's. Page-table entries hold MFNs; this number is
        {kind or "neither an MFN nor a PFN of this guest"}."""


@rule("entry-without-frame", LESSON + ": A frame number that is a PFN", "failure")
def _(f):
    if refused(f, name=("mmu_update", "update_va_mapping")) and f.update and 0 < f.update[1] < PAGE_SIZE:
        return f"The new entry, {f.update[1]:#x}, has flags and no frame: its MFN is 0. An entry is the machine address of a page, with flags in the low 12 bits."


@rule("bad-flags", LESSON + ": Two roads", "failure")
def _(f):
    said = f.xen(r"Bad L([1-4]) flags ([0-9a-f]+)")
    value = f.update[1] if f.update else 0
    if said and refused(f) and f.xen_said_then("Bad L[1-4] flags") and (not value or f.pfn((value & (1 << 52) - 1) >> PAGE_SHIFT) is not None):
        return f"""An entry of level {said[1]} has a flag that Xen does not allow there. Bad are {int(said[2], 16):#x} of {value:#x}: 80 is PSE
            (large pages are not for guests), 100 GLOBAL; in a pgd entry of PAE 8 is PWT and 10 PCD, and neither RW nor USER (6) counts."""


@rule("page-table-writable", LESSON + ": An ordinary store", "failure")
def _(f):
    if refused(f) and not f.guest(BUILT) and f.xen_said_then("Could not get page type PGT_writable_page"):
        value = f.update[1] if f.update else f.refused.args[1]
        pfn = f.pfn((value & (1 << 52) - 1) >> PAGE_SHIFT)
        return f"""A page that is in use as a page table was to be mapped writable, by the entry {value:#x}
            ({f.thing(pfn << PAGE_SHIFT) if pfn is not None else "a page table"}). Xen allows a guest one or the other, never both: map it
            read-only."""


@rule("xens-entry", "6-other-modes: Into Xen's slots", "failure")
def _(f):
    if refused(f) and f.xen_said_then("L[234] update in Xen-private area"):
        return f"""The entry to change{f", maddr {f.update[0]:#x}," if f.update else ""} is one of Xen's own: it translates
            {"VAs from 0xf5800000 up" if f.bits == 32 else "one of pgd slots 256 to 271"}, which belong to Xen."""


@rule("page-type", LESSON + ": Two roads", "failure")
def _(f):
    if refused(f) and not f.guest(BUILT) and f.xen_said_then(r"Bad type \(saw [0-9a-f]+ != exp [0-9a-f]+\)"):
        value = f.update[1] if f.update else 0
        pfn = f.pfn((value & (1 << 52) - 1) >> PAGE_SHIFT)
        return f"""A page was to be used as a page table of another level than it is, or as the one that holds Xen's entries (the pmd page of
            pgd slot 3), which cannot be shared. {f"The new entry {value:#x} leads to {'the pgd itself, ' if f.info and pfn == f.info.pt_base >> PAGE_SHIFT else ''}{f.thing(pfn << PAGE_SHIFT) or f'PFN {pfn:#x}'}; "
            f"the entry is in {table_of(f)}." if pfn is not None else ""}"""


def table_of(f: Facts) -> str:
    pfn = f.pfn(f.update[0] >> PAGE_SHIFT) if f.update else None
    return "a page that is not this guest's" if pfn is None else f.thing(pfn << PAGE_SHIFT) or f"PFN {pfn:#x}"


@rule("xens-slot", LESSON + ": The slot that is Xen's", "failure")
def _(f):
    call = refused(f, EINVAL, name=("mmu_update",))
    if call and f.update and not call.said and f.info:
        pfn = f.pfn(f.update[0] >> PAGE_SHIFT)
        slot = (f.update[0] & PAGE_SIZE - 1) >> 3
        if pfn == f.info.pt_base >> PAGE_SHIFT and (slot == 3 if f.bits == 32 else 256 <= slot < 272):
            own = f.page_offset >> 30
            if f.bits == 32 and own != slot:
                return f"""Xen refused this without a message: ptr {f.update[0]:#x} is entry {slot} of the pgd, which Xen shares with the guest. PAGE_OFFSET is VA {f.page_offset:#x}
                    here, and its entry is number {own}: the index was made of another address."""
            return f"""Xen refused this without a message: ptr {f.update[0]:#x} is entry {slot} of the pgd, a slot that Xen shares with the
                guest (slot 3 of PAE, 256 to 271 of x86-64). There the pmd entries have to be copied, one for 2 MiB."""


@rule("address-not-mapped", LESSON + ": Asking Xen", "failure", "silence")
def _(f):
    call = refused(f, EFAULT)
    if not call:
        return None
    bad = [call.args[i] for i in POINTERS.get(call.name, ()) if call.args[i] and f.seen.peek(call.args[i], 1) is None]
    word = f" VA {say(f, bad[0])} is not mapped." if bad else ""
    return f"""Xen could not read or write an argument of {call.name} at the virtual address it was given:
        {", ".join(f"{a:#x}" for a in call.args[:4])}.{word} Before the remap only P=V addresses work, afterwards both, and once P=V is
        dropped only linked ones."""


@rule("address-not-mapped", LESSON + ": Asking Xen", "failure", rank=1)
def _(f):
    if f.panic.startswith("hypercall refused: ") and f.panic.endswith("(EFAULT)") and not f.refused:
        return """Xen could not read or write what an argument of this hypercall points to: an address that is not mapped, NULL where a struct is wanted, or
            another operation than was meant, which wants one. The line tells what the code calls it, not what Xen got."""


@rule("no-such-hypercall", "2-hypercall-page: Why a page", "failure", "silence")
def _(f):
    call = refused(f, ENOSYS)
    if call and call.name != "mmu_update":
        return f"""Xen has no hypercall {call.number} ({call.name}), or no operation {call.args[0]:#x} of it. Is the number right, and is
            __XEN_INTERFACE_VERSION__ defined? Undefined, it gives sched_op and others the numbers of 2004."""


@rule("another-call-refused", LESSON + ": Asking Xen", "failure", rank=1)
def _(f):
    """What is refused without any of the above."""
    call = refused(f)
    if call and call.name in MMU:
        operation = int.from_bytes((f.seen.peek(call.args[0], 4) if f.seen and call.name == "mmuext_op" else None) or b"", "little")
        about = f"{names('MMUEXT_').get(operation, f'operation {operation}')}, at VA {call.args[0]:#x}" if call.name == "mmuext_op" else f"ptr {say(f, f.update[0] & ~3, 'maddr', 'pv', 'linked')}, val {say(f, f.update[1], 'entry', 'pv', 'linked')}" if f.update else \
            ", ".join(f"{a:#x}" for a in call.args[:4])
        walk = f.walk(call.args[0]) if call.name == "update_va_mapping" else None
        if walk and walk.problem and len(walk.path) < len(f.levels):
            return f"""update_va_mapping was to change the pte of VA {call.args[0]:#x}, and there is none: {walk.problem}. The address has to lie in a
                mapping that exists; is it still the P=V one?"""
        return f"""Xen refused {call.name}: {call.result} ({errors().get(-call.result, "?")}). {about}.
            {"Xen said: " + call.said[-1].removeprefix("(XEN) ") if call.said else "Xen gave no reason."}"""


@rule("hypercall-refused", "7-debugging: Every hypercall", "failure", rank=2)
def _(f):
    call = refused(f)
    if call or f.panic.startswith("hypercall refused: "):
        known = f"""The call was {call.name}({', '.join(f'{a:#x}' for a in call.args[:5])}) = {call.result}
            ({errors().get(-call.result, "?")}), made at {f.source.place(call.caller)}.""" if call else ""
        return f"Xen did not do what it was asked for. {known}"
