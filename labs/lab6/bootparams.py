# SPDX-License-Identifier: GPL-2.0-only
"""boot_params: where its fields are, and how to run a piece of the head on one.

Source: Documentation/x86/boot.rst and zero-page.rst in Linux's tree.
"""

from grader.calls import DIRECTION
from grader.machine import Fault, Stop
from grader.memory import first_difference
from grader.tables import PAGE

MAGIC, VERSION, SUBARCH, DATA = 0x202, 0x206, 0x23c, 0x240
PROTOCOL_SUBARCH = 0x207  # the first version that has a hardware_subarch
NEWEST = 0x20f
XEN, PC = 2, 0
WAYS = ("xen_entry", "native_entry", "bad_subarch")
STARTUP_32_OFFSET = 0x40  # of the image: src/include/bootparam.h


def startup_32(elf):
    """The paddr where the unpacker enters the kernel."""
    return elf.loaded()[0].paddr + STARTUP_32_OFFSET


def field(page, at, size=4):
    return int.from_bytes(page[at:at + size], "little")


def put(page, at, value, size=4):
    page[at:at + size] = value.to_bytes(size, "little")


def kept(boot):
    """The kernel's own boot_params, as it is now."""
    return boot.guest.read(boot.guest.paddr("boot_params"), PAGE)


def stop_at_ways(boot):
    """Breakpoints at all that the common head can choose, P=V."""
    boot.machine.stop_at(startup_32(boot.elf), "startup_32")
    for name in WAYS:
        boot.machine.stop_at(boot.guest.paddr(name), name)


class Run:
    """One run of a piece of the head, in the guest as it was at the entry, and what it left."""

    def __init__(self, boot, at, stops, **registers):
        guest, stub = boot.guest, boot.machine.stub
        self.free = range(guest.info["pt_base"], guest.entry_regs["rsp"])  # page tables, which nobody can write to, and the stack
        self.changes = []
        for name, value in {"eflags": boot.calls.saved["eflags"] & ~DIRECTION, **registers, "rip": at}.items():
            stub.set_register(name, value)
        again = [at] if at == startup_32(boot.elf) else []  # Xen has it begin anew if the first instruction is one of the x87's

        def arrives(event):
            return event.name in (*stops, "startup_32") and not (event.regs["rip"] in again and again.pop())

        self.boot, self.event = boot, boot.calls.run(arrives)
        self.kept = b""
        self.arrived = self.event.name if isinstance(self.event, Stop) and self.event.name in stops else ""
        if self.arrived:
            self.esi, self.esp = (self.event.regs[name] & guest.mask for name in ("rsi", "rsp"))
            self.page = stub.peek(self.esi, PAGE)
            self.kept = kept(boot)
        if not boot.machine.ended:
            self.changes = guest.memory.changes()
            for paddr, old, _ in self.changes:
                guest.write(paddr, old)
            boot.calls.restore(self.event, keep_image=True)

    def damage(self, meant):
        """paddr of the first byte that is not what it was, outside the page that begins at meant; None if there is none."""
        allowed = [(meant, meant + PAGE), (self.free.start, self.free.stop)]
        found = first_difference(self.changes, allowed)
        return found[0] if found else None

    def stack_moved(self):
        """Whether ESP is no longer on the stack that the caller gave."""
        return not 0 <= self.boot.calls.saved["rsp"] - self.esp <= 64

    def linked_fault(self):
        """The VA, if it ended by using a linked address, which is not mapped yet; else 0."""
        event = self.event
        paged = isinstance(event, Fault) and event.vector == 14
        return event.cr2 if paged and 0 <= event.cr2 - self.boot.guest.load_offset < self.boot.guest.image_end else 0
