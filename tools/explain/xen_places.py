# SPDX-License-Identifier: GPL-2.0-only
"""Where in Xen an observed boot is stopped: the functions that take what a guest does, by address."""

from __future__ import annotations

import struct
import subprocess
from typing import TYPE_CHECKING

from .saved import Saved

if TYPE_CHECKING:
    from xenqemu.monitor import Monitor
    from xenqemu.stub import Stub

# An exception for the guest; the end of a guest; Xen's own end; an MSR of Xen's; CPUID. See their arguments in observe.py.
_FUNCTIONS = {"pv_inject_event": "inject", "__domain_crash": "crash", "machine_halt": "halt",
              "guest_wrmsr_xen": "msr", "guest_cpuid": "cpuid"}
# Who takes hypercalls, with the guest's registers as its argument.
_HYPERCALL = {32: "do_entry_int82", 64: "pv_hypercall"}


class XenPlaces:
    """Address -> what it is. Empty without xen-syms."""

    def __init__(self, xen_syms: str, bits: int) -> None:
        self.symbols = _symbols(xen_syms)
        self.stops = {self.symbols[name]: what for name, what in _FUNCTIONS.items() if name in self.symbols}
        self.call = self.symbols.get(_HYPERCALL[bits])
        self._frame = 0

    def frame(self, stub: Stub, monitor: Monitor) -> int:
        """Where Xen keeps the guest's registers: at the top of its stack, which its TSS names."""
        if not self._frame:
            top, = struct.unpack("<Q", stub.read(monitor.task_register_base() + 4, 8))
            self._frame = top - Saved.SIZE
        return self._frame


def _symbols(path: str) -> dict[str, int]:
    wanted = {*_FUNCTIONS, *_HYPERCALL.values()}
    listed = subprocess.run(["nm", path], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    rows = (line.split() for line in listed.stdout.splitlines())
    return {row[2]: int(row[0], 16) for row in rows if len(row) == 3 and row[2] in wanted}
