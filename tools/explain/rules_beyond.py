# SPDX-License-Identifier: GPL-2.0-only
"""Linked addresses at which nothing is mapped: below the kernel, or beyond what the remap reached."""

from xenpt.memory import PAGE_SHIFT

from .disassembly import function, operand, variable
from .facts import Facts
from .questions import REMAP, page_fault, remapped, say, who
from .rule import rule

NEAR = 12  # instructions
LARGE = 2 << 20  # bytes below the image: what a pointer has come to that was moved down


def array_of(f: Facts, fault) -> int:
    """The pointer into the image that an address was made of, by an index in a register or by the addition of a variable; 0 if there is none."""
    used = operand(f.source, fault.ip, fault.regs)
    held = [n for n in used[1:] if n != fault.cr2 and f.source.linked(n)] if used and used[2] else []
    at = f.source.linked(fault.ip)
    code = [i for i in function(f.source, fault.ip) if at and i.address < at[0]][-NEAR:]
    added = [f.word(variable(f.source, i)) or 0 for i in code if i.name.startswith("add") and variable(f.source, i)]
    return next((n for n in (*held, *reversed(added)) if f.source.linked(n)), 0)


@rule("linked-beyond", REMAP + ": How far the remap must reach", "crash", "failure", rank=1)
def _(f):
    fault = page_fault(f)
    if fault and f.source.is_code(fault.ip) and fault.cr2 >= f.page_offset > 0 and (remapped(f) or f.virt_base) and not f.is_a(fault.cr2, "xen", "clobbered") and not fault.denied:
        below = f.source.extent.start - fault.cr2
        if f.bits == 64 and 0 < below < LARGE:
            return f"""VA {fault.cr2:#x} lies {below:#x} bytes below the first linked address of the kernel, {f.source.extent.start:#x}, and nothing is mapped there: a pointer into the image was moved down, by a loop that counts the wrong way or does not meet its end, or by an index or a
                distance that is negative.{who(f, fault.cr2)}"""
        paddr = fault.cr2 - f.page_offset & f.mask
        array = array_of(f, fault)
        if array:
            return f"""VA {fault.cr2:#x} lies {fault.cr2 - array & f.mask:#x} bytes behind a pointer, {say(f, array)}: much further than what that points to is long. So it is the number that was added to it, an index, that is wrong. Where does it come from, and what
                is its bound?{who(f, fault.cr2)}"""
        total = f.said.layout.get("TOTAL")
        ends = f", which ends at VA {total.stop:#x}" if total else ""
        beyond = "beyond the guest's memory" if f.nr_pages and paddr >= f.nr_pages << PAGE_SHIFT else \
            f"beyond all that Xen mapped at VIRT_BASE{ends}" if f.virt_base else "beyond all that the remap had to reach"
        if f.pfn(paddr >> PAGE_SHIFT) is not None and paddr >> PAGE_SHIFT > f.nr_pages:
            return f"""Linked VA {fault.cr2:#x} would be paddr {paddr:#x}, and that is the {f.number(paddr, "maddr")}: an MFN was taken for a PFN. It has to go
                through the m2p first.{who(f, fault.cr2)}"""
        return f"Linked VA {fault.cr2:#x} would be paddr {paddr:#x}, which is {beyond}: compare it with the limit.{who(f, fault.cr2)}"
