# SPDX-License-Identifier: GPL-2.0-only
"""An address space: page tables in memory, walked the way the processor does.

Broken tables are shown, not trusted: an entry that leads nowhere, to a table
above itself, or sets bits that must be 0, becomes a Problem, and nothing below
it is read.
"""

import itertools
import struct

from . import paging
from .entry import Entry, Mapping, Problem, Rights, Walk
from .memory import PAGE_SHIFT, PAGE_SIZE, BadPage

# More leaves than this are no guest's tables but rubbish that happens to look like some.
LIMIT = 1 << 21
_RIGHTS = paging.RW | paging.USER | paging.NX


class AddressSpace:
    """Tables below one root."""

    def __init__(self, memory, mode, cr3):
        self.memory = memory
        self.mode = mode
        self.root = cr3 & mode.root_mask
        self.problems = []
        self._values = {}

    # ---- one table ----------------------------------------------------------------

    def entries(self, depth, table):
        """The values of a table's entries. Raises BadPage."""
        values = self._values.get((depth, table))
        if values is None:
            page = self.memory.read_page(table & ~0xFFF)
            form = f"<{self.mode.levels[depth].entries}{'Q' if self.mode.entry_size == 8 else 'I'}"
            values = self._values[depth, table] = struct.unpack_from(form, page, table & 0xFFF)
        return values

    def entry(self, depth, table, index, value):
        return Entry(self.mode.levels[depth], table, index, value, table + index * self.mode.entry_size)

    def va_of(self, path):
        """The first VA that entries, from the top down, translate."""
        return paging.canonical(sum(e.index << e.level.shift for e in path), self.mode)

    def broken(self, entry, path):
        """What is wrong with a present entry, by the bits and the path; None if it is well."""
        if entry.value & entry.level.reserved:
            flags = paging.reserved_names(entry.value & entry.level.reserved)
            return f"{' '.join(flags)} {'is' if len(flags) == 1 else 'are'} set, which must be 0 at this level"
        if entry.is_page:
            # Bit 12 of a large page's entry is a memory type (PAT), and with two levels the next 8 belong to
            # the address; below the page's size the rest must be 0.
            low = entry.value & (entry.size - 1) & ~(0x1FFF if self.mode.entry_size == 8 else 0x1FFFFF)
            if entry.level.shift > PAGE_SHIFT and low:
                return f"bits {low:#x} are set, which must be 0 in a large page's entry"
            return None
        if any(entry.target == above.table & ~0xFFF for above in (*path, entry)):
            return "a loop: it leads back to a table on the way to it"
        return None

    # ---- one address ----------------------------------------------------------------

    def walk(self, va):
        """Translates one address and keeps every step."""
        path, table, rights = [], self.root, Rights()
        va = paging.canonical(va, self.mode)
        for depth, level in enumerate(self.mode.levels):
            index = (va >> level.shift) % level.entries
            try:
                value = self.entries(depth, table)[index]
            except BadPage as error:
                return Walk(va, tuple(path), None, rights, f"the {level.name} page is nowhere: {error}")
            entry = self.entry(depth, table, index, value)
            problem = self.broken(entry, path) if entry.present else f"{entry.name} is not present"
            path.append(entry)
            if problem:
                return Walk(va, tuple(path), None, rights, problem)
            rights = rights.through(entry)
            if entry.is_page:
                return Walk(va, tuple(path), entry.target + va % entry.size, rights, None)
            table = entry.target
        raise AssertionError("the last level maps pages")

    def read(self, va, count):
        """Bytes at a VA, through these tables; None if some are not mapped, or not memory."""
        data = b""
        while count:
            maddr = self.walk(va).maddr
            if maddr is None:
                return None
            try:
                piece = self.memory.read_page(maddr & ~0xFFF)[maddr & 0xFFF:][:count]
            except BadPage:
                return None
            data, va, count = data + piece, va + len(piece), count - len(piece)
        return data

    # ---- all of it -------------------------------------------------------------------

    def mappings(self, wanted=lambda va: True, within=(0, 1 << 64)):
        """Every page, by rising VA; entries whose first VA is not wanted are skipped, and those outside two VAs. Fills
        problems."""
        self.problems = []
        self._left, self._within = LIMIT, within
        return itertools.chain.from_iterable(self._below(0, self.root, 0, (), Rights(), wanted))

    def _problem(self, va, path, what):
        self.problems.append(Problem(va, path, what))

    def _below(self, depth, table, base, path, rights, wanted):
        """The mappings below a table, a list for each table of the last level."""
        try:
            values = self.entries(depth, table)
        except BadPage as error:
            return self._problem(base, path, f"leads nowhere: {error}")
        level = self.mode.levels[depth]
        if level.shift == PAGE_SHIFT:
            yield self._pages(table, base, path, rights, values)
            return None
        for index, value in enumerate(values):
            if not value & paging.PRESENT:
                continue
            entry = self.entry(depth, table, index, value)
            va = base + (index << level.shift)
            if not depth:
                va = paging.canonical(va, self.mode)
            if depth < self.mode.guest_level and index:
                continue  # beyond the 4 GiB of a 32-bit guest
            if depth >= self.mode.guest_level and not (wanted(va) and self._overlaps(va, entry.size)):
                continue
            if not self._may_go_on(1, va, path):
                return None
            what = self.broken(entry, path)
            if what:
                self._problem(va, (*path, entry), what)
            elif entry.is_page:
                yield (Mapping(va, entry.size, entry.target, rights.through(entry), value),)
            else:
                yield from self._below(depth + 1, entry.target, va, (*path, entry),
                                       rights.through(entry), wanted)
        return None

    def _pages(self, table, base, path, rights, values):
        """The mappings of a table of the last level. Nearly all entries are in one: they are looked at no longer than it
        takes."""
        level, all_rights, found = self.mode.levels[-1], {}, []
        for index, value in enumerate(values):
            if not value & paging.PRESENT:
                continue
            va = base + (index << PAGE_SHIFT)
            if value & level.reserved:
                entry = self.entry(len(self.mode.levels) - 1, table, index, value)
                self._problem(va, (*path, entry), self.broken(entry, path))
                continue
            kind = value & _RIGHTS
            if kind not in all_rights:
                all_rights[kind] = rights.through(Entry(level, table, index, value, 0))
            found.append(Mapping(va, PAGE_SIZE, value & paging.MADDR, all_rights[kind], value))
        if not self._may_go_on(len(found), base, path):
            return ()
        first, end = self._within
        return found if first <= base and base + (len(values) << PAGE_SHIFT) <= end else \
            [m for m in found if first <= m.va < end]

    def _overlaps(self, va, size):
        return va < self._within[1] and va + size > self._within[0]

    def _may_go_on(self, entries, va, path):
        """Counts what is shown; False once it is too much, which is said once."""
        before, self._left = self._left, self._left - entries
        if self._left <= 0 < before:
            self._problem(va, path, f"more than {LIMIT} entries: the rest is not shown")
        return self._left > 0

    def tables(self, wanted=lambda va: True):
        """Each table that is there, once: (depth, maddr) -> the paths of entries that lead to it."""
        found = {(0, self.root): [()]}
        todo = [(0, self.root, 0, ())]
        while todo and len(found) < LIMIT >> 9:
            depth, table, base, path = todo.pop(0)
            try:
                values = self.entries(depth, table)
            except BadPage:
                del found[depth, table]
                continue
            for index, value in enumerate(values):
                entry = self.entry(depth, table, index, value)
                va = paging.canonical(base + (index << entry.level.shift), self.mode)
                own = wanted(va) if depth >= self.mode.guest_level else not index
                if not entry.present or not own or entry.is_page or self.broken(entry, path):
                    continue
                key = (depth + 1, entry.target)
                if key not in found:
                    todo.append((depth + 1, entry.target, va, (*path, entry)))
                found.setdefault(key, []).append((*path, entry))
        return found
