# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: what Xen said when it refused to pin a page table: the page that it found wrong, and the entry that it stopped at."""

import re
from typing import NamedTuple

from .guest_tables import entry, stopped_at
from .numbers import built

PIN = r"^hypercall refused: mmuext_op\(MMUEXT_PIN_L[34]_TABLE\)"
XENS = 1 << 57  # of a page's type: a table of level 2 with entries of Xen's own (PGT_pae_xen_l2)


class Page(NamedTuple):
    """What Xen said of a page: what it is, and what it was wanted as."""
    mfn: int
    pfn: int
    saw: str
    wanted: str


def kind(type_word: int) -> str:
    """A page's type, of its upper bits (PGT_ in Xen's asm/mm.h)."""
    number = type_word >> 61
    return f"a page table of level {number}" if 1 <= number <= 4 else {5: "a descriptor table", 7: "a page that is mapped writable"}.get(number, "an ordinary page")


def said(f) -> list[str]:
    """What Xen said of the pinning; of the whole run, where so many calls were made that this one was not followed."""
    return f.refused.said if f.refused and f.refused.name == "mmuext_op" else f.said.xen if re.match(PIN, f.panic) else []


def bad_type(f) -> Page | None:
    found = next((m for m in (re.search(r"Bad type \(saw ([0-9a-f]+) != exp ([0-9a-f]+)\) for mfn ([0-9a-f]+) \(pfn ([0-9a-f]+)\)", line)
                              for line in said(f)) if m), None)
    if not found:
        return None
    saw, wanted, mfn, pfn = (int(n, 16) for n in found.groups())
    if kind(saw) == kind(wanted) and (saw ^ wanted) & XENS:
        # With three levels Xen has entries in the table of the highest slot.
        return Page(mfn, pfn, *(f"{kind(word)}, for {'slot 3, with' if word & XENS else 'another slot, without'} entries of Xen's own" for word in (saw, wanted)))
    return Page(mfn, pfn, kind(saw), kind(wanted))


def entry_of(f) -> str:
    """The entry that Xen stopped at: the slot of which page."""
    at = stopped_at(said(f))
    return str(at) if at else ""


def built_unshifted(f) -> str:
    """That the entry which Xen stopped at is the MFN of a page of the domain's with flags, and no address, if it is."""
    at = stopped_at(said(f))
    value = at and entry(f, at) or 0
    mfn = next((m for m in range(value & ~7, (value & ~7) + 8) if m | value & 7 == value and built(f, m) is not None), None) if value else None
    return "" if mfn is None else f"""The {at} is {value:#x}, which is the MFN of a page of the guest's ({mfn:#x}, if no bit of it is a flag's, too), with flags in its low bits: an entry takes the machine address, MFN << PAGE_SHIFT (mfn_to_maddr())."""


def of_dom0(f, mfn: int) -> str:
    """Where dom0 has a page mapped writable."""
    try:
        ways = [m for m in f._guest.virtual_addresses(mfn) if m.rights.write] if f.seen and f.seen.boot else []
    except Exception:  # whatever the tables of a run that failed are like
        ways = []
    return f"dom0 has it mapped at VA {ways[0].va:#x}{f', {f.source.name(ways[0].va)}' if f.source.name(ways[0].va) else ''}" if ways else ""
