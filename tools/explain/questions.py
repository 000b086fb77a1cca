# SPDX-License-Identifier: GPL-2.0-only
"""What several tables of rules ask of the facts."""

import itertools
import re

from xenabi.headers import names
from xenabi.hypercalls import TRAP
from xenpt.memory import PAGE_SHIFT

from .calls import IRET, Call
from .facts import Facts
from .fault import Fault, from_kernel
from .numbers import what

REMAP, JUMP, MACHINE = "3-remap", "4-start-kernel", "0-machine"
WAYS = ("CONSOLE_XEN_GATE", "CONSOLE_XEN", "CONSOLE_RING", "CONSOLE_SERIAL")  # that text takes: enum console
NEAR_STACK = 4096  # so close to the stack pointer is a push, a call or a local variable


def page_fault(f: Facts) -> Fault | None:
    return f.fault if f.fault and f.fault.page else None


def is_linked(f: Facts, va: int) -> bool:
    """Whether it is in the mapping that the remap makes."""
    paddr = va - f.page_offset & f.mask
    inside = f.source.linked(va)
    return bool(f.page_offset) and paddr < f.nr_pages << PAGE_SHIFT or bool(inside and inside[1] == "VA")


SAID_REMAPPED = r"^stage 3: .* remapped to VA"


def remapped(f: Facts) -> bool:
    """Whether a page-table update was made, and accepted, or may have been."""
    if f.seen and f.seen.deaf:
        walk = f.walk(f.source.extent.start)
        return not walk or not walk.problem or bool(f.guest(SAID_REMAPPED))
    return any(c.name == "mmu_update" and c.result == 0 for c in f.calls)


def misread(f: Facts) -> tuple[Fault | None, Fault | None]:
    """An exception as the processor had it, and as the kernel's handler printed it, if they differ."""
    told = from_kernel(f.said)
    real = f.seen.faults[-1] if f.seen and f.seen.faults else None
    if real and any(c.name == IRET for c in f.calls[real.calls:]):
        return None, None  # that one was handled, and returned from
    differ = told and real and f.end == "failure" and (told.vector, told.ip) != (real.vector, real.ip)
    return (real, told) if differ else (None, None)


def vectors(f: Facts) -> set[int]:
    """Exceptions that the kernel has registered handlers for."""
    layout, found = TRAP[f.bits], set()
    for call in f.calls:
        table = layout.iter_unpack(call.data[:len(call.data) // layout.size * layout.size]) if call.name == "set_trap_table" else ()
        found |= {gate[0] for gate in itertools.takewhile(lambda gate: gate[3], table)}
    return found


def who(f: Facts, n: int) -> str:
    """Where a number came from, if that is known."""
    line = f.first_seen(n)
    return f" It was first in a register after {line}." if line else ""


def by_stack(f: Facts, fault: Fault) -> bool:
    return abs(fault.cr2 - (fault.regs.rsp & f.mask)) < NEAR_STACK or bool(f.xen("fault at .*crash_page_fault"))


def stack_in_code(f: Facts) -> bool:
    """Whether the exception came with a stack pointer that is in the image's code, by which any number may have been read."""
    esp = f.fault.regs.rsp & f.mask if f.fault and f.seen else 0
    return bool(esp) and f.source.is_code(esp - 1) and f.source.is_code(f.fault.ip)


def refused(f: Facts, *numbers: int, name: tuple[str, ...] = ()) -> Call | None:
    """The call that was refused, if with one of these errors and of this name."""
    call = f.refused
    return call if call and (not numbers or -call.result in numbers) and (not name or call.name in name) else None


def way_name(number: int) -> str:
    """A way that text takes."""
    return WAYS[number] if number < len(WAYS) else f"{number}, which is none of them"


def say(f: Facts, n: int, *words: str) -> str:
    """The number, and what it is."""
    kind = f.number(n, *words)
    return f"{n:#x}" + (f" ({kind})" if kind else "")


def page_of(name: str) -> str:
    """A page of the toolstack's layout, in words."""
    return {"store": "xenstore's page", "console": "the console's page"}.get(name, f"the page of {name}")


def say_number(f: Facts, n: int) -> str:
    """The same of a number that is no address, and so, if it is small, not one near NULL."""
    kind = next((k.text for k in what(f, n) if k.word != "null"), "")
    return f"{n:#x}" + (f" ({kind})" if kind else "")


def hexadecimals(text: str) -> list[int]:
    """All of a line's."""
    return [int(n, 16) for n in re.findall(r"0x([0-9a-f]+)", text)]


def all_repointed(f: Facts) -> bool:
    """Whether start_info's pointers, and the kernel's to it, are linked ones at the end."""
    now, then = f.info_now, f.info
    fields = ("mfn_list", "pt_base", *(["mod_start"] if then and then.mod_start else []))
    linked = f.seen and f.word("xen_start_info") == f.seen.start_info + f.page_offset & f.mask
    return bool(now and then and linked) and all(getattr(now, name) == getattr(then, name) + f.page_offset & f.mask for name in fields)


def misplaced_info(f: Facts) -> tuple[int, int] | None:
    """After the jump: what the kernel's pointer to start_info is, and what it should be, if it is wrong."""
    pointer = f.word("xen_start_info") if f.seen and any(c.name == "set_trap_table" for c in f.calls) else None
    right = f.seen.start_info + f.page_offset & f.mask if f.seen else 0
    return (pointer, right) if pointer not in (None, right) else None


def operation_meant(f: Facts) -> tuple[re.Match[str] | None, int | None]:
    """Which operation of which hypercall the kernel's line speaks of that was refused, and its number."""
    told = re.match(r"hypercall refused: (\w+)\(((?:[A-Z]+OP|MMUEXT|XENMEM|XENVER)_\w+)\)", f.panic)
    known = names(told[2].partition("_")[0] + "_") if told else {}
    return told, next((n for n, name in known.items() if told and name == told[2]), None)
