# SPDX-License-Identifier: GPL-2.0-only
"""A machine that boots an image under Xen, and stops where it is told.

The machine itself is the library's (gdbscripts/xenqemu). go() runs to the next event: a breakpoint, an exception that
Xen is about to hand to a guest that cannot take it, a loop, or the end.

Stops are addresses of code in the tree's own files, never in the reader's, and
what is looked at is memory and registers: nothing that a guest prints counts.
"""

import contextlib
import functools
import os
import subprocess
import time
from collections import namedtuple

from xenabi.image import Image
from xenqemu import machine as qemu
from xenqemu.monitor import MonitorError
from xenqemu.patience import patiently
from xenqemu.packets import Gone, Late, Stuck

# Limits are seconds of the machine's own time, each some two million instructions (tools/machine, -icount): what a kernel
# comes to within them does not depend on how busy the host is.
BOOT_SECONDS = 300  # Xen's own start: about 30
STEP_SECONDS = 60  # a guest's way from stop to stop: less than 1
PATIENCE = patiently(600)  # seconds of the host's time, if the machine's own does not pass
STANDING = patiently(10)  # of QEMU's processor time, if the machine's own does not pass meanwhile
ENDING_SECONDS = patiently(100)  # of a QEMU that has closed its sockets
MOST_ALL = 3000  # stops of one machine
MOST_STOPS = 500  # on the way to one that is waited for: a loop may lead over a breakpoint

# What go() returns. name is the breakpoint's; a fault has its details, too.
Stop = namedtuple("Stop", "name regs")
Fault = namedtuple("Fault", "vector error cr2 ip regs")
Loop = namedtuple("Loop", "regs")
End = namedtuple("End", "status stuck_at", defaults=[None])

INLINED = {"guest_wrmsr_xen": "guest_wrmsr"}  # since Xen 4.21, into a caller with the same arguments
HALT = "machine_halt"  # Xen's function, when it has said its last word
X86_EVENT_CR2 = 8  # offset in Xen's struct x86_event; the vector is at 0, the error code at 4
XEN_STACK = 32768
CR4_PGE = 0x80
# Xen's struct cpu_user_regs, up to RIP. The last one is the error code and the vector.
SAVED = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi error".split()


class Machine(qemu.Machine):
    def __init__(self, folder, image, xen, module=None, native=False, **settings):
        """folder is an empty one; the serial port's bytes are left there as log. settings are variables of tools/machine's."""
        super().__init__(folder, image, xen, module=module or "", native=native, **settings)
        self.native = native
        self.stub = None
        try:
            self.stub = self.connect()
        except BaseException:  # a signal, too
            self.close()
            raise
        self.stops, self.passed = {}, 0
        self.ended = False
        self.stands_at = None
        self.xen_symbols = xen_symbols(os.path.join(os.path.dirname(xen), "xen-syms"))
        if not native:
            self.stop_in_xen(HALT)

    def close(self):
        if self.stub:
            self.stub.close()
        super().close()

    # ---- running -----------------------------------------------------------

    def stop_at(self, address, name):
        if address not in self.stops:
            self.stub.breakpoint(address)
        self.stops[address] = name

    def pass_by(self, name):
        """Takes a breakpoint away."""
        for address in [a for a, n in self.stops.items() if n == name]:
            self.stub.remove_breakpoint(address)
            del self.stops[address]

    @contextlib.contextmanager
    def watching(self, address, size):
        """While this holds, go() stops behind each instruction that writes there: a Stop without a name."""
        self.stub.must(f"Z2,{address:x},{size}")
        try:
            yield
        finally:
            with contextlib.suppress(Gone, Late):
                self.stub.must(f"z2,{address:x},{size}")

    def stop_in_xen(self, symbol):
        """Returns whether this Xen has such a function. A Xen without xen-syms beside it has none."""
        address = self.xen_symbols.get(symbol) or self.xen_symbols.get(INLINED.get(symbol))
        if address:
            self.stop_at(address, symbol)
        return bool(address)

    def go(self, seconds=STEP_SECONDS):
        if self.ended:
            return End(None)
        self.passed += 1
        if self.passed > MOST_ALL:
            return Loop(self.guest_registers())
        try:
            self.stub.step()  # off the breakpoint that it stands at
            stopped = self.stub.run_till(self.late_after(seconds))
            if not stopped:
                self.ended = self.halted()  # Xen has said its last word
                return End(None) if self.ended else Loop(self.guest_registers())
            regs = self.registers()
        except Stuck:
            return self.stuck()
        except (Gone, Late, MonitorError):
            return self.end()
        name = self.stops.get(regs["rip"])
        if name == HALT:
            self.ended = True
            return End(None)
        if name == "pv_inject_event":
            return self.fault(regs)
        return Stop(name, regs)

    def end(self):
        """QEMU's exit status: it has ended, or does not answer any more."""
        self.ended = True
        try:
            return End(self.qemu.wait(ENDING_SECONDS))
        except subprocess.TimeoutExpired:
            self.qemu.kill()
            return End(self.qemu.wait())

    def stuck(self):
        """QEMU itself hangs, and its monitor, too, since it was told to stop."""
        self.ended = True
        self.qemu.kill()
        return End(self.qemu.wait(), self.stands_at)

    def late_after(self, seconds):
        begin = now = self.monitor.clock()
        clock, computed = time.monotonic(), self.processor_time()

        def late():
            nonlocal now, computed
            before, now = now, self.monitor.clock()
            if now != before:
                computed = self.processor_time()
            if self.processor_time() - computed > STANDING:
                self.stands_at = self.monitor.ip()
                return True
            return self.halted() or now - begin > seconds or time.monotonic() - clock > PATIENCE

        return late

    def registers(self):
        """By name, to be kept and changed."""
        return dict(self.stub.registers().values)

    def forget_translations(self):
        """Has the processor look at page tables again that were changed behind its back: so does it when a bit of CR4 changes. CR3 itself
        would lose its upper half, which QEMU's stub does not take from 32-bit code."""
        cr4 = self.stub.registers().cr4
        self.stub.set_register("cr4", cr4 ^ CR4_PGE)
        self.stub.set_register("cr4", cr4)

    # ---- a guest's registers, when the processor is in Xen ------------------

    def guest_registers(self):
        """The registers; where Xen is running on the guest's behalf, those it will return to."""
        regs = self.registers()
        frame = self.guest_frame(regs["rsp"]) if self.ring0_is_xen(regs["cs"]) else None
        if frame:
            saved = self.stub.read(frame - 8 * len(SAVED), 8 * (len(SAVED) + 4))
            words = [int.from_bytes(saved[at:at + 8], "little") for at in range(0, len(saved), 8)]
            regs = dict(regs, **dict(zip(SAVED, words)))
            rip, cs, _, rsp = words[len(SAVED):]
            regs.update(rip=rip, cs=cs & 0xffff, rsp=rsp)
        return regs

    def guest_frame(self, rsp):
        """Where on its stack Xen keeps the guest's RIP, CS, RFLAGS, RSP, SS; None if nowhere."""
        top = (rsp & -XEN_STACK) + XEN_STACK
        data = self.stub.peek(rsp, top - rsp) or b""
        for at in range(len(data) // 8 * 8 - 40, -1, -8):
            cs, ss = (int.from_bytes(data[at + o:at + o + 2], "little") for o in (8, 32))
            if (cs, ss) in ((0xe019, 0xe021), (0xe033, 0xe02b)):
                return rsp + at
        return None

    def word(self, va):
        return int.from_bytes(self.stub.read(va, 8), "little")

    def fault(self, regs):
        """pv_inject_event(const struct x86_event *) was called: RDI is the event."""
        event = self.stub.read(regs["rdi"], 16)
        guest = self.guest_registers()
        return Fault(int.from_bytes(event[0:2], "little"), int.from_bytes(event[4:8], "little"),
                     int.from_bytes(event[X86_EVENT_CR2:], "little"), guest["rip"], guest)

    def in_xen(self):
        return self.ring0_is_xen(self.stub.registers().cs)

    def ring0_is_xen(self, cs):
        return cs & 3 == 0 and not self.native

    def leave(self, ip):
        """Has the guest stand at another place, where a breakpoint is, wherever it was stopped."""
        if not self.in_xen():
            self.stub.set_register("rip", ip)
            return
        self.stub.write(self.guest_frame(self.stub.registers().rsp), ip.to_bytes(8, "little"))
        event = self.go()
        while isinstance(event, Stop) and event.regs["rip"] != ip:
            event = self.go()

    def forget_fault(self, ip):
        """After a Fault: has the guest stand at another place, where a breakpoint is, as if nothing had happened."""
        regs = self.registers()
        frame = self.guest_frame(regs["rsp"])
        self.stub.write(frame, ip.to_bytes(8, "little"))
        self.stub.set_register("rip", self.word(regs["rsp"]))
        self.stub.set_register("rsp", regs["rsp"] + 8)
        self.go()


@functools.lru_cache(maxsize=None)
def xen_symbols(path):
    """Name and address; none for a Xen without symbols."""
    return {s.name: s.value for s in Image(path).all_symbols} if os.path.exists(path) else {}
