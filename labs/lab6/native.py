# SPDX-License-Identifier: GPL-2.0-only
"""Lab 6: the same bzImage without Xen.

A Native is a session whose machine has nobody below the kernel: a paddr is a
maddr, and the first stop is where the unpacker enters the kernel.
"""

from grader.checks.bare import Bare
from grader.machine import BOOT_SECONDS, Stop
from grader.session import Session
from grader.stopped import Stopped
from grader.tables import PAGE

from .bootparams import PC, SUBARCH, field, kept, startup_32, stop_at_ways

CR0_PAGING = 1 << 31
MOST_PASSES = 100


class Native(Session):
    native = True

    def enter(self):
        """To startup_32, when the kernel lies there; the BIOS and the unpacker may have code there before."""
        self.guest = Bare(self.machine, self.elf)
        part = self.elf.loaded()[0]
        code = self.elf.data[part.offset:part.offset + 256]
        self.machine.stop_at(startup_32(self.elf), "startup_32")
        for _ in range(MOST_PASSES):
            event = self.machine.go(BOOT_SECONDS)
            if not isinstance(event, Stop) or self.guest.read(part.paddr, len(code)) == code:
                break
        if not isinstance(event, Stop):
            raise Stopped("native-not-entered", f"without Xen, the unpacker did not come to startup_32: {self.describe(event)}.")
        self.entry_regs = event.regs


def check_native(task, boot):
    regs, guest = boot.entry_regs, boot.guest
    page = guest.read(regs["rsi"] & guest.mask, PAGE)
    stop_at_ways(boot)
    boot.machine.pass_by("startup_32")
    event = boot.machine.go()
    if not isinstance(event, Stop) or event.name != "native_entry":
        return task.fail("native-wrong-way", f"""without Xen, the way was startup_32, and then: {boot.describe(event)}. boot_params has hardware_subarch
            {field(page, SUBARCH):#x}, a PC: it should be native_entry(). {reset(event)}""")
    if event.regs["cr0"] & CR0_PAGING:
        return task.fail("native-paging", "without Xen, native_entry() is reached with paging on. Turning it on is native_enable_paging()'s affair.")
    params = kept(boot)
    if params != page or field(params, SUBARCH) != PC:
        bad = next(at for at, (old, new) in enumerate(zip(page, params)) if old != new)
        return task.fail("native-params", f"""without Xen, boot_params at native_entry() has {params[bad]:#04x} at offset {bad:#x}, and what the loader gave has
            {page[bad]:#04x}.""")
    boot.machine.stop_at(boot.elf.address("start_kernel"), "start_kernel")
    event = boot.machine.go()
    if not isinstance(event, Stop) or event.name != "start_kernel":
        return task.fail("native-no-start-kernel", f"without Xen, start_kernel() was not reached: {boot.describe(event)}. {reset(event)}")
    if event.regs["cs"] & 3:
        task.fail("native-ring", f"without Xen, start_kernel() runs in ring {event.regs['cs'] & 3}, not 0.")
    if kept(boot) != params:
        task.fail("native-params-changed", "without Xen, boot_params at start_kernel() is not what it was at native_entry().")
    return None


def reset(event):
    return "" if isinstance(event, Stop) else "Without Xen an exception that nobody handles resets the machine, and nobody handles one yet."
