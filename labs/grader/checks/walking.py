# SPDX-License-Identifier: GPL-2.0-only
"""get_pud() and get_pmd(): asked for entries all over the address space.

What they should answer is the P=V address of the entry that the processor itself
would go through; the walk from outside tells.
"""

from ..calls import Result, each_after_the_other
from ..many import ask_each
from ..tables import PAGE, Tables
from .asking import no_answer
from .world import first_free

SHIFT = {"pmd": 21, "pud": 30, "pgd": 30}  # of an address, to the level's index


def addresses(guest):
    """VAs that have a table for their pmd entry at the start: every slot (32-bit), or P=V (64-bit)."""
    if guest.bits == 64:
        return [0, 0x200000, 0x3ff123, 0x212345]
    return [0x212345, 0, 0x200000, 0xc0000000, 0xc0212345, 0x80600000, 0x7fe00000, 0x40000000 + 0x12345678]


@each_after_the_other
def check_walk(task, boot, level="pmd", vas=None):
    """level: the function is get_<level>(); vas: what it is asked for."""
    guest, tables = boot.guest, Tables(boot.guest)
    folded = level == "pud" and guest.bits == 32
    for va in vas or addresses(guest):
        steps = {step.level: step for step in tables.walk(va)}
        step = steps["pgd" if folded else level]
        want = guest.paddr_of(step.maddr)
        result = boot.calls.call(f"get_{level}", guest.info_paddr, va)
        what = f"get_{level}(VA {va:#x})"
        if result.value is None:
            return explain_fault(task, boot, what, result, steps)
        if result.value != want:
            return explain(task, guest, what, va, result.value, want, steps, step.level)
    if guest.bits == 32 and not boot.calls.broken:
        return check_every_entry(task, boot, level, tables)


def check_every_entry(task, boot, level, tables):
    """An address below each pmd entry of each slot."""
    guest = boot.guest
    asked = [pmd << 21 | pmd * 20070811 % (1 << 21) for pmd in range(4 * 512)]
    for va, got, event in ask_each(boot.calls, f"get_{level}", guest.info_paddr, asked, first_free(boot) * PAGE):
        what, steps = f"get_{level}(VA {va:#x})", {step.level: step for step in tables.walk(va)}
        name = "pgd" if level == "pud" else level
        want = guest.paddr_of(steps[name].maddr)
        if got is None:
            return explain_fault(task, boot, what, Result(None, event), steps)
        if got != want:
            return explain(task, guest, what, va, got, want, steps, name)


def explain(task, guest, what, va, got, want, steps, level):
    table, index = want & -PAGE, want % PAGE // 8
    said = f"{what} gives P=V {got:#x}, and the entry is at P=V {want:#x} (entry {index} of the {level} page at P=V {table:#x})"
    pages = {guest.paddr_of(s.maddr) & -PAGE: s.level for s in steps.values() if guest.paddr_of(s.maddr) is not None}
    mfn = guest.p2m[table // PAGE]
    if got == 0:
        task.fail("walk-zero", f"{said}. There is nothing in it yet, or it loses everything.")
    elif got == table:
        task.fail("walk-index-lost", f"{said}: that is the table's first entry. Add {level}_index(va).")
    elif got == table + index:
        task.fail("walk-index-bytes", f"{said}: the index was added in bytes. An entry has 8 bytes: add it to a {level}_t pointer.")
    elif got & -PAGE == mfn * PAGE & guest.mask:
        task.fail("walk-maddr", f"""{said}: that is the table's machine address. An entry names the next table by MFN, and
            code cannot reach machine addresses: early_m2p() tells the PFN, and P=V that is where to read.""")
    elif got & -PAGE in pages and pages[got & -PAGE] != level:
        other = pages[got & -PAGE]
        task.fail("walk-wrong-level", f"""{said}: that is in the {other} page. The {other} entry only says where the {level} page
            is; the walk has to follow it.""")
    elif got == want - table + (table >> 12):
        task.fail("walk-pfn", f"{said}: the table's PFN was used as an address. Multiply by the page size (pfn_to_paddr()).")
    elif got == table + 8 * (va >> SHIFT[level]):
        task.fail("walk-wrong-index", f"""{said}: that is entry {(got - table) // 8}, and a table has 512. The upper bits of the address belong to the levels
            above: {level}_index(va) takes them off.""")
    elif got - want in [steps[l].value & 0xfff for l in steps]:
        task.fail("walk-flags", f"{said}: the low bits of the entry above are flags, and they were added to the address. PTE_MFN_MASK takes them off.")
    elif got & -PAGE == table:
        task.fail("walk-wrong-index",
                  f"{said}: right table, but entry {got % PAGE / 8:g}. The index is that of the {level} level, {level}_index(va).")
    elif got % PAGE == want % PAGE and got & -PAGE in {p * PAGE for p in tables_of(guest)}:
        task.fail("walk-wrong-table", f"{said}: that is in another page table. Which one is right depends on pgd_index(va), too.")
    elif got == want + guest.page_offset & guest.mask:
        task.fail("walk-va", f"{said}: that is its linked VA, which is not mapped before the remap. While the kernel runs P=V, a paddr is the pointer.")
    else:
        task.fail("walk-wrong", f"{said}.")


def explain_fault(task, boot, what, result, steps):
    guest = boot.guest
    fault = getattr(result.event, "cr2", None)
    mfns = {s.maddr // PAGE for s in steps.values()}
    if fault is not None and fault // PAGE in {m & guest.mask >> 12 for m in mfns}:
        task.fail("walk-maddr", f"""{what} reads at VA {fault:#x}: a machine address, used as a pointer. An entry names the next
            table by MFN, and code cannot reach machine addresses: early_m2p() tells the PFN, and P=V that is where to read.""")
    else:
        no_answer(boot, what, result, task, "walk-no-answer")


def tables_of(guest):
    """PFNs of the page tables that Xen made."""
    first = guest.info["pt_base"] // PAGE
    return range(first, first + guest.info["nr_pt_frames"])
