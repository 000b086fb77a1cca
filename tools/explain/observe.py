# SPDX-License-Identifier: GPL-2.0-only
"""The failed run once more, under observation: what the guest asked Xen for, which exceptions it got, where it ended.

	with Observation.of(image, entry) as seen: ...		seen.calls, seen.faults, seen.guest, ...

While the `with` holds, the machine stands where the run ended, and its memory can be read. Breakpoints are in Xen, where
they change nothing for the guest, and at the guest's own xen_exit(). Where xen-syms is missing there are only the latter.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from xenqemu.machine import GUESTS_PART
from xenqemu.monitor import MonitorError
from xenqemu.packets import StubError, Stuck

from .again import LOOK_EVERY, Again
from .call_watch import CallWatch
from .calls import Calls
from .fault import Fault
from .probes import Probes
from .saved import Saved, saved_at
from .stops import Stops
from .trail import Trail
from .xen_places import XenPlaces

# Seconds that the machine computes or is idle, to the guest's first instruction; from there to the end, or into a loop, multiples of what
# that took, which a host that is slow or busy stretches likewise.
TO_ENTRY, TO_END, TO_LOOP = 20.0, 120, 3
TICK = 0.01  # of the processor's clock
MOST_WATCHED, MOST_STOPS = 600, 4000  # so many stops hypercalls are followed for, each two; and so many there are at all
EXIT = "xen_exit"  # src/stage2-hypercall/exit.c: the function that reports


class Observation(Again, Stops):
    """A boot of an image; see above. entry is the address that Xen says it enters at; exits and starts are the addresses of
    the functions at which it ends and begins; functions are those whose arguments and results are looked at, name by
    address. loops: nothing new is seen by looking longer. hook is called at the entry, which others come to before.
    fails: a success that is reported is not the end, for the last checks are made after that."""

    def __init__(self, image: str, entry: int, bits: int, exits: list[int], starts: list[int], loops: bool,
                 hook: Callable[[Observation], None] | None = None, others: int = 0, functions: dict[int, str] | None = None,
                 fails: bool = False) -> None:
        self.bits, self.entry, self.exits, self.starts, self.hook = bits, entry, exits, starts, hook
        self.functions, self.fails = functions or {}, fails
        self.probes: Probes | None = None
        self.others = others
        self.cr3: int | None = None  # of the guest that is followed, if there are others
        self.keepers: list[int] = []
        self.deaf_from: int | None = None
        self.enough = False  # whether nothing is looked at behind that
        self.outside = False  # whether another guest has the processor at the end
        self.most = TO_LOOP if loops else TO_END
        self.deaf = True  # whether hypercalls were not followed to the end
        self.argument: int | None = None  # of the first function in C
        self.returns = 0  # where it is to return to, with 32 bits
        self.entered = 0
        super().__init__()
        self.calls: Calls = []
        self.faults: list[Fault] = []
        self.msrs: list[tuple[int, int]] = []
        self.leaves: list[int] = []
        self.ended = "not entered"
        self.regs: Saved | None = None  # the guest's, at the end
        self.trail = Trail(self.folder)
        self.start(image, ["-dfilter", GUESTS_PART])
        try:
            self.places = XenPlaces(os.path.join(os.path.dirname(os.environ.get("XEN") or "build/xen/xen"), "xen-syms"), bits)
            self.stub = self.machine.connect()
            self._run()
        except Stuck:
            self.ended = "stuck"
        except (StubError, MonitorError):
            self.ended = "gone" if self.ended != "not entered" else self.ended
        except BaseException:
            self.close()
            raise

    # ---- running ---------------------------------------------------------------

    def _late(self, seconds: float) -> Callable[[], bool]:
        return self.late(seconds, lambda: not self.places.stops and self.machine.halted())

    def _run(self) -> None:
        self.stub.breakpoint(self.entry)
        late = self._late(TO_ENTRY)
        while True:
            if not self.stub.run_till(late, LOOK_EVERY):
                return
            self.at_entry = self.stub.registers()
            if self.at_entry.cs & 3:
                if not self.others:
                    break
                self.others -= 1
            self.stub.step()
        self.ended = "unknown"
        self.stub.remove_breakpoint(self.entry)
        self._at_entry()
        if self.hook:
            self.hook(self)
        self.trail.start(self.machine)
        self.watch = CallWatch(self) if self.places.call else None
        self.deaf = not self.watch
        for address in {*self.places.stops, *self.exits, *self.starts}:
            self.stub.breakpoint(address)
        self.probes = Probes(self, self.functions) if self.info else None
        late = self._late(self.most * max(self.machine.processor_time(), TICK))
        for number in range(MOST_STOPS):
            if number == MOST_WATCHED and self.watch:
                self.listen_no_more()
            if not self.stub.run_till(late, LOOK_EVERY):
                return self._stopped_late()
            if self._visit(self.stub.registers()):
                return None
            self.stub.step()
        return self._stopped_late()

    def deafen(self, address: int, enough: bool = False) -> None:
        """From this address on hypercalls are not followed, and so the machine is hardly stopped any more; or it is taken for a loop."""
        self.deaf_from, self.enough = address, enough
        self.stub.breakpoint(address)

    def listen_no_more(self) -> None:
        self.watch.forget()
        self.watch, self.deaf = None, True

    def _stopped_late(self) -> None:
        """It loops, or waits."""
        self.ended = "loop"
        now = self.stub.registers()
        self.outside = self.cr3 not in (None, now.cr3)
        self.regs = Saved.now(now)
        if not self.places.stops and self.machine.halted():
            # Without Xen's symbols it has run beyond the crash, and the processor is not the guest's any more.
            self.ended, self.outside, self.cr3, self.regs = "crash", True, self.at_entry.cr3, None
            return
        if now.in_xen:
            self.ended = "in xen"
            self.regs = saved_at(self.stub, self.places.frame(self.stub, self.machine.monitor))
