# SPDX-License-Identifier: GPL-2.0-only
"""The guest's page tables, and whether Xen took them."""

from .building import OLD
from .contents import check_strays, ends_with, sealed
from .layout import MAPPED, P, RW, words

MFN = 0x000ffffffffff000
BAD = 0x198  # PSE, GLOBAL, PCD, PWT: Xen takes none of them in an upper entry
STRANGE = 1 << 63 | 0x98  # NX; PAT, PCD, PWT
NEVER = int.from_bytes(8 * OLD, "little")
LEVELS = {1: "pte", 2: "pmd", 3: "pgd", 4: "pgd"}


def check_tables(task, run):
    """Entry by entry, as they were when Xen first looked."""
    if not sealed(task, run):
        return
    layout, want = run.layout, run.layout.entries()
    got = {(layout.level_of(pfn), pfn, index): value
           for pfn, data in run.sealed.items() for index, value in enumerate(words(data, 8)) if value}
    if not any(value & P for value in got.values() if value != NEVER):
        task.fail("tables-empty", f"for {run.who}, no table has an entry when Xen is asked to look at them.")
        return
    for key in sorted(want, key=lambda k: (-k[0], k[1], k[2])):
        if not check_entry(task, run, key, want[key], got.pop(key, 0)):
            return
    for (level, table, index), value in got.items():
        if value == NEVER:
            task.fail("tables-not-cleared", f"for {run.who}, entry {index:#x} of the {LEVELS[level]} page PFN {table:#x} is {value:#x}: that is what the page held "
                      "before. Fresh pages hold anything, so clear them first.")
            return
        task.fail("tables-extra", f"for {run.who}, entry {index:#x} of the {LEVELS[level]} page PFN {table:#x} is {value:#x}, and should be empty: the "
                  f"guest's first {MAPPED} pages are all that is mapped.")
        return
    check_strays(task, run, "write_page_tables")


def check_entry(task, run, key, pfn, value):
    level, table, index = key
    layout, page = run.layout, "table page" if pfn in run.layout.tables else "page"
    name = "pud" if level == 3 and layout.bits == 64 else LEVELS[level]
    said = f"for {run.who}, {name}[{index:#x}] (PFN {table:#x}) is {value:#x}; it should name PFN {pfn:#x} = MFN {run.pages[pfn]:#x}"
    mfn = (value & MFN) >> 12
    if not value and level == 3 and index == 3 and layout.bits == 32:
        task.fail("tables-slot-3", f"{said}. Slot 3 is where Xen puts its own entries, so there has to be a pmd page.")
    elif not value and level == 1 and table == layout.first[1] + 1:
        task.fail("tables-short", f"{said}. The second pte page is empty: 4 MiB take two.")
    elif not value & P:
        task.fail("tables-not-present", f"{said}. It has no PRESENT bit: Xen takes it for empty, and does not say so.")
    elif mfn == pfn:
        task.fail("tables-pfn", f"{said}. It holds the PFN; entries are machine addresses.")
    elif mfn != run.pages[pfn]:
        task.fail("tables-wrong-page", f"{said}.")
    elif level == 1 and pfn in layout.tables and value & RW:
        task.fail("tables-writable", f"{said}, a page table, without RW: the guest may never write to it.")
    elif level == 1 and pfn not in layout.tables and not value & RW:
        task.fail("tables-read-only", f"{said}, an ordinary page, and the guest could not write to it.")
    elif level == 1 and value & STRANGE:
        task.fail("tables-flags",
                  f"{said}. It has flags that an ordinary page does not have: {value & STRANGE:#x} is about caches, or forbids to run what is there.")
    elif level > 1 and value & BAD:
        task.fail("tables-flags", f"{said}. It has flags that Xen does not take in an upper entry (PSE is 0x80).")
    elif level > 1 and not value & RW:
        task.fail("tables-read-only", f"{said}. An upper entry without RW makes all below it read-only: it is the pte that decides for a {page}.")
    else:
        return True
    return False


def check_pin(task, run):
    layout = run.layout
    top = run.pages[layout.tables.start]
    if not run.pins:
        task.fail("pin-none", f"for {run.who}, no table was pinned. Xen would check everything when it sets the registers, entry by entry, and the "
                  "types would be gone whenever no processor uses the tables.")
        return
    pin = run.pins[0]
    said = f"for {run.who}, MMUEXT_PIN_L{pin.level}_TABLE of MFN {pin.mfn:#x}, domain {pin.domain}"
    if pin.mfn == layout.tables.start:
        task.fail("pin-pfn", f"{said}: that is the top table's PFN. Its MFN is {top:#x}.")
    elif pin.mfn != top:
        task.fail("pin-wrong-page", f"{said}: the top table is MFN {top:#x}.")
    elif pin.domain in (0, 0x7ff0):
        task.fail("pin-domain", f"{said}: that is dom0 itself, and the page is the guest's.")
    elif pin.level != layout.levels:
        task.fail("pin-level", f"{said}: it is the top table of {layout.levels} levels. Xen checks the entries of the level that it is told, and would "
                  "not take the page for cr3.")
    elif any(pfn in layout.tables for pfn in run.mapped):
        pfn = next(pfn for pfn in run.mapped if pfn in layout.tables)
        task.fail("pin-window", f"{said}: dom0 still has PFN {pfn:#x}, a table, mapped at VA {run.mapped[pfn]:#x}. A page that somebody can write to cannot "
                  "become a table.")
    elif pin.ret != 0:
        task.fail("pin-refused", f"{said}: Xen refused it, with {pin.ret}. {ends_with(run)}")
    else:
        check_types(task, run)


def check_types(task, run):
    """What Xen itself holds of the tables when the guest is let run."""
    layout = run.layout
    for pfn, frame in run.frames.items():
        level = layout.level_of(pfn)
        if frame and frame.type != level:
            task.fail("pin-type", f"for {run.who}, Xen holds PFN {pfn:#x}, a table of level {level}, for type {frame.type} when the guest is let run.")
            return
    check_strays(task, run, "pin_page_tables")
