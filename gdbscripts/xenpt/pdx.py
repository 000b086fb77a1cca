# SPDX-License-Identifier: GPL-2.0-only
"""Xen's number for a machine page: the index of its struct page_info in the frame table, a "pdx".

Where a machine's memory has large holes Xen leaves them out, so that its frame table is as large as its memory. How depends
on how Xen was built: bits that no page's number has are left out, or what lies before a page is looked up in a table by the
upper bits of its number; otherwise the pdx is the MFN. Source: xen/include/xen/pdx.h in Xen 4.17 to 4.22.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

LOOKUPS = 64  # entries: CONFIG_PDX_OFFSET_TBL_ORDER is 6, unless an expert has changed it


class Numbers:
    """The pdx of each MFN and back, as a Xen has it. symbol tells where something of Xen's is, or None; read has so many
    bytes there."""

    def __init__(self, symbol: Callable[[str], int | None], read: Callable[[int, int], bytes]) -> None:
        def values(name: str, default: int, form: str = "<Q") -> tuple[int, ...]:
            va = symbol(name)
            return struct.unpack(form, read(va, struct.calcsize(form))) if va else (default,)

        self._bottom, = values("pfn_pdx_bottom_mask", ~0)
        self._top, = values("pfn_top_mask", 0)
        self._hole, = values("pfn_pdx_hole_shift", 0, "<I")
        self._to_pdx = values("pfn_index_shift", 0, "<I")[0], values("pfn_pdx_lookup", 0, f"<{LOOKUPS}Q")
        self._to_mfn = values("pdx_index_shift", 0, "<I")[0], values("pdx_pfn_lookup", 0, f"<{LOOKUPS}Q")

    def pdx(self, mfn: int) -> int:
        shift, before = self._to_pdx
        return (mfn & self._bottom | (mfn & self._top) >> self._hole) - before[(mfn >> shift) % len(before)]

    def mfn(self, pdx: int) -> int:
        shift, before = self._to_mfn
        return (pdx & self._bottom | pdx << self._hole & self._top) + before[(pdx >> shift) % len(before)]
