# SPDX-License-Identifier: GPL-2.0-only
"""A boot of a toolstack, and the memory of the guest that it builds, from outside: by the machine's own addresses.

Which pages those are, building.py sees. Numbers of the ABI: xen/io/console.h, xen/xen.h.
"""

import os
import subprocess
from types import SimpleNamespace

from grader.session import Session
from grader.stopped import NotGraded
from grader.tables import PAGE, MachineMemory
from xenabi.structs import struct
from xenpt.guest import Boot, Guest

RING = struct(64, "struct xencons_interface", "out", "out_cons", "out_prod")
(OUT_RING, OUT_SIZE), (OUT_CONS, _), (OUT_PROD, _) = RING.fields.values()
CLOCK = "vcpu_info[0].time.system_time"


def packed(lab, name, image, size):
    """The guest's image and a module of so many bytes in the one file that dom0 gets."""
    archive = os.path.join(lab.out, name)
    made = subprocess.run(["tools/guest-files", archive, image, lab.module(size, name + ".module")], capture_output=True, text=True, check=False)
    if made.returncode:
        raise NotGraded(made.stderr.strip())
    return archive


class GuestPages(Session):
    """A boot of stage 6; pages has the guest's: MFNs, by PFN. layout says where it has its console ring."""

    def __init__(self, lab, image, files, log, words):
        super().__init__(lab, image, files, log, cmdline=words)
        self.pages = {}

    def enter(self):
        super().enter()
        entry = SimpleNamespace(**self.guest.entry_regs)
        self.guest.boot = Boot.at_entry(MachineMemory(self.machine.stub), entry, self.guest.bits, self.guest.info_paddr)

    def number(self, va, size):
        return int.from_bytes(self.machine.stub.peek(va, size) or b"", "little")

    def page(self, pfn):
        """A page of the guest's."""
        mfn = self.pages.get(pfn)
        return (self.machine.stub.peek(mfn * PAGE, PAGE, physical=True) if mfn else None) or bytes(PAGE)

    def put(self, pfn, offset, data):
        self.machine.stub.write(self.pages[pfn] * PAGE + offset, data, physical=True)

    def mapped_by_dom0(self):
        """PFNs of the guest's that dom0 has mapped now, and where."""
        registers = self.machine.stub.registers()
        memory = MachineMemory(self.machine.stub)
        if self.guest.boot is None:
            return {}
        dom0 = Guest(memory, registers, self.guest.bits, self.guest.boot)
        pfns = {mfn: pfn for pfn, mfn in self.pages.items()}
        return {pfns[m.mfn]: m.va for m in dom0.space.mappings(dom0.is_guests) if m.mfn in pfns}

    def say(self, text):
        """Writes into the console ring, as the guest would."""
        ring = self.page(self.layout.console)
        end = int.from_bytes(ring[OUT_PROD:OUT_PROD + 4], "little")
        for at, byte in enumerate(text, end):
            self.put(self.layout.console, OUT_RING + at % OUT_SIZE, bytes([byte]))
        self.put(self.layout.console, OUT_PROD, (end + len(text)).to_bytes(4, "little"))

    def late_hour(self):
        """For dom0 it is 100 seconds later, until Xen next tells it the time: the guest's end counts, and not when dom0 hears of it."""
        shared = self.guest.info["shared_info"]
        offset, size = struct(self.guest.bits, "struct shared_info", CLOCK).fields[CLOCK]
        now = int.from_bytes(self.machine.stub.read(shared + offset, size, physical=True), "little")
        self.machine.stub.write(shared + offset, (now + 100 * 10 ** 9).to_bytes(size, "little"), physical=True)
