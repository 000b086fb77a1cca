# SPDX-License-Identifier: GPL-2.0-only
"""How a run is observed in which stage 6 builds domains: in time, for at each stop of the machine time leaps. A part of Facts."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from .transcript import Transcript

if TYPE_CHECKING:
    from .observe import Observation
    from .source import Source

NUMBER = re.compile(r"[0-9a-f]*\d[0-9a-fx]*")
# Dom0's patience is at its end. So many of Xen's timers come until then, once time has leapt, that it would not be waited for.
WAITED = re.compile(r"toolstack: domain \d+ (?:is not at its end|has never run|is a zombie)")


def panic(said: Transcript) -> str:
    """What the kernel's own panic() said, and not a domain's."""
    match = said.guest_said(r"^(?!\[domain |\(d[1-9]).*?PANIC: (.*)")
    return match[1] if match else ""


class Building:
    """What it has to know of the others:"""

    source: Source
    seen: Observation | None
    panic: str
    guest: Callable[[str], re.Match[str] | None]

    def builds_others(self) -> Callable[[Observation], None] | None:
        """What stage 6 does is followed, and not what the domains do that it builds."""
        return self._follow_dom0 if self.guest("^toolstack: ") else None

    def _follow_dom0(self, seen: Observation) -> None:
        """While a domain runs, time is its, too, and would leap at each of dom0's calls; they are followed only if it ended by one."""
        seen.only_this([])
        serve = self.source.va("serve")
        if serve is not None and not self.panic.startswith("hypercall refused"):
            seen.deafen(serve, bool(WAITED.match(self.panic)))

    def another_panic(self) -> bool:
        """Whether the kernel said something else when it was observed, but for numbers. What a domain says is in its ring then. Xen may have come
        between with a line of its own, since time leaps."""
        with open(os.path.join(self.seen.folder, "log"), "rb") as log:
            said, first = (NUMBER.sub("#", words) for words in (panic(Transcript(log.read())), self.panic))
        return bool(said) and not (first.startswith(said) or said.startswith(first)) and not hasattr(self, "broken")

    @functools.cached_property
    def patience(self) -> str:
        """Time jumps at each stop: so stage 6's dom0 is told to wait for longer than it does, unless it is the end of its patience that is looked into."""
        return "seconds=1000000" if self.guest("^toolstack: ") and not WAITED.match(self.panic) else ""
