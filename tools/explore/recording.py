# SPDX-License-Identifier: GPL-2.0-only
"""Records a boot: both runs, and what they tell together."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

from xenpt.guest import Boot as BootData
from xenpt.memory import PAGE_SHIFT
from xenpt.paging import PagingError
from xenpt.translate import FrameList
from xenqemu.monitor import Monitor

from . import registers
from .boot import Boot, RecordError
from .memory import Copy, Ram
from .trace import Trace

_PATIENCE = "600"  # seconds
_REGISTER = re.compile(r"\b([A-Z]+[0-9]*) ?=([0-9a-f]+)")


class Now:
    """The processor's registers while QEMU waits, by their names in lower case; 32-bit ones by their 64-bit names, too."""

    def __init__(self, monitor: Monitor) -> None:
        for name, value in _REGISTER.findall(monitor.human("info registers")):
            name = name.lower()
            setattr(self, name, int(value, 16))
            if len(name) == 3 and name[0] == "e":
                setattr(self, "r" + name[1:], int(value, 16))


class Recording(NamedTuple):
    """All that is known of one boot."""
    trace: Trace
    values: list[registers.Values | None]  # the registers before each step
    ram: Ram  # at the entry
    boot: BootData | None
    pages: dict[int, int]  # PFN -> MFN of the guest's pages
    console: bytes
    status: int  # of tools/boot, and what it printed
    said: str


QEMU_FAILED = 8  # tools/boot


def record(image: str, bits: int, flags: Sequence[str], entry: int = 0) -> Recording:
    """Boots an image twice; entry: where it begins, if it boots without Xen."""
    say(f"recording {image}: what it executes ...")
    first = Boot(image, flags, entry=entry)
    memory, data, pages = b"", None, {}
    for _ in first.waits():
        memory = first.ram()
        data, pages = _at_entry(first, Copy(memory), bits)
        first.want(pages.values())
        if data:
            first.want([data.shared_info >> PAGE_SHIFT])
    trace, ram = Trace(*first.records()), Ram(memory)
    console = _console(first.said)
    if not console or first.process.returncode == QEMU_FAILED:
        raise RecordError(f"there was no boot:\n{first.said}")
    if not trace.addresses:  # Xen did not start it: there is only what Xen said
        return Recording(trace, [], ram, None, {}, console, first.process.returncode, first.said)
    say(f"recording {image}: the registers of {len(trace.addresses)} steps ...")
    with tempfile.TemporaryDirectory() as folder:
        # It takes long between two lines of the console, and is ended here.
        second = Boot(image, flags, trace.blocks_before - registers.EARLY_BLOCKS, entry, BUILD=folder, SILENCE=_PATIENCE, TIMEOUT=_PATIENCE)
        values = registers.record(second, trace, bits)
    return Recording(trace, values, ram, data, pages, console, first.process.returncode, first.said)


def say(text: str) -> None:
    print(text, file=sys.stderr)


def _at_entry(boot: Boot, ram: Copy, bits: int) -> tuple[BootData | None, dict[int, int]]:
    """What the guest was given, and its pages; nothing if it is no guest of Xen's."""
    now = Now(boot.monitor)
    try:
        data = BootData.at_entry(ram, now, bits, now.rsi)
    except PagingError:
        return None, {}
    p2m = FrameList(ram, bits // 8, data.p2m_frames, data.nr_pages)
    pages = {pfn: p2m[pfn] for pfn in range(data.nr_pages)}
    return data, {pfn: mfn for pfn, mfn in pages.items() if mfn is not None}


def _console(said: str) -> bytes:
    """The transcript that tools/boot names."""
    found = re.search(r"\(transcript: (.*)\)$", said, re.MULTILINE)
    if not found or not os.path.exists(found[1]):
        return b""
    with open(found[1], "rb") as log:
        return log.read()
