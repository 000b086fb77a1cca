# SPDX-License-Identifier: GPL-2.0-only
"""shared_info, the page that Xen and a guest both write to: as much of it as tells where the p2m is now.

A guest may move its p2m (Linux does, early), and says here where to: p2m_vaddr is an
address in the tables that p2m_cr3 names, once that is not 0.
Source: xen/xen.h, struct shared_info; xen/arch-x86/xen.h, struct arch_shared_info.
"""

import struct

_VCPUS, _VCPU_INFO = 32, 64
_WORDS = {32: 32, 64: 64}  # of evtchn_pending, and of evtchn_mask
_CLOCK = {32: 12, 64: 16}


class SharedInfo:
    """The fields of arch, by their names in xen.h."""

    def __init__(self, page, bits):
        word = bits // 8
        arch = _VCPUS * _VCPU_INFO + 2 * _WORDS[bits] * word + _CLOCK[bits]
        (self.max_pfn, self.pfn_to_mfn_frame_list_list, _, self.p2m_cr3, self.p2m_vaddr,
         self.p2m_generation) = struct.unpack_from("<6Q" if bits == 64 else "<6I", page, arch)
        # With 32 bits the upper part of the number is folded into the lower bits.
        self.p2m_root = (self.p2m_cr3 >> 12 | (self.p2m_cr3 & 0xFFF) << 20 if bits == 32 else self.p2m_cr3 >> 12) << 12
