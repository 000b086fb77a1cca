# SPDX-License-Identifier: GPL-2.0-only
"""shared_info, the page that Xen and a guest both write to: event channels, time, and where the p2m is.

A guest may move its p2m (Linux does, early), and says here where to: p2m_vaddr is an
address in the tables that p2m_cr3 names, once that is not 0.
Source: xen/xen.h, struct shared_info; xen/arch-x86/xen.h, struct arch_shared_info.
"""

import struct

_VCPUS, _VCPU_INFO = 32, 64
_WORDS = {32: 32, 64: 64}  # of evtchn_pending, and of evtchn_mask
_CLOCK = {32: 12, 64: 16}


class SharedInfo:
    """The fields of vcpu 0, of the wall clock and of arch, by their names in xen.h; event channels as sets of ports."""

    def __init__(self, page, bits):
        word = bits // 8
        self.evtchn_upcall_pending, self.evtchn_upcall_mask = page[0], page[1]
        self.evtchn_pending_sel = int.from_bytes(page[word:2 * word], "little")
        self.version, self.tsc_timestamp, self.system_time = struct.unpack_from("<I4xQQ", page, _VCPU_INFO - 32)
        bitmaps, size = _VCPUS * _VCPU_INFO, _WORDS[bits] * word
        self.ports = size * 8
        self.pending, self.masked = (_ports(page[at:at + size]) for at in (bitmaps, bitmaps + size))
        self.wc_version, self.wc_sec, self.wc_nsec = struct.unpack_from("<III", page, bitmaps + 2 * size)
        arch = bitmaps + 2 * size + _CLOCK[bits]
        (self.max_pfn, self.pfn_to_mfn_frame_list_list, self.nmi_reason, self.p2m_cr3, self.p2m_vaddr,
         self.p2m_generation) = struct.unpack_from("<6Q" if bits == 64 else "<6I", page, arch)
        # With 32 bits the upper part of the number is folded into the lower bits.
        self.p2m_root = (self.p2m_cr3 >> 12 | (self.p2m_cr3 & 0xFFF) << 20 if bits == 32 else self.p2m_cr3 >> 12) << 12


def _ports(bitmap):
    number = int.from_bytes(bitmap, "little")
    return {port for port in range(len(bitmap) * 8) if number >> port & 1}


def lines(info):
    """In words, but for the event channels: those are `xen events`."""
    upcall = "pending" if info.evtchn_upcall_pending else "not pending"
    masked = "masked" if info.evtchn_upcall_mask else "not masked"
    yield f"vcpu 0   upcall {upcall}, {masked} (evtchn_upcall_mask {info.evtchn_upcall_mask})"
    yield f"time     version {info.version}: system_time {info.system_time} ns at TSC {info.tsc_timestamp:#x}"
    yield f"clock    version {info.wc_version}: Xen was switched on {info.wc_sec}.{info.wc_nsec:09} s after 1970"
    yield f"events   {len(info.pending)} pending, {info.ports - len(info.masked)} of {info.ports} not masked"
    if info.p2m_cr3:
        yield (f"p2m      at VA {info.p2m_vaddr:#x} in the tables of CR3 {info.p2m_cr3:#x}, {info.max_pfn:#x} entries, "
               f"generation {info.p2m_generation}")
    else:
        yield "p2m      not registered: it is where Xen made it"
