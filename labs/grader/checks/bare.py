# SPDX-License-Identifier: GPL-2.0-only
"""A kernel without Xen below: a paddr is a maddr."""


class Bare:
    """What Guest is under Xen, as far as it is needed."""

    def __init__(self, machine, elf):
        self.machine, self.elf, self.bits = machine, elf, elf.bits
        self.word = elf.bits // 8
        self.mask = (1 << elf.bits) - 1
        part = elf.loaded()[0]
        self.load_offset = part.vaddr - part.paddr & self.mask
        self.page_offset = 0xffff880000000000 if elf.bits == 64 else self.load_offset
        self.image_end = elf.address("_end") - self.load_offset & self.mask

    def paddr(self, symbol):
        va = self.elf.address(symbol)
        return None if va is None else va - self.load_offset & self.mask

    def read(self, paddr, size):
        return self.machine.stub.read(paddr, size, physical=True)

    def write(self, paddr, data):
        self.machine.stub.write(paddr, data, physical=True)
