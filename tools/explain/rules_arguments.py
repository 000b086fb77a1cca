# SPDX-License-Identifier: GPL-2.0-only
"""Hypercalls that Xen refused for the way they were made: arguments, their order and number, where they point to."""

import re
from errno import EFAULT, ENOENT, ENOSYS, EPERM, ESRCH

from xenabi.headers import errors, names, value
from xenpt.memory import PAGE_SHIFT

from .calls import ARGUMENTS, MOST_UPDATES, UPDATE, Call
from .disassembly import function
from .facts import Facts
from .questions import refused, say
from .rule import rule
from .rules_updates import p2m_pointer

LESSON = "3-remap"
SELF = value("DOMID_SELF")
OPERATIONS = ("event_channel_op", "sched_op", "xen_version", "memory_op", "physdev_op")  # an operation's number, and the address of its struct
MMU = ("mmu_update", "update_va_mapping", "mmuext_op")
MOST_COUNT = 0x10000
NEAR_CALL = 16  # instructions
BIND_VIRQ = value("EVTCHNOP_bind_virq")
ON_PORT = {value(f"EVTCHNOP_{name}"): f"EVTCHNOP_{name}" for name in ("close", "send", "unmask")}
POINTERS = {"mmu_update": (0, 2), "mmuext_op": (0, 2), "console_io": (2,), "set_trap_table": (0,), "event_channel_op": (1,),
            "xen_version": (1,), "physdev_op": (1,), "sched_op": (1,), "memory_op": (1,)}


@rule("arguments-exchanged", LESSON + ": Asking Xen", "failure")
def _(f):
    call = refused(f, name=("mmu_update", "mmuext_op"))
    if call and call.args[1] > MOST_COUNT and call.args[0] < MOST_COUNT:
        return f"""{call.name} got {call.args[0]:#x} as the address of its updates and {say(f, call.args[1])} as their number: the two are
            exchanged. The order is updates, count, done, domain."""
    call = refused(f, name=OPERATIONS)
    if call and call.args[1] < MOST_COUNT < call.args[0] and f.seen and f.seen.peek(call.args[0], 4):
        return f"""{call.name} got {say(f, call.args[0], "linked", "pv")} as its operation, and {call.args[1]:#x} as the address of its struct: the two are exchanged, at {f.source.place(call.caller)} or where that is called. The
            operation comes first."""
    call = refused(f, name=("update_va_mapping",))
    if call and f.is_a(call.args[1], "linked", "pv") and not f.is_a(call.args[0], "linked", "pv"):
        return f"""update_va_mapping got {call.args[0]:#x} as the VA of which the pte is to change, and {say(f, call.args[1], "linked", "pv")} as the entry: the two are exchanged. The VA comes first."""
    return None


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
    went = loaded(f, call, SELF) if call and domain != SELF else ""
    if went:
        place = next((n for n, r in enumerate(ARGUMENTS[f.bits], 1) if r[-2:] == went[-2:]), 0)
        why = f"That is where argument {place} goes: either the arguments are in another order than updates, count, done, domain, or two registers of hypercall()'s asm are exchanged" if place else \
            "It goes there, and not into RCX as a function's does, since SYSCALL overwrites RCX: see hypercall()'s asm"
        return f"""{call.name} names DOMID_SELF ({SELF:#x}) as its domain, and Xen got {say(f, domain)}: before the call, at {f.source.place(call.caller)}, {SELF:#x} goes into {went.upper()}. The domain is argument 4, which a hypercall
            takes in {"R10" if f.bits == 64 else "ESI"}. {why}."""
    if call and domain & 0xFFFF != SELF and not (domain and f.guest(f"^toolstack: created domain {domain}, ")) and (domain or -call.result in (ESRCH, EPERM)):
        word = {0x7FF1: "DOMID_IO, whose pages are those of devices"}.get(domain, f"{say(f, domain, 'pv', 'linked', 'clobbered')}")
        return f"""{call.name} names another domain than its caller: {word}. It does not exist, is not one to act for, or does not own the
            page. Use DOMID_SELF ({SELF:#x})."""


def loaded(f: Facts, call: Call, number: int) -> str:
    """The register that the code in front of a call loads with a number; empty if it is the one that the fourth argument goes into, or none."""
    code = [i for i in function(f.source, call.caller - 1) if i.address < (f.source.linked(call.caller) or [0])[0]]
    found = next((m[1] for i in reversed(code[-NEAR_CALL:]) for m in [re.fullmatch(rf"\${number:#x},%(\w+)", i.operands)] if m), "")
    return "" if found in ("esi", "r10", "r10d") and found != ("esi" if f.bits == 64 else "r10") else found


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
    if call and call.updates and set(call.updates) == {(0, 0)} and not p2m_pointer(f):
        end = call.args[0] + call.args[1] * UPDATE.size
        behind = UPDATE.unpack((f.seen.peek(end, UPDATE.size) if f.seen else None) or bytes(UPDATE.size))
        if f.pfn(behind[0] >> PAGE_SHIFT) is not None and behind[1]:
            return f"""At VA {call.args[0]:#x} ({f.number(call.args[0]) or "nothing that is known here"}), where mmu_update was told to find {call.args[1]} updates, there are zeros, and right behind them, at VA {end:#x}, stands a good
                one, maddr {behind[0]:#x} := {behind[1]:#x}. It was put one place too far: the first update belongs at index 0, and the index grows afterwards."""
        return f"""At VA {call.args[0]:#x} ({f.number(call.args[0]) or "nothing that is known here"}), where mmu_update was told to find
            {call.args[1]} updates, there are zeros: they were never written, or the address is not theirs."""


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


@rule("address-not-mapped", LESSON + ": Asking Xen", "failure", "silence")
def _(f):
    call = refused(f, EFAULT)
    if not call:
        return None
    bad = [call.args[i] for i in POINTERS.get(call.name, ()) if call.args[i] and f.seen.peek(call.args[i], 1) is None]
    null = [n for n in POINTERS.get(call.name, ())[:1] if not call.args[n]]
    word = f" VA {say(f, bad[0])} is not mapped." if bad else f" Argument {null[0] + 1}, which is to be the address of a struct, is 0." if null else ""
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
    if call and call.name == "console_io" and not call.args[1] and call.args[2]:
        return f"""console_io got {call.args[0]:#x} as its operation and 0 as the count, and Xen has no such operation. CONSOLEIO_write is 0, and {call.args[0]} may well be a count: the first two arguments are exchanged. The order is operation, count, text."""
    if call and call.name not in ("mmu_update", "domctl"):
        return f"""Xen has no hypercall {call.number} ({call.name}), or no operation {call.args[0]:#x} of it. Is the number right, and is
            __XEN_INTERFACE_VERSION__ defined? Undefined, it gives sched_op and others the numbers of 2004."""


@rule("another-operation", "7-debugging: Every hypercall", "failure")
def _(f):
    """What the kernel's line speaks of is not what Xen was asked for."""
    told = re.match(r"hypercall refused: (\w+)\(((?:[A-Z]+OP|MMUEXT|XENMEM|XENVER)_\w+)\)", f.panic)
    call = refused(f, name=(told[1],)) if told else None
    if not told or not call:
        return None
    known = names(told[2].partition("_")[0] + "_")
    meant = next((n for n, name in known.items() if name == told[2]), None)
    first = f.seen.peek(call.args[0], 4) if f.seen and call.name == "mmuext_op" else None
    got = int.from_bytes(first, "little") if first else call.args[0]
    if meant is None or got == meant or call.name == "mmuext_op" and not first:
        return None
    place = call.args.index(meant) + 1 if meant and meant in call.args[1:] else 0
    if place:
        return f"""{told[2]} is operation {meant} of {call.name}, and Xen got {meant} as argument {place} and {call.args[0]:#x} as argument 1, where the operation belongs: the arguments are in another order. Made at {f.source.place(call.caller)}."""
    return f"""The kernel's line speaks of {told[2]}, operation {meant} of {call.name}, and Xen got operation {got:#x}, {known.get(got, "which there is not")}: {errors().get(-call.result, call.result)}. Another one was asked for than was meant, at {f.source.place(call.caller)}."""


@rule("no-such-vcpu", "4-start-kernel: What a kernel sets up first", "failure")
def _(f):
    call = refused(f, ENOENT, name=("vcpu_op",))
    if call and call.args[1]:
        return f"""vcpu_op was made for virtual processor {say(f, call.args[1], "pv", "linked")}, and this domain has no such one: {errors()[ENOENT]}. They are counted from 0, and here there is only that. Its arguments are operation, vcpu, and the address
            of a struct. Made at {f.source.place(call.caller)}."""


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
        table = f.pfn((f.update[1] & (1 << 52) - 1) >> PAGE_SHIFT) if f.update and f.info and call.name == "mmu_update" else None
        if table is not None and f.info.pt_base >> PAGE_SHIFT <= table < (f.info.pt_base >> PAGE_SHIFT) + f.info.nr_pt_frames and "linear" in "".join(call.said):
            return f"""Xen refused mmu_update: {call.result} ({errors().get(-call.result, "?")}), for a page table would lead to itself, or to one of its own level. ptr {say(f, f.update[0] & ~3, "maddr")} is to become {f.update[1]:#x}, and that names
                PFN {table:#x}, {f.thing(table << PAGE_SHIFT)}, as what is mapped there. To copy a mapping, val is what stands in the entry that has it, and not where that entry, or its table, is."""
        if f.update and not f.update[0] and call.name == "mmu_update":
            about += f". ptr of update number {call.done + 1} is 0, which is no entry's address: it was never filled in, or lost"
        return f"""Xen refused {call.name}: {call.result} ({errors().get(-call.result, "?")}). {about}.
            {"Xen said: " + call.said[-1].removeprefix("(XEN) ") if call.said else "Xen gave no reason."}"""


def odd_numbers(f) -> str:
    """What the numbers mean that stand in the kernel's line and are too large for what they count."""
    found = [(n, f.number(n, "linked", "pv", "half", "twice", "maddr", "entry", "clobbered", "text"))
             for n in map(int, re.findall(r"(?<![-x\w])\d{5,}", f.panic))]
    return "".join(f" {n} is {n:#x}, {kind}: an address, where a number is wanted; were two arguments exchanged?" for n, kind in found if kind)


def port(f: Facts, call: Call | None) -> str:
    """Of an operation on an event channel: which one, of which that the kernel was given."""
    if not call or call.name != "event_channel_op" or call.args[0] not in ON_PORT or len(call.data) < 4:
        return ""
    bound = [c.data for c in f.calls if c.name == "event_channel_op" and c.args[0] == BIND_VIRQ and not c.refused]
    given = [int.from_bytes(data[8:12], "little") for data in bound if len(data) >= 12]
    return f" It is {ON_PORT[call.args[0]]}, and its struct names port {int.from_bytes(call.data[:4], 'little')}; bind_virq has given the kernel {', '.join(f'port {n}' for n in given) or 'none'}."


@rule("hypercall-refused", "7-debugging: Every hypercall", "failure", rank=2)
def _(f):
    call = refused(f)
    if call or f.panic.startswith("hypercall refused: "):
        known = f"""The call was {call.name}({', '.join(f'{a:#x}' for a in call.args[:5])}) = {call.result}
            ({errors().get(-call.result, "?")}), made at {f.source.place(call.caller)}.""" if call else ""
        return f"Xen did not do what it was asked for. {known or f'In the words of the kernel: {f.panic}.'}{port(f, call)}{odd_numbers(f)}"
