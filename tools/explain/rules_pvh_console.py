# SPDX-License-Identifier: GPL-2.0-only
"""Stage 7 on Xen, of which nothing was printed: which console it chose, and where its text went."""

import re

from xenpt.memory import PAGE_SHIFT

from .disassembly import writers
from .questions import page_of, way_name
from .rule import rule
from .rules_pvh_guest import LESSON, kernel
from .rules_pvh_run import MSR, ran


@rule("pvh-console-early", LESSON, "mute")
def _(f):
    order = list(ran(f).functions) if ran(f) else []
    came = [order.index(name) if name in order else None for name in ("pvh_select_console", "pvh_find_hypervisor")]
    if None not in came and came[0] < came[1]:
        return """pvh_select_console() was called before pvh_find_hypervisor(): it goes by pvh_on_xen, which that sets, and so it took the machine for a bare one and chose the serial port, which is not this domain's or is Xen's.
            Xen has to be found first."""


@rule("pvh-serial", LESSON, "mute", "failure", "silence", "timeout")
def _(f):
    """Xen was found, and text went to the serial port all the same."""
    count = ran(f).functions if ran(f) else {}
    if f.pvh != "dom0" or not count.get("serial_write") or not any(msr == MSR for msr, _ in ran(f).msrs):
        return None
    if count.get("apic_init") or not count.get("pvh_init_events") and not count.get("pvh_start_kernel"):
        return """The hypercall page was made, and then the kernel took its machine for a bare one: it prints to the serial port, which is Xen's. What tells it is pvh_on_xen, which pvh_find_hypervisor() has to set when it has written the MSR."""
    return f"""The kernel knows that it is on Xen, and printed to the serial port all the same: serial_write() was entered {count["serial_write"]} times. That port is Xen's, and what is written there does not arrive. On Xen pvh_select_console() has to choose CONSOLE_XEN, and CONSOLE_SERIAL only where nobody is
        below."""


@rule("pvh-ring-unused", LESSON, "mute")
def _(f):
    """A domU that printed another way than by its ring."""
    count = ran(f).functions if ran(f) and f.pvh == "domU" else {}
    if not count.get("console_write") or count.get("ring_write") or not count.get("pvh_select_console"):
        return None
    source, way = kernel(f).source, [f"{name}() {count[name]} times" for name in ("serial_write", "write_by_page") if count[name]]
    selects = [s for s in ran(f).steps if source.bits == 64 and ran(f).linked(s) == source.va("console_select")]
    given = [way_name(ran(f).register(s, "DI") & 0xFFFFFFFF) for s in selects]
    called = f"console_select() was given {', then '.join(given)}." if given else f"console_select() was entered {count['console_select']} times."
    asked = "" if len(given) != 1 else " It is called once more if HVM_PARAM_CONSOLE_PFN, which the toolstack sets (pvh_set_parameters()), names a page, and the kernel is no first domain (SIF_INITDOMAIN)."
    return f"""The kernel wrote nothing into its console ring: ring_write() was never entered, and console_write() {count["console_write"]} times{f', of which text went on by {" and ".join(way)}' if way else ''}. Which way it takes is the variable console. {called}{asked} A domU's is CONSOLE_RING, which find_ring()
        (pvh-console.c) has to choose."""


@rule("pvh-console-page", LESSON, "mute")
def _(f):
    said, source = f.guest(r"^toolstack: layout, PFNs: (.*)"), kernel(f).source
    places = {name: int(pfn, 16) for name, pfn in re.findall(r"(\w+) 0x([0-9a-f]+)", said[1] if said else "")}
    step = next((s for s in ran(f).steps if ran(f).linked(s) == source.va("publish")), None) if ran(f) and places else None
    if not step:
        return None
    at = ran(f).register(step, "DI" if source.bits == 64 else "AX")  # publish()'s first argument: the page
    pfn = (at if step.address < source.offset else at - kernel(f).page_offset) >> PAGE_SHIFT
    other = next((name for name, place in places.items() if place == pfn and name != "console"), "")
    paddr = at if at < source.offset else at - kernel(f).page_offset
    if paddr == places.get("console") or paddr == places.get("store"):
        return f"""The kernel wrote its text to paddr {paddr:#x}. That number is the PFN of {page_of(next(n for n, p in places.items() if p == paddr))}, and a page's paddr is its PFN times {1 << PAGE_SHIFT}: find_ring() (pvh-console.c) has to make one of the other (pfn_to_paddr())."""
    if not paddr:
        stores = writers(source, "ring_paddr")
        zero = "The kernel wrote its text to paddr 0, for its variable ring_paddr is 0"
        if any(ran(f).functions[name] for name in stores):
            return f"""{zero}, and {' and '.join(stores)}() may have set it to that. The console's page is PFN {places.get("console", 0):#x} by dom0's layout: either HVM_PARAM_CONSOLE_PFN did not tell that (pvh_set_parameters()), and find_ring() (pvh-console.c) did not look whether it is 0, or it was lost on its way into ring_paddr."""
        others = f"the code that stores to it is {' and '.join(stores)}() alone, which did not run" if stores else "no code stores to it"
        return f"""{zero}: {others}. find_ring() (pvh-console.c) asks for HVM_PARAM_CONSOLE_PFN, chooses the ring only if that is not 0, and has to keep the page's paddr (pfn_to_paddr()) in ring_paddr: that step is missing. What the parameter told makes no difference."""
    if pfn != places.get("console"):
        return f"""The kernel wrote its text into PFN {pfn:#x}{f', {page_of(other)}' if other else ''}, and dom0 laid the console's page out at PFN {places.get('console', 0):#x}, where it
            reads. The kernel takes the page's PFN from HVM_PARAM_CONSOLE_PFN: pvh_set_parameters() has to set that parameter to guest->console, and find_ring() to ask for it and keep its paddr in ring_paddr."""
    return f"The kernel wrote its text into PFN {pfn:#x}, the console's page, and dom0 has not read it there: console_drain() reads guest->ring, which console_open() has to have mapped."


@rule("pvh-console-port", LESSON, "failure")
def _(f):
    told = f.guest(r"^\[domain \d+\] PANIC: console: Xen refuses to send by port (\d+)") if f.pvh == "domU" else None
    said, ports = f.guest(r"^toolstack: layout, PFNs: (.*)"), f.guest(r"^toolstack: channels: the guest's port (\d+) for the console, (\d+) for the store")
    if not told or not said or not ports:
        return None
    port, places = int(told[1]), {int(pfn, 16): name for name, pfn in re.findall(r"(console|store) 0x([0-9a-f]+)", said[1])}
    name = places.get(port, "")
    what = f"{port} is {port:#x}, the PFN of the page of {'xenstore' if name == 'store' else 'the console'}, and so what HVM_PARAM_{name.upper()}_PFN is to hold. " if name else "0 is what a parameter holds that nobody has set. " if not port else ""
    return f"""The kernel was to ring port {port} for its console, and the domain has port {ports[1]} for that, and {ports[2]} for xenstore. {what}The console's is HVM_PARAM_CONSOLE_EVTCHN: either find_ring() (src/stage7-pvh/pvh-console.c) has asked for another parameter, or pvh_set_parameters() (src/stage6-toolstack/pvh.c)
        has put another number into that one."""
