# SPDX-License-Identifier: GPL-2.0-only
"""What a picture of page tables consists of: boxes, rows and arrows, without any coordinates.

A box is a table, a row one entry or a run of alike ones. svg.py draws it.
"""

from dataclasses import dataclass, field

from . import diff, text
from .memory import PAGE_SHIFT

# A table with more rows than this is cut, and so is the list of the VAs that it serves.
ROWS, VAS = 20, 6


@dataclass
class Row:
    """kind is table, page, empty, xen, gone, broken or more."""
    kind: str
    label: str
    what: str = ""
    changed: bool = False
    target: tuple = None  # the box that it leads to
    entries: tuple = ()  # the maddrs of its first and last entry


@dataclass
class Box:
    depth: int
    name: str
    frame: str
    key: tuple
    rows: list = field(default_factory=list)
    seen_at: list = field(default_factory=list)  # the first of the VAs: (VA, whether it is new)
    seen: int = 1  # how many there are
    ways: int = 1


@dataclass
class Picture:
    title: str
    root: str  # where CR3 leads first, if it is not to the guest's pgd
    boxes: list
    compared: bool


def compose(guest, before=None, title=""):
    """The picture of a guest's tables; what changed since before is marked."""
    tables = guest.space.tables(guest.is_guests)
    changed = {c.after.maddr: c for c in diff.entries(before, guest)} if before else {}
    paths = _paths(guest, tables)
    boxes = [_box(guest, key, ways, tables, changed, paths[key]) for key, ways in tables.items()
             if key[0] >= guest.mode.guest_level]
    root = f"MFN {guest.cr3 >> PAGE_SHIFT:#x}, entry 0" if guest.mode.guest_level else ""
    return Picture(title or guest.mode.name, root, boxes, before is not None)


def _box(guest, key, ways, tables, changed, paths):
    depth, maddr = key
    level = guest.mode.levels[depth]
    box = Box(depth - guest.mode.guest_level, f"{level.name} page", text.frame(guest, maddr >> PAGE_SHIFT), key)
    box.ways = len({way[-1].maddr for way in ways if way})
    box.seen, first = paths
    box.seen_at = [(text.va(guest, guest.space.va_of(path)), any(e.maddr in changed for e in path)) for path in first]
    box.rows = _cut(_rows(guest, key, ways[0], tables, changed))
    return box


def _paths(guest, tables):
    """How many paths lead from the root to each table, and the first of them by VA: those of its parents, continued."""
    paths = {(0, guest.space.root): (1, [()])}
    for key, ways in tables.items():  # parents come before their children
        if key not in paths:
            above = [(way[-1], *paths[key[0] - 1, way[-1].table]) for way in ways]
            first = [(*path, entry) for entry, _, some in above for path in some]
            paths[key] = sum(count for _, count, _ in above), sorted(first, key=guest.space.va_of)[:VAS]
    return paths


def _cut(rows):
    return rows if len(rows) <= ROWS else rows[:ROWS - 1] + [Row("more", "", f"{len(rows) - ROWS + 1} more rows")]


def _rows(guest, key, way, tables, changed):
    """A table's rows; neighbours that mean the same are one."""
    depth, maddr = key
    rows, run = [], []
    for index, value in enumerate(guest.space.entries(depth, maddr)):
        entry = guest.space.entry(depth, maddr, index, value)
        kind = _kind(guest, entry, way, tables, changed)
        if run and not _belongs(guest, run[-1], (entry, kind), changed):
            rows.append(_row(guest, run, tables, changed))
            run = []
        run.append((entry, kind))
    rows.append(_row(guest, run, tables, changed))
    return rows


def _kind(guest, entry, way, tables, changed):
    if not guest.is_guests(guest.space.va_of((*way, entry))):
        return "xen"
    if not entry.present:
        return "gone" if entry.maddr in changed else "empty"
    if entry.is_page:
        return "page"
    depth = guest.mode.levels.index(entry.level)
    return "table" if (depth + 1, entry.target) in tables else "broken"


def _belongs(guest, last, new, changed):
    (before, kind), (entry, kind_now) = last, new
    if kind != kind_now or (before.maddr in changed) != (entry.maddr in changed):
        return False
    if kind != "page":
        return kind in ("empty", "xen")
    pages = before.size >> PAGE_SHIFT
    pfns = guest.pfn(before.mfn), guest.pfn(entry.mfn)
    follows = entry.mfn == before.mfn + pages if None in pfns else pfns[1] == pfns[0] + pages
    return follows and (pfns[0] is None) == (pfns[1] is None) and _rights(before) == _rights(entry)


def _rights(entry):
    return entry.value & (1 << 1 | 1 << 2 | 1 << 63)


def _row(guest, run, tables, changed):
    (first, kind), last = run[0], run[-1][0]
    label = f"{first.index}" if first is last else f"{first.index}-{last.index}"
    row = Row(kind, label, changed=first.maddr in changed, entries=(first.maddr, last.maddr))
    if kind == "table":
        row.target = (guest.mode.levels.index(first.level) + 1, first.target)
        row.what = f"MFN {first.mfn:#x}" if guest.has_m2p else f"frame {first.mfn:#x}"
    elif kind == "page":
        row.what = _pages(guest, first, last)
    else:
        row.what = {"empty": "empty", "xen": "Xen's", "gone": "taken out", "broken": "leads nowhere"}[kind]
    return row


def _pages(guest, first, last):
    count = (last.index - first.index + 1) * (first.size >> PAGE_SHIFT)
    rights = "rw" if first.value & 1 << 1 else "ro"
    pfn = guest.pfn(first.mfn)
    if pfn is None:
        return f"MFN {text.span(first.mfn, count)} {rights}"
    return f"{'PFN' if guest.has_m2p else 'frame'} {text.span(pfn, count)} {rights}"
