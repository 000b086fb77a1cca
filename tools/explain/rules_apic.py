# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: the processor's own interrupt controller and its timer, and the interrupt that is waited for."""

import re
from collections.abc import Iterator

from xenpt.memory import PAGE_SIZE
from xenpt.paging import PRESENT

from .bare_questions import PVH, fault
from .rule import rule

APIC = 0xFEE00000  # paddr
APIC_CODE = ("apic_write", "apic_init", "apic_one_shot", "apic_acknowledge")
LARGE_PAGE = (1 << 52) - 1 & ~0x1FFFFF  # the address in an entry
INTERRUPTS = 0x200  # EFLAGS.IF
SPURIOUS, AFTER_RESET = 0xF0, 0xFF  # the register's offset, and what it holds then
REGISTERS = {0xB0: " (EOI)", 0x320: " (the timer's)", 0x380: " (the initial count)", 0x3E0: " (the divider)"}
RESERVED = 8  # of a page fault's error code


def elsewhere(f) -> str:
    """Whether the kernel's apic leads to another place than the APIC."""
    variable, place = f.source.va("apic"), f.source.va("apic_write")
    size = f.bits // 8
    va = int.from_bytes(f.bare.read(variable, size), "little") if variable and place else 0
    walk = f.bare.walk(va) if va else None
    if not walk or walk.maddr == APIC:
        return ""
    faulted = fault(f, 14)
    went = "what the kernel wrote went elsewhere" if walk.maddr is not None and not faulted else "nothing could be written there"
    return f" The variable apic is {va:#x}, which leads to {f'paddr {walk.maddr:#x}' if walk.maddr is not None else 'nothing'}, and the APIC is at paddr {APIC:#x}: {went}.{_why_there(f, va, walk)}"


def _why_there(f, va: int, walk) -> str:
    """What is in the entry that pvh_map_device() was to store."""
    entry, found = walk.path[-1] if walk.path else None, fault(f, 14)
    if not entry:
        return ""
    if found and found.error & RESERVED and walk.problem:
        return f""" Its entry, {entry.name}, is {entry.value:#x}, and {walk.problem} (bit 3 of the error code, {found.error:#x}). It stands for {entry.size >> 20} MiB, so pvh_map_device() has to store the paddr of the large page that the APIC is in, a multiple of {entry.size:#x}, and flags: the APIC is {
            APIC % entry.size:#x} bytes behind one, {APIC & -entry.size:#x}."""
    page = entry.value & LARGE_PAGE
    size = 1 << (22 if f.guest("^  paging on: two") else 21)
    device = f.page_offset + (1 << 30) - size
    if va & -size != device:
        moved = va == APIC + f.page_offset & f.mask
        made = "it is the APIC's paddr plus PAGE_OFFSET, which __va() makes of a paddr of memory; a device is not mapped there" if moved else \
            "the VA that it returned is wrong, or it was never called"
        return f" pvh_map_device() maps the large page at VA {device:#x} (PAGE_OFFSET + PVH_MAPPED), and apic does not lead into that: {made}."
    if page == va - f.page_offset & LARGE_PAGE & f.mask:
        return f" Its entry, {entry.name}, is {entry.value:#x}, that of memory, as it was filled in at first: what pvh_map_device() stored went into another place than this entry, so see own_pmd(), and next_table() (pvh-mmu.c)."
    if page != APIC & -size:
        return f" Its entry, {entry.name}, is {entry.value:#x}: pvh_map_device() was to store the large page that the APIC is in, {APIC & -size:#x}, and its flags there{'' if entry.value & PRESENT else ', PRESENT (bit 0) among them'}."
    return f" Its entry, {entry.name}, is {entry.value:#x}, which is the right large page: the APIC is {APIC % size:#x} bytes behind its beginning, and apic {va - device:#x}."


@rule("bare-apic-register", PVH, "failure", "vanished")
def _(f):
    """A write to the APIC that went beyond its page."""
    found, variable = fault(f, 14), f.source.va("apic")
    if not found or variable is None or f.source.function(found.ip) not in APIC_CODE:
        return None
    base = int.from_bytes(f.bare.read(variable, f.bits // 8), "little")
    offset = found.cr2 - base & f.mask
    if not base or offset < PAGE_SIZE:
        return None
    return f"""VA {found.cr2:#x} was written to at {f.place(found.ip)}: that is {offset:#x} bytes behind apic, {base:#x}. The APIC's registers lie in one page, and the first argument of apic_write() is such a register, below {PAGE_SIZE:#x}; the
        second is what it gets. Here {offset:#x}, a value, came first: the two are exchanged."""


@rule("bare-apic-elsewhere", PVH, "failure", "vanished")
def _(f):
    """The APIC's registers were looked for in another place."""
    found = fault(f, 14)
    if f.bare and (f.panic.startswith("APIC: it is not on") or found and f.source.function(found.ip) in APIC_CODE):
        fell = f"A page fault at VA {found.cr2:#x}, at {f.place(found.ip)}." if found else "The kernel found that the APIC is not on, after it had written to its registers."
        return elsewhere(f) and fell + elsewhere(f)
    return None


@rule("bare-apic-off", PVH, "failure")
def _(f):
    """Its spurious register does not hold what turns it on."""
    told = re.match(r"APIC: it is not on: its spurious register holds (0x[0-9a-f]+), not (0x[0-9a-f]+)", f.panic) if f.bare else None
    if not told or elsewhere(f):
        return None
    wrote, wanted = [] if f.cut else list(written(f)), int(told[2], 16)
    there = [value for offset, value in wrote if offset == SPURIOUS]
    other = [offset for offset, value in wrote if value == wanted and offset != SPURIOUS]
    if wanted in there:
        why = f"apic_write() was given {told[2]} for it, and that did not arrive: see what apic_write() stores, and where"
    elif there:
        why = f"apic_write() was given {', then '.join(f'{value:#x}' for value in there)} for it"
    else:
        why = f"nobody has written {told[2]} to it" + (", and that is what it holds after a reset" if int(told[1], 16) == AFTER_RESET else "")
    places = ", ".join(f"{offset:#x}" + REGISTERS.get(offset, "") for offset in other)
    went = f" {told[2]} was written to offset {places} in its place." if other else ""
    rest = f" The kernel wrote {', '.join(f'{value:#x} to {offset:#x}' for offset, value in wrote)}." if wrote else ""
    return f"""The APIC's spurious register, at offset {SPURIOUS:#x} of its page, holds {told[1]}: {why}. Bit 8 of it (0x100) turns the APIC on, which apic_init() (src/stage7-pvh/apic.c) has to do first.{went}{rest}"""


def written(f) -> Iterator[tuple[int, int]]:
    """Offsets and values that apic_write() was called with, by the log."""
    begin, names = f.source.va("apic_write"), ("RDI", "RSI") if f.bits == 64 else ("EAX", "EDX")
    for step in f.steps if begin else ():
        if f.source.linked(step.address) == (begin, "VA") and all(name in step.registers for name in names):
            offset, value = (step.registers[name] & 0xFFFFFFFF for name in names)
            yield offset, value


@rule("bare-interrupts", PVH, "silence", "timeout")
def _(f):
    state = f.bare.state if f.bare else None
    if state and state.halted and not state["EFL"] & INTERRUPTS and f.function == "wait_for_tick":
        return "The processor waits in HLT, and interrupts are off (EFLAGS.IF is 0): nothing wakes it. STI has to stand right before the HLT, since it takes effect one instruction later, and CLI behind it."
    if not state or not state.halted or not state["EFL"] & INTERRUPTS:
        return None
    told = {name: " ".join(rest.split()) for name, rest in re.findall(r"^(LVTT|Timer|SPIV|ISR|IRR)\t *(.*)$", f.bare.lapic, re.M)}
    serving = re.match(r"\d+", told.get("ISR", ""))
    if serving:
        return f"""The processor waits in HLT, interrupts are on, and none comes: vector {int(serving[0]):#x} is still in service (the APIC's ISR), since its
            handler has not written to EOI (0xb0). Until it does, nothing of the same priority or a lower one is delivered."""
    expired = re.search(r"initial_count = [1-9]\d* .*current_count = 0\b", told.get("Timer", "")) and "one-shot" in told.get("LVTT", "")
    if expired and " masked" not in told["LVTT"] and told.get("IRR", "(none)") == "(none)":
        return """The processor waits in HLT for an interrupt, and the last one that was asked for has come: the APIC's timer has run out (one-shot, current_count is 0), and its vector neither waits
            nor is in service, so the handler ran and wrote to EOI. What the kernel waits for did not change by that: the handler does not count it, or the count that is looked at is another; or
            the timer was to be started once more."""
    why = "The APIC itself is off (bit 8 of its spurious vector register)." if "disabled" in told.get("SPIV", "") else \
        "Its timer is masked, and has no vector: nobody has written its register, 0x320 (LVTT), since the reset. That takes the vector to raise." if told.get("LVTT", "").startswith("0x00010000") else \
        "Its timer is masked." if " masked" in told.get("LVTT", "") else \
        "Its timer has no count: nobody has written the initial count (0x380), which starts it." if re.search("initial_count = 0", told.get("Timer", "")) else \
        f"A vector waits to be delivered, {told['IRR']}." if told.get("IRR", "(none)") != "(none)" else ""
    return f"""The processor waits in HLT, interrupts are on, and none comes.{elsewhere(f)} {why} The APIC says of its timer: LVTT {told.get('LVTT', '?')}; {told.get('Timer', '?')}."""


@rule("bare-woken", PVH, "failure")
def _(f):
    """It gave up waiting: whether it slept, and whether anything came."""
    if not f.bare or not f.bare.entered or not f.guest("PANIC: timer: woken") or f.cut:
        return None
    came = sum(f.source.linked(s.address) == (f.source.va("pvh_interrupt"), "VA") for s in f.steps)
    place = next((f.source.place(s.address) for s in reversed(f.steps) if f.source.function(s.address) == "wait_for_tick"), "wait_for_tick()")
    why = "the interrupt came, and the count that the loop looks at did not change: see pvh_do_interrupt()" if came else \
        "HLT is to put the processor to sleep, with interrupts on, until one comes: STI, HLT, CLI. Without HLT, or with interrupts off, the loop is over long before the timer's 10 ms"
    return f"The loop was gone through a thousand times, at {place}, and pvh_interrupt() was entered {came} times: {why}."
