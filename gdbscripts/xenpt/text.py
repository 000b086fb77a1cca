# SPDX-License-Identifier: GPL-2.0-only
"""Page tables in words: what the commands print, line by line."""

import collections
from typing import NamedTuple

from . import paging
from .memory import PAGE_SHIFT
from .ranges import merge


def size(count):
    """Bytes, in the largest unit that comes out even."""
    for unit in ("GiB", "MiB", "KiB"):
        shift = {"GiB": 30, "MiB": 20, "KiB": 10}[unit]
        if count >> shift and not count & ((1 << shift) - 1):
            return f"{count >> shift} {unit}"
    return f"{count} bytes"


def va(guest, address):
    return f"{address:#0{guest.mode.va_digits + 2}x}"


def frame(guest, mfn):
    """A machine page, and whose."""
    if not guest.has_m2p:
        return f"frame {mfn:#x}"
    pfn = guest.pfn(mfn)
    return f"MFN {mfn:#x} = " + ("not this guest's" if pfn is None else f"PFN {pfn:#x}")


def in_memory(guest, address):
    """Where a table's entry or a page is. A PVH guest's tables have its own paddrs."""
    return f"{'paddr' if guest.as_pvh else 'maddr'} {address:#x}"


def way_in(guest):
    """From CR3 to the guest's top table."""
    if guest.mode.guest_level:
        yield f"three levels (PAE). CR3 is maddr {guest.cr3:#x}, a table of Xen's own;"
        yield f"its entry 0 leads to the guest's pgd: {frame(guest, guest.pgd >> PAGE_SHIFT)}"
    else:
        yield f"{guest.mode.name}. CR3 is {in_memory(guest, guest.cr3)}:"
        yield f"the pgd is {frame(guest, guest.space.root >> PAGE_SHIFT)}"
    if guest.as_pvh:
        yield "no M2P here: a PVH guest's frames are its own"


def numbering(guest):
    """A line if PFNs are less certain than usual."""
    if guest.has_m2p and not guest.translation.p2m_known:
        yield "PFNs are the m2p's alone: where the guest keeps its p2m is not known"


def span(first, count):
    return f"{first:#x}-{first + count - 1:#x}" if count > 1 else f"{first:#x}"


class Wanted(NamedTuple):
    """Which mappings are shown. Without anything else, all of the guest's."""
    everything: bool = False  # Xen's part, too
    within: tuple = (0, 1 << 64)  # first VA, and the one behind the last
    rights: str = ""  # letters that must be there: w, x; user
    pfns: range = None
    mfns: range = None
    limit: int = 100  # ranges; 0 for no limit

    def takes(self, m, pfn_of):
        if "w" in self.rights and not m.rights.write or "x" in self.rights and not m.rights.execute or \
                "user" in self.rights and not m.rights.user:
            return False
        if self.mfns is not None and not (m.mfn < self.mfns.stop and m.mfn + (m.size >> PAGE_SHIFT) > self.mfns.start):
            return False
        return self.pfns is None or pfn_of(m.mfn) in self.pfns


def ranges(guest, wanted=Wanted()):
    """Mappings, merged."""
    mappings = guest.space.mappings(guest.wanted(wanted.everything), wanted.within)
    if wanted.rights or wanted.pfns is not None or wanted.mfns is not None:
        mappings = (m for m in mappings if wanted.takes(m, guest.pfn))
    found = list(merge(mappings, guest.pfn))
    shown = found[:wanted.limit or None]
    yield from way_in(guest)
    yield from numbering(guest)
    if len(shown) < len(found):
        yield from summary(found)
    rows = [_range_row(guest, r) for r in shown]
    head = ("VA", "size", "page", "rights", "PFN", "MFN")
    if not guest.has_m2p:
        head, rows = head[:4] + ("frame",), [row[:4] + (row[5],) for row in rows]
    yield from table([head, *rows])
    if len(shown) < len(found):
        yield (f"... and {plural(len(found) - len(shown), 'range')} more: `xen pt limit 0` shows all, a VA, FIRST-LAST, w, w+x, "
               "pfn N or mfn N fewer (help xen pt)")
    yield from problems(guest)
    yield (f"{plural(len(found), 'range')}, {plural(sum(r.pages for r in found), 'page')} of 4 KiB; "
           f"{plural(guest.memory.reads, 'physical read')}")
    if guest.has_m2p and not wanted.everything:
        yield f"(Xen's own part, VA {va(guest, guest.xens[0])}-{va(guest, guest.xens[1])}: xen pt all)"


def summary(found):
    """How much there is of what, by rights."""
    kinds = collections.Counter()
    pages = collections.Counter()
    for r in found:
        kinds[r.rights] += 1
        pages[r.rights] += r.pages
    for rights, count in sorted(kinds.items(), key=lambda item: -pages[item[0]]):
        yield f"  {rights!s:8}  {plural(count, 'range')}, {plural(pages[rights], 'page')}"


def _range_row(guest, r):
    if r.repeats:
        pages = f"{r.mfn:#x} each"
        pfns = "-" if r.pfn is None else f"{r.pfn:#x} each"
    else:
        pages = "scattered" if r.mfn is None else span(r.mfn, r.pages)
        pfns = "-" if r.pfn is None else span(r.pfn, r.pages)
    return (f"{va(guest, r.first)}-{va(guest, r.last)}", size(r.last + 1 - r.first),
            size(r.page_size), str(r.rights), pfns, pages)


def table(rows):
    """Columns, each as wide as it has to be."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def plural(count, what, many=None):
    return f"{count} {what if count == 1 else many or what + 's'}"


def problems(guest):
    """What is broken in the tables, entry by entry."""
    for problem in guest.space.problems:
        path = " ".join(e.name for e in problem.path if e.level.name != "xen") or "CR3"
        value = f" = {problem.path[-1].value:#x}" if problem.path else ""
        kind = "BROKEN" if guest.is_guests(problem.va) else "Xen's, not followed"
        yield f"{kind} from VA {va(guest, problem.va)}: {path}{value}: {problem.what}"


def walk(guest, address):
    """One address, level by level."""
    w = guest.space.walk(address)
    steps = ", ".join(f"{level.name} {(w.va >> level.shift) % level.entries:#x}"
                      for level in guest.mode.levels[guest.mode.guest_level:])
    yield f"VA {va(guest, w.va)}: {steps}, offset {w.va & 0xfff:#x}"
    yield from way_in(guest)
    for entry in w.path:
        if not (entry.level.name == "xen"):
            yield from _step(guest, entry)
    if w.problem:
        yield f"no page: {w.problem}"
        return
    yield from _arrival(guest, w)


def _step(guest, entry):
    digits = guest.mode.entry_size * 2
    yield (f"  {entry.name:9} at {in_memory(guest, entry.maddr)}: {entry.value:#0{digits + 2}x}"
           f"  {' '.join(paging.flag_names(entry.value)) or 'no flags'}")
    if entry.present:
        what = "page" if entry.is_page else "table"
        yield f"  {'':9} -> {what} {frame(guest, entry.mfn)}{_disagreement(guest, entry.mfn)}"


def _disagreement(guest, mfn):
    """What the m2p says of a page if the p2m does not agree."""
    if guest.pfn(mfn) is not None:
        return ""
    raw = guest.translation.raw_m2p(mfn)
    if raw is None:
        return " (the m2p does not reach so far)"
    there = guest.translation.p2m(raw)
    return f" (m2p: {raw:#x}; p2m: {'no such PFN' if there is None else f'{there:#x}'})"


def _arrival(guest, w):
    pfn = guest.pfn(w.maddr >> PAGE_SHIFT)
    line = f"so VA {va(guest, w.va)} is {in_memory(guest, w.maddr)}"
    if guest.has_m2p and pfn is not None:
        line += f", paddr {(pfn << PAGE_SHIFT) + (w.maddr & 0xfff):#x}"
    yield line
    yield f"  read: yes; write: {_verdict(w, paging.RW, 'RW', w.rights.write)}; " \
          f"execute: {_verdict(w, paging.NX, 'NX', w.rights.execute)}; " \
          f"from ring 3: {_verdict(w, paging.USER, 'USER', w.rights.user)}"


def _verdict(w, bit, name, allowed):
    if allowed:
        return "yes"
    deniers = [e.name for e in w.path if not e.level.powerless
               and bool(e.value & bit) == (bit == paging.NX)]
    return f"no ({name} is {'set' if bit == paging.NX else 'clear'} in {', '.join(deniers)})"


def aliases(guest, mfn, everything=False):
    """Every VA of a machine page, and every entry that names it."""
    yield frame(guest, mfn)
    found = guest.virtual_addresses(mfn, everything)
    for m in found:
        yield f"  VA {va(guest, m.va + ((mfn - m.mfn) << PAGE_SHIFT))}  {m.rights}"
    entries = guest.naming_entries(mfn, everything)
    for entry, way in entries:
        path = " ".join(e.name for e in (*way, entry) if e.level.name != "xen") or "of Xen's own"
        kind = "as a page" if entry.is_page else "as a table"
        yield f"  entry at {in_memory(guest, entry.maddr)}, {path}, names it {kind}"
    yield f"{plural(len(found), 'VA')}, {plural(len(entries), 'entry', 'entries')}"
    yield from problems(guest)
