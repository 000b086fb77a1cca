# SPDX-License-Identifier: GPL-2.0-only
"""Lab 12: the kernel as QEMU alone enters it."""

from grader.calls import Caller
from grader.checks.bare import Bare
from grader.machine import BOOT_SECONDS, Stop
from grader.session import Session
from grader.stopped import Stopped
from xenabi.entry import pvh_entry

DIRECTION = 0x400  # in EFLAGS
INFO_BYTES = 64  # of hvm_start_info; version 1 has 56
ELSEWHERE = 0xa1238  # of it: QEMU has it in the first pages
SELECTOR = 0x13  # the loader's data segment, in QEMU's table, by another number


def spoil(stub, flags):
    """The contract names EBX. Whatever else a loader has left is nobody's promise: no stack, strings downwards; and the segments are
    good, but not the selectors, which an IRET would load again."""
    for number, name in enumerate("rax rcx rdx rsi rdi rbp".split(), 1):
        stub.set_register(name, 0x80000101 + 0x1010 * number)
    for name in "ss ds es fs gs".split():
        stub.set_register(name, SELECTOR)
    stub.set_register("rsp", 0)
    stub.set_register("eflags", flags | DIRECTION)


class Entered(Session):
    native = True

    def enter(self):
        """To the note's address, with no more than its contract promises."""
        self.guest = Bare(self.machine, self.elf)
        self.machine.stop_at(pvh_entry(self.elf), "startup_pvh")
        event = self.machine.go(BOOT_SECONDS)
        if not isinstance(event, Stop):
            raise Stopped("not-entered", f"QEMU did not come to startup_pvh: {self.describe(event)}.")
        self.entry_regs = event.regs
        self.info_paddr = self.guest.machine.monitor.memory_size() // 2 + ELSEWHERE
        self.guest.write(self.info_paddr, self.guest.read(event.regs["rbx"] & 0xffffffff, INFO_BYTES))
        self.machine.stub.set_register("rbx", self.info_paddr)
        spoil(self.machine.stub, event.regs["eflags"])
        self.machine.pass_by("startup_pvh")
        for symbol, name in ("native_exit", "xen_exit"), ("startup_xen", "startup_xen"), ("pvh_check_start_info", "pvh_check_start_info"):
            self.machine.stop_at(self.guest.paddr(symbol), name)
        self.calls = None

    def begin_calls(self):
        self.calls = Caller(self.guest)


def check_bare(task, boot):
    machine = boot.machine
    for name in "start_kernel", "native_exit":
        machine.stop_at(boot.elf.address(name), "start_kernel" if name == "start_kernel" else "xen_exit")
    event = machine.go()
    if not isinstance(event, Stop) or event.name != "start_kernel":
        return task.fail("bare-no-start-kernel", f"without Xen, start_kernel() was not reached: {boot.describe(event)}.")
    at = boot.guest.paddr("pvh_start_info")
    kept = int.from_bytes(boot.guest.read(at, boot.guest.word), "little")
    if kept != boot.info_paddr + boot.guest.page_offset:
        task.fail("bare-start-info", f"""at start_kernel(), pvh_start_info is {kept:#x}, and hvm_start_info is at
            VA {boot.info_paddr + boot.guest.page_offset:#x}.""")
    return None
