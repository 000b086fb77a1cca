# SPDX-License-Identifier: GPL-2.0-only
"""All of a guest's memory, as it should be: what a task has no business with has to stay as it was.

A Memory is made at the entry. What the grader itself writes is noted in it; whatever
else differs later was written by the reader's code. QEMU copies the pages out as a
whole (pmemsave), so that a look at all of them takes a tenth of a second.
Used by session.py.
"""

import os

PAGE = 4096
USED = 0x60  # ACCESSED and DIRTY in a page-table entry: the processor's


class Memory:
    def __init__(self, guest, folder):
        self.guest = guest
        self.file = os.path.abspath(os.path.join(folder, "memory"))
        self.runs = pieces(sorted(guest.p2m))
        self.wanted = [bytearray(data) for data in self.dump()]

    def dump(self):
        """What is there now, a piece of machine memory after the other."""
        for first, count in self.runs:
            self.guest.machine.monitor.execute("pmemsave", val=first * PAGE, size=count * PAGE, filename=self.file)
            with open(self.file, "rb") as file:
                yield file.read()
            os.unlink(self.file)

    def place(self, paddr):
        """The piece that a paddr lies in, and where in it."""
        mfn = self.guest.p2m[paddr // PAGE]
        for (first, count), data in zip(self.runs, self.wanted):
            if first <= mfn < first + count:
                return data, (mfn - first) * PAGE + paddr % PAGE
        raise ValueError(f"paddr {paddr:#x} is in none of the guest's pages")

    def page(self, mfn):
        """What belongs in one of the guest's machine pages."""
        data, at = self.place(self.guest.pfn_of[mfn] * PAGE)
        return bytes(data[at:at + PAGE])

    def note(self, paddr, data):
        """From now on this is what belongs there. It does not reach over a page's end."""
        wanted, at = self.place(paddr)
        wanted[at:at + len(data)] = data

    def accept(self):
        """From now on all that is there now is right."""
        self.wanted = [bytearray(data) for data in self.dump()]

    def changes(self):
        """Paddr, what belonged there and what is there, for each page that differs; all of the page."""
        found = []
        for (first, count), old, new in zip(self.runs, self.wanted, self.dump()):
            if old == new:
                continue
            for at in range(0, count * PAGE, PAGE):
                if old[at:at + PAGE] != new[at:at + PAGE]:
                    found.append((self.guest.pfn_of[first + at // PAGE] * PAGE, bytes(old[at:at + PAGE]), new[at:at + PAGE]))
        return sorted(found)


def pieces(mfns):
    """First and count of each run of numbers that follow each other."""
    found = []
    for mfn in mfns:
        if found and mfn == sum(found[-1]):
            found[-1][1] += 1
        else:
            found.append([mfn, 1])
    return found


def first_difference(changes, allowed):
    """Paddr, old and new byte of the first one outside the allowed (start, end) paddrs; None if there is none."""
    for paddr, old, new in changes:
        for at in range(PAGE):
            if old[at] != new[at] and not any(start <= paddr + at < end for start, end in allowed):
                return paddr + at, old[at], new[at]
    return None


def entry_changes(changes, first, count):
    """Paddr, old and new value of each page-table entry in count pages from paddr first that differs in more than its use."""
    for paddr, old, new in changes:
        if first <= paddr < first + count * PAGE:
            for at in range(0, PAGE, 8):
                was, now = (int.from_bytes(data[at:at + 8], "little") for data in (old, new))
                if (was ^ now) & ~USED:
                    yield paddr + at, was, now
