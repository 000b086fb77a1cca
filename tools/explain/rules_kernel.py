# SPDX-License-Identifier: GPL-2.0-only
"""What stage 4 itself found wrong between the kernel and Xen: start_info, events, features, the console, how much memory there is."""

import re

from xenabi.headers import names, value
from xenabi.loader import Loading

from .disassembly import function, symbol_of
from .missing_call import later_call, missing_call
from .questions import JUMP, REMAP, hexadecimals, way_name
from .rule import rule
from .rules_events import BLOCK
from .rules_pvh_guest import kernel

GET_FEATURES = value("XENVER_get_features")


@rule("magic", REMAP, "failure")
def _(f):
    if "does not begin with xen-3.0" in f.panic:
        va = hexadecimals(f.panic)[0]
        right = f.seen.start_info if f.seen else 0
        return f"""{va:#x} is not start_info{f" ({f.number(va)})" if f.number(va) else ""}: Xen passed P=V {right:#x} in ESI (RSI). Or something wrote
            over it."""


@rule("events-masked", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    if f.panic.startswith("events: masked after SCHEDOP_"):
        said = f.panic.split()[3].strip(",")
        if said != "SCHEDOP_block":
            return f"""Events are masked: the kernel's line speaks of {said}, which leaves the mask as it is. SCHEDOP_block, {BLOCK}, alone unmasks events and sleeps in one step."""
        slept = [c for c in f.calls if c.name == "sched_op" and f.source.function(c.caller) != "wait_for_ports"]
        if f.calls and f.seen and (not slept or slept[-1].args[0] != BLOCK):
            what = f"sched_op was made with operation {slept[-1].args[0]} ({names('SCHEDOP_').get(slept[-1].args[0], 'none that there is')})" if slept else "no sched_op was made for that"
            return f"""Events are masked, and no event was waited for: {what}. SCHEDOP_block, {BLOCK}, alone unmasks events and sleeps in one step. SCHEDOP_yield (0) and SCHEDOP_poll leave the mask
                as it is."""
        return """Events are masked after an event was handled. Xen masks them when it calls the kernel back, and takes the mask away when the kernel
            returns by the iret hypercall (hypercall_iret), not by the processor's IRET, which knows nothing of it. Or the kernel masked them itself (mask_events(true)) before it looked, or did not sleep: SCHEDOP_block alone unmasks them and waits in one step; SCHEDOP_yield and
            SCHEDOP_poll leave the mask as it is."""
    if f.panic.startswith("events: masked"):
        return """evtchn_upcall_mask in shared_info is 1 where the kernel has unmasked events: 1 masks them and 0 lets them in. It was written the other way
            round, into another byte, not at all, only after it was looked at, or before Xen's page was mapped there (map_shared_info()): then into the page that was there till then."""


@rule("features-not-read", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    if f.panic.startswith("features: "):
        asked = [c for c in f.calls if c.name == "xen_version" and c.args[0] == GET_FEATURES and f.source.function(c.caller) == "xen_setup_features"]
        entered = f.ran.functions["xen_setup_features"] if f.ran and f.ran.steps else len(asked)
        call = (missing_call if f.ran else later_call)(f, kernel(f).source, "xen_setup_features")
        if not entered and call:
            return f"The kernel knows of no feature of Xen's, and every Xen has some: xen_setup_features(), which asks for them, has not run before the first was wanted.{call}"
        if f.ran and entered:
            return f"The kernel knows of no feature of Xen's, and every Xen has some. xen_setup_features() has run {entered} times before, so it asked for something else, or did not keep what Xen answered."
        return f"""The kernel knows of no feature of Xen's, and every Xen has some. xen_setup_features() asked for them {len(asked)} times{f", and Xen returned {asked[0].result} and put its answer at VA {asked[0].args[1]:#x}: it was "
            "taken from elsewhere, or too early" if asked else ": the hypercall xen_version with XENVER_get_features was left out"}."""


@rule("console-by-gate", "2-hypercall-page: Without the page", "failure")
def _(f):
    if not f.panic.startswith("console: still by Xen's gate"):
        return None
    by_gate = "The kernel has printed by Xen's gate (int $0x82, or SYSCALL), which needs no hypercall page, to its end:"
    probes = f.seen.probes if f.seen else None
    if probes and probes.selected:
        given = " and ".join(f"with {way_name(way)}, at {f.source.place(caller - 1)}" for way, caller in probes.selected)
        begin, console = f.source.va("console_select"), f.source.va("console")
        stores = (i for i in function(f.source, begin or 0) if i.name.startswith("mov") and re.match(r"[%$][^(]*,.*\)$", i.operands))
        stored = not console or any((symbol_of(f.source, i) or i).name == "console" for i in stores)
        why = "" if stored else ": no instruction of console_select() stores to that variable, which is to get what the function is given"
        refused = next((c for c in f.calls if c.name == "console_io" and c.refused), None)
        back = f" Xen refused console_io ({refused.result}), and write_by_page() then goes back to the gate." if refused else ""
        if not any(way for way, _ in probes.selected):
            return f"{by_gate} console_select() was called {given}, which is the gate. It is to be given CONSOLE_XEN as soon as the page works."
        return f"{by_gate} console_select() was called {given}, and the variable console is {way_name((f.word('console') or 0) & 0xFFFFFFFF)} all the same{why}.{back}"
    return f"""{by_gate} console_select(CONSOLE_XEN) {f"was never called.{missing_call(f, f.source, 'console_select')}".rstrip(".") if probes else "was not called, or was given another way"}. {"In this image Xen fills the page before the entry (note HYPERCALL_PAGE), so xen_entry() can call console_select() first of all" if f.source.image and "HYPERCALL_PAGE" in Loading(f.source.image).notes else
        "setup_hypercall_page() does that as soon as the page works"}, so that all text shows that the page works."""


@rule("memory-count", "0-machine", "failure")
def _(f):
    told = re.match(r"memory: start_info says (\d+) pages, and Xen has given this domain (\d+)", f.panic)
    if told and f.nr_pages and int(told[1]) != f.nr_pages:
        return f"""At its entry start_info's nr_pages was {f.nr_pages}; the kernel itself has changed it to {told[1]} since then, or read another field."""
    asked = [c for c in f.calls if c.name == "memory_op"]
    if told and asked and asked[-1].args[0] != value("XENMEM_current_reservation"):
        return f"""The number that is taken for Xen's count of this domain's pages, {told[2]}, is what memory_op gave for operation {asked[-1].args[0]}, {names("XENMEM_").get(asked[-1].args[0], "which is unknown here")}, at {f.source.place(asked[-1].caller)}. What a domain
            has is told by XENMEM_current_reservation, {value("XENMEM_current_reservation")}."""
    if told and f.nr_pages:
        return f"""start_info's nr_pages was {told[1]} at the entry, and Xen counts {told[2]} pages as this domain's: whoever built it told it another number."""
