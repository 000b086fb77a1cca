# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: stage 5 natively, stage 7 as QEMU enters it. Where the kernel is entered, and what it fell over there."""

from xenabi.loader import Loading
from xenpt.memory import PAGE_SIZE

from .bare_questions import NAMES, NATIVE, NO_STACK, PVH, cr3, fault, left, left_step, no_handler, rsp, wanted
from .left_code import went
from .present import present
from .reserved import reserved
from .rule import rule

RESERVED = 8  # of a page fault's error code
FIELDS = 24  # bytes of an entry of the memory map, or of the list of modules
LOWEST = 0x400  # what is below can be an offset from NULL, too
SAME = 0x1000  # bytes: so close to the stack pointer is a push


@rule("pvh-entry-note", PVH, "vanished", "silence", "timeout", "failure", "shutdown")
def _(f):
    note = Loading(f.source.image).notes.get("PHYS32_ENTRY") if f.source.image and f.pvh != "n" else None
    parts = f.source.image.loaded() if note else []
    start = f.source.va("startup_pvh") if note else None
    right = f" startup_pvh is at paddr {start - f.source.offset & f.mask:#x}." if start is not None else ""
    if not note or f.bits == 64 and start == note.number + f.source.offset or start is not None and start - f.source.offset & f.mask == note.number:
        return None
    if not any(p.paddr <= note.number < p.paddr + p.memsz for p in parts):
        kind = f.number(note.number, "linked")
        return f"""The note PHYS32_ENTRY holds {note.number:#x}{f', a {kind}' if kind else ''}, and the image is loaded at paddr {parts[0].paddr:#x} to
            {parts[-1].paddr + parts[-1].memsz:#x}: nothing of it is there. There is no paging yet, so the note takes a paddr.{right}"""
    if start is not None:
        return f"The note PHYS32_ENTRY holds {note.number:#x}, which is {f.number(note.number, 'pv') or 'elsewhere in the image'}.{right}"


@rule("pvh-no-stack", PVH, "vanished")
def _(f):
    found = fault(f, 12, 14)
    if found and (not rsp(f) or rsp(f) % (1 << 32) >= NO_STACK) and abs(found.cr2 - rsp(f)) % (1 << 32) < SAME:
        return f"""The stack pointer is {rsp(f):#x}: it began at 0, since nobody gives this kernel a stack. The head has to load it before anything is pushed or
            called. {no_handler(f)}"""


def told_by_loader(f, n: int) -> str:
    """Which field of what the loader passed holds a number, or that it lies there."""
    data = f.bare.read_paddr(f.bare.info, PAGE_SIZE) if f.bare.info else b""
    for back in range(0, FIELDS, 4):
        at = data.find((n - back).to_bytes(f.bits // 8, "little")) if n - back >= LOWEST else -1
        if at >= 0 and at % 4 == 0:
            beyond = f"{back:#x} bytes behind the address " if back else ""
            passed = f.thing(f.bare.info) or f"what was passed, paddr {f.bare.info:#x}"
            return f.number(n, "pv") or f"{beyond}{'which' if not back else 'that'} {passed} + {at:#x} holds"
    return f.number(n, "pv")


@rule("pvh-no-stack", PVH, "silence", "timeout", "failure")
def _(f):
    state = f.bare.state if f.bare and f.bare.entered and f.pvh != "n" else None
    if state and not state.paging and rsp(f) % (1 << 32) >= NO_STACK:
        return f"""The stack pointer is {rsp(f):#x}: it began at 0, or was loaded with a 0, and there is no memory below 4 GiB where what is pushed could be kept, so the first RET goes elsewhere. The head has to load the address of init_stack's top, as a number ($) and not what lies there, before
            anything is pushed or called."""
    return None


@rule("bare-pv-address", PVH, "vanished", "failure")
def _(f):
    found = fault(f, 14)
    linked = found.cr2 + f.page_offset & f.mask if found else 0
    here, there = (f.bare.walk(found.cr2), f.bare.walk(linked)) if found else (None, None)
    if not here or not here.problem or found.fetch or not there or there.maddr != found.cr2 or abs(found.cr2 - rsp(f)) < SAME:
        return None
    told = told_by_loader(f, found.cr2) if found.cr2 >= LOWEST else ""
    return told and f"""VA {found.cr2:#x} ({told}) was used at {f.place(found.ip)}, and as a VA it is not mapped: P=V was dropped ({here.problem}). As a paddr it is in memory, and that is
        mapped at VA {linked:#x}, PAGE_OFFSET higher. {"A paddr, as it stands in a page-table entry or comes from pa()," if f.source.linked(found.cr2) else "What a loader passes are paddrs: each"} has to be repointed (__va()) before it is used. {no_handler(f)}"""


@rule("bare-stack-low", PVH, "vanished", "failure")
def _(f):
    """The linked code runs on a stack that is named by its paddr, which is mapped no more."""
    found, stack = fault(f, 14), f.source.extent_of("init_stack")
    walk = f.bare.walk(rsp(f)) if found and f.bare.state.paging else None
    if walk and walk.problem and stack.start <= rsp(f) <= stack.stop and f.source.linked(found.ip) == (found.ip, "VA"):
        return f"""ESP is {rsp(f):#x}, the P=V address of init_stack + {rsp(f) - stack.start:#x}, and the code runs at its linked address: P=V was dropped ({walk.problem}), and the stack went with it, at {f.place(found.ip)}. The jump to the linked address has to change the stack
            as well: linked_va(init_stack + THREAD_SIZE). {no_handler(f)}"""
    return None


@rule("bare-page-fault", NATIVE, "vanished", "failure", rank=1)
def _(f):
    found = fault(f, 14)
    if not found:
        return None
    doing = "writing" if found.error & 2 else "reading"
    walk, kind = f.bare.walk(found.cr2), f.number(found.cr2)
    last = f": {walk.path[-1].name} is {walk.path[-1].value:#x}, and {walk.problem}" if walk and walk.path and walk.problem else ""
    problem = reserved(f, walk) or f"a bit is set in an entry on the way that is reserved there (bit 3 of the error code){last}" if found.error & RESERVED else \
        walk.problem if walk and walk.problem else f"it is mapped, {walk.rights}, and that is not allowed there" if walk and found.error & 1 else "nothing is mapped there"
    lacks = wanted(f)
    first = f.first_seen(found.cr2)
    there = present(f, walk)
    return f"""A page fault {doing} VA {found.cr2:#x} ({kind or 'nothing that is known here'}), at {f.place(found.ip)}: {problem.rstrip(".")}. {cr3(f)}{f'; {lacks}' if lacks else there}.
        {f'The number was first in a register after {first}.' if first else ''} {f'ESP is {rsp(f):#x}.' if abs(found.cr2 - rsp(f)) < SAME else ''} {no_handler(f)}"""


@rule("native-reset", NATIVE, "vanished", rank=1)
def _(f):
    found = fault(f)
    if not found or found.vector == 14:
        return None
    code = f.bare.read(found.ip, 8)
    where = f.place(found.ip)
    left = f" The image's code was left at {f.left_at}." if not f.source.is_code(found.ip) and f.left_at else ""
    return f"""An exception, vector {found.vector} ({NAMES.get(found.vector, 'see the table of exceptions in the manuals')}){f', error code {found.error:#x}' if found.error else ''}, at {where}, where the
        bytes are {code.hex(' ') or 'none, since no memory is there'}.{left} {no_handler(f)} CR0 is {f.bare.state['CR0']:#x}, CR3 {f.bare.state['CR3']:#x}, CR4 {f.bare.state['CR4']:#x}, ESP
        {rsp(f):#x}."""


def jumped_linked(f):
    """Whether the image's code was left for a linked address while paging was off."""
    at = f.fault.ip if f.fault else f.address
    gone = left(f) if f.bare and f.bare.entered and at is not None and not f.source.is_code(at) else None
    return gone and f.bare.state and not f.bare.state.paging and f.is_a(gone[1], "linked")


@rule("bare-no-stack", PVH, "silence", "timeout", "failure", "vanished")
def _(f):
    """The stack pointer is a linked address before there is paging: nothing is there, and what is pushed is lost."""
    state = f.bare.state if f.bare and f.bare.entered else None
    if jumped_linked(f):  # so paging was to be on, for the stack as well
        return None
    if state and not state.paging and f.bare.size <= f.source.offset <= rsp(f) < f.source.offset + f.bare.size:
        return f"""ESP is {rsp(f):#x}, which is LOAD_OFFSET + {rsp(f) - f.source.offset:#x}, a linked address, and paging is off: as a paddr that is beyond the machine's memory, which ends at {f.bare.size:#x}. What is pushed there is lost, so the first
            RET goes elsewhere. Until paging is on the stack needs its paddr: pa(), LOAD_OFFSET less."""


@rule("bare-no-stack", PVH, "vanished", "failure")
def _(f):
    """It is 0: the first push goes to the last bytes of the address space."""
    found = fault(f, 14)
    if found and not rsp(f) and found.cr2 >= f.mask - SAME:
        return f"""The stack pointer is 0 at {f.place(found.ip)}, so what is pushed there goes to the last bytes of the address space, VA {found.cr2:#x}, where nothing is mapped. The head has to load it with the top of init_stack: its address, and not what lies there."""
    return None


@rule("pvh-no-code", PVH, "silence", "failure")
def _(f):
    at = f.fault.ip if f.fault else f.address
    gone = left(f) if f.bare and f.bare.state and f.bare.entered and at is not None and not f.source.is_code(at) else None
    if gone:
        where, to = gone
        kind = f.number(to)
        linked = jumped_linked(f)
        return f"""The processor runs what is no code. It left the image's code at {where}, for {to:#x}{f', {kind}' if kind else ''}
            {f": paging is off (CR0.PG is 0), so a linked address means nothing yet, and a jump to it leads beyond the machine's memory" if linked else ""}. ESP is
            {rsp(f):#x}{f' ({f.number(rsp(f))})' if f.number(rsp(f)) else ''}. {"" if linked else f"There {went(f, left_step(f))}"}"""
