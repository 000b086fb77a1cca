# SPDX-License-Identifier: GPL-2.0-only
"""The guest as Xen started it: what has to be known before any of its code runs.

A Guest is made at the entry, once. start_info, the p2m and the layout of memory
are read then and kept, so that nothing the image does afterwards can change what
it is measured by.
Source: xen/xen.h, struct start_info.
"""

from xenpt.start_info import SIF_INITDOMAIN, StartInfo, fields

PAGE = 4096


def page_align(address):
    return (address + PAGE - 1) & -PAGE


class Loaded:
    """An image in a machine, by its own numbering of memory; whether Xen is below or not."""

    def __init__(self, machine, elf):
        self.machine, self.elf, self.bits = machine, elf, elf.bits
        self.word = elf.bits // 8
        self.mask = (1 << elf.bits) - 1
        part = elf.loaded()[0]
        self.load_offset = part.vaddr - part.paddr & self.mask
        self.page_offset = 0xffff880000000000 if elf.bits == 64 else self.load_offset
        self.image_end = elf.address("_end") - self.load_offset & self.mask

    def paddr(self, symbol):
        """Pseudo-physical address of a global symbol of the image, None if there is none."""
        va = self.elf.address(symbol)
        return None if va is None else va - self.load_offset & self.mask


class Guest(Loaded):
    def __init__(self, machine, elf):
        super().__init__(machine, elf)
        stub = machine.stub
        regs = self.entry_regs = machine.registers()
        self.boot = None  # what gdbscripts/xenpt has to know of the entry; see tables.py
        self.info_paddr = regs["rsi"]
        self.fields, self.info_size = dict(fields(elf.bits)), StartInfo.size(elf.bits)
        self.fields["console_mfn"] = self.fields.pop("console_0")  # what it is for a domU
        # Still P=V, so paddrs can be read like virtual addresses.
        raw = stub.read(self.info_paddr, self.info_size)
        self.info = self.parse_info(raw)
        table = stub.read(self.info["mfn_list"], self.info["nr_pages"] * self.word)
        self.p2m = self.words(table)
        self.pfn_of = {mfn: pfn for pfn, mfn in enumerate(self.p2m)}
        self.memory = None  # see memory.py

    def parse_info(self, raw):
        return {name: int.from_bytes(raw[f.offset:f.offset + f.size], "little")
                for name, f in self.fields.items()}

    def write_info(self, at, **changed):
        """A start_info at a paddr: the true one, but for some fields."""
        raw = bytearray(self.read(self.info_paddr, self.info_size))
        for name, value in changed.items():
            field = self.fields[name]
            raw[field.offset:field.offset + field.size] = value.to_bytes(field.size, "little")
        self.write(at, bytes(raw))

    def words(self, data):
        return [int.from_bytes(data[at:at + self.word], "little")
                for at in range(0, len(data), self.word)]

    # ---- addresses -----------------------------------------------------------

    def va(self, paddr):
        """Where the linked mapping of all memory has a paddr."""
        return paddr + self.page_offset & self.mask

    def maddr(self, paddr):
        return self.p2m[paddr // PAGE] * PAGE + paddr % PAGE

    def paddr_of(self, maddr):
        """The inverse of maddr(); None if the machine page is not this guest's."""
        pfn = self.pfn_of.get(maddr // PAGE)
        return None if pfn is None else pfn * PAGE + maddr % PAGE

    # ---- memory by paddr: it does not matter what is mapped ------------------

    def read(self, paddr, size):
        data = b""
        while len(data) < size:
            at = paddr + len(data)
            count = min(size - len(data), PAGE - at % PAGE)
            data += self.machine.stub.read(self.maddr(at), count, physical=True)
        return data

    def write(self, paddr, data):
        for at in range(len(data)):
            if at == 0 or (paddr + at) % PAGE == 0:
                count = PAGE - (paddr + at) % PAGE
                self.machine.stub.write(self.maddr(paddr + at), data[at:at + count], physical=True)
                if self.memory:
                    self.memory.note(paddr + at, data[at:at + count])

    def read_word(self, paddr):
        return int.from_bytes(self.read(paddr, self.word), "little")

    # ---- what the remap has to reach ---------------------------------------------

    def extents(self):
        """What the kernel goes on using, and the first paddr behind each."""
        info = self.info
        found = {
            "image": self.image_end,
            "start-info": self.info_paddr + self.info_size,
            "page-tables": info["pt_base"] + info["nr_pt_frames"] * PAGE,
            "p2m": info["mfn_list"] + info["nr_pages"] * self.word,
            "boot-stack": self.entry_regs["rsp"],
        }
        if not info["flags"] & SIF_INITDOMAIN:
            found["console"] = (self.pfn_of[info["console_mfn"]] + 1) * PAGE
            found["store"] = (self.pfn_of[info["store_mfn"]] + 1) * PAGE
        if info["mod_len"]:
            found["module"] = info["mod_start"] + info["mod_len"]
        return found

    def limit(self):
        return page_align(max(self.extents().values()))
