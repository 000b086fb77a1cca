# SPDX-License-Identifier: GPL-2.0-only
"""Stage 7 on Xen, booted again: what its kernel asked Xen for, and which of its functions ran (pvh_run.py)."""

import re

from xenabi.headers import value
from xenpt.memory import PAGE_SIZE

from .missing_call import missing_call
from .rule import rule
from .rules_pvh_guest import LESSON, kernel

MSR, NAME = 0x40000000, b"XenVMMXenVMM"
TELLING = {("event_channel_op", value("EVTCHNOP_send")), ("sched_op", value("SCHEDOP_yield"))}
WAITS = ("silence", "timeout", "failure", "mute", "panic")
# What a PVH kernel asks Xen for, in order: the hypercall, its first argument, and the function that asks.
STEPS = (("xen_version", "XENVER_get_features", "xen_setup_features"), ("memory_op", "XENMEM_add_to_physmap", "place_shared_info"),
         ("hvm_op", "HVMOP_set_param", "pvh_init_events"), ("vcpu_op", "VCPUOP_stop_periodic_timer", "pvh_wait_for_ticks"),
         ("event_channel_op", "EVTCHNOP_bind_virq", "bind_virq"), ("set_timer_op", "", "ask_for_tick"))


def ran(f):
    """What is known of the kernel's run; None if that is nothing."""
    return f.ran if f.ran and f.ran.steps else None


def calls(f):
    """Hypercalls, but for those that print."""
    return [c for c in ran(f).calls if c.name != "console_io" and (c.name, c.args[0]) not in TELLING]


def text(f, call) -> str:
    result = "did not come back" if call.result is None else f"= {call.result}"
    return f"{call.name}({', '.join(f'{a:#x}' for a in call.args[:3])}) {result}, at {kernel(f).source.place(call.caller)}"


def _later(f, name: str) -> str:
    told = missing_call(f, kernel(f).source, name).strip().rstrip(".?")
    return f" ({told[0].lower()}{told[1:]})" if told else ""


@rule("pvh-xen-not-found", LESSON, "mute", "failure", "silence", "timeout", "shutdown")
def _(f):
    if not ran(f) or any(msr == MSR for msr, _ in ran(f).msrs) or not ran(f).functions["printk"]:
        return None
    told = ran(f).signatures
    why = f"pvh_find_hypervisor() was never called{_later(f, 'pvh_find_hypervisor')}" if not ran(f).functions["pvh_find_hypervisor"] else \
        "CPUID answered with Xen's name, XenVMMXenVMM, and it was not taken for that: see the comparisons in xen_leaves(), of EBX, ECX, EDX and EAX" if NAME in told else \
        f"of CPUID's {len(told)} answers none was Xen's name, XenVMMXenVMM, which stands at leaf 0x40000000, or a few times 0x100 further on: see the leaves that xen_leaves() asks for"
    others = "".join(f" MSR {msr:#x} got {data:#x}." for msr, data in ran(f).msrs if msr not in (0, 0xC0000080))
    return f"""The kernel does not know that it is on Xen: {why}.{others} So it made no hypercall page (MSR {MSR:#x}), and takes its machine for a bare one: it prints to the serial port and has the APIC's timer tick."""


@rule("pvh-hypercall-page", LESSON, "mute", "failure", "silence", "timeout", "shutdown", "vanished")
def _(f):
    page = kernel(f).source.va("hypercall_page")
    if not ran(f) or page is None:
        return None
    right = page - kernel(f).source.offset & kernel(f).mask
    wrong = next((data for msr, data in ran(f).msrs if msr == MSR and data & -PAGE_SIZE != right), None)
    return wrong is not None and f"""The hypercall-page MSR got {wrong:#x} ({kernel(f).number(wrong) or 'nothing of the image'}), and hypercall_page is at paddr {right:#x}: Xen wrote its stubs elsewhere, and what is called as a hypercall is what
        lay in the page before. The MSR takes the page's paddr."""


@rule("pvh-other-call", LESSON, "failure", "shutdown")
def _(f):
    """The call that was refused is another than the one that the panic names."""
    said = re.search(r"hypercall refused: (\w+)\((\w+)\)", f.guest(r"PANIC: (.*)")[0]) if ran(f) and f.guest("PANIC: ") else None
    refused = [c for c in calls(f) if c.result is not None and c.result < 0] if said else []
    if not refused:
        return None
    call, right = refused[-1], value(said[2]) if said[2].startswith(("XENMEM", "HVMOP", "EVTCHNOP", "VCPUOP", "XENVER", "SCHEDOP")) else None
    if call.name == said[1] and right in (None, call.args[0]):
        return None
    return f"The kernel meant {said[1]}({said[2]}{f', {right}' if right is not None else ''}), and what it made was {text(f, call)}. Is the operation sent to the hypercall that it is one of, and by its own number?"


@rule("pvh-step-missing", LESSON, *WAITS, "shutdown")
def _(f):
    made = calls(f) if ran(f) else []
    first = [next((n for n, c in enumerate(made) if c.name == name and (not op or c.args[0] == value(op))), None) for name, op, _ in STEPS]
    for number, (name, op, function) in enumerate(STEPS):
        later = [n for n in first[number + 1:] if n is not None]
        if first[number] is None and later:
            entered = ran(f).functions[function]
            return f"""The kernel never asked Xen for {name}({op}): {function}() {f'was never called{_later(f, function)}' if not entered else f'was entered {entered} times, and made no such call'}, and it went on to {text(f, made[min(later)])}. What a PVH
                kernel asks for, in order, is {', '.join(f'{n}({o})' for n, o, _ in STEPS)}."""
        if later and first[number] > min(later):
            return f"{text(f, made[first[number]])}, came after {text(f, made[min(later)])}, which needs it. In order they are {', '.join(f'{n}({o})' for n, o, _ in STEPS)}."
    return None
