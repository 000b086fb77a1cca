# SPDX-License-Identifier: GPL-2.0-only
"""How the guest was started, if nobody was there to see it: start_info, wherever it lies in the machine's memory.

At the first instruction a register tells. Later it is looked for, by its first bytes: first above the image, where
Xen puts it, then everywhere. Until somebody needs it the m2p alone has to do.
"""

import gdb

from xenabi.entry import xen_entry
from xenpt.guest import UNSEEN, Boot, Guest
from xenpt.memory import PAGE_SHIFT
from xenpt.paging import PagingError

MAGIC = b"xen-3.0-x86_"
# Pages whose first bytes are asked for before the next line about it.
STEP = 16384


def boot(session, registers, bits, needed):
    """What is known of the start; looks for it only if it is needed."""
    known = session.boot
    if known and known is not UNSEEN:
        return known
    if session.image and registers.rip == xen_entry(session.image) and not registers.in_xen:
        return Boot.at_entry(session, registers, bits, registers.rsi)
    if needed:
        return search(session, Guest(session, registers, bits, UNSEEN))
    return UNSEEN


def search(session, guest):
    """The start_info in one of the guest's pages."""
    maddrs = candidates(session, guest)
    for first in range(0, len(maddrs), STEP):
        if first:
            gdb.write(f"looking for start_info: {100 * first // len(maddrs)}% of memory\n")
            gdb.flush()
        some = maddrs[first:first + STEP]
        pieces = session.stub.read_pieces([(maddr, len(MAGIC)) for maddr in some])
        for maddr in [maddr for maddr, data in zip(some, list(pieces)) if data == MAGIC]:
            found = Boot.of(guest, maddr)
            if found:
                return found
    raise PagingError("there is no start_info in memory: the guest has overwritten it, or there is no guest of Xen")


def candidates(session, guest):
    """The guest's pages by maddr: those above the image first."""
    end = image_end(session.image)
    pfns = sorted(guest.translation.pfns(), key=lambda pfn: (pfn < end, pfn))
    return [guest.translation.p2m(pfn) << PAGE_SHIFT for pfn in pfns]


def image_end(image):
    """The first PFN behind an image; 0 without one."""
    return max((part.paddr + part.memsz for part in image.loaded()), default=0) >> PAGE_SHIFT if image else 0
