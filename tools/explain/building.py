# SPDX-License-Identifier: GPL-2.0-only
"""How a run is observed in which stage 6 builds domains: dom0, and not what runs beside it. A part of Facts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from .transcript import Transcript

if TYPE_CHECKING:
    from .observe import Observation
    from .source import Source

NUMBER = re.compile(r"[0-9a-f]*\d[0-9a-fx]*")
# Dom0's patience was at its end, which is seconds away: that is not waited for once more.
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
        """While a domain runs, dom0 asks Xen again and again whether it still does. Those calls are followed only if it ended by one."""
        seen.only_this([])
        serve = self.source.va("serve")
        if serve is not None and not self.panic.startswith("hypercall refused"):
            seen.deafen(serve, bool(WAITED.match(self.panic)))

    def another_panic(self) -> bool:
        """Whether the kernel said something else when it was observed, but for numbers. What a domain says is in its ring then. Xen may have come
        between with a line of its own."""
        with open(os.path.join(self.seen.folder, "log"), "rb") as log:
            said, first = (NUMBER.sub("#", words) for words in (panic(Transcript(log.read())), self.panic))
        return bool(said) and not (first.startswith(said) or said.startswith(first)) and not hasattr(self, "broken")
