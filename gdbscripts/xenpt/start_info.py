# SPDX-License-Identifier: GPL-2.0-only
"""start_info, the page that Xen hands to a guest.

Source: xen/xen.h, struct start_info.
"""

import functools
import re
import struct
from typing import NamedTuple

SIF_PRIVILEGED, SIF_INITDOMAIN, SIF_MULTIBOOT_MOD, SIF_MOD_START_PFN = 1, 2, 4, 8

_NAMES = ("magic nr_pages shared_info flags store_mfn store_evtchn console_0 console_1"
          " pt_base nr_pt_frames mfn_list mod_start mod_len cmd_line first_p2m_pfn nr_p2m_frames").split()
# The console's union: an xen_pfn_t and a 32-bit number as domU, two 32-bit numbers as dom0.
_LAYOUT = {32: "<32sIIIIIIIIIIII1024sII", 64: "<32sQQI4xQIxxxxQI4xQQQQQ1024sQQ"}


class Field(NamedTuple):
    """Where a field lies in start_info, in bytes."""
    offset: int
    size: int


@functools.lru_cache(maxsize=None)
def fields(bits):
    """Each field by its name."""
    names, found, offset = iter(_NAMES), {}, 0
    for item in re.findall(r"\d*[a-zA-Z]", _LAYOUT[bits]):
        size = struct.calcsize("<" + item)
        if not item.endswith("x"):
            found[next(names)] = Field(offset, size)
        offset += size
    return found


class StartInfo:
    """The fields, by their names in xen.h."""

    def __init__(self, data, bits):
        for name, value in zip(_NAMES, struct.unpack_from(_LAYOUT[bits], data)):
            setattr(self, name, value)
        self.is_dom0 = bool(self.flags & SIF_INITDOMAIN)
        if self.is_dom0 and bits == 64:
            self.console_0, self.console_1 = self.console_0 & 0xFFFFFFFF, self.console_0 >> 32

    @property
    def valid(self):
        return self.magic.startswith(b"xen-3.0")

    @staticmethod
    def size(bits):
        return struct.calcsize(_LAYOUT[bits])
