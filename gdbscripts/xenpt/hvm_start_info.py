# SPDX-License-Identifier: GPL-2.0-only
"""hvm_start_info in words: what a PVH kernel is told by whoever loads it. Its addresses are the kernel's paddrs.

Source: xen/arch-x86/hvm/start_info.h.
"""

import struct

from . import text
from .memory import PAGE_SIZE, BadPage
from .paging import PagingError
from .start_info import SIF_INITDOMAIN, SIF_PRIVILEGED

MAGIC = 0x336EC578
_INFO, _OF_VERSION_0 = struct.Struct("<4I4QII"), 40  # bytes
_MODULE, _RANGE = struct.Struct("<4Q"), struct.Struct("<2QII")
_KINDS = {1: "RAM", 2: "reserved", 3: "ACPI tables", 4: "ACPI NVS", 5: "unusable", 6: "disabled", 7: "persistent memory"}
_LONGEST = 1024  # of a command line that is looked at


def lines(memory, paddr):
    """A line for each field, and for each range of memory and module."""
    magic, version, flags, modules, modlist, cmdline, rsdp, memmap, ranges, _ = _INFO.unpack(_read(memory, paddr, _INFO.size))
    if magic != MAGIC:
        raise PagingError(f"there is no hvm_start_info at paddr {paddr:#x}: its magic is {magic:#x} instead of {MAGIC:#x}")
    if not version:
        memmap = ranges = 0
    yield f"hvm_start_info is at paddr {paddr:#x}"
    rows = [("magic", f"{magic:#x}", "an E with its upper bit set, in xEn3"),
            ("version", str(version), "without" if not version else "with a place for a memory map"),
            ("flags", f"{flags:#x}", _flags(flags)),
            ("nr_modules", str(modules), f"the list is at paddr {modlist:#x}" if modules else "none"),
            ("cmdline_paddr", f"{cmdline:#x}", f'"{_string(memory, cmdline)}"' if cmdline else "none"),
            ("rsdp_paddr", f"{rsdp:#x}", "where the ACPI tables begin" if rsdp else "no ACPI tables")]
    if version:
        rows.append(("memmap_paddr", f"{memmap:#x}", f"{ranges} ranges of memory"))
    for index in range(modules):
        start, size, words, _ = _MODULE.unpack(_read(memory, modlist + index * _MODULE.size, _MODULE.size))
        rows.append((f"module {index}", f"{start:#x}", f"{size} bytes" + (f', "{_string(memory, words)}"' if words else "")))
    for index in range(ranges):
        start, size, kind, _ = _RANGE.unpack(_read(memory, memmap + index * _RANGE.size, _RANGE.size))
        rows.append(("memory", f"{start:#x}", f"to paddr {start + size - 1:#x}, {_KINDS.get(kind, f'type {kind}')}"))
    yield from text.table(rows)


def _flags(flags):
    names = [words for bit, words in ((SIF_PRIVILEGED, "privileged"), (SIF_INITDOMAIN, "first domain (dom0)")) if flags & bit]
    return ", ".join(names) or "not dom0"


def _read(memory, paddr, size):
    data = b""
    while len(data) < size:
        page, offset = divmod(paddr + len(data), PAGE_SIZE)
        try:
            data += memory.read_page(page * PAGE_SIZE)[offset:]
        except BadPage as error:
            raise PagingError(f"hvm_start_info: {error}") from None
    return data[:size]


def _string(memory, paddr):
    return _read(memory, paddr, _LONGEST).split(b"\0")[0].decode("latin-1")
