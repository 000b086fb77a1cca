# SPDX-License-Identifier: GPL-2.0-only
"""Things that have an address: what Xen put where, what of the image is there, which variable holds a number. A part of Facts."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from xenabi.structs import constants, struct
from xenpt.memory import PAGE_SIZE
from xenpt.start_info import StartInfo

from . import numbers

if TYPE_CHECKING:
    from .bare import Bare
    from .observe import Observation
    from .source import Source
    from .transcript import Transcript

_NAMES = {"Phys-Mach map": "the p2m (mfn_list)", "Start info": "start_info", "Page tables": "the page tables",
          "Boot stack": "Xen's boot stack", "Init. ramdisk": "the module"}
SETUP_MAGIC = 0x202, b"HdrS"  # where in boot_params, and which
_BOOT_PARAMS = {"ramdisk_image": (0x218, 4), "cmd_line_ptr": (0x228, 4)}  # the fields that hold addresses: where, and how many bytes
_HVM_START_INFO = "struct hvm_start_info", "magic", "modlist_paddr", "cmdline_paddr", "rsdp_paddr", "memmap_paddr"
INFO_SIZE = 0x80  # so much behind what a loader passed counts as that


def _hvm_magic() -> tuple[int, bytes]:
    """Where in hvm_start_info, and which."""
    return struct(32, *_HVM_START_INFO).offset("magic"), constants(32, "XEN_HVM_START_MAGIC_VALUE")[0].to_bytes(4, "little")


class Things:
    """What it has to know of the others:"""

    bits: int
    mask: int
    source: Source
    said: Transcript
    seen: Observation | None
    bare: Bare | None
    pvh: str
    page_offset: int
    virt_base: int

    def thing(self, paddr: int) -> str:
        """What Xen put at a paddr (P=V), or what of the image is there; empty if nothing."""
        va = paddr + self.source.offset & self.mask
        if va in self.source.extent:
            page = self.source.va("hypercall_page")
            if page is not None and 0 <= va - page < PAGE_SIZE:
                return f"the hypercall page, stub {(va - page) // 32}" + (f" + {(va - page) % 32}" if (va - page) % 32 else "")
            return self.source.name(va) or "the image"
        if self.bare and self.bare.info and 0 <= paddr - self.bare.info < INFO_SIZE and self._is_info(self.bare.info):
            offset = paddr - self.bare.info
            return ("boot_params" if self.pvh == "n" else "hvm_start_info") + (f" + {offset:#x}" if offset else "")
        for name, extent in self.said.layout.items():
            at = paddr + self.virt_base & self.mask  # the layout's are VAs
            if name != "TOTAL" and at in extent and not name.startswith("Loaded"):
                offset = at - extent.start
                return _NAMES.get(name, name) + (f" + {offset:#x}" if offset else "")
        return ""

    def _is_info(self, paddr: int) -> bool:
        """Whether what a loader has to pass lies there, and not only what was passed for it: by its magic number."""
        at, magic = SETUP_MAGIC if self.pvh == "n" else _hvm_magic()
        return bool(self.bare) and self.bare.read_paddr(paddr + at, len(magic)) == magic

    @functools.cached_property
    def passed(self) -> dict[str, int]:
        """The addresses in what a loader passed without Xen, by the names of its fields; of those that are not 0."""
        at = self.bare.info if self.bare else 0
        if not self.bare or not at or not self._is_info(at):
            return {}
        fields = _BOOT_PARAMS if self.pvh == "n" else {name: field for name, field in struct(32, *_HVM_START_INFO).fields.items() if name != "magic"}
        found = {name: int.from_bytes(self.bare.read_paddr(at + offset, size), "little") for name, (offset, size) in fields.items()}
        return {name: paddr for name, paddr in found.items() if paddr}

    def number(self, n: int, *words: str) -> str:
        """What a number is, in a few words; of these kinds only, if any are named."""
        kinds = [k for k in numbers.what(self, n) if not words or k.word in words]
        return kinds[0].text if kinds else ""

    def is_a(self, n: int, *words: str) -> bool:
        return any(k.word in words for k in numbers.what(self, n))

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
