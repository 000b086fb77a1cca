# SPDX-License-Identifier: GPL-2.0-only
"""The hypercall that a run ended by because Xen refused it; which update of it; and what Xen said then."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from xenabi.headers import names, value

from .calls import ABOUT_GUEST, Call
from .transcript import Transcript
from .way import Way

# What the end of a run says itself: hypercalls that tell of others.
_TELLING = ("console_io", "physdev_op")


class Refusal(Way):
    """Of the facts, those about a refused hypercall. What it has to know of the others:"""

    end: str
    panic: str
    said: Transcript
    calls: list[Call]
    xen: Callable[[str], re.Match[str] | None]

    @functools.cached_property
    def refused(self) -> Call | None:
        """The hypercall whose refusal the run ended by: the last but for those that tell of it."""
        if self.end not in ("failure", "silence", "timeout", "shutdown", "mute", "halted") or self.panic and "hypercall refused" not in self.panic:
            return None
        if self.seen and not self.seen.places.call and not self.calls:
            return self._told
        before = [c for c in self.calls if c.refused and not (c.name in _TELLING and self.panic and "console_io" not in self.panic)]
        if not self.panic and self.guest("^toolstack: this Xen speaks domctl version"):
            found = next((n for n, c in enumerate(self.calls) if c.name == "domctl" and not c.refused), 0)
            before = [c for c in before if c not in self.calls[:found] or c.name != "domctl"]  # other versions were tried, and are to be refused
        named = re.match(r"hypercall refused: (\w+)", self.panic)
        if named and f"__HYPERVISOR_{named[1]}" in names("__HYPERVISOR_").values():
            # Others were refused, and nobody minded; or the number was another call's than the name.
            before = [c for c in before if c.name == named[1]] or before
        return before[-1] if before else None

    @property
    def _told(self) -> Call | None:
        """The mmu_update that the kernel itself says was refused: where Xen has no symbols, and calls are not seen."""
        match = re.match(r"hypercall refused: mmu_update, .*: maddr 0x([0-9a-f]+) := 0x([0-9a-f]+): (-\d+) ", self.panic)
        if not match:
            return None
        said = [line for line in self.said.lines if ABOUT_GUEST.search(line)]
        args = (0, 1, 0, value("DOMID_SELF"), 0)
        update = int(match[1], 16), int(match[2], 16)
        return Call("mmu_update", value("__HYPERVISOR_mmu_update"), args, self.seen.regs, 0, int(match[3]), said, [update])

    @functools.cached_property
    def update(self) -> tuple[int, int] | None:
        """Of a refused mmu_update the pair, ptr and val, that Xen refused."""
        call = self.refused
        if not call or not call.updates:
            return None
        return call.updates[min(call.done, len(call.updates) - 1)]

    def xen_said_then(self, pattern: str) -> bool:
        """Whether Xen said so of the call that was refused; without an observation, at all."""
        if self.refused:
            return any(re.search(pattern, line) for line in self.refused.said)
        return bool(self.xen(pattern))
