# SPDX-License-Identifier: GPL-2.0-only
"""One entry of a page table, and what a walk finds by it: rights, mappings, problems.

space.py makes them; the commands and the programs that show page tables read them.
"""

from typing import NamedTuple

from . import paging
from .memory import PAGE_SHIFT


class Entry(NamedTuple):
    """One entry, where it stands and what it says."""
    level: paging.Level
    table: int  # maddr
    index: int
    value: int
    maddr: int  # of the entry itself

    @property
    def present(self):
        return bool(self.value & paging.PRESENT)

    @property
    def mfn(self):
        return self.target >> PAGE_SHIFT

    @property
    def target(self):
        """The maddr that it leads to: of a table or of a page."""
        return paging.entry_maddr(self.value, self.size if self.is_page else 1 << PAGE_SHIFT)

    @property
    def is_page(self):
        """Whether it maps a page, rather than lead to a table."""
        return self.level.shift == PAGE_SHIFT or bool(self.level.large and self.value & paging.PSE)

    @property
    def size(self):
        """Bytes of the address space that it stands for."""
        return 1 << self.level.shift

    @property
    def name(self):
        return f"{self.level.name}[{self.index}]"


class Rights(NamedTuple):
    """What all levels together allow."""
    write: bool = True
    user: bool = True
    execute: bool = True

    def through(self, entry):
        """What is left of them below an entry."""
        value = entry.value
        if entry.level.powerless:
            return self
        return Rights(self.write and bool(value & paging.RW), self.user and bool(value & paging.USER),
                      self.execute and not value & paging.NX)

    def __str__(self):
        return f"r{'w' if self.write else '-'}{'x' if self.execute else '-'}{' user' if self.user else ''}"


class Problem(NamedTuple):
    """A broken entry, by the path to it, and what is wrong."""
    va: int
    path: tuple
    what: str


class Mapping(NamedTuple):
    """A page of the address space."""
    va: int
    size: int
    maddr: int
    rights: Rights
    value: int  # of the entry

    @property
    def mfn(self):
        return self.maddr >> PAGE_SHIFT


class Walk(NamedTuple):
    """The translation of one address: entries from the top, and how it ended."""
    va: int
    path: tuple
    maddr: int  # None if nothing is mapped
    rights: Rights
    problem: str  # why, if nothing is mapped
