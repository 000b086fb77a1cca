# SPDX-License-Identifier: GPL-2.0-only
"""A boot of the reader's kernel as a domain that stage 6 builds, from its first instruction on.

Dom0 is the tree's own stage 6, linked at addresses of its own. What it does on the way, its tests of fault handlers among
them, is none of the reader's.
"""

from grader.making import tree_image
from grader.session import Session
from xenabi.headers import value
from xenabi.image import Image
from xenqemu.machine import AWAKE

STUB = 32  # bytes of a stub of the hypercall page
ASKED = ("event_channel_op", "sched_op", "console_io")  # hypercalls that are looked at
WORDS = "layout=far guest_mem=8"


class DomU(Session):
    elsewhere = False  # dom0 has mapped two of its pages by their MFNs, and stage 6 puts them far off already

    def __init__(self, lab, image, guest_kind, dom0_kind):
        super().__init__(lab, tree_image(dom0_kind, 6), image, f"transcript-{guest_kind}.log", cmdline=WORDS, options=AWAKE)
        self.image = self.symbols = image
        self.elf = Image(image)
        self.who = f"in a domU of {self.elf.bits} bits"

    def to_entry(self):
        event = self.to_first_instruction()
        self.machine.stop_in_xen("pv_inject_event")  # dom0 is past its own
        return event

    def stop_at_stubs(self):
        """At the hypercalls that are looked at, P=V and linked."""
        page = self.elf.address("hypercall_page")
        for name in ASKED:
            va = page + STUB * value(f"__HYPERVISOR_{name}")
            for address in (va, va - self.guest.load_offset & self.guest.mask):
                self.machine.stop_at(address, name)

    def arguments(self, regs):
        """The first three of a hypercall, at its stub."""
        names = ("rbx", "rcx", "rdx") if self.guest.bits == 32 else ("rdi", "rsi", "rdx")
        return [regs[name] & self.guest.mask for name in names]
