# SPDX-License-Identifier: GPL-2.0-only
"""The hypercall page: whether it is there, and where in it a call goes. Stage 2."""

from xenabi.headers import names
from xenpt.memory import PAGE_SIZE

from .compiled import size_of
from .facts import Facts
from .rule import rule
from .rules_jumps import entered_page
from .rules_ran_into import open_ends
from .msr_value import about, page
from .rules_notes import note
from .trail import Step

LESSON = "2-hypercall-page"
STUB, STUBS = 32, 128
MOST_STUBS = STUB * PAGE_SIZE  # so far a call can miss the page and still have been meant for it


@rule("stub-not-called", LESSON + ": Why a page", rank=-1)
def _(f):
    last = next((c for c in reversed(f.calls) if f.source.va("hypercall_page") is not None and in_page(f, c.regs.rip & f.mask)), None)
    entry = f.said.entry if last else None
    if entry is not None and in_page(f, entry):
        return f"""The image is entered at {entry:#x}, {f.number(entry) or 'in the hypercall page'}: the processor began with a stub, made {last.name}, and went where the stub's RET led. {"The note ENTRY" if note(f, "ENTRY") else "The ELF header's entry"} has to name the first instruction, startup_xen."""
    if last and f.end not in ("silence", "timeout") and not f.source.is_code(last.caller) and last.name != "iret":
        return f"""{last.name} went through the hypercall page, and its stub's RET took {last.caller:#x}{about(f, last.caller)} off the stack, which is no place behind a
            CALL in the image's code: the stub was jumped to, not called, or something was pushed in between."""


def in_page(f: Facts, address: int) -> bool:
    return any(0 <= address - base < PAGE_SIZE for base in (page(f), f.source.va("hypercall_page")))


@rule("entered-again", "4-start-kernel: A null pointer", rank=-1)
def _(f):
    if f.seen and f.seen.entered > 1:
        linked = f.before(f.seen.entry + f.source.offset & f.mask)
        if linked:
            return f"""The image's first instruction ran once more, at its linked address: it was called, or jumped to, at {linked}. What came afterwards is xen_entry() with
                whatever was in the registers."""
        into = next((end for end in open_ends(f) if end[3] == "xen_entry"), None)
        if into:
            return f"""{into[0]}'s last instruction is "{' '.join(into[2].split())}", at {f.source.place(into[1])}, which is no jump and no return: the processor ran on into xen_entry(), which lies behind it, and that was entered {f.seen.entered} times."""
        again = f.before(f.source.va("xen_entry") or 0)
        if again:
            return f"""xen_entry() was entered {f.seen.entered} times, the last time at its linked address: it was called, or jumped to, at {again}. It is written for P=V, before the remap, and takes start_info from a register, which holds something else by then. The
                jump to the linked address has to lead to xen_start_kernel()."""
        left, to = _left_before_again(f)
        number = names("__HYPERVISOR_").get(to or -1, "").removeprefix("__HYPERVISOR_")
        if left is not None and to is not None and 0 < to < STUBS and number and "hypercall" in f.source.line(left.address):
            return f"""The image's code was left at {f.source.place(left.address)}, for address {to:#x}: that is the number of {number}, and what is to be called is its stub, the address of hypercall_page and {STUB} times the number. Page 0 and what follows are zeros while
                P=V is mapped, which run as ADD %al, (%{'eax' if f.bits == 32 else 'rax'}), a store each, up to the image's first, so xen_entry() was entered {f.seen.entered} times."""
        place = f.source.place(left.address) if left is not None else f.left_at
        return f"""xen_entry() was entered {f.seen.entered} times: something led back to the beginning. A call or jump to address 0 does, while P=V is
            mapped: page 0 and what follows are zeros, which run as ADD %al, (%{'eax' if f.bits == 32 else 'rax'}), a store each, up to the image's first. A function pointer that is NULL, or
            a jump or a return to a number taken from a fresh stack. {f"The image's code was left at {place}{f', for address {to:#x}' if to is not None else ''}." if place else ""}"""


def _left_before_again(f: Facts) -> tuple[Step | None, int | None]:
    """The step by which the image's code was left before xen_entry() was entered for the last time, and the address that it led to."""
    entry = f.source.va("xen_entry") or 0
    last = max((n for n, s in enumerate(f.steps) if s.address in (entry, entry - f.source.offset & f.mask)), default=0)
    ways = zip(reversed(f.steps[:last]), reversed(f.steps[:last + 1]))
    return next(((a, b.address) for a, b in ways if f.source.is_code(a.address) and not f.source.is_code(b.address)), (None, None))


def came_by_stub(f: Facts) -> bool:
    """Whether the image's code was left for the hypercall page, now or before it ran on through zeros."""
    behind = next((n for n in range(len(f.steps) - 1, 0, -1) if f.source.is_code(f.steps[n - 1].address)), 0)
    return any(f.thing(s.address).startswith("the hypercall page") or
               f.thing(s.address - f.source.offset & f.mask).startswith("the hypercall page") for s in (*f.steps[behind:behind + 1], *f.steps[-400:]))


def called_from(f: Facts) -> str:
    """Where the call of a stub was made; by the stack, where too much ran before for the log."""
    found = f.on_stack(f.fault.regs) if f.cut else []
    return f.left_at if came_by_stub(f) else f.source.place(found[0]) if found and "/include/hypercall" in f.source.line(found[0]) else ""


@rule("code-outside-image", LESSON + ": A hypercall before there is a page", "crash", "failure")
def _(f):
    if not f.fault or f.source.is_code(f.fault.ip) or not f.seen or f.fault.fetch and not came_by_stub(f):
        return None
    named, right = note(f, "HYPERCALL_PAGE"), f.source.va("hypercall_page")
    if named and named.number == right:
        return None  # Xen has filled the page at the start
    if not f.seen.msrs and f.seen.places.stops and called_from(f):
        return f"""The processor ran on where there is no code, up to {f.fault.ip:#x}. A hypercall was made, at {called_from(f)}, before Xen had
            filled the hypercall page (the MSR was never written, and {no_note(f)}): it is all zeros, which run as ADD %al, (%{'eax' if f.bits == 32 else 'rax'}), a store each, and execution
            slides through them into whatever follows."""


def no_note(f: Facts) -> str:
    return "the note HYPERCALL_PAGE names another" if note(f, "HYPERCALL_PAGE") else "there is no note HYPERCALL_PAGE"


def from_call(f: Facts, step: Step) -> bool:
    """Whether a return address lies on the stack: it was not jumped to."""
    at = step.registers.get("ESP", step.registers.get("RSP", 0))
    return f.is_behind_call(int.from_bytes(f.code(at, f.bits // 8), "little"))


@rule("stub-number", LESSON + ": Why a page", "crash", "failure", "silence", "timeout", "mute", "shutdown", rank=-1)
def _(f):
    """A stub's place in the page is its number times the size of what the kernel takes for one."""
    size = size_of(f.source.path, "hypercall_entry") if f.source.image and not f.native else STUB
    if size in (0, STUB):
        return None
    calls = (c.number * STUB for c in f.calls if f.is_behind_call(c.caller))
    offset = next((at for at in (entered_page(f), *calls) if at and not at % size and at // size in range(STUBS)), None)
    known = names("__HYPERVISOR_")
    stub, name = divmod(offset or 0, STUB), known.get((offset or 0) // size, "a hypercall").removeprefix("__HYPERVISOR_")
    called = f" Here {name}, number {offset // size}, was called at byte {offset} = {offset // size} * {size}, " + (
        f"{stub[1]} bytes behind the beginning of stub {stub[0]}." if stub[1] else
        f"where stub {stub[0]} begins, {f'that of {known[stub[0]]}'.replace('__HYPERVISOR_', '') if stub[0] in known else 'which is for no hypercall'}.") if offset else ""
    return f"""The kernel takes a stub of the hypercall page to have {size} bytes (struct hypercall_entry, src/include/hypercall.h), and so looks for that of hypercall n at byte {size} * n. Xen has put one every {STUB} bytes.{called}"""


@rule("stub-number", LESSON + ": Why a page", "crash", "failure")
def _(f):
    if not f.fault or not f.seen or page(f) is None or not f.seen.msrs or f.source.is_code(f.fault.ip):
        return None
    for step in reversed(f.steps):
        for base in (page(f), f.source.va("hypercall_page")):
            offset = step.address - base
            called = step.address in (step.registers.get("EAX"), step.registers.get("RAX")) and from_call(f, step)
            if called and 0 <= offset < MOST_STUBS and (offset >= PAGE_SIZE or offset % STUB not in (0, 5, 7)):
                if offset >= PAGE_SIZE and offset % (STUB * STUB) == 0:
                    return f"""A hypercall was made by calling {step.address:#x}, stub {offset // STUB} of a page that has {PAGE_SIZE // STUB}: that is {offset // STUB // STUB} x {STUB}. The number of hypercall
                        {offset // STUB // STUB} was multiplied by a stub's size, which an index into hypercall_page[] does by itself."""
                if offset >= PAGE_SIZE:
                    return f"""A hypercall was made by calling {step.address:#x}, stub {offset // STUB} of a page that has {PAGE_SIZE // STUB}
                        of {STUB} bytes: beyond its end lies something else. There is no such hypercall."""
                return f"""A call went into the hypercall page at byte {offset}, which is {offset % STUB} bytes behind the beginning of stub {offset // STUB}: stub n begins at byte {STUB} * n, and can be entered there alone."""
        if f.source.is_code(step.address):
            break
    return None
