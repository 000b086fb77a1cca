# SPDX-License-Identifier: GPL-2.0-only
"""What Xen told an observed guest: start_info, shared_info, and that an event has come. A part of Facts."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from xenabi.loader import Loading
from xenpt.memory import PAGE_SIZE, BadPage
from xenpt.shared_info import SharedInfo

if TYPE_CHECKING:
    from .calls import Call
    from .observe import Observation
    from .source import Source


class XenTold:
    """What it has to know of the others."""

    bits: int
    source: Source
    seen: Observation | None
    calls: list[Call]

    @property
    def nr_pages(self) -> int:
        """0 if it is not known."""
        return self.info.nr_pages if self.info else 0

    @property
    def info(self):
        """start_info as it was at the entry."""
        return getattr(self.seen, "info", None) if self.seen else None

    @functools.cached_property
    def shared_info(self) -> SharedInfo | None:
        """Event channels and time at the end."""
        if not self.seen or not self.info:
            return None
        try:
            return SharedInfo(self.seen.read_page(self.info.shared_info & -PAGE_SIZE), self.bits)
        except BadPage:
            return None

    @property
    def called_back(self) -> bool:
        """Whether Xen is known to have called the kernel for an event: it returned from one."""
        names = [c.name for c in self.calls]
        return "set_callbacks" in names and "iret" in names[names.index("set_callbacks"):]

    @functools.cached_property
    def page_offset(self) -> int:
        """VA of all memory, less its paddr: PAGE_OFFSET."""
        return 0xFFFF880000000000 if self.bits == 64 else self.source.offset

    @functools.cached_property
    def virt_base(self) -> int:
        """VA of paddr 0 from the entry on, by the note VIRT_BASE; 0 if Xen maps the image P=V."""
        return Loading(self.source.image).virt_base if self.source.image else 0
