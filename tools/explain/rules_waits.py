# SPDX-License-Identifier: GPL-2.0-only
"""A run that does not end: what it waits for, or goes round in."""

from collections import Counter

from xenqemu.packets import Stuck

from .report import plain
from .rule import rule

LAST_CALLS = 20  # that are looked at
TICKS = 3  # that are slept for before
LOOP, MOST_NAMED = 400, 4  # so many runs of instructions are looked at; so many functions named


@rule("tick-not-asked", "4-start-kernel: What a kernel sets up first", "silence", "timeout")
def _(f):
    if f.function in ("registers_kept", "variables_kept", "xen_verify_entries"):
        waits = f"{f.function}() waits, without sleeping, until a tick interrupts it, and none comes"
        asked = [c for c in f.calls if c.name == "set_timer_op"]
        own = [c for c in asked if f.source.function(c.caller) in ("ask_for_event", "xen_verify_entries")]
        if f.seen and not f.seen.deaf and asked and len(own) <= (f.function == "variables_kept"):
            return f"{waits}: set_timer_op was made {len(asked)} times, last at {f.source.place(asked[-1].caller)}, and not for this wait: ask_for_event() was not called before it."
        if f.seen and f.seen.regs and f.source.function(f.seen.regs.rip & f.mask) == f.function and len(asked) <= TICKS:
            return f"{waits}: set_timer_op was made {len(asked)} times, for the {TICKS} ticks that were slept for, and not once more for this one."
        if f.shared_info and f.shared_info.evtchn_upcall_mask:
            return f"{waits}: events are masked (evtchn_upcall_mask in shared_info is 1). A handler has not come back by the iret hypercall, which takes the mask away, or mask_events() has set it."
        return f"{waits}. Either no timer was set for it (ask_for_event()), or events are masked, or the handler does not count, or the loop does not look at what it counts."
    return None


@rule("xen-silent", "0-machine", "silence", rank=2)
def _(f):
    if not f.xen("^Freed .* init memory"):
        return """Xen did not get as far as starting the guest. Does another image boot on it? On a host that is very slow (a QEMU that is
            itself emulated), SLOW=10 gives everything ten times as long."""


@rule("event-never-came", "4-start-kernel: What a kernel sets up first", "silence", rank=2)
def _(f):
    if f.where_said == "idle":
        return f"""The guest blocked until an event, and none came: the event channel is not bound, its callback loops without clearing
            evtchn_upcall_pending, or the timer was not set. {plain(f)}"""


def round_trip(f) -> str:
    """The functions of a loop, the one first that calls the others."""
    last = f.steps[-LOOP:]
    lines: dict[str, list[int]] = {}
    for address in dict.fromkeys(s.address for s in last):
        file, _, line = f.source.line(address).partition(":")
        if f.source.is_code(address) and line.isdigit():
            lines.setdefault(f"{f.source.function(address)}() ({file})", []).append(int(line))
    outer = [f.source.function(a) for a in f.callers()] if f.seen and f.seen.regs else []
    order = sorted(lines, key=lambda name: -outer.index(name.partition("(")[0]) if name.partition("(")[0] in outer else 1)
    if f.function not in {name.partition("(")[0] for name in lines}:
        return ""  # the log had become too long before
    told = [f"{name[:-1]}:{min(lines[name])} to {max(lines[name])})" for name in order[:MOST_NAMED]]
    return f", and goes round through {', '.join(told)}: when is that loop to end?" if len(told) > 0 else ""


@rule("qemu-hangs", "7-debugging", "silence", "timeout")
def _(f):
    if f.qemu_hangs:
        return f"QEMU itself hangs, at an instruction that it does not come to the end of ({f.where}). {Stuck.WHY}."


@rule("guest-loops", "7-debugging", "silence", rank=2)
def _(f):
    return f"""The guest runs and prints nothing: it loops at the place shown{round_trip(f) or '.'} Or it prints by a way that goes nowhere, such as a
        hypercall whose refusal nobody checks. {plain(f)}"""


def again(f) -> str:
    """The hypercall that it makes again and again, and where."""
    last = Counter((c.name, c.args[0], c.caller) for c in f.calls[-LAST_CALLS:])
    (name, operation, caller), count = last.most_common(1)[0] if last else (("", 0, 0), 0)
    return f" Of its last {sum(last.values())} hypercalls {count} were {name}({operation:#x}), made at {f.source.place(caller)}: which condition is waited for there?" if count > LAST_CALLS // 4 else ""


@rule("too-slow", "7-debugging", "timeout", rank=2)
def _(f):
    if hasattr(f, "broken"):  # a domain of stage 6's, which has its own limit
        return f"It did not come to its end: it waits for an event that does not come, or loops.{again(f)} {plain(f)}"
    return "The guest still prints, but does not come to its end. TIMEOUT=seconds gives it more time."
