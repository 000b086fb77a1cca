# SPDX-License-Identifier: GPL-2.0-only
"""`xen watch`: who touches a machine page next."""

import gdb

from xenpt import text
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .arguments import number, word
from .inside_xen import EXITS, guest_side, names
from .log import follower
from .page_watch import PageWatch
from .places import at_end, ends
from .pt_aliases import Aliases
from .running import Wait
from .session import session
from .style import say
from .time import moving

USAGE = "xen watch ADDR | pfn PFN | mfn MFN | maddr MADDR, and `write` for writes only"
WORD = 8
# ACCESSED and DIRTY.
WALKED = 1 << 5 | 1 << 6


class Watch(gdb.Command):
    """Run until a machine page is read or written: xen watch ADDR [write].

    The page is that of a VA, or xen watch pfn PFN, or xen watch mfn MFN; xen watch
    maddr MADDR is the 8 bytes of one entry. At whichever VA, and whoever does it:
    the guest, or Xen through a mapping of its own. The machine stops behind the
    instruction; breakpoints on the way are passed. Not seen are the processor's own
    reads as it walks page tables, with the ACCESSED and DIRTY that it sets, and
    what a device does."""

    def __init__(self):
        super().__init__("xen watch", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        if session.second_level:
            raise gdb.GdbError("not here: a PVH kernel under Xen has a second level of tables, and changes its own without Xen's word")
        mfn, offset, size, write = self.wanted(argument.strip())
        stub, places = session.stub, ends()
        with moving():
            if at_end():
                raise gdb.GdbError("this is the end of the boot: `xen back` goes back from here")
            before, wait = words(stub, mfn, offset, size), Wait(session.machine, "nobody has touched it", follower.show)
            with stub.breakpoints(places), PageWatch(stub, mfn, offset, size, ("write",) if write else ("read", "write")) as watch:
                say(f"MFN {mfn:#x} is watched at {text.plural(len(watch.addresses), 'VA')}"
                    + ("" if watch.xen or not session.under_xen else ", and at none that comes later: that takes xen-syms"))
                hit = watch.run(wait)
            if not hit:
                say(places.get(stub.registers().rip, f"nobody has touched it: {wait.over}"))
                return
            self.tell(stub, mfn, hit, before, words(stub, mfn, offset, size))

    @staticmethod
    def wanted(argument):
        """(mfn, first byte, bytes, whether only writes count)."""
        place, _, last = argument.rpartition(" ")
        write = last == "write"
        kind, rest = word(place if write else argument, ("pfn", "mfn", "maddr"))
        value = number(rest, USAGE, is_address=not kind)
        if kind == "maddr":
            if value % WORD:
                raise gdb.GdbError(f"{rest}: an entry's maddr is a multiple of {WORD}")
            return value >> PAGE_SHIFT, value % PAGE_SIZE, WORD, write
        with session.guest() as guest:
            return Aliases.mfn(guest, kind, value), 0, PAGE_SIZE, write

    @staticmethod
    def tell(stub, mfn, hit, before, after):
        """What has happened."""
        registers, (access, va) = stub.registers(), hit
        say(f"MFN {mfn:#x} was {'written' if access == 'write' else 'read'} at VA {va:#x}")
        for maddr, old in before.items():
            if old != after[maddr]:
                walked = not (old ^ after[maddr]) & ~WALKED
                say(f"  maddr {maddr:#x}: {old:#x} -> {after[maddr]:#x}" + " (set by the processor, as it walked here)" * walked)
        if registers.in_xen:
            say(f"by Xen, {names().name(registers.rip) if session.xen_symbol(EXITS[0]) else f'VA {registers.rip:#x}'}, {guest_side()}")


def words(stub, mfn, offset, size):
    """What is watched: maddr -> its 8 bytes."""
    with stub.physical():
        page = session.read_page(mfn << PAGE_SHIFT)
    return {(mfn << PAGE_SHIFT) + at: int.from_bytes(page[at:at + WORD], "little") for at in range(offset, offset + size, WORD)}


Watch()
