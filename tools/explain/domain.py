# SPDX-License-Identifier: GPL-2.0-only
"""The domain that stage 6 builds, if it is that which failed: the same facts, of the guest in the guest.

It is observed as dom0 is: from its first instruction, which nobody else's can be (stage 6 is linked elsewhere), to its end.
What Xen prints of dom0's start, the toolstack prints of the domain's.
"""

from __future__ import annotations

import functools
import os
import re

from xenpt.memory import PAGE_SHIFT

from .contract import broken
from .facts import Facts
from .observe import EXIT, Observation
from .transcript import Transcript

# The flags' bit 2 says that it is at its end, and that dom0 did not see it.
_ENDED = r"^toolstack: the guest ended with reason 3|PANIC: toolstack: domain \d+ is not at its end(?!.*flags 0x[0-9a-f]*[4-7c-f]\b)"
_LAYOUT = "toolstack: layout, PFNs: "
_PLACE = re.compile(r"(?:(\d+) )?(p2m|start_info|store|console|tables|stack) 0x([0-9a-f]+)")
_PAGES = re.compile(r"^toolstack: (\d+) pages, PFN 0 is MFN")
_LOADED = re.compile(r"^toolstack: loaded paddr 0x([0-9a-f]+) to 0x[0-9a-f]+, cleared to 0x([0-9a-f]+)")
_BEGINS = re.compile(r"^toolstack: vcpu 0 begins at VA 0x([0-9a-f]+)")
_PORTS = re.compile(r"^toolstack: channels: the guest's port (\d+) for the console, (\d+) for the store")
_ELF = b"\x7fELF"


class DomainTranscript(Transcript):
    """Of a whole transcript, what one domain and Xen say of that domain, and the toolstack while it builds it."""

    def __init__(self, whole: Transcript, number: int) -> None:
        begins = [n for n, line in enumerate(whole.guest) if line.startswith("toolstack: created domain ")]
        mine = next((n for n in begins if whole.guest[n].startswith(f"toolstack: created domain {number},")), len(whole.guest))
        self.toolstack = whole.guest[mine:next((n for n in begins if n > mine), None)]
        own = (re.match(rf"^(?:\[domain {number}\]|\(d{number}\)) (.*)", line) for line in whole.lines)
        self.guest = [m[1] for m in own if m]
        begin = next((i for i, line in enumerate(whole.xen) if re.search(rf"\bd{number}v\d|^Domain {number} \(vcpu", line)), len(whole.xen))
        self.xen = whole.xen[begin:]
        self.lines = self.guest + [f"(XEN) {line}" for line in self.xen]

    @functools.cached_property
    def places(self) -> dict[str, int]:
        """The toolstack's layout: PFNs by name, how many tables and pages there are, and the two ports. Empty if it is not known."""
        line = next((line for line in self.toolstack if line.startswith(_LAYOUT)), "")
        found = {name: int(pfn, 16) for _, name, pfn in _PLACE.findall(line)}
        if set(found) != {"p2m", "start_info", "store", "console", "tables", "stack"}:
            return {}
        pages = [m for m in map(_PAGES.match, self.toolstack) if m]
        ports = next((m for m in map(_PORTS.match, self.toolstack) if m), None)
        found |= {"console_port": int(ports[1]), "store_port": int(ports[2])} if ports else {}
        return found | {"nr_tables": int(_PLACE.findall(line)[-2][0])} | ({"pages": int(pages[0][1])} if pages else {})

    @property
    def layout(self) -> dict[str, range]:
        places = self.places
        loaded = next((m for m in map(_LOADED.match, self.toolstack) if m), None)
        if not places or not loaded:
            return {}
        p2m, info, tables, stack = (places[name] << PAGE_SHIFT for name in ("p2m", "start_info", "tables", "stack"))
        page = 1 << PAGE_SHIFT
        return {"Loaded kernel": range(int(loaded[1], 16), int(loaded[2], 16)), "Phys-Mach map": range(p2m, info),
                "Start info": range(info, info + page), "Page tables": range(tables, stack), "Boot stack": range(stack, stack + page)}

    @property
    def entry(self) -> int | None:
        begins = next((m for m in map(_BEGINS.match, self.toolstack) if m), None)
        return int(begins[1], 16) if begins else None


class DomainFacts(Facts):
    """Facts of the domain. What boots is still dom0's image."""

    def __init__(self, dom0: Facts, module: str, number: int) -> None:
        super().__init__(dom0.log, "failure", module)
        self.said, self.others = DomainTranscript(dom0.said, number), number - 1
        self.boots, self.dom0 = dom0.boots, dom0.source
        self.broken: list[str] = []  # of what a guest is promised
        if self.xen(rf"\bd{number}v\d+ Unhandled: vec|^Domain {number} \(vcpu#0\) crashed"):
            self.end = "crash"
        elif dom0.end == "mute":
            self.end = "mute"
        elif dom0.panic:  # of the toolstack's, which has waited long enough
            self.end = "timeout"

    def _functions(self) -> dict[int, str]:
        return {}  # another width, another arrangement: what they should return is not worked out for it

    def at_entry(self, seen: Observation) -> None:
        va = self.dom0.va(EXIT)
        seen.only_this([] if va is None else [va])
        self.broken = list(broken(seen, self.source, self.said.places))


def first_to_fail(facts: Facts) -> int:
    """Of several domains the one that is the first to say so, or of which Xen says so."""
    found = (re.search(r"^\[domain (\d+)\] .*PANIC|^\(XEN\) d([1-9]\d*)v\d+ Unhandled|^\(XEN\) Domain ([1-9]\d*) \(vcpu#0\) crashed|PANIC: toolstack: domain (\d+)", line)
             for line in facts.said.lines)
    first = next((m for m in found if m), None)
    return int(next(n for n in first.groups() if n)) if first else 1


def domain(facts: Facts) -> DomainFacts | None:
    """The domain of a run that failed because of it; None if there is none, or it cannot be looked at."""
    module = os.environ.get("MODULE", "")
    mute = facts.end == "mute" and facts.guest("^toolstack: created domain")
    if facts.pvh != "n" or not mute and (facts.end != "failure" or not facts.guest(_ENDED)) or not os.path.isfile(module):
        return None
    with open(module, "rb") as file:
        is_elf = file.read(len(_ELF)) == _ELF
    inside = DomainFacts(facts, module, first_to_fail(facts)) if is_elf else None
    return inside if inside and inside.said.entry is not None else None
