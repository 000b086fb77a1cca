# SPDX-License-Identifier: GPL-2.0-only
"""Stage 7 on Xen: an event that is waited for, and how it comes. Each link from the timer to the count is looked at, the first that is missing is named."""

import re
from collections import Counter

from xenabi.headers import names, value

from .clock import PVH_TICK
from .disassembly import function
from .rule import rule
from .rules_pvh_guest import LESSON, kernel
from .rules_pvh_run import WAITS, calls, ran, text
from .rules_pvh_struct import fields

ROUND, MOST_NAMED = 400, 4  # steps of a loop that are looked at; functions that are named
VECTOR = 0x20  # PVH_VECTOR of src/include/pvh.h
CALLBACK = 2 << 56 | VECTOR  # HVM_PARAM_CALLBACK_TYPE_VECTOR, and the vector
FAR = 10_000_000_000_000  # ns: more than Xen has ever run here
HLT = b"\xf4"
INDEX = re.compile(r"\$0x([0-9a-f]+),0x4\(%rsp\)$")  # of struct xen_hvm_param on the stack, where it is not 0
DESCRIPTOR = 8  # bytes
IRET = {32: b"\xcf", 64: b"\x48\xcf"}


def all_idle(f) -> bool:
    """Whether Xen fell in its own idle loop: nobody had anything to do, and it tried an instruction that QEMU's processor has not."""
    return bool(f.end == "panic" and f.xen(r"\] [RFS] \S*idle_loop\+"))


def loop(f) -> str:
    """The functions that it goes round in, if the log had become too long before the end."""
    often = Counter(kernel(f).source.function(s.address) for s in ran(f).steps[-ROUND:] if kernel(f).source.is_code(s.address))
    return f", and goes round through {', '.join(f'{name}()' for name, _ in often.most_common(MOST_NAMED))}" if ran(f).trail.cut else ""


def bound(f) -> str:
    """Which virtual interrupt a channel was bound to, if that is not the timer's."""
    begin, known = kernel(f).source.va("bind_virq"), {number: f"VIRQ_{name.removeprefix('VIRQ_')}" for number, name in names("VIRQ_").items()}
    asked = [ran(f).register(s, "DI") for s in ran(f).steps if ran(f).linked(s) == begin] if kernel(f).bits == 64 else []
    wrong = [n for n in asked if n != value("VIRQ_TIMER")]
    return f"bind_virq() was called for {', '.join(known.get(n, str(n)) for n in wrong)}, and the timer's event is VIRQ_TIMER ({value('VIRQ_TIMER')})." if wrong else ""


def callback(f) -> str:
    """What HVM_PARAM_CALLBACK_IRQ got, by the numbers in the code that sets it; empty if that is right, or not known."""
    source = kernel(f).source
    begin = source.va("pvh_init_events")
    operands = [i.operands for i in function(source, begin)] if begin is not None else []
    found = {int(n, 16) for o in operands for n in re.findall(r"\$0x([0-9a-f]+),", o)}
    index = next((int(m[1], 16) for m in map(INDEX.match, operands) if m), 0)
    if index:
        return f"pvh_init_events() sets parameter {index} ({names('HVM_PARAM_').get(index, 'none that Xen has').removeprefix('HVM_PARAM_')}), by the index in its struct. The callback's is HVM_PARAM_CALLBACK_IRQ, {value('HVM_PARAM_CALLBACK_IRQ')}."
    if not found or {CALLBACK} & found or {CALLBACK >> 32, VECTOR} <= found:
        return ""
    long = sorted(n for n in found if n > 0xFFFF)
    return f"""HVM_PARAM_CALLBACK_IRQ has to get {CALLBACK:#x}: its type, HVM_PARAM_CALLBACK_TYPE_VECTOR ({CALLBACK >> 56}), from bit 56 on, and the vector, PVH_VECTOR ({VECTOR:#x}). pvh_init_events() has no such number{f'; it has {", ".join(map(hex, long))}' if long else ''}."""


def asked_time(f) -> str:
    """What is wrong with the time that an event was asked for, ns since Xen began; empty if nothing is known to be."""
    asked = [c.args[0] for c in calls(f) if c.name == "set_timer_op"] if kernel(f).bits == 64 else []
    if asked and asked[-1] <= 2 * PVH_TICK:
        return f"""The event was asked for at {asked[-1]:#x} ns after Xen's start, which is long past: system_time() was 0, or was not added. It reads the time from shared_info, so that page is not the one that Xen writes to: place_shared_info() gives Xen
            its PFN (XENMEM_add_to_physmap, XENMAPSPACE_shared_info), and HYPERVISOR_shared_info is that page. {next((fields(f, c) for c in calls(f) if c.name == "memory_op"), "")}"""
    return f"The event was asked for at {asked[-1]:#x} ns after Xen's start, {asked[-1] // 10**9} s: set_timer_op takes ns, system_time() and NS_PER_TICK added." if asked and asked[-1] > FAR else ""


def link(f, last: int, count: Counter[str]) -> str:
    """Which one is missing between the timer and the count."""
    if not count["pvh_entry"]:
        return "It never came to pvh_entry(), its first function in C, so it waits for nothing: the head goes round, or an instruction of it is tried again and again. What the head begins with are the registers that it was given: CS is 32-bit code, flat (of a domU's, pvh-context.c)."
    if not count["ask_for_tick"] and not count["count_tick"]:
        return "Nobody asked for a timer's event (ask_for_tick())."
    raised = f"The vector was raised {count['pvh_interrupt']} times, and"
    if not count["pvh_interrupt"]:
        return "" if kernel(f).source.function(last) != "wait_for_tick" else \
            callback(f) or bound(f) or asked_time(f) or \
            """The event is to raise a vector, and its handler, pvh_interrupt(), was never entered: HVM_PARAM_CALLBACK_IRQ has the vector's type and number, the IDT its gate; bind_virq says of which interrupt there is an event, and set_timer_op
            when, in ns of Xen's time."""
    if not count["pvh_do_interrupt"]:
        return f"{raised} pvh_interrupt(), where its gate leads, never called pvh_do_interrupt(): as long as nobody clears what is pending, Xen raises it again."
    if not count["xen_evtchn_do_upcall"]:
        return f"{raised} pvh_do_interrupt() never called xen_evtchn_do_upcall(), which finds out what is pending, clears it, and calls the handler: until that is done Xen raises the vector again."
    return asked_time(f) or bound(f) or (
        f"{raised} no event of the timer's was found: see by which page xen_evtchn_do_upcall() looks (shared_info, which add_to_physmap places), and which interrupt there is an event of." if not count["count_tick"] else
        "The events were counted: does the loop look at that count, and is another timer asked for each time?")


@rule("pvh-waits", LESSON, *WAITS)
def _(f):
    waits = f.end in ("silence", "timeout") or f.guest("PANIC: (toolstack: domain [0-9]+ is not at its end|timer: woken)") or all_idle(f)
    last = ran(f).last_code if ran(f) and waits else None
    if last is None:
        return None
    count = ran(f).functions
    if asked_time(f) and count["pvh_do_interrupt"]:
        return f"{asked_time(f)} The kernel is last seen at {kernel(f).source.place(last)}."
    told = [f"{name}() {count[name]} times" for name in ("ask_for_tick", "pvh_interrupt", "xen_evtchn_do_upcall", "count_tick")]
    idle = " Xen itself fell in its idle loop, since nobody had anything to do." if all_idle(f) else ""
    return f"""{link(f, last, count)} The kernel is last seen at {kernel(f).source.place(last)}, and waits or loops there{loop(f)}.{idle} Entered were {', '.join(told)}. Its last hypercalls: {'; '.join(text(f, c) for c in calls(f)[-4:]) or 'none'}."""


@rule("pvh-halted", LESSON, "halted", "shutdown", "mute", "failure")
def _(f):
    last = ran(f).last_code if ran(f) and not f.guest("PANIC: |FAULT: ") else None
    if last is None or kernel(f).source.function(last) != "wait_for_tick":
        return None
    return f"""The kernel is last seen at {kernel(f).source.place(last)}, where it waits by HLT, and Xen took the domain for one that has ended: HLT with interrupts off waits for nothing that could come, so Xen powers such a processor off. STI has to stand right
        before the HLT, and CLI behind it."""


def trapped(f) -> tuple[int, int, int] | None:
    """Vector, error code and place of what the kernel's own handler has printed; of a domain's, if it is that."""
    whose = r"\[domain \d+\] " if f.pvh == "domU" else ""
    head, at = f.guest(rf"^{whose}FAULT: vector (\d+), error code 0x([0-9a-f]+)"), f.guest(rf"^{whose} +[ER]IP VA 0x([0-9a-f]+)")
    return (int(head[1]), int(head[2], 16), int(at[1], 16)) if f.pvh in ("dom0", "domU") and not f.native and head and at else None


@rule("pvh-gate", LESSON, "failure")
def _(f):
    """A vector whose gate cannot be used: in the error code QEMU counts a gate of 64 bits as two."""
    vector, error, ip = trapped(f) or (0, 0, 0)
    if vector != 13 or not error & 2:
        return None
    number = error >> 4 if kernel(f).bits == 64 and error >> 4 >= VECTOR else error >> 3
    why = f"pvh_init_traps() has to make a gate for it, set_gate(PVH_VECTOR, pvh_interrupt), and idt[] has to reach as far ({VECTOR + 1} gates)" if number == VECTOR else \
        f"the kernel has a gate for PVH_VECTOR, {VECTOR:#x}, which is what HVM_PARAM_CALLBACK_IRQ has to name (pvh_init_events())"
    return f"Xen raised vector {number:#x} to bring an event, at {kernel(f).source.place(ip)}, and the processor found no gate in the kernel's IDT that can be used for it (#GP, error code {error:#x}): {why}."


@rule("pvh-gate", LESSON, "failure")
def _(f):
    """An event that came by the vector of an exception, to a processor that slept."""
    vector, error, ip = trapped(f) or (0, 0, 0)
    if not ip or vector == 14 or error and vector in (10, 11, 12, 13) or kernel(f).source.bytes(ip - 1, 1) != HLT:
        return None
    return f"Vector {vector} came at {kernel(f).source.place(ip)}, right behind HLT: that is no exception of the kernel's, but Xen has raised this vector to bring an event. {callback(f) or 'HVM_PARAM_CALLBACK_IRQ has to name PVH_VECTOR.'}"


@rule("pvh-iret", LESSON, "failure")
def _(f):
    vector, error, ip = trapped(f) or (0, 0, 0)
    source = kernel(f).source
    if vector not in (10, 11, 12, 13) or source.bytes(ip, 2)[:1 + (source.bits == 64)] != IRET[source.bits]:
        return None
    refused = f"The way back from a handler, IRET at {source.place(ip)}, was refused: #{'GP' if vector == 13 else vector}, error code {error:#x}."
    gdt, selector = source.va("gdt"), error & ~7
    loaded = ran(f).trail.table("GDT") if selector and ran(f) else None
    if loaded and loaded[0] == gdt and loaded[1] < selector + DESCRIPTOR <= (source.va("gdt_pointer") or 0) - gdt:
        return f"""{refused} The error code is a selector, which is one of the kernel's own, and could not be loaded: GDTR holds VA {gdt:#x} (gdt) with the limit {loaded[1] - 1:#x}, the last byte that may be read, and this descriptor ends at byte {selector + DESCRIPTOR - 1:#x}. IRET is the first
            to load a selector again since LGDT. The limit is the table's size less 1 (pvh_init_traps())."""
    return f"""{refused} What the stack pointer led to was no frame of the processor's, whose second word is the code segment. What the entry
        pushes (PUSH_SCRATCH, a vector, an error code) has to be taken off again, word by word."""
