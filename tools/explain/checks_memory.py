# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own checks of memory, tables and stacks: what the machine shows in place of what they say. For rules_checks.py."""

from __future__ import annotations

import re

from xenpt.memory import PAGE_SHIFT

from .facts import Facts
from .questions import hexadecimals
from .rules_arrival import arrived
from .rules_extable import went_on_elsewhere
from .rules_stack import STACK_END_MAGIC
from .rules_updates import overflowed

ROOM = 40  # words above the frame of the function that the jump leads to


def same_page(f: Facts) -> str | None:
    pv, va = hexadecimals(f.panic)[:2]
    ways = [f.walk(pv), f.walk(va)]
    if all(w and w.maddr is not None for w in ways) and ways[0].maddr == ways[1].maddr:
        return f"""P=V {pv:#x} and VA {va:#x} are both mapped, and lead to the same maddr, {ways[0].maddr:#x}. Are both numbers that are compared read in the same size, each from
            its own address"""
    return None


def magic(f: Facts) -> str | None:
    va = hexadecimals(f.panic)[0]
    if f.seen and va == f.seen.start_info and (f.seen.peek(va, 7) or b"") == b"xen-3.0":
        return f"""The seven bytes at P=V {va:#x} are "xen-3.0". memcmp() is to return 0 for bytes that are equal, and its result to be compared with that"""
    return None


def stack(f: Facts) -> str | None:
    bottom, top = f.source.va("init_stack"), f.source.top_of("init_stack")
    if f.panic.startswith("stack: the lower end") and f.word("init_stack") is not None and f.word("init_stack") & 0xFFFFFFFF == STACK_END_MAGIC:
        return f"The word at VA {bottom:#x}, the lower end of init_stack, is {STACK_END_MAGIC:#x} (STACK_END_MAGIC), as it was put there"
    at = (hexadecimals(f.panic) or [0])[0]
    word = f.bits // 8
    if f.panic.startswith("stack: pvh_entry") and bottom and top:
        first = next((n for n in (at, first_stack(f, "pvh_entry")) if n is not None and bottom <= n + f.source.offset & f.mask < top), None)
        return first and f"The stack pointer of pvh_entry() is paddr {first:#x}, and that is in init_stack, paddr {bottom - f.source.offset & f.mask:#x} to {top - f.source.offset & f.mask:#x}"
    name = arrived(f, "stack")
    if name and top and top - ROOM * word <= at < top and not at % word:
        return f"VA {at:#x} is in init_stack, {top - at} bytes below its top, VA {top:#x}, and a multiple of {word}"
    esp = first_stack(f, name) if name else None
    if top and esp is not None and top - ROOM * word <= esp < top and not esp % word:
        return f"""When {name}() began, {"RSP" if f.bits == 64 else "ESP"} was VA {esp:#x}, {top - esp} bytes below the top of init_stack, VA {top:#x}, as it should be. What was
            compared, {at:#x}, is another number: it has to be __builtin_frame_address(0), or an address near it"""
    return None


def first_stack(f: Facts, name: str) -> int | None:
    """The stack pointer at the first instruction of a function."""
    begin = f.source.va(name)
    step = next((s for s in f.steps if begin is not None and (f.source.linked(s.address) or [0])[0] == begin), None)
    return step.registers.get("ESP", step.registers.get("RSP")) if step else None


def jump(f: Facts) -> str | None:
    at = hexadecimals(f.panic)[0]
    now = f.seen.regs.rip & f.mask if f.seen else f.steps[-1].address if f.steps else 0
    if f.source.linked(at) == (at, "VA") and f.source.linked(now) == (now, "VA"):
        return f"VA {at:#x} is a linked address"
    return None


def dropped(f: Facts) -> str | None:
    left = re.search(r"pgd\[(\d+)\] is 0x([0-9a-f]+)", f.panic)
    if left and not int(left[2], 16) & 1:
        return f"The entry, {int(left[2], 16):#x}, is not present: bit 0 is 0"
    walk = f.walk(0)
    meant = next((x for x in f.seen.faults if x.cr2 == 0 and x.page), None)
    if f.panic.startswith("P=V is still mapped: VA 0") and walk and walk.problem and meant and not went_on_elsewhere(f, meant):
        return f"""The read at VA 0 faulted ({walk.problem}), and the handler went on as __ex_table says: probe_kernel_read() is to return false then. The movb that says that nothing
            faulted is skipped by the fixup"""
    return None


def entry(f: Facts) -> str | None:
    """An entry that is to be copied."""
    pv = hexadecimals(f.panic)[-1]
    value = int.from_bytes((f.seen.peek(pv, 8) if f.seen else None) or b"", "little")
    if value & 1 and f.p2m and pv >> PAGE_SHIFT < len(f.p2m) and f.va_of_entry(f.p2m[pv >> PAGE_SHIFT] << PAGE_SHIFT | pv & 0xFFF):
        return f"The entry at P=V {pv:#x} is {value:#x}: bit 0, PRESENT, is set"
    return None


def table(f: Facts) -> str | None:
    """An entry that leads to a table."""
    if overflowed(f):
        return None  # there is more that is wrong
    value = hexadecimals(f.panic)[-1]
    pfn = f.pfn((value & (1 << 52) - 1) >> PAGE_SHIFT)
    if value & 1 and pfn is not None and (pfn << PAGE_SHIFT) in f.said.layout.get("Page tables", range(0)):
        return f"""The entry {value:#x} is present, and its MFN is that of PFN {pfn:#x}, {f.thing(pfn << PAGE_SHIFT)}. The test, or what takes the MFN out of an entry and asks the m2p for
            it (pteval_mfn(), early_m2p()), is wrong"""
    return None


def limit(f: Facts) -> str | None:
    asked, last = hexadecimals(f.panic)[:2]
    return f"The limit, {asked:#x}, is not beyond {last:#x}" if asked <= last else None


def memory(f: Facts) -> str | None:
    told = re.search(r"says (\d+) pages, and Xen has given this domain (\d+)", f.panic)
    if told and told[1] == told[2]:
        return f"Both numbers of pages that were compared are {told[1]}"
    call = next((c for c in f.calls if c.name == "memory_op"), None)
    if told and call and call.result == f.nr_pages == int(told[1]):
        return f"Xen returned {call.result} in EAX (RAX) to XENMEM_current_reservation, which is start_info's nr_pages, and {told[1]} and {told[2]} were compared"
    return None


def none_run(f: Facts) -> str | None:
    first, end = hexadecimals(f.panic)[:2]
    code = f.seen.peek(first, end - first) if end > first else b""
    found = (code or b"").find(b"\xc3")
    return f"""The byte at P=V {first + found:#x} is 0xc3, the instruction RET: so one was run, and the number that is looked at afterwards, or how, is wrong; or verify_executable()'s loop, which has to compare each byte with that one, went past it""" if found >= 0 else None
