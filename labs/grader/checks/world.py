# SPDX-License-Identifier: GPL-2.0-only
"""A guest that Xen might have made, and did not: page tables and a p2m for functions to be asked about.

On one machine everything lies where it happens to lie. Here the page tables are far from each other, in no order, on
machine pages above 4 GiB, and P=V reaches as far as a question needs. All of it is data in pages of the real guest's
that nobody uses, named by a start_info of its own; Xen is asked for nothing, since mmu_update is answered by the grader
(asked()).
"""

import random

from ..tables import PAGE
from ..watch import handed_over, requests_at
from .m2p import FIRST_HIGH, FLAGS, HIGH, open_m2p

TOP_FLAGS = {32: 0x1, 64: FLAGS}  # the processor allows no others in a pgd of three levels
MORE_FLAGS = (0, 0, 1 << 63, 0x200, 0xe00, 1 << 52, 1 << 62)  # no execution; bits that the processor leaves to software
PREPARED = 40  # pages: what a world may take


class World:
    def __init__(self, boot, seed=2007):
        self.boot, self.guest = boot, boot.guest
        self.random = random.Random(seed)
        self.pool = [first_free(boot) + n for n in range(PREPARED)]
        self.entries, self.frames = {}, {}  # maddr: value; PFN: MFN, of the tables
        self.opened = open_m2p(boot)
        self.p2m = self.take_row(-(-len(self.guest.p2m) * self.guest.word // PAGE))
        self.info = self.take() * PAGE
        self.random.shuffle(self.pool)
        first = FIRST_HIGH[self.guest.bits]
        self.free = self.random.sample(range(first, first + HIGH), HIGH)

    # ---- pages ----------------------------------------------------------------

    def take(self):
        return self.pool.pop(0)

    def take_row(self, count):
        """First paddr of so many pages in a row."""
        row, self.pool = self.pool[:count], self.pool[count:]
        return row[0] * PAGE

    def table(self):
        """PFN of a new page for a table; its machine page is above 4 GiB."""
        pfn = self.take()
        self.frames[pfn] = self.free.pop()
        return pfn

    def maddr(self, pfn, index):
        return self.frames[pfn] * PAGE + 8 * index

    def put(self, pfn, index, value):
        self.entries[self.maddr(pfn, index)] = value

    def leads_to(self, pfn, flags=FLAGS):
        """The value of an entry that leads to a table."""
        return self.frames[pfn] * PAGE | flags

    def page(self):
        """The value of an entry that leads to some page above 4 GiB; no two are alike."""
        return self.random.randrange(1 << 20, 1 << 40) * PAGE | FLAGS | self.random.choice(MORE_FLAGS)

    # ---- into the machine --------------------------------------------------------

    def write(self, pgd, **fields):
        """Writes all of it into the guest's memory, and a start_info with pgd as its top table."""
        guest = self.guest
        p2m = list(guest.p2m)
        for pfn, mfn in self.frames.items():
            p2m[pfn] = mfn
            self.opened(mfn, pfn)
            guest.write(pfn * PAGE, b"".join(self.entries.get(self.maddr(pfn, i), 0).to_bytes(8, "little") for i in range(512)))
        guest.write(self.p2m, b"".join(mfn.to_bytes(guest.word, "little") for mfn in p2m))
        guest.write_info(self.info, **dict(fields, pt_base=pgd * PAGE, nr_pt_frames=len(self.frames), mfn_list=self.p2m))

    # ---- being asked --------------------------------------------------------------

    def asked(self, name, *args, returns, passed=None):
        """Calls a function of the image; returns its result and the updates that it asked Xen for, which were not made. The names of
        the stops on the way are added to passed.
        """
        requests, passed = [], [] if passed is None else passed

        def meet(event):
            passed.append(event.name)
            if event.name == "mmu_update":
                requests.extend(requests_at(self.guest, event.regs))
                self.answer(event.regs)
                return False
            return event.name == "verify_remap"

        return self.boot.calls.call(name, self.info, *args, returns=returns, meet=meet), requests

    def answer(self, regs):
        """At mmu_update's stub: says that all updates were made."""
        guest, stub = self.guest, self.guest.machine.stub
        count = handed_over(guest, regs)[1]
        done = regs["rdx"] & guest.mask
        if done and stub.peek(done, 4) is not None:
            stub.write(done, count.to_bytes(4, "little"))
        self.boot.calls.come_back(regs)


def first_free(boot):
    """PFN of the first of many pages that are mapped P=V, and that nobody needs: of the module, or of the image's padding."""
    guest = boot.guest
    padding = guest.paddr("padding")
    return (padding or guest.info["mod_start"]) // PAGE + 1
