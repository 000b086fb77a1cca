# SPDX-License-Identifier: GPL-2.0-only
"""What several tables of rules ask of a run without Xen: its last exception, paging, and where the image's code was left."""

from __future__ import annotations

import functools

from xenabi.loader import Loading
from xenpt.memory import PAGE_SIZE

from . import fault as fault_names
from .bare_descriptors import gate
from .bare_state import CR4_PAE, CR4_PSE, EFER_LMA, EFER_LME, FIRMWARE_END, BareFault

NATIVE, PVH = "5-boot-protocol: What the file does on a PC", "11-pvh"
EXTERNAL = 1  # a bit of an error code that names a selector
NAMES = {**fault_names.NAMES, 4: "#OF", 5: "#BR", 7: "#NM", 16: "#MF", 19: "#XM"}
NO_STACK = (1 << 32) - (1 << 20)  # a stack pointer that began at 0 has come no further


def fault(f, *vectors: int) -> BareFault | None:
    """The exception that it ended by, in the processor's words or the kernel's own."""
    found = f.bare.fault if f.bare else None
    if f.bare and f.bare.state and not found and f.fault:
        logged = (x for x in reversed(f.bare.exceptions) if (x.vector, x.ip) == (f.fault.vector, f.fault.ip))
        found = next(logged, None) or BareFault(f.fault.vector, f.fault.error, f.fault.ip, f.bare.state)
    return found if found and (not vectors or found.vector in vectors) else None


def rsp(f) -> int:
    return f.bare.state["ESP"]


def wanted(f) -> str:
    """What the processor lacks of the paging mode that the image's tables are made for; empty if nothing."""
    state = f.bare.state
    if f.bits == 64 and not state["EFER"] & EFER_LMA:
        lacks = ["CR4.PAE (bit 5) is 0"] * (not state["CR4"] & CR4_PAE) + ["EFER.LME (bit 8) is 0"] * (not state["EFER"] & EFER_LME)
        return f"the image's tables have four levels, and the processor reads {f.bare.mode.name}: {' and '.join(lacks) or 'long mode is not on'}"
    if f.bits == 32 and _pae(f) != bool(state["CR4"] & CR4_PAE):
        return f"the image's tables have {'three levels (PAE)' if _pae(f) else 'two levels'}, and the processor reads {f.bare.mode.name}: CR4.PAE (bit 5) is {int(not _pae(f))}"
    if f.bits == 32 and not _pae(f) and not state["CR4"] & CR4_PSE:
        return "with two levels an entry is one of a large page only if CR4.PSE (bit 4) is 1, and it is 0"
    return ""


@functools.lru_cache(maxsize=1)
def _pae(f) -> bool:
    return Loading(f.source.image).text("PAE_MODE").startswith("yes")


def cr3(f) -> str:
    """What CR3 holds."""
    value = f.bare.state["CR3"]
    if not value:
        return "CR3 is 0: it was never loaded"
    kind = f.number(value & -PAGE_SIZE)
    if value >= f.bare.size:
        return f"CR3 is {value:#x}{f' ({kind})' if kind else ''}, and the machine's memory ends at {f.bare.size:#x}: it takes a paddr"
    return f"CR3 is {value:#x}{f', {kind}' if kind else ''}"


def no_handler(f) -> str:
    """Why the exception became a reset."""
    if f.end != "vanished":
        return ""
    idt, found = f.bare.state.idt, fault(f)
    if idt.start < FIRMWARE_END:
        early = found and found.ip in dict(f.source.fixups) and f.pvh != "n"
        meant = "The fault was meant, and is in __ex_table, so there has to be an IDT before: LIDT, in pvh_init_traps()." if early else ""
        swapped = f.bare.state.gdt.start == f.source.va("idt")
        gdt = " GDTR holds the address of idt: that table is loaded by LIDT, and this one by LGDT." if swapped else ""
        return f"There is no IDT yet, so an exception resets the machine. {meant}{gdt}"
    wrong = gate(f, found.vector)
    return f"Nobody handled it, so the machine was reset: {wrong or 'its handler fell over something, too'}."


def left_step(f) -> int | None:
    """The last step in the image's code; while paging is off, that is where it was loaded. The log may stop long before the end."""
    on = bool(f.bare.state) and f.bare.state.paging
    return next((n for n, step in reversed(list(enumerate(f.steps))) if f.source.is_code(step.address) and (on or f.source.linked(step.address)[1] == "P=V")), None)


def left(f) -> tuple[str, int] | None:
    """Where the image's code was left, and for which address."""
    last = left_step(f)
    return (f.source.place(f.steps[last].address), f.steps[last + 1].address) if last is not None and last + 1 < len(f.steps) else None
