# SPDX-License-Identifier: GPL-2.0-only
"""The next access to a machine page, at whichever address and by whomever: `xen watch` asks.

QEMU watches virtual addresses. So each VA at which the page can be reached gets a watchpoint, Xen's own VAs too, and
those that appear later have to be noticed. Xen counts who refers to a page (struct page_info), and takes a reference
before it does anything with the page or with a table that leads to it. So that is watched as well. From then on until Xen
goes back to the guest, a breakpoint in map_domain_page sees each mapping that Xen makes for itself; back at the guest,
the tables are looked through again. The same after a change of CR3.
"""

from typing import NamedTuple

from xenabi.xensyms import frame_layout
from xenpt import frame, paging
from xenpt.memory import PAGE_SHIFT, Cached
from xenpt.pdx import Numbers
from xenpt.space import AddressSpace
from xenpt.uses import uses

from .inside_xen import EXITS
from .places import page_numbers
from .session import session

MAPS, NEW_CR3 = "map_domain_page", "write_ptbase"
# Where Xen has done with it, too: idle, it maps each free page of the machine to clear it.
IDLE = "scrub_free_pages"


class Xen(NamedTuple):
    """Places in a Xen whose symbols are known."""
    maps: int
    new_cr3: int
    exits: frozenset
    layout: frame.Layout
    numbers: Numbers

    @classmethod
    def here(cls):
        """None without Xen, or without its symbols."""
        if not session.under_xen or not session.xen_symbol(MAPS):
            return None
        return cls(session.xen_symbol(MAPS), session.xen_symbol(NEW_CR3), frozenset(filter(None, map(session.xen_symbol, (*EXITS, IDLE)))),
                   frame_layout(session.known_xen_syms()), page_numbers())


def address_space(stub):
    """What the processor sees now, Xen included."""
    r = stub.registers()
    mode = paging.FOUR_LEVEL if session.under_xen else paging.mode_of(r.cr0, r.cr4, r.efer, session.bits(r))
    return AddressSpace(Cached(session), mode, r.cr3)


class PageWatch:
    """Watchpoints for some bytes of a machine page, from offset on; accesses are of stub.WATCH."""

    def __init__(self, stub, mfn, offset, size, accesses):
        self._stub, self.mfn = stub, mfn
        self._bytes, self._accesses = (offset, size), accesses
        self.xen = Xen.here()
        self._set, self._infos = set(), set()  # watchpoints; the VAs of those that are Xen's counts
        self._armed = set()

    @property
    def addresses(self):
        """The VAs of the page that are watched."""
        return {va for _, va, _ in self._set if va not in self._infos}

    def __enter__(self):
        self._look()
        self._stops = {self.xen.new_cr3} - {None} if self.xen else set()
        for address in self._stops:
            self._stub.breakpoint(address)
        return self

    def __exit__(self, *_):
        for address in self._stops | self._armed:
            self._stub.remove_breakpoint(address)
        for watchpoint in self._set:
            self._stub.remove_watchpoint(*watchpoint)

    def run(self, wait):
        """To the next access: (access, VA). None at another stop, or when nothing happens any more."""
        while wait.run(self._stub):
            # Whatever stops it here is stepped over, and a step may make the very access that is waited for.
            hit, stop = self._stub.watched, not self._stub.watched
            if stop and not self._at_breakpoint(self._stub.registers()):
                return None
            if stop:
                self._stub.step()
                hit = self._stub.watched
            if hit and self._is_it(hit):
                return hit
        return None

    def _is_it(self, hit):
        """Whether a watchpoint was hit that is at the page still, and not at Xen's counts."""
        access, va = hit
        if va in self._infos:
            self._arm()
            return False
        with self._stub.physical():
            if (address_space(self._stub).walk(va).maddr or 0) >> PAGE_SHIFT == self.mfn:
                return True
        self._remove({w for w in self._set if w[:2] == (access, va)})  # Xen has put another page there
        return False

    def _at_breakpoint(self, registers):
        """Whether the stop is one of ours."""
        if self.xen and registers.rip == self.xen.new_cr3:
            self._arm()
        elif registers.rip not in self._armed:
            return False
        elif registers.rip in self.xen.exits:
            self._disarm()
            self._look()
        elif registers.rdi == self.mfn:
            self._mapped(int.from_bytes(self._stub.read(registers.rsp, 8), "little"))
        return True

    def _arm(self):
        """Xen does something with the page, or with a table that leads to it."""
        if not self._armed:
            self._remove({watchpoint for watchpoint in self._set if watchpoint[1] in self._infos})
            self._armed = {self.xen.maps, *self.xen.exits}
            for address in self._armed:
                self._stub.breakpoint(address)

    def _disarm(self):
        while self._armed:
            self._stub.remove_breakpoint(self._armed.pop())

    def _mapped(self, back):
        """On to where map_domain_page returns: then its result is one more VA of the page."""
        with self._stub.breakpoints({back}):
            self._stub.step()
            while self._stub.registers().rip != back:
                self._stub.run(None)
        self._add(self._at(self._stub.registers().rax))

    # ---- watchpoints ------------------------------------------------------------------------

    def _at(self, va):
        """The watchpoints for a VA of the page."""
        offset, size = self._bytes
        return {(access, va + offset, size) for access in self._accesses}

    def _look(self):
        """Looks for every VA of the page, and watches them from now on, and no others."""
        with self._stub.physical():
            found = uses(address_space(self._stub), self.mfn)
        wanted = set().union(*(self._at(use.va) for use in found))
        if self.xen:
            counts = {("write", frame.address(self.xen.layout, self.xen.numbers, mfn), self.xen.layout.page_info)
                      for mfn in {self.mfn}.union(*(use.tables for use in found))}
            self._infos = {va for _, va, _ in counts}
            wanted |= counts
        self._remove(self._set - wanted)
        self._add(wanted)

    def _add(self, watchpoints):
        for watchpoint in watchpoints - self._set:
            self._stub.watchpoint(*watchpoint)
        self._set |= watchpoints

    def _remove(self, watchpoints):
        for watchpoint in watchpoints:
            self._stub.remove_watchpoint(*watchpoint)
        self._set -= watchpoints
