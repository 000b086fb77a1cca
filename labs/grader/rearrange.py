# SPDX-License-Identifier: GPL-2.0-only
"""The guest as another Xen might have made it: before its first instruction everything is put elsewhere.

Xen's contract names start_info's pointers, ESI and ESP. It does not say in which order p2m, start_info, page tables and
module lie, nor that machine pages follow each other. So the pages get other PFNs and other MFNs, and all that
tells where they are is changed with them: page tables, p2m, Xen's m2p and frame table, start_info, registers. Nobody
can tell afterwards that it ever was otherwise.

Called by session.py at the image's entry.
"""

import random

from .memory import pieces
from .tables import MFN_MASK, PAGE, PRESENT
from .xenstables import M2P, XENS_M2P, FrameTable

FREE = 48  # pages that stay free at the end of what is mapped, for the grader's own
SAMPLE = 48  # of the image's and the module's pages so many get another MFN; of all else each
ENTRIES = 512


class Rearranged:
    """What will be where. old is the Guest as Xen made it, contents() a page of it by its MFN."""

    def __init__(self, old, contents, frames, seed):
        self.old, self.contents, self.frames = old, contents, frames
        self.random = random.Random(seed)
        info = old.info
        self.tables = range(info["pt_base"] // PAGE, info["pt_base"] // PAGE + info["nr_pt_frames"])
        self.ptes = self.find_ptes()
        self.blocks = self.choose_blocks()
        self.new_pfn = self.choose_pfns()
        self.new_mfn = self.choose_mfns()
        self.p2m = list(old.p2m)
        for pfn, mfn in enumerate(old.p2m):
            self.p2m[self.new_pfn.get(pfn, pfn)] = self.new_mfn.get(mfn, mfn)

    # ---- choosing -------------------------------------------------------------

    def table(self, mfn):
        data = self.contents(mfn)
        return [int.from_bytes(data[at:at + 8], "little") for at in range(0, PAGE, 8)]

    def find_ptes(self):
        """The guest's pte pages: first VA and MFN of each."""
        found = []

        def walk(mfn, level, va):
            if level == 0:
                found.append((va, mfn))
                return
            for index, entry in enumerate(self.table(mfn)):
                next_mfn = (entry & MFN_MASK) // PAGE
                if entry & PRESENT and self.old.pfn_of.get(next_mfn) in self.tables and next_mfn != mfn:
                    walk(next_mfn, level - 1, va + (index << 12 + 9 * level))

        walk(self.old.p2m[self.tables[0]], 3 if self.old.bits == 64 else 2, 0)
        return sorted(found)

    def choose_blocks(self):
        """What lies in consecutive pages, which stay together: PFNs, in their new order."""
        info, word = self.old.info, self.old.word
        first, *others = self.tables
        self.random.shuffle(others)
        return {
            "p2m": pages_of(info["mfn_list"], info["nr_pages"] * word),
            "start_info": pages_of(self.old.info_paddr, PAGE),
            # start_info names the top table, and no other. A stack that runs over meets a page table, as always.
            "tables": [first, *others, *pages_of((self.old.entry_regs["rsp"] - 1) & -PAGE, PAGE)],
            "module": pages_of(info["mod_start"], info["mod_len"]),
        }

    def choose_pfns(self):
        """Old and new PFN of each page that is mapped, behind the image; the image stays where it is linked for."""
        end = sum(entry & PRESENT for _, mfn in self.ptes for entry in self.table(mfn))
        first = -(-self.old.image_end // PAGE)
        blocks = list(self.blocks.values())
        self.random.shuffle(blocks)
        room = end - first - FREE - sum(map(len, blocks))
        new, at = {}, first
        for block in blocks:
            at += self.random.randint(0, max(0, room // len(blocks)))
            new.update(zip(block, range(at, at + len(block))))
            at += len(block)
        rest = [pfn for pfn in range(first, end) if pfn not in set(new.values())]
        new.update(zip([pfn for pfn in range(first, end) if pfn not in new], rest))
        return new

    def choose_mfns(self):
        """Pairs of machine pages change places: those that matter with any others."""
        old = self.old
        part = old.elf.loaded()[0]
        many = [*pages_of(part.paddr, part.memsz), *self.blocks["module"]]
        wanted = self.random.sample(many, min(len(many), SAMPLE)) + [pfn for name, block in self.blocks.items() if name != "module" for pfn in block]
        fixed = {old.p2m[self.tables[0]]} if old.bits == 64 else set()  # Xen itself keeps the number of the processor's top table
        moved = [old.p2m[pfn] for pfn in wanted if old.p2m[pfn] not in fixed]
        others = [mfn for mfn in old.p2m if mfn not in fixed and mfn not in set(moved)]
        new = {}
        for a, b in zip(moved, self.random.sample(others, len(moved))):
            new[a], new[b] = b, a
        return new

    # ---- what is in the pages then ------------------------------------------------

    def entry(self, value):
        """A page-table entry, which leads to where the page is now."""
        mfn = (value & MFN_MASK) // PAGE
        if not value & PRESENT or mfn not in self.new_mfn:
            return value
        return value & ~MFN_MASK | self.new_mfn[mfn] * PAGE

    def pages(self):
        """New MFN and contents of each page that is not as it was."""
        old = self.old
        found = {new: self.contents(mfn) for mfn, new in self.new_mfn.items()}
        written = {old.p2m[pfn]: [self.entry(value) for value in self.table(old.p2m[pfn])] for pfn in self.tables}
        flat = {va // PAGE + i: value for va, mfn in self.ptes for i, value in enumerate(written[mfn])}
        moved = {self.new_pfn.get(pfn, pfn): value for pfn, value in flat.items()}
        for va, mfn in self.ptes:
            written[mfn] = [moved[va // PAGE + i] for i in range(ENTRIES)]
        for mfn, values in written.items():
            found[self.new_mfn.get(mfn, mfn)] = b"".join(value.to_bytes(8, "little") for value in values)
        self.put(found, old.info["mfn_list"], b"".join(mfn.to_bytes(old.word, "little") for mfn in self.p2m))
        for name in ("pt_base", "mfn_list", "mod_start"):
            if old.info[name]:
                self.put(found, old.info_paddr + old.fields[name].offset, self.moved(old.info[name]).to_bytes(old.word, "little"))
        return found

    def moved(self, paddr):
        return self.new_pfn.get(paddr // PAGE, paddr // PAGE) * PAGE + paddr % PAGE

    def put(self, found, paddr, data):
        """Into the pages, by the paddr as it was."""
        for at in range(0, len(data)):
            if at and (paddr + at) % PAGE:
                continue
            mfn = self.old.p2m[(paddr + at) // PAGE]
            new, offset = self.new_mfn.get(mfn, mfn), (paddr + at) % PAGE
            page, part = found.get(new) or self.contents(mfn), data[at:at + PAGE - offset]
            found[new] = page[:offset] + part + page[offset + len(part):]

    # ---- into the machine -----------------------------------------------------------

    def write(self, stub):
        old = self.old
        links = self.frames.layout.count_info  # the page's place in Xen's lists comes first, and stays
        at = [(self.frames.at(mfn) + links, self.frames.layout.page_info - links) for mfn in self.new_mfn]
        frames = dict(zip(self.new_mfn.values(), stub.read_pieces(at)))
        pages = self.pages()
        with stub.physical():
            for mfn, data in pages.items():
                stub.write(mfn * PAGE, data)
            top = stub.registers().cr3 & MFN_MASK
            for index, value in enumerate(self.words(stub.read(top, PAGE), 8)):
                if top // PAGE not in pages and self.entry(value) != value:
                    stub.write(top + 8 * index, self.entry(value).to_bytes(8, "little"))
        old.machine.forget_translations()
        for mfn, data in frames.items():
            stub.write(self.frames.at(mfn) + links, data)
        pfn_of = {mfn: pfn for pfn, mfn in enumerate(self.p2m)}
        for first, count in pieces(sorted(pfn_of)):
            for table, word in {XENS_M2P: 8, M2P[old.bits]: old.word}.items():
                stub.write(table + first * word, b"".join(pfn_of[mfn].to_bytes(word, "little") for mfn in range(first, first + count)))
        for name in ("rsi", "rsp"):
            at = old.entry_regs[name]
            stub.set_register(name, self.moved(at - 1) + 1 if name == "rsp" else self.moved(at))

    @staticmethod
    def words(data, size):
        return [int.from_bytes(data[at:at + size], "little") for at in range(0, len(data), size)]


def pages_of(paddr, size):
    return range(paddr // PAGE, -(-(paddr + size) // PAGE))


def rearrange(guest, contents, xen, seed):
    """Does it; returns whether it could be done: not without knowing how this Xen keeps its frame table."""
    frames = FrameTable(guest.machine, xen)
    if frames.layout:
        Rearranged(guest, contents, frames, seed).write(guest.machine.stub)
    return bool(frames.layout)
