# SPDX-License-Identifier: GPL-2.0-only
"""Lab 12: the same file under Xen. As PV by the kit's own; as PVH by Debian's, if it is here, since the kit's has no HVM.

QEMU's debugger sees a PVH guest's registers, but not its memory: a second level of tables lies between.
"""

from grader.machine import BOOT_SECONDS, Stop
from grader.session import Session
from grader.stopped import Stopped
from xenabi.entry import pvh_entry

from .bare import spoil

STOCK = "build/xen-stock/xen"


def check_pv(task, lab, image):
    with Session(lab, image, name="transcript-pv.log") as boot:
        boot.machine.pass_by("pv_inject_event")  # stage 4 faults once on purpose, and a crash ends the machine
        boot.machine.stop_at(boot.elf.address("start_kernel"), "start_kernel")
        event = boot.machine.go()
        if not isinstance(event, Stop) or event.name != "start_kernel":
            task.fail("xen-pv", f"under Xen, as a PV guest, start_kernel() was not reached: {boot.describe(event)}.")
        boot.finish()


class AsDom0(Session):
    elsewhere = False  # its pages are in a table of Xen's, which the guest does not see

    def xen(self):
        return STOCK

    def enter(self):
        self.machine.stop_at(pvh_entry(self.elf), "startup_pvh")
        event = self.machine.go(BOOT_SECONDS)
        while isinstance(event, Stop) and event.regs["cs"] >= 0xe000:  # Xen's own code at the same address
            event = self.machine.go(BOOT_SECONDS)
        if not isinstance(event, Stop):
            raise Stopped("xen-not-entered", "Xen did not enter the file as PVH (dom0=pvh); see transcript-dom0.log.")
        self.machine.pass_by("startup_pvh")
        spoil(self.machine.stub, event.regs["eflags"])


def check_dom0(task, boot):
    boot.machine.stop_at(boot.elf.address("start_kernel"), "start_kernel")
    event = boot.machine.go()
    if not isinstance(event, Stop) or event.name != "start_kernel":
        task.fail("xen-pvh", "under Xen, as PVH dom0, start_kernel() was not reached; see transcript-dom0.log.")
