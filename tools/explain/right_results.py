# SPDX-License-Identifier: GPL-2.0-only
"""Functions of the kit's, and what each has to return: that follows from what Xen has told the guest, for of an address there is one translation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .numbers import xens_pfn

if TYPE_CHECKING:
    from .observe import Observation

SELECT, REMAP = "console_select", "remap_kernel"  # which is told the way that text takes
MSR_BASE = 0x40000000  # what Xen answers a PV guest's CPUID for the MSR


class Contract(NamedTuple):
    args: str  # what each is
    gives: str  # what the result is
    bits: int  # 64: with 32 bits, too; 0: as many as a word has
    struct: bool  # 32-bit code returns it in memory
    right: Callable[[Observation, list[int]], int | None]  # None: nothing is known of it
    at_least: bool = False  # whether more is right, too


def _maddr(seen: Observation, args: list[int]) -> int | None:
    paddr = args[-1]
    return seen.p2m[paddr >> PAGE_SHIFT] << PAGE_SHIFT | paddr % PAGE_SIZE if paddr >> PAGE_SHIFT < len(seen.p2m) else None


def _pfn(seen: Observation, args: list[int]) -> int | None:
    """By the m2p, which an update may have changed, if the p2m agrees."""
    pfn = xens_pfn(seen, args[1]) or 0
    return pfn if pfn < len(seen.p2m) and seen.p2m[pfn] == args[1] else (1 << seen.bits) - 1


def _limit(seen: Observation, args: list[int]) -> int:
    """The end of all that Xen put there; its boot stack is the last, for dom0."""
    info = seen.info
    ends = (seen.at_entry.rsp, info.pt_base + info.nr_pt_frames * PAGE_SIZE,
            info.mfn_list + info.nr_pages * seen.bits // 8, info.mod_start + info.mod_len)
    return -(-max(ends) // PAGE_SIZE) * PAGE_SIZE


def _entry(seen: Observation, va: int, level: str) -> int | None:
    """P=V address of the entry that translates a VA at a level."""
    maddr = next((e.maddr for e in seen.guest().space.walk(va).path if e.level.name == level), None)
    pfn = None if maddr is None else seen.pfn_of.get(maddr >> PAGE_SHIFT)
    return None if pfn is None else pfn << PAGE_SHIFT | maddr % PAGE_SIZE


CONTRACTS = {
    "cpuid_xen_msr_base": Contract("", "an MSR's number", 32, False, lambda seen, args: MSR_BASE),
    "early_pgd": Contract("info", "the P=V address of the pgd", 0, False, lambda seen, args: seen.info.pt_base),
    "early_p2m": Contract("info paddr", "its maddr", 64, True, _maddr),
    "early_m2p": Contract("info MFN", "its PFN", 0, True, _pfn),
    "get_pud": Contract("info VA", "the P=V address of its entry", 0, False, lambda seen, args: _entry(seen, args[1], "pud" if seen.bits == 64 else "pgd")),
    "get_pmd": Contract("info VA", "the P=V address of its entry", 0, False, lambda seen, args: _entry(seen, args[1], "pmd")),
    SELECT: Contract("way", "nothing", 0, False, lambda seen, args: None),
    "setup_hypercall_page": Contract("info", "nothing", 0, False, lambda seen, args: None),
    REMAP: Contract("info paddr limit", "how many entries of each level were copied", 0, True, lambda seen, args: None),
    "remap_limit": Contract("info", "the end of all that the kernel goes on using", 0, True, _limit, at_least=True),
    "phys_to_machine": Contract("paddr", "its maddr", 64, True, _maddr),
}
