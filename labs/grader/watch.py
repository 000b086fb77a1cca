# SPDX-License-Identifier: GPL-2.0-only
"""What the guest asks of Xen by mmu_update: every request, and what Xen answered.

A breakpoint on stub 1 of the hypercall page, P=V. It is evidence for a diagnosis;
points depend on the page tables alone, so a kernel that takes another way into
Xen is not worse off.
"""

from collections import namedtuple

from xenabi.headers import value
from xenabi.structs import struct

from .machine import MOST_STOPS, Loop, Stop

# ptr and val as in struct mmu_update; ret is what the call as a whole returned, None if it did not.
Request = namedtuple("Request", "ptr val ret")

MMU_UPDATE = value("__HYPERVISOR_mmu_update")
STUB = 32
UPDATE = struct(64, "struct mmu_update").size
MOST = 4096  # updates of one call that are looked at


class Watch:
    def __init__(self, session):
        self.session, self.machine, self.guest = session, session.machine, session.guest
        session.watch = self
        self.requests, self.handed = [], []  # handed: address and number of updates of each call
        self.machine.stop_at(self.guest.paddr("hypercall_page") + STUB * MMU_UPDATE, "mmu_update")

    def go(self, *stops):
        """Runs to one of these stops, or to whatever else ends the run."""
        for _ in range(MOST_STOPS):
            event = self.machine.go()
            if isinstance(event, Stop) and event.name == "mmu_update":
                event = self.follow(event.regs)
            if not isinstance(event, Stop) or event.name in stops or event.name == "xen_exit":
                return event
        return Loop(event.regs)

    def follow(self, regs):
        """Over one mmu_update; returns the event that came behind it."""
        stub, guest = self.machine.stub, self.guest
        asked = requests_at(guest, regs)
        self.handed.append(handed_over(guest, regs))
        back = int.from_bytes(stub.peek(regs["rsp"], guest.word) or bytes(8), "little")
        self.machine.stop_at(back, "back")
        event = self.machine.go()
        ret = None
        if isinstance(event, Stop) and event.name == "back":
            ret = event.regs["rax"] & 0xffffffff
            ret -= (ret & 0x80000000) << 1
        self.machine.pass_by("back")
        self.requests += [Request(ptr, val, ret) for ptr, val in asked]
        return event


def handed_over(guest, regs):
    """Where the updates are and how many, at the stub's first instruction."""
    pointer, count = (regs["rbx"], regs["rcx"]) if guest.bits == 32 else (regs["rdi"], regs["rsi"])
    return pointer & guest.mask, count & guest.mask


def requests_at(guest, regs):
    """(ptr, val) of each update, at the stub's first instruction."""
    pointer, count = handed_over(guest, regs)
    data = guest.machine.stub.peek(pointer, UPDATE * count) if count <= MOST else None
    return [tuple(int.from_bytes(data[at + o:at + o + 8], "little") for o in (0, 8)) for at in range(0, len(data or b""), UPDATE)]
