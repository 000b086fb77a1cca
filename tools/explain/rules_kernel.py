# SPDX-License-Identifier: GPL-2.0-only
"""What stage 4 itself found wrong: P=V that stays, events that are masked, a stack that overflowed."""

import re

from xenabi.headers import names, value
from xenabi.loader import Loading

from .disassembly import function, symbol_of
from .missing_call import later_call, missing_call
from .questions import JUMP, REMAP, hexadecimals, misplaced_info, say, way_name
from .relation import repointed
from .rule import rule
from .rules_events import BLOCK
from .rules_pvh_guest import kernel
from .rules_stack import STACK_END_MAGIC

NEAR_END, UNUSED = 1024, 1024  # bytes at the lower end of init_stack, and above that
GET_FEATURES = value("XENVER_get_features")
COMMANDS = {1: "MMU_MACHPHYS_UPDATE, which changes the m2p", 2: "MMU_PT_UPDATE_PRESERVE_AD"}


@rule("stack-overflow", JUMP + ": The jump", "failure")
def _(f):
    if f.panic.startswith("stack: the lower end") and not (f.word("init_stack") or 0) & 0xFFFFFFFF and f.seen:
        return f"""The word at the lower end of init_stack, VA {hexadecimals(f.panic)[0]:#x}, is 0: nobody has written over it, but {STACK_END_MAGIC:#x} (STACK_END_MAGIC) was never put there. verify_arrival() does that, first of all, and was not called, or
            did not come as far as that."""
    if f.panic.startswith("stack: the lower end") and f.seen:
        bottom = hexadecimals(f.panic)[0]
        call = next((c for c in f.calls if any(0 <= a - bottom < NEAR_END for a in c.args)), None)
        between = f.seen.peek(bottom + NEAR_END, UNUSED) or b"x"
        room = (f.source.top_of("init_stack") or 0) - (f.source.va("init_stack") or 0) > NEAR_END + UNUSED  # else each call comes down so far
        if room and (call or not any(between)):
            by = f" {call.name} was given that address, at {f.source.place(call.caller)}: its data were put there." if call else ""
            return f"""The word at the lower end of init_stack, VA {bottom:#x}, was written over: it is {say(f, f.word("init_stack") or 0)}.{by}{"" if any(between) else " No stack came down so far, for what lies above it is all zeros: somebody else wrote there."}"""
    if f.panic.startswith("stack: the lower end"):
        return f"""init_stack overflowed: the word at its lower end, VA {hexadecimals(f.panic)[0]:#x}, was written over. It has {(f.source.top_of("init_stack") or 0) - (f.source.va("init_stack") or 0)} bytes (THREAD_SIZE):
            a large array, deep recursion, or a stack pointer that began too low."""


@rule("start-info-not-repointed", JUMP + ": What still points low", "failure", "crash", "silence")
def _(f):
    dropping = not any(c.name == "set_callbacks" for c in f.calls)
    if misplaced_info(f) and dropping and not f.fault and not f.panic.startswith("hypercall page: "):
        pointer, right = misplaced_info(f)
        return f"""xen_start_info is {pointer:#x}{f" ({f.number(pointer)})" if f.number(pointer) else ""}, and should be VA {right:#x}: start_info was not
            repointed before the jump, or something else was put there.{repointed(f, pointer, right) if pointer else ""} What it pointed to was used all the same, since page 0 is an ordinary page while P=V holds."""


@rule("field-repointed-wrong", JUMP + ": What still points low", "failure", "crash")
def _(f):
    now = f.info_now if any(c.name == "set_trap_table" for c in f.calls) else None
    for name in ("pt_base", "mfn_list") if now and f.info else ():
        was, value = getattr(f.info, name), getattr(now, name)
        if value not in (was, was + f.page_offset & f.mask, was + 2 * f.page_offset & f.mask):
            return f"""start_info's {name} is {value:#x}{f" ({f.number(value)})" if f.number(value) else ""} now. Xen had it at P=V {was:#x}, so repointed it has to be VA
                {was + f.page_offset & f.mask:#x}.{repointed(f, value, was + f.page_offset & f.mask)}"""
    return None


@rule("identity-map-still-there", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    if not f.panic.startswith("P=V is still mapped"):
        return None
    if f.pvh != "n":
        return """VA 0 is still mapped, P=V. pvh_drop_identity_map() clears the pgd entries below PAGE_OFFSET by stores, and loads CR3, which flushes the TLB: it was not called, cleared other entries, or CR3 was not
            loaded afterwards."""
    names_of = [c.name for c in f.calls]
    left = re.search(r"pgd\[(\d+)\] is 0x([0-9a-f]+)", f.panic)
    if left and "set_trap_table" in names_of and "mmu_update" not in names_of[names_of.index("set_trap_table"):]:
        return f"""pgd[{left[1]}] is {int(left[2], 16):#x} still. xen_drop_identity_map() has come as far as its own check, and no mmu_update was made since the trap table was registered: what it collected was never sent to Xen (apply()), or nothing was
            collected."""
    if "set_trap_table" in names_of and "mmu_update" not in names_of[names_of.index("set_trap_table"):]:
        return """VA 0 is still mapped, P=V: no page-table entry was changed since the trap table was registered, so xen_drop_identity_map(), which clears the pgd entries of P=V by mmu_update, was not called, or
            returned early."""
    walk = f.walk(0)
    updates = [u for c in f.calls if c.name == "mmu_update" for u in c.updates if not u[1]]
    command = updates[0][0] & 3 if len({ptr & 3 for ptr, _ in updates}) == 1 else 0
    if left and command:
        return f"""pgd[{left[1]}] is {int(left[2], 16):#x} still. The updates that were to clear the entries of P=V had the command {command} in the low two bits of ptr, {COMMANDS.get(command, "which is none")}. An entry is changed by MMU_NORMAL_PT_UPDATE, 0."""
    if left and updates:
        named = ", ".join(f"{ptr:#x}" for ptr, _ in updates[:4])
        return f"""pgd[{left[1]}] is {int(left[2], 16):#x} still. The updates that were to clear the entries of P=V had as ptr: {named}. Is each the machine address of an
            entry, the next {f.entry_size if f.seen and f.seen.boot else 8} bytes on, with the command (0) in its low two bits, and does the loop begin and end with the right one?"""
    flushed = any(c.name == "mmuext_op" and not c.refused and c.args[1] for c in f.calls)
    dropped = [c for c in f.calls if c.name == "mmu_update"][-1:]
    if walk and walk.problem and f.seen and any(x.page and x.cr2 == 0 for x in f.seen.faults):
        return None  # the read did fault, so no TLB has it
    if walk and walk.problem and flushed:
        return f"""The pgd entries of P=V are gone ({walk.problem}), mmuext_op was made and accepted, and no page fault was seen at VA 0. Either that operation was no flush of the TLB (MMUEXT_TLB_FLUSH_LOCAL), or the probe has not read memory there:
            probe_kernel_read() takes a word from where its register points to, mov (%reg)."""
    if walk and walk.problem:
        return f"""The pgd entries of P=V are gone ({walk.problem}), and no flush of the TLB was made (mmuext_op, MMUEXT_TLB_FLUSH_LOCAL): the processor may still remember them. It comes after the update."""
    if dropped and not dropped[0].args[1] and walk and f.info_now and f.info_now.pt_base == f.info.pt_base + f.page_offset & f.mask:
        return f"""No pgd entry was cleared: the last mmu_update had 0 updates, so the loop over the pgd found no entry there, or did not begin, or it was not the pgd (VA {f.info_now.pt_base:#x},
            start_info's pt_base) that it looked at. P=V has
            {walk.path[-1].name if len(walk.path) == 1 else next((e.name for e in walk.path if e.level.name == "pgd"), "pgd[0]")}; the loop begins there, and ends where the linked mapping or Xen's part does, at the lower
            of pgd_index(PAGE_OFFSET) and pgd_index(XEN_VIRT_START)."""
    return f"""The pgd entries of the P=V mapping were not all cleared: {walk.path[1].name + f" is {walk.path[1].value:#x}" if walk and len(walk.path) > 1 else "VA 0 is mapped"}.
        Or it was not the pgd that was looked at: is xen_start_info set, and start_info's pt_base repointed, before the jump?
        The last mmu_update had {dropped[0].args[1] if dropped else 0} updates."""


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
