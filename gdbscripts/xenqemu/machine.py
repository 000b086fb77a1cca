# SPDX-License-Identifier: GPL-2.0-only
"""A machine of one's own: QEMU, started by tools/machine as everywhere here, and stopped before its first instruction.

Used by the grader, by tools/count-instructions, and by `xen attach` inside GDB. Everything goes over UNIX sockets in a
folder of this machine's own, so that machines cannot collide and nobody else can connect. QEMU ends when its maker does.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence

from .monitor import Monitor, MonitorError
from .patience import ANSWER, processor_time
from .packets import Gone, Late
from .stub import Stub

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# A guest's addresses, without Xen's: 32 bits with three levels, and 64 bits (xen/arch-x86/xen-x86_*.h).
GUESTS_PART = "0+0xf5800000,0xffff880000000000..0xffffffffffffffff"

# Options. A machine that is idle has its clock put forward to its next timer at once (tools/machine, sleep=off), and one that
# stands at a breakpoint is taken for idle: time leaps at each stop. With these it waits, by the host's clock, and goes on
# where it was; but no two runs are alike to the instruction then.
AWAKE = ("-icount", "sleep=on")


class Machine:
    """QEMU with an image in it. folder is an empty one of the caller's; the serial port's bytes go to log there."""

    def __init__(self, folder: str, image: str, xen: str = "", *, native: bool = False, module: str = "", cmdline: str = "",
                 options: Sequence[str] = (), **environment: str) -> None:
        self.folder = folder
        self.log = os.path.join(folder, "log")
        settings = dict(os.environ, XEN=xen or os.environ.get("XEN") or "build/xen/xen", ACCEL="tcg", CMDLINE=cmdline,
                        MODULE=module, NATIVE="y" if native else "n", **environment)
        # A session of its own, or Ctrl-C in its maker's terminal would end it.
        with open(os.path.join(folder, "errors"), "wb") as errors:
            self.qemu = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", os.path.join(TOP, "tools/machine"), folder, image, "-S",
                 "-gdb", "unix:stub,server=on,wait=off", "-qmp", "unix:qmp,server=on,wait=off", *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=settings, start_new_session=True)
        self.pid = self.qemu.pid
        self._monitor: Monitor | None = None

    # ---- connections ---------------------------------------------------------

    def connect(self) -> Stub:
        """The debugging stub, which serves one at a time. QEMU opens its socket a moment after it was started."""
        end = time.monotonic() + ANSWER
        while True:
            try:
                stub = Stub.connect(os.path.join(self.folder, "stub"))
                stub.computed = self.processor_time
                return stub
            except OSError:
                if self.qemu.poll() is not None:
                    raise Gone(f"QEMU did not start: {self.errors()}") from None
                if time.monotonic() > end:
                    raise Late(f"QEMU did not open its socket in {ANSWER:g} s: {self.errors()}") from None
                time.sleep(0.005)

    @property
    def monitor(self) -> Monitor:
        if not self._monitor:
            self._monitor = Monitor(os.path.join(self.folder, "qmp"))
        return self._monitor

    # ---- what is known from outside ------------------------------------------

    def errors(self) -> str:
        """QEMU's own last words."""
        with open(os.path.join(self.folder, "errors"), encoding="utf-8", errors="replace") as file:
            return file.read().strip()

    def processor_time(self) -> float:
        """Seconds that QEMU has computed; 0 if it has ended."""
        return processor_time(self.pid)

    def halted(self) -> bool:
        """Whether the processor waits for an interrupt and takes none: Xen has stopped for good, whatever was printed."""
        try:
            return self.monitor.halted()
        except MonitorError:
            return False  # it has ended: the stub will say so

    # ---- the end ---------------------------------------------------------------

    def close(self) -> None:
        if self.qemu.poll() is None:
            self.qemu.kill()
        self.qemu.wait()

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
