# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: the window by which dom0 writes to the memory of a domain that it builds."""

import re

from xenabi.headers import value
from xenpt.memory import PAGE_SHIFT

from .disassembly import operand
from .domain import DomainTranscript
from .handed import handed
from .numbers import built
from .questions import page_fault
from .rule import rule
from .rules_domains import LESSON

FLUSHES = value("UVMF_FLUSHTYPE_MASK")
FRAME = (1 << 52) - 1  # of an entry, the machine address


@rule("guest-domain-window-stale", LESSON, "crash", "failure", rank=-1)
def _(f):
    made = [c for c in f.calls if c.name == "update_va_mapping_otherdomain" and not c.refused]
    stale = next((c for c in made if not c.args[2 if f.bits == 64 else 3] & FLUSHES), None)
    if stale:
        return f"""Dom0 changed what VA {stale.args[0]:#x} maps (update_va_mapping_otherdomain), with flags that ask for no flush: the processor may go on using the translation that it had, so what is written by the window goes into the page
            that it showed before. UVMF_INVLPG has the one address flushed."""


@rule("guest-domain-window-stays", LESSON, "failure", rank=-1)
def _(f):
    """No more pages were shown than there are domains, and more were written to."""
    created = [int(m[1]) for m in (re.match(r"toolstack: created domain (\d+),", line) for line in f.said.guest) if m]
    mapped = [c for c in f.calls if c.name == "update_va_mapping_otherdomain" and c.args[0] == f.source.va("window") and not c.refused]
    shown = {(c.args[1] + (0 if f.bits == 64 else c.args[2] << 32) & FRAME) >> PAGE_SHIFT for c in mapped}
    pfns = [built(f, mfn) for mfn in shown]
    written = _written(DomainTranscript(f.said, created[-1])) if created else []
    if not shown or len(shown) > len(created) or len(written) < 2 or not set(written) - set(pfns):
        return None
    times = f"{len(mapped)} times, and always to the same page"
    if len(mapped) <= len(created):
        times = "once" if len(created) == 1 else f"once for each of {len(created)} domains"
    names = ", ".join(f"PFN {pfn:#x}" if pfn is not None else f"MFN {mfn:#x}" for mfn, pfn in zip(shown, pfns))
    return f"""The window was mapped {times}, to {names} (update_va_mapping_otherdomain with VA {f.source.va("window"):#x}), and by it the toolstack has written to {len(written)} pages of domain {created[-1]}'s, PFN {min(written):#x} to {max(written):#x}.
        So all of it went into that one, and the others have what they had before. window_open() (src/stage6-toolstack/window.c) has to map the window anew, to guest_mfn() of the PFN, if it shows another PFN than it is asked for, or another
        domain's."""


def _written(said: DomainTranscript) -> list[int]:
    """PFNs of the image, if the toolstack says that it was loaded, and of the page tables, if it says that they were written."""
    places, loaded = said.places, said.layout.get("Loaded kernel", range(0))
    tables = range(0)
    if places and any(" page tables of " in line for line in said.toolstack):
        tables = range(places["tables"], places["tables"] + places["nr_tables"])
    return [*range(loaded.start >> PAGE_SHIFT, -(-loaded.stop >> PAGE_SHIFT)), *tables]


@rule("guest-domain-paddr", LESSON, "failure")
def _(f):
    """An address of the guest's, which dom0 has not."""
    fault, end = page_fault(f), f.guest(r"^toolstack: image of \d+ bits, ends at paddr 0x([0-9a-f]+)")
    if not fault or not end or not 1 << PAGE_SHIFT <= fault.cr2 < int(end[1], 16) or f.thing(fault.cr2) or fault.fetch:
        return None
    used = operand(f.source, fault.ip, fault.regs)
    base = used[1] if used and used[0] == fault.cr2 and used[1] <= fault.cr2 and not used[2] else fault.cr2
    behind = f" (what was to be reached lies {fault.cr2 - base:#x} bytes behind it)" if base < fault.cr2 else ""
    return f"""{base:#x} was used as a pointer{behind}, at {f.source.place(fault.ip)}. Nothing is mapped there in dom0. As a number it is a paddr of the guest's, below its image's end at paddr 0x{end[1]}: dom0 reaches that by the window alone (window_open()). Was it given in the place of a
        pointer, with two arguments exchanged?{handed(f)}"""
