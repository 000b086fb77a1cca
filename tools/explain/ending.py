# SPDX-License-Identifier: GPL-2.0-only
"""What a run ended by, and where in the source that was. A part of Facts."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from .fault import Fault, from_dump, from_kernel
from .way import Way

if TYPE_CHECKING:
    from .calls import Call
    from .pvh_run import PvhRun
    from .transcript import Transcript

_ENDING = ("panic.c", "exit.c", "printk.c", "console.c", "string.c", "ring.c", "serial.c")  # files of stage 2 by which a run ends
_HELPERS = ("printk.c", "console.c", "string.c")
PANICS = ("panic", "hypercall_must")
MOST_FRAMES = 12
SERIES, STORM = 3, 12  # an exception that comes more often than that comes by itself: at the end, and before it


class Ending(Way):
    """What it has to know of the others:"""

    end: str
    where_said: str
    said: Transcript
    calls: list[Call]
    ran: PvhRun | None
    panic: str
    thing: Callable[[int], str]

    def xen(self, pattern: str) -> re.Match[str] | None:
        return self.said.xen_said(pattern)

    def guest(self, pattern: str) -> re.Match[str] | None:
        return self.said.guest_said(pattern)

    @functools.cached_property
    def fault(self) -> Fault | None:
        """The exception that the run ended by; None if it did not."""
        faults = self.seen.faults if self.seen else []
        if self.end == "failure" and not self.guest("^FAULT: vector") or self.end not in ("crash", "failure", "timeout", "silence"):
            return None
        if self.repeated:  # if another came first that was not meant, the storm is of its handler's making
            return next((x for x in faults if x.ip not in dict(self.source.fixups)), self.repeated[0])
        if self.end in ("timeout", "silence"):
            return None
        if faults and self.end == "crash" and any(c.name == "iret" for c in self.calls[faults[-1].calls:]):
            return None  # that one was handled, and it was not what the guest ended by
        if faults:
            return faults[-1]
        return from_dump(self.said) if self.end == "crash" else from_kernel(self.said)

    @functools.cached_property
    def repeated(self) -> list[Fault]:
        """The same exception again and again: all of them, if it is that what the run ended in."""
        faults = self.seen.faults if self.seen else []
        keys = [(x.vector, x.ip, x.cr2 if x.page else 0) for x in faults]
        often = [x for x, key in zip(faults, keys) if keys.count(key) > (SERIES if key in keys[-SERIES:] else STORM)]
        return often

    @functools.cached_property
    def where(self) -> str:
        """Where it ended, in the source's words."""
        if self.where_said in ("idle", "xen"):
            return {"idle": "idle, the guest waits for an event", "xen": "in Xen, at work for the guest"}[self.where_said]
        context = self.xen(r"CONTEXT: .*guest \(d([1-9]\d*)v")
        address = self.address
        if context and self.end in ("crash", "failure") and address is not None and not self.fault:
            return f"VA {address:#x} of the domain that stage 6 built"
        if address is None:
            return ""
        found = self.source.linked(address)
        stub = self.thing(found[0] - self.source.offset & self.mask) if found else ""
        return f"{found[1]} {address:#x}: {stub}" if stub.startswith("the hypercall page") else self.place(address) + self.called_from(address)

    @functools.cached_property
    def caller_of_helper(self) -> int | None:
        """Who called what everybody calls, if a fault came there."""
        if not self.fault or not self.seen or not self._helps(self.fault.ip):
            return None
        return next((a for a in self.callers(self.fault.regs) if not self._helps(a)), None)

    def _helps(self, address: int) -> bool:
        return self.source.line(address).partition(":")[0].endswith(_HELPERS)

    def called_from(self, address: int) -> str:
        """Who called what everybody calls, if a fault came there."""
        found = self.caller_of_helper if self._helps(address) else None
        return f"; called from {self.source.function(found)}, {self.source.line(found)}" if found is not None else ""

    @functools.cached_property
    def address(self) -> int | None:
        """The instruction that it ended at."""
        if self.bare and self.bare.fault:
            return self.bare.fault.ip
        if self.where_said.startswith("0x"):
            return int(self.where_said, 16)
        if self.fault:
            return self.fault.ip
        if self.end == "crash" and self.seen and self.seen.regs is not None:
            return self.seen.regs.rip & self.mask
        if self.panic and (self.bare or self.ran and self.ran.source.path == self.source.path):
            return self._panicked_at()
        if (self.panic or not self.guest("^FAULT: vector")) and self.seen and self.seen.ended == "exit":
            ways = self.callers()
            told = next((n for n, a in enumerate(ways) if self.panic and self.source.function(a) in PANICS), None)
            if told is not None and ways[told + 1:]:  # it is certain, also of a file by which others end
                return ways[told + 1]
            found = (*ways, *self.on_stack()[:MOST_FRAMES])
            return next((a for a in found if not self.source.line(a).partition(":")[0].endswith(_ENDING)), None)
        dumped = [self.xen(r"RIP: .*<([0-9a-f]+)>"), self.guest(r"^ +[ER]IP VA 0x([0-9a-f]+) ")]
        found = [int(m[1], 16) for m in dumped if m]
        return found[-1] if found else None

    def _panicked_at(self) -> int | None:
        """Where the kernel called panic(), if there is no Xen to stop at, or none is stopped."""
        begin, steps = self.source.va("panic"), self.ran.steps if self.ran else self.steps
        last = next((n for n in range(len(steps) - 1, 0, -1) if (self.source.linked(steps[n].address) or (None,))[0] == begin), 0)
        return steps[last - 1].address if last else None

    @property
    def function(self) -> str:
        return self.source.function(self.address) if self.address is not None else ""
