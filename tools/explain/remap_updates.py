# SPDX-License-Identifier: GPL-2.0-only
"""What a remap's updates changed, and where a page is mapped instead. For rules_remap.py."""

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .calls import MOST_UPDATES
from .facts import Facts

NEXT = 16  # bytes, two entries
TOUCHED = 0x60  # ACCESSED and DIRTY, which the processor sets


def unchanged(f: Facts) -> str:
    """That updates wrote what had stood there before."""
    both = [(ptr & -8, val, old) for c in f.calls if c.name == "mmu_update" and c.result == 0 for (ptr, val), old in zip(c.updates, c.before)]
    same = [(ptr, val) for ptr, val, old in both if val and old is not None and (val ^ old) & ~TOUCHED == 0]
    where = f.va_of_entry(same[0][0]) if same else None
    if not where or len(same) < len(both):
        return ""
    low = where[1] - f.page_offset
    walk = f.walk(low) if low >= 0 else None
    source = next((e for e in walk.path if e.level.name == where[0].partition("[")[0]), None) if walk else None
    found = f" ({source.name} of VA {low:#x}, which holds {source.value:#x})" if source else ""
    return f"""The updates changed nothing: val is what stood at ptr before the call, {same[0][1]:#x} in {where[0]} of VA {where[1]:#x}. The entry to write is the one that maps the same page P=V{found}, and not what the entry holds that is to change: see what val is read from
        (copy_mapping(), src, not dst)."""


def instead(f: Facts, paddr: int, va: int) -> str:
    """Where a page is mapped that is missing at a VA."""
    # The mapping of the text has the pages behind the image, too, and nobody looks for them there.
    at = sorted((a for a in f.mapped_at(paddr) if f.bits == 32 or a >> 31 == va >> 31 == f.source.offset >> 31), key=lambda a: abs(a - va))
    waiting = (f.word("batched") or 0) & 0xFFFFFFFF
    if not at and 0 < waiting < MOST_UPDATES:
        return f"{waiting} more were collected (batched) and never sent: mmu_update was called before all were there."
    missed = too_few(f, paddr, va) or beside(f, va)
    if not at and missed:
        return missed
    told = f.seen.probes.told if f.seen and f.seen.probes else []
    if not at and told and f.source.va("remap_limit") is not None and not any(t.name == "remap_limit" for t in told):
        return "That page is mapped nowhere but P=V, and remap_limit() was never called, so the end that the remap was given is another number:"
    if not at and any(not val for c in f.calls if c.name == "mmu_update" for _, val in c.updates):
        return "An update wrote 0, and that is an empty entry: its val was never set, or is not the entry that was read."
    if not at:
        return not_led_to(f, va) or nowhere(f, paddr, va)
    return f"""That page is mapped at VA {at[0]:#x}, {abs(at[0] - va):#x} {"lower" if at[0] < va else "higher"}: an entry went to a wrong slot, or the image is linked for an
        address that the remap cannot make of its paddr (PAGE_OFFSET and LOAD_OFFSET have to be multiples of what an entry maps):"""


def not_led_to(f: Facts, va: int) -> str:
    """That an entry of a lower level was written for the VA, by its place in a table that serves P=V, and the pgd does not lead there."""
    entry = f.walk(va).path[-1]
    inside = va % entry.size
    low = f.walk(inside) if f.bits == 64 and entry.level.name == "pgd" else None
    below = next((e for e in (low.path[1:] if low else ()) if e.present and e.maddr in [ptr for ptr, val in made(f) if val]), None)
    return f"""{below.name} of the pud page of P=V was written, for paddr {inside - f.source.offset % entry.size:#x}, and nothing leads from {entry.name} to that page: pgd[0] has to be copied to {entry.name}, too, which is pgd_index(LOAD_OFFSET) (remap_kernel_text(), src/stage3-remap/remap.c).""" if below else ""


def nowhere(f: Facts, paddr: int, va: int) -> str:
    """That a page is mapped nowhere where it should be, and by which faults that comes about which nothing speaks against."""
    others = [a for a in f.mapped_at(paddr) if f.bits == 64]
    there = f"That page is mapped nowhere but P=V{f' and at VA {others[0]:#x}, its PAGE_OFFSET address' if others else ''}: "
    told = next((t.result for t in (f.seen.probes.told if f.seen and f.seen.probes else ()) if t.name == "remap_limit"), 0)
    empty = any(not val & 1 for _, val in made(f))
    may = ["the limit is too small"] * (told <= paddr) + ["an entry was left out"] + ["an empty one was copied"] * empty
    return f"{there}{', '.join(may[:-1])}{', or ' if may[1:] else ''}{may[-1]}:"


def beside(f: Facts, va: int) -> str:
    """Whether an update went to the entry next to the one that is not there."""
    entry = f.walk(va).path[-1]
    near = next((ptr for ptr, val in made(f) if val and ptr >> PAGE_SHIFT == entry.maddr >> PAGE_SHIFT and 0 < abs(ptr - entry.maddr) <= NEXT), 0)
    found = f.va_of_entry(near) if near else None
    return f"{entry.name} is at maddr {entry.maddr:#x}, and the update went to maddr {near:#x}, {found[0]}: the index is {abs(near - entry.maddr) // 8} too {'small' if near < entry.maddr else 'large'}:" if found else ""


def too_few(f: Facts, paddr: int, va: int) -> str:
    """Whether the table in which an entry is missing got fewer updates than it has entries to be set."""
    entry = f.walk(va).path[-1]
    told = [t.right for t in (f.seen.probes.told if f.seen.probes else []) if t.name == "remap_limit"]
    end = told[-1] if told else max((r.stop for name, r in f.said.layout.items() if name != "TOTAL"), default=0)
    begin, count = entry.index - paddr // entry.size, -(-end // entry.size)
    wanted = range(begin, begin + count)
    size = f.seen.guest().mode.entry_size
    places = sorted({(ptr - entry.table) // size for ptr, _ in made(f) if ptr >> PAGE_SHIFT == entry.maddr >> PAGE_SHIFT})
    if begin < 0 or entry.index not in wanted or not places or len(places) >= count or not set(places) <= set(wanted):
        return ""
    names = ", ".join(f"{entry.level.name}[{n}]" for n in places)
    steps = {b - a for a, b in zip(places, places[1:])}
    step = min(steps, default=1)
    why = f"the loop's step is {step} entries" if step > 1 else "the loop ends too early, or its step is larger than what one entry maps"
    return f"""Up to paddr {end:#x} {count} entries are needed, {entry.level.name}[{begin}] to [{wanted[-1]}], one for each {entry.size:#x} bytes, and {len(places)} {"was" if len(places) < 2 else "were"} updated, {names}: {why};"""


def made(f: Facts) -> list[tuple[int, int]]:
    """The updates that Xen made: ptr without its command, and val."""
    return [(ptr & -8, val) for c in f.calls if c.name == "mmu_update" and c.result == 0 for ptr, val in c.updates if ptr & 3 in (0, 2, 3)]


def stray(f: Facts) -> tuple[int, int] | None:
    """An update that went to no page table."""
    tables = f.said.layout.get("Page tables")
    return next((u for u in made(f) if tables and f.pfn(u[0] >> PAGE_SHIFT) is not None
                 and f.pfn(u[0] >> PAGE_SHIFT) << PAGE_SHIFT not in tables), None)


def hits_pv(f: Facts) -> tuple[str, int, int, int] | None:
    """An update that went to the mapping P=V: the entry's name, its VA, what was written, and the entry's maddr."""
    total = f.said.layout.get("TOTAL", range(0)).stop
    for ptr, val in made(f):
        entry = f.va_of_entry(ptr) if val else None
        if entry and entry[1] < (f.page_offset if f.bits == 32 else total) and not entry[0].startswith("pte"):
            return *entry, val, ptr
    return None


def twice(f: Facts) -> str:
    """Whether two updates went to the same entry."""
    places = [ptr for ptr, _ in made(f)]
    again = next((ptr for ptr in places if places.count(ptr) > 1), None)
    entry = f.va_of_entry(again) if again is not None else None
    return f"{entry[0]} of VA {entry[1]:#x} was changed twice: one of the two updates was meant for another entry, so its index was made of a wrong address (PAGE_OFFSET, LOAD_OFFSET):" if entry else ""


def changed(f: Facts) -> str:
    """Which entries were changed: what they translate, or where they are."""
    told = []
    for call in f.calls:
        for ptr, val in call.updates:
            pfn, entry = f.pfn(ptr >> PAGE_SHIFT), f.va_of_entry(ptr & -8)
            told.append(f"{entry[0]} of VA {entry[1]:#x} to {val:#x}" if entry else
                        f"entry {(ptr & PAGE_SIZE - 1) >> 3} of PFN {pfn:#x} to {val:#x}" if pfn is not None else f"maddr {ptr:#x}")
    return ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "") or "nothing"
