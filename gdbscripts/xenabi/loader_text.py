# SPDX-License-Identifier: GPL-2.0-only
"""What Xen's loader reads of an image, in words: `xen notes`; tools/python -m xenabi.loader_text FILE, by tools/notes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from textwrap import wrap

from .image import ElfError, Image
from .loader import Fault, Loading

# What its absence means, for the notes that a loader asks for.
_MISSING = {
    "XEN_VERSION": "without it Xen refuses the image",
    "VIRT_BASE": "so Xen maps the image P=V, where it loads it",
    "ENTRY": "so Xen enters at the ELF header's entry",
    "HYPERCALL_PAGE": "so the image has to ask for a hypercall page by MSR",
}
# What a note brings about that is easily taken for a mistake.
_MEANING = {
    "MOD_START_PFN": "a module will not be mapped, and start_info's mod_start is a PFN",
    "PHYS32_ENTRY": "where a PVH guest is entered, by paddr and without paging; a PV guest is not",
}


def lines(image: Image) -> Iterator[str]:
    """Each of Xen's notes, then those that are missed, where that leads to, and what Xen says to it."""
    loading = Loading(image)
    if loading.older:
        yield "There are no notes, but a section __xen_guest, the older form: Xen reads it, `xen notes` does not."
        return
    if loading.all:
        yield f"Xen reads {len(loading.all)} notes, in {loading.source}:"
    for placed in loading.all:
        meaning = _MEANING.get(placed.note.name, "")
        twice = "" if loading.notes[placed.note.name] is placed else "another follows, which counts"
        yield f"  {placed.note.name:18} {placed.value}" + "".join(f"  ({words})" for words in (meaning, twice) if words)
    for name, meaning in _MISSING.items():
        if loading.all and name not in loading.notes:
            yield f"  {name:18} absent: {meaning}"
    yield f"loaded at paddr {loading.pstart:#x} to {loading.pend:#x}, mapped at VA {loading.kstart:#x} to {loading.kend:#x}"
    yield f"entered at VA {loading.entry:#x}; symbols are linked at VA minus paddr = {image.load_offset:#x}"
    faults = loading.faults()
    yield f"Xen takes it as a {image.bits}-bit PV dom0" if not faults else "Xen refuses it as a PV dom0:"
    for fault in faults:
        yield from _fault(fault)


def _fault(fault: Fault) -> Iterator[str]:
    yield from wrap(f"{fault.note or 'the notes'}: {fault.why}", 96, initial_indent="  ", subsequent_indent="    ")
    if fault.says:
        yield f'    Xen: "{fault.says}"'


def main() -> int:
    try:
        image = Image(sys.argv[1])
        for line in lines(image):
            print(line)
        return 1 if Loading(image).faults() else 0
    except (ElfError, OSError) as error:
        print(f"notes: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
