# SPDX-License-Identifier: GPL-2.0-only
"""All that is known of a run that failed: what rules ask, and what is listed if none of them fits."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable

from xenabi.loader import Loading
from xenpt.memory import BadPage
from xenpt.paging import PagingError

from .bare import Bare
from .building import Building, panic
from .calls import Call
from .ending import Ending
from .files import Files, transcript
from .observe import EXIT, Observation
from .probes import HANDLER, Told
from .pvh_run import PvhRun
from .refusal import Refusal
from .right_results import CONTRACTS
from .source import Source
from .tables import Tables
from .things import Things
from .transcript import Transcript
from .unpacker import Unpacker
from .xen_told import XenTold

# How a run that ended so ends when it is observed.
SAME_END = {"crash": ("crash", "halt", "shutdown"), "failure": ("exit", "shutdown"), "mute": ("success", "shutdown"), "silence": ("loop", "in xen", "crash"),
            "timeout": ("loop", "in xen", "crash")}
BARE_ENDS = ("vanished", "silence", "timeout", "failure")  # by these the machine can be looked at
BEYOND = ("crash", "silence", "timeout", "halted", "shutdown")  # these may come in xen_exit(), or behind it
ENDLESS = ("silence", "timeout", "panic")  # nothing new comes if it is observed for longer; a panic by an NMI does not come again
CUT_SHORT = ("loop", "in xen")
ON_XEN, PVH_ENDS = ("dom0", "domU"), ("failure", "shutdown", "silence", "timeout", "mute", "vanished", "panic", "halted")
OF_TIME = ("timer: ", "events: ")  # panics that depend on when an event comes


class Facts(Building, Ending, Refusal, Tables, Things, XenTold):
    """end: how it ended, in tools/boot's words; where: the address at which a run was stopped, "idle" or "xen"."""

    def __init__(self, log: str, end: str, image: str, where: str = "", native: bool = False) -> None:
        self.said = Transcript(transcript(log))
        self.log, self.end, self.where_said, self.native = log, end, where, native
        self.boots = image
        files = Files(image, end in ("refusal", "panic"))
        self.source, self.bzimage, self.bzimage_bad = files.source, files.bzimage, files.bzimage_bad
        self.unpacker = Unpacker(image) if native and self.bzimage else None
        self.bits, self.mask = self.source.bits, self.source.mask
        self.pvh = os.environ.get("PVH", "n")
        self.seen: Observation | None = None
        self.bare: Bare | None = None  # the same without Xen
        self.ran: PvhRun | None = None  # stage 7's kernel on Xen
        self.calls: list[Call] = []
        self.entered_as_told = True  # by an observation
        self.qemu_hangs = False

    def observe(self) -> contextlib.AbstractContextManager:
        """Boots it again, if it came as far as the guest. While this holds, memory can be read."""
        if self.native and self.end in BARE_ENDS and self.source.image:
            entry, before = self._bare_entry(), self.unpacker.way if self.unpacker else ()
            way = () if entry is None else (*before, entry)
            self.bare = Bare(self.boots, way, self.end, self.source.samples(entry), len(before))
            if before and self.bare.reached and not self.bare.entered:
                self.bare.close()  # it ended before the kernel: what ran there is logged only then
                self.bare = Bare(self.boots, way, self.end, [], min(self.bare.reached, len(before)) - 1)
            return self.bare
        kernel = Source(os.environ.get("MODULE", "")) if self.pvh == "domU" else self.source
        if self.pvh in ON_XEN and not self.native and self.end in PVH_ENDS and kernel.image \
                and (self.pvh == "dom0" or self.guest("^toolstack: vcpu 0 begins")):
            self.ran = PvhRun(self.boots, kernel)
            return self.ran
        if self.native or self.pvh != "n" or self.said.entry is None or self.end in ("refusal", "qemu") or not self.source.image:
            return contextlib.nullcontext()
        va = self.source.va(EXIT) if self.end not in BEYOND else None
        exits = [] if va is None else [va, va - self.source.offset & self.mask]
        begin = self.source.va("xen_entry") if self.source.va("boot_params") is None else None
        self.seen = Observation(self.boots, self.said.entry, self.bits, exits,
                                [] if begin is None else [begin - self.source.offset & self.mask, begin],
                                self.end in ENDLESS, self.at_entry or self.builds_others(), self.others, self._functions(), self.end == "failure")
        self.calls = self.seen.calls
        self.entered_as_told, self.qemu_hangs = self.seen.ended != "not entered", self.seen.ended == "stuck"
        if self.another_panic() or self.seen.ended not in SAME_END.get(self.end, (self.seen.ended,)) and not (self.seen.ended in CUT_SHORT and self.repeated):
            # It takes longer than is waited here; or it is another run than this: somebody has changed it from outside (GDB), or a
            # timer came at another moment. Then the calls are still those that it makes.
            self.calls = self.calls if self.seen.ended in CUT_SHORT or self.panic.startswith(OF_TIME) else []
            self.seen.close()
            self.seen = None
            return contextlib.nullcontext()
        return self.seen

    def _functions(self) -> dict[int, str]:
        """Those of the kit's that are looked at, by address, P=V and linked. Not in a run that loops, and may be in one of them; nor in one
        that came to stage 6, where they were right."""
        if self.end in ENDLESS or self.guest("^toolstack: "):
            return {}
        found = {name: self.source.va(name) for name in (*CONTRACTS, HANDLER)}
        return {a & self.mask: name for name, va in found.items() if va is not None for a in (va, va - self.source.offset)}

    @property
    def wrong_result(self) -> Told | None:
        """The first call of a function of the kit's that returned something wrong, if the table that it reads is the right one."""
        told = self.seen.probes.wrong if self.seen and self.seen.probes else None
        pointer = self.word("phys_to_machine_mapping") if told and told.name == "phys_to_machine" else None
        if told and told.name == "early_pgd" and told.result == self._pt_base():
            return None  # that is what its field says by now: somebody has written to it
        return None if pointer is not None and pointer != self.info.mfn_list + self.page_offset & self.mask else told

    def _pt_base(self) -> int | None:
        """start_info's, as it is at the end."""
        with contextlib.suppress(PagingError, BadPage):
            return self.seen.guest().start_info().pt_base
        return None

    def _bare_entry(self) -> int | None:
        """Where a kernel without Xen is entered: the note's address, or, of a bzImage, where the unpacker jumps to."""
        note = Loading(self.source.image).notes.get("PHYS32_ENTRY") if self.source.image else None
        if self.pvh != "n":
            return note.number if note else None
        head = self.source.va("startup_32")
        return None if head is None else head - self.source.offset & self.mask

    others = 0  # so many domains begin at the same address before
    at_entry: Callable[[Observation], None] | None = None  # to be called there

    # ---- what was printed ---------------------------------------------------------

    @functools.cached_property
    def panic(self) -> str:
        """What the kernel's own panic() said."""
        return panic(self.said)
