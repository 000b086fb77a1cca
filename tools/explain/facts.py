# SPDX-License-Identifier: GPL-2.0-only
"""All that is known of a run that failed: what rules ask, and what is listed if none of them fits."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import subprocess
from collections.abc import Callable

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE, BadPage
from xenpt.paging import PagingError
from xenpt.shared_info import SharedInfo
from xenpt.space import Walk
from xenpt.start_info import StartInfo
from xenqemu.packets import StubError

from . import numbers
from .calls import Call
from .fault import Fault, from_dump, from_kernel
from .observe import EXIT, Observation
from .refusal import Refusal
from .source import Source
from .transcript import Transcript

_ENDING = ("panic.c", "exit.c", "printk.c", "console.c", "string.c", "ring.c", "serial.c")  # files of stage 2 by which a run ends
# How a run that ended so ends when it is observed.
SAME_END = {"crash": ("crash", "halt", "shutdown"), "failure": ("exit", "shutdown"), "mute": ("success", "shutdown"), "silence": ("loop", "in xen", "crash"),
            "timeout": ("loop", "in xen", "crash")}
BEYOND = ("crash", "silence", "timeout")  # these may come in xen_exit(), or behind it
CUT_SHORT = ("loop", "in xen")
OF_TIME = ("timer: ", "events: ")  # panics that depend on when an event comes
MOST_FRAMES = 12
SERIES, STORM = 3, 12  # an exception that comes more often than that comes by itself: at the end, and before it
TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Facts(Refusal):
    """end: how it ended, in tools/boot's words; where: the address at which a run was stopped, "idle" or "xen"."""

    def __init__(self, log: str, end: str, image: str, where: str = "", native: bool = False) -> None:
        self.said = Transcript(_bytes(log))
        self.log, self.end, self.where_said, self.native = log, end, where, native
        self.boots = image
        self.source = Source(image)
        self.bits, self.mask = self.source.bits, self.source.mask
        self.pvh = os.environ.get("PVH", "n")
        self.seen: Observation | None = None
        self.calls: list[Call] = []
        self.entered_as_told = True  # by an observation
        self.bzimage = _bzimage(image) if image.endswith(".bzImage") else []

    def observe(self) -> contextlib.AbstractContextManager:
        """Boots it again, if it came as far as the guest. While this holds, memory can be read."""
        if self.native or self.pvh != "n" or self.said.entry is None or self.end in ("refusal", "qemu") or not self.source.image:
            return contextlib.nullcontext()
        va = self.source.va(EXIT) if self.end not in BEYOND else None
        exits = [] if va is None else [va, va - self.source.offset & self.mask]
        starts = self.source.va("xen_entry") if self.source.va("boot_params") is None else None
        self.seen = Observation(self.boots, self.said.entry, self.bits, exits,
                                None if starts is None else starts - self.source.offset & self.mask,
                                self.end in ("silence", "timeout"), self.at_entry)
        self.calls = self.seen.calls
        self.entered_as_told = self.seen.ended != "not entered"
        if self.seen.ended not in SAME_END.get(self.end, (self.seen.ended,)) and not (self.seen.ended in CUT_SHORT and self.repeated):
            # It takes longer than is waited here; or it is another run than this: somebody has changed it from outside (GDB), or a
            # timer came at another moment, since virtual time jumps at each stop. Then the calls are still those that it makes.
            self.calls = self.calls if self.seen.ended in CUT_SHORT or self.panic.startswith(OF_TIME) else []
            self.seen.close()
            self.seen = None
            return contextlib.nullcontext()
        return self.seen

    at_entry: Callable[[Observation], None] | None = None  # to be called there

    # ---- what was printed ---------------------------------------------------------

    def xen(self, pattern: str) -> re.Match[str] | None:
        return self.said.xen_said(pattern)

    def guest(self, pattern: str) -> re.Match[str] | None:
        return self.said.guest_said(pattern)

    @functools.cached_property
    def panic(self) -> str:
        """What the kernel's own panic() said."""
        match = self.guest(r"^(?!\[domain |\(d[1-9]).*?PANIC: (.*)")
        return match[1] if match else ""

    # ---- the machine at the end ------------------------------------------------------

    @functools.cached_property
    def fault(self) -> Fault | None:
        """The exception that the run ended by; None if it did not."""
        faults = self.seen.faults if self.seen else []
        if self.end == "failure" and not self.guest("^FAULT: vector") or self.end not in ("crash", "failure", "timeout", "silence"):
            return None
        if self.repeated:
            return self.repeated[0]
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

    def walk(self, va: int) -> Walk | None:
        """The page tables' answer at the end."""
        if not self.seen or not self.seen.boot:
            return None
        try:
            return self._guest.space.walk(va)
        except (PagingError, StubError, BadPage):
            return None

    @property
    def levels(self):
        return self._guest.mode.levels

    @property
    def entry_size(self) -> int:
        """Bytes of an entry of the page tables that it runs on; of those of its width, if it is not running."""
        try:
            return self._guest.mode.entry_size
        except (PagingError, StubError, BadPage):
            return 8

    def mapped_at(self, paddr: int) -> list[int]:
        """The VAs that lead to a page at the end, but for P=V."""
        mfn = self.p2m[paddr >> PAGE_SHIFT] if paddr >> PAGE_SHIFT < len(self.p2m) else None
        if mfn is None or not self.seen.boot:
            return []
        return [m.va + paddr % PAGE_SIZE for m in self._guest.space.mappings(self._guest.is_guests)
                if m.mfn == mfn and m.va != paddr & -PAGE_SIZE]

    @functools.cached_property
    def _guest(self):
        return self.seen.guest()

    def pfn(self, mfn: int) -> int | None:
        return self.pfn_of.get(mfn)

    @property
    def pfn_of(self) -> dict[int, int]:
        return getattr(self.seen, "pfn_of", {}) if self.seen else {}

    @property
    def p2m(self) -> list[int]:
        return getattr(self.seen, "p2m", []) if self.seen else []

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

    def va_of_entry(self, maddr: int) -> tuple[str, int] | None:
        """Of an entry of the page tables in use: its name, and the first VA that it translates."""
        space = self._guest.space if self.seen and self.seen.boot else None
        for (depth, table), ways in space.tables(self._guest.is_guests).items() if space else ():
            if table & -PAGE_SIZE == maddr & -PAGE_SIZE:
                index = (maddr - table) // self._guest.mode.entry_size
                entry = space.entry(depth, table, index, 0)
                return entry.name, space.va_of((*ways[0], entry))
        return None

    @functools.cached_property
    def page_offset(self) -> int:
        """VA of all memory, less its paddr: PAGE_OFFSET."""
        return 0xFFFF880000000000 if self.bits == 64 else self.source.offset

    # ---- things that have an address ---------------------------------------------------

    def thing(self, paddr: int) -> str:
        """What Xen put at a P=V address, or what of the image is there; empty if nothing."""
        va = paddr + self.source.offset & self.mask
        if va in self.source.extent:
            page = self.source.va("hypercall_page")
            if page is not None and 0 <= va - page < PAGE_SIZE:
                return f"the hypercall page, stub {(va - page) // 32}" + (f" + {(va - page) % 32}" if (va - page) % 32 else "")
            return self.source.name(va) or "the image"
        for name, extent in self.said.layout.items():
            if name != "TOTAL" and paddr in extent and not name.startswith("Loaded"):
                offset = paddr - extent.start
                return _NAMES.get(name, name) + (f" + {offset:#x}" if offset else "")
        return ""

    def number(self, n: int, *words: str) -> str:
        """What a number is, in a few words; of these kinds only, if any are named."""
        kinds = [k for k in numbers.what(self, n) if not words or k.word in words]
        return kinds[0].text if kinds else ""

    def is_a(self, n: int, *words: str) -> bool:
        return any(k.word in words for k in numbers.what(self, n))

    # ---- where ------------------------------------------------------------------------------

    @functools.cached_property
    def where(self) -> str:
        """Where it ended, in the source's words."""
        if self.where_said in ("idle", "xen"):
            return {"idle": "idle, the guest waits for an event", "xen": "in Xen, at work for the guest"}[self.where_said]
        context = self.xen(r"CONTEXT: .*guest \(d([1-9]\d*)v")
        address = self.address
        if context and self.end in ("crash", "failure") and address is not None and not self.fault:
            return f"VA {address:#x} of the domain that stage 6 built"
        return "" if address is None else self.source.place(address)

    @functools.cached_property
    def address(self) -> int | None:
        """The instruction that it ended at."""
        if self.where_said.startswith("0x"):
            return int(self.where_said, 16)
        if self.fault:
            return self.fault.ip
        if self.end == "crash" and self.seen and self.seen.regs is not None:
            return self.seen.regs.rip & self.mask
        if self.panic and self.seen and self.seen.ended == "exit":
            found = (*self.callers(), *self.on_stack()[:MOST_FRAMES])
            return next((a for a in found if not self.source.line(a).partition(":")[0].endswith(_ENDING)), None)
        dumped = [self.xen(r"RIP: .*<([0-9a-f]+)>"), self.guest(r"^ +[ER]IP VA 0x([0-9a-f]+) ")]
        found = [int(m[1], 16) for m in dumped if m]
        return found[-1] if found else None

    @property
    def function(self) -> str:
        return self.source.function(self.address) if self.address is not None else ""

    def word(self, symbol: str) -> int | None:
        """A variable of the image's, one word large, at the end."""
        va = self.source.va(symbol)
        for address in () if va is None else (va, va - self.source.offset & self.mask):
            data = self.seen.peek(address, self.bits // 8) if self.seen else None
            if data:
                return int.from_bytes(data, "little")
        return None

    @functools.cached_property
    def info_now(self) -> StartInfo | None:
        """start_info at the end, where xen_start_info points to, or where Xen put it."""
        pointer, first = self.word("xen_start_info") or 0, self.seen.start_info if self.seen else 0
        right = first and pointer in (first, first + self.page_offset & self.mask)
        data = self.seen.peek(pointer, PAGE_SIZE - pointer % PAGE_SIZE) if right else None
        return StartInfo(data, self.bits) if data else None

    def holders(self, n: int) -> list[str]:
        """Variables of the image's, of one word, that hold an address so little below a number that it may come from there."""
        found = []
        for symbol in self.source.image.all_symbols if self.source.image else ():
            if symbol.size == self.bits // 8 and symbol.value in self.source.extent and symbol.value not in self.source.code:
                value = self.word(symbol.name)
                if value and 0 <= n - value < PAGE_SIZE:
                    found.append(f"{symbol.name} holds {value:#x}")
        return found


_NAMES = {"Phys-Mach map": "the p2m (mfn_list)", "Start info": "start_info", "Page tables": "the page tables",
          "Boot stack": "Xen's boot stack", "Init. ramdisk": "the module"}


def _bytes(path: str) -> bytes:
    """What was printed; nothing if QEMU did not even start."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _bzimage(path: str) -> list[str]:
    """What is wrong with a bzImage, which Xen does not say."""
    done = subprocess.run([os.path.join(TOOLS, "bzimage"), path], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout.splitlines()
