# SPDX-License-Identifier: GPL-2.0-only
"""What changed between two moments: of the mappings, and of the entries behind them."""

from typing import NamedTuple

from . import paging, text
from .memory import PAGE_SHIFT
from .entry import Rights

# The processor sets these as it goes; they are no change of the tables' meaning.
_MARKS = 1 << 5 | 1 << 6


class State(NamedTuple):
    """Where a VA leads."""
    mfn: int
    pfn: int
    rights: Rights


class Change(NamedTuple):
    """From first to last VA; before and after are the State of the first page, None for unmapped."""
    first: int
    last: int
    before: State
    after: State

    @property
    def pages(self):
        return (self.last + 1 - self.first) >> PAGE_SHIFT


class EntryChange(NamedTuple):
    before: object  # Entry
    after: object


def mappings(old, new):
    """The changes of the guest's mappings, merged."""
    current = None
    for first, end, before, after in _pieces(old, new):
        if before == after:
            continue
        change = Change(first, end - 1, before, after)
        if current and current.last + 1 == first and _goes_on(current.before, before, current.pages) \
                and _goes_on(current.after, after, current.pages):
            current = current._replace(last=end - 1)
            continue
        if current:
            yield current
        current = change
    if current:
        yield current


def _goes_on(first, state, pages):
    if first is None or state is None:
        return first is state
    if first.rights != state.rights or (first.pfn is None) != (state.pfn is None):
        return False
    return state.pfn == first.pfn + pages if first.pfn is not None else state.mfn == first.mfn + pages


def _pieces(old, new):
    """The address space in pieces that are all mapped, or not, before and after: (first, end, before, after)."""
    sides = [list(g.space.mappings(g.is_guests)) for g in (old, new)]
    edges = sorted({edge for side in sides for m in side for edge in (m.va, m.va + m.size)})
    positions = [0, 0]
    for first, end in zip(edges, edges[1:]):
        states = []
        for which, (guest, side) in enumerate(zip((old, new), sides)):
            while positions[which] < len(side) and \
                    side[positions[which]].va + side[positions[which]].size <= first:
                positions[which] += 1
            states.append(_state(guest, side, positions[which], first))
        yield first, end, *states


def _state(guest, side, position, va):
    if position == len(side) or side[position].va > va:
        return None
    m = side[position]
    mfn = m.mfn + ((va - m.va) >> PAGE_SHIFT)
    return State(mfn, guest.pfn(mfn), m.rights)


def entries(old, new):
    """The entries that say something else; those of tables that were not there before only if one is new."""
    before, after = _entries(old), _entries(new)
    for maddr in sorted(before.keys() | after.keys(), key=lambda m: _order(after.get(m) or before[m])):
        a, b = before.get(maddr), after.get(maddr)
        if a is None or b is None:
            continue
        if (a.value ^ b.value) & ~_MARKS:
            yield EntryChange(a, b)


def _order(entry):
    return -entry.level.shift, entry.maddr


def _entries(guest):
    """Each entry of the guest's own, by its maddr, the empty ones too."""
    found = {}
    for (depth, table), ways in guest.space.tables(guest.is_guests).items():
        if depth < guest.mode.guest_level:
            continue
        for index, value in enumerate(guest.space.entries(depth, table)):
            entry = guest.space.entry(depth, table, index, value)
            if guest.is_guests(guest.space.va_of((*ways[0], entry))):
                found[entry.maddr] = entry
    return found


def lines(old, new):
    """Both in words."""
    found = list(mappings(old, new))
    for c in found:
        yield (f"VA {text.va(new, c.first)}-{text.va(new, c.last)}: "
               f"{_state_text(new, c, c.before)} -> {_state_text(new, c, c.after)}")
    changed = list(entries(old, new))
    for c in changed:
        table = text.frame(new, c.after.table >> PAGE_SHIFT)
        yield (f"{c.after.name} in the {c.after.level.name} page {table}: "
               f"{_entry_text(old, c.before)} -> {_entry_text(new, c.after)}")
    pages = sum(c.pages for c in found)
    yield (f"{text.plural(pages, 'page')} mapped otherwise, by {text.plural(len(changed), 'entry', 'entries')}"
           if found or changed else "no difference")
    for when, guest in (("before", old), ("after", new)):
        yield from (f"{when}: {line}" for line in text.problems(guest))


def _state_text(guest, change, state):
    if state is None:
        return "unmapped"
    mfns = f"MFN {text.span(state.mfn, change.pages)}"
    if not guest.has_m2p:
        return f"frame {text.span(state.mfn, change.pages)}, {state.rights}"
    if state.pfn is None:
        return f"{mfns} (not this guest's), {state.rights}"
    return f"PFN {text.span(state.pfn, change.pages)} (first {mfns.split('-')[0]}), {state.rights}"


def _entry_text(guest, entry):
    if not entry.value:
        return "empty"
    if not entry.present:
        return f"{entry.value:#x}, not present"
    return (f"{'page' if entry.is_page else 'table'} {text.frame(guest, entry.mfn)}, "
            f"{' '.join(paging.flag_names(entry.value))}")
