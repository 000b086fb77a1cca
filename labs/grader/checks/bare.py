# SPDX-License-Identifier: GPL-2.0-only
"""A kernel without Xen below: a paddr is a maddr."""

from ..guest import Loaded


class Bare(Loaded):
    def read(self, paddr, size):
        return self.machine.stub.read(paddr, size, physical=True)

    def write(self, paddr, data):
        self.machine.stub.write(paddr, data, physical=True)
