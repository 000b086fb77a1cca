# SPDX-License-Identifier: GPL-2.0-only
"""The p2m, which the kernel has compared with Xen's m2p, and found wrong."""

import re

from .facts import Facts
from .numbers import M2P, xens_pfn
from .rule import rule


def _differ(f: Facts, at: int) -> str:
    """Which entries of the p2m that is read at a VA are not what they were at the first instruction."""
    word = f.bits // 8
    data = f.seen.peek(at, len(f.p2m) * word) or b""
    other = [n for n, mfn in enumerate(f.p2m) if data[n * word:][:word] != mfn.to_bytes(word, "little")] if data else []
    return f"Of the p2m's {len(f.p2m):#x} entries {len(other)} {'is' if len(other) == 1 else 'are'} not what they were at the first instruction, {other[0]:#x} to {other[-1]:#x}" if other else ""


@rule("p2m-differs", "0-machine: Three kinds of address", "failure")
def _(f):
    told = re.match(r"p2m: PFN 0x([0-9a-f]+) has MFN 0x([0-9a-f]+), and the m2p", f.panic)
    if not told or not f.info or not f.p2m:
        return None
    pfn, mfn = (int(n, 16) for n in told.groups())
    pointer, right = f.word("phys_to_machine_mapping") or 0, f.info.mfn_list + f.page_offset & f.mask
    if pointer != right:
        return f"""phys_to_machine_mapping is VA {pointer:#x}, and the p2m is at VA {right:#x} (start_info's mfn_list): the entry of PFN {pfn:#x}, {mfn:#x}, was read from elsewhere."""
    if pfn >= len(f.p2m):
        return f"PFN {pfn:#x} is beyond the p2m, which has {len(f.p2m):#x} entries (start_info's nr_pages, at the first instruction)."
    at, was = f.info.mfn_list + pfn * f.bits // 8, f.p2m[pfn]
    if was != mfn:
        return f"""The p2m's entry of PFN {pfn:#x}, at VA {at + f.page_offset & f.mask:#x}, is {mfn:#x}{f" ({f.number(mfn)})" if f.number(mfn) else ""}, and at the guest's first instruction it was MFN {was:#x}. So the kernel has written over it. {_differ(f, pointer)}: what is written from that address on? What lies right before the
            p2m, and was gone beyond, is {f.thing(f.info.mfn_list - 1) or "a page that nothing was put in"}."""
    found = xens_pfn(f.seen, mfn) if f.seen else None
    if found == pfn:
        return f"""The m2p begins at VA {M2P[f.bits]:#x}, and its entry of MFN {mfn:#x} is PFN {pfn:#x}, as it should be: the kernel has read it elsewhere, or in words of another size."""
    return f"""The p2m's entry of PFN {pfn:#x}, at P=V {at:#x}, was MFN {mfn:#x} at the guest's first instruction already, and Xen's m2p has {f"PFN {found:#x} for that" if found is not None else "nothing at all for that"}. So whoever built the domain wrote it wrong, or put something else in its place
        ({f.thing(at)})."""
