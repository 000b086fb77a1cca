# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's life as a domU, from its remap to its end, with a dom0 that is stage 6.

What it prints passes through console_write(), which is the tree's: so all of that has to be in the ring, or to have been in
it. At the end out_prod says how many bytes were.
"""

from grader.machine import MOST_STOPS, Fault, Stop
from grader.tables import PAGE
from xenabi.structs import struct

from .dom0 import OUT, OUT_PROD, SIZE

VERDICT_SUCCESS = 0x10  # src/include/console.h
SECONDS = 60  # of the machine's, from one stop to the next: before that dom0 has given its guest up
STORE = struct(32, "struct xenstore_domain_interface", "rsp_cons", "rsp_prod")  # the same in both widths
EARLY = b"P=V\n"
WELL = 2 * VERDICT_SUCCESS + 1  # QEMU's exit status


class Life:
    def __init__(self, boot):
        self.boot, self.guest, self.machine = boot, boot.guest, boot.machine
        self.text, self.by_console_io = b"", False
        self.fault = None  # the last one

    def print_early(self):
        """A line while the kernel runs P=V: what ring_write() keeps of that is not right behind the jump. Returns how it ended, if it did not return."""
        calls = self.boot.calls
        calls.here()
        result = calls.call("console_write", calls.scratch(EARLY), len(EARLY), leave=calls.keep)
        self.text = EARLY
        return result.event if result.value is None else None

    def run(self):
        """To the kernel's end, or wherever else; returns the last event."""
        guest, machine = self.guest, self.machine
        self.boot.stop_at_stubs()
        machine.pass_by("event_channel_op")
        machine.pass_by("sched_op")
        for name in ("console_write", "xen_exit"):
            va = self.boot.elf.address(name)
            machine.stop_at(va, name)
            machine.stop_at(guest.paddr(name), name)
        event = None
        for _ in range(MOST_STOPS):
            event = machine.go(SECONDS)
            if isinstance(event, Fault):
                self.fault = event
                if page_of(self.boot, event):
                    break
                continue  # the kernel has handlers, and tries them
            if not isinstance(event, Stop) or event.name == "xen_exit":
                break
            if event.name == "console_io":
                self.by_console_io = True
            elif event.name == "console_write":
                self.printed(event.regs)
        return event

    def printed(self, regs):
        stub, guest = self.machine.stub, self.guest
        at, count = (regs["rdi"], regs["rsi"]) if guest.bits == 64 else guest.words(stub.read(regs["rsp"] + 4, 8))
        self.text += stub.peek(at & guest.mask, count & 0xffff) or b""

    def ring(self):
        pfn = self.guest.pfn_of[self.guest.info["console_mfn"]]
        return self.guest.read(pfn * PAGE, PAGE)


def check_life(task, boot):
    life, guest = Life(boot), boot.guest
    event = life.print_early() or life.run()
    verdict = verdict_of(boot, event)
    if life.fault and verdict != VERDICT_SUCCESS:
        explain_fault(task, boot, life.fault)
        return
    if verdict is None:
        task.fail("life-no-end", f"{boot.who} the kernel does not come to its end: {boot.describe(event)}.")
        return
    ring = life.ring()
    prod = int.from_bytes(ring[OUT_PROD:OUT_PROD + 4], "little")
    tail = bytes(ring[OUT + (prod - i) % SIZE] for i in range(min(len(life.text), SIZE), 0, -1))
    if life.by_console_io:
        task.fail("life-console-io", f"{boot.who} the kernel prints by console_io: nobody but a debug build of Xen shows that.")
    elif prod != len(life.text) or tail != life.text[-SIZE:]:
        task.fail("life-lines-lost",
                  f"{boot.who} the kernel has printed {len(life.text)} bytes, and {prod} were published in the ring, or not the same: lines are lost.")
    elif not answered(guest):
        task.fail("life-store", f"{boot.who} xenstore's page holds no answer that the kernel has read: it asks for its name.")
    elif verdict != VERDICT_SUCCESS:
        task.fail("life-failed", f"{boot.who} the kernel reports a failure: {boot.describe(event)}.")
    else:
        check_end(task, boot)


def answered(guest):
    """Whether xenstore's ring of answers has been read."""
    page = guest.pfn_of[guest.info["store_mfn"]] * PAGE
    data = guest.read(page, STORE.size)
    return STORE.number(data, "rsp_cons") == STORE.number(data, "rsp_prod") != 0


def verdict_of(boot, event):
    """What xen_exit() was given; None if the kernel did not come there."""
    if not isinstance(event, Stop) or event.name != "xen_exit":
        return None
    if boot.guest.bits == 64:
        return event.regs["rdi"] & 0xff
    return boot.guest.words(boot.machine.stub.read(event.regs["rsp"] + 4, 4))[0]


def check_end(task, boot):
    """Dom0 says how its guest has ended, and QEMU exits with that."""
    for name in ("console_io", "console_write", "xen_exit", "pv_inject_event"):
        boot.machine.pass_by(name)
    event = boot.machine.go()
    status = getattr(event, "status", None)
    if status != WELL:
        task.fail(
            "life-reason", f"{boot.who} the kernel ended well, and dom0 was told otherwise (QEMU's status is {status}): a domU's reason for its end is poweroff.")


def page_of(boot, fault):
    """Which of the two pages a page fault was about, and whether at its linked address; None if about neither."""
    guest = boot.guest
    for field, name in (("console_mfn", "console"), ("store_mfn", "xenstore")):
        paddr = guest.pfn_of[guest.info[field]] * PAGE
        if fault.vector == 14 and fault.cr2 & -PAGE in (paddr, guest.va(paddr)):
            return name, fault.cr2 & -PAGE != paddr
    return None


def explain_fault(task, boot, fault):
    found = page_of(boot, fault)
    if not found:
        task.fail("life-fault", f"{boot.who} the kernel does not come to its end: {boot.describe(fault)}.")
        return
    name, linked = found
    said = f"{boot.who} there is a page fault at VA {fault.cr2:#x}, {boot.where(fault.ip)}: that is the {name} page"
    if linked:
        task.fail(f"life-{name}-unmapped", f"{said}'s linked address, and nothing is mapped there. The limit was too low, or the remap did not reach it.")
    else:
        task.fail(f"life-{name}-pv", f"{said} at its P=V address, and P=V is gone behind the jump. A pointer that was right before it is wrong now.")
