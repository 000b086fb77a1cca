# SPDX-License-Identifier: GPL-2.0-only
"""Where an image is entered: what its notes and its ELF header say together."""

from __future__ import annotations

import os

from .image import ElfError, Image


def _number(image: Image, name: str) -> int | None:
    for note in image.notes():
        if (note.owner, note.name) == ("Xen", name):
            return int.from_bytes(note.data[:8], "little")
    return None


def virt_base(image: Image) -> int:
    """The VA at which Xen maps paddr 0 for it: 0 is P=V."""
    return _number(image, "VIRT_BASE") or 0


def runs_linked(image: Image) -> bool:
    """Whether Xen enters it at its linked addresses, rather than P=V."""
    return _number(image, "VIRT_BASE") is not None


def xen_entry(image: Image) -> int:
    """The VA of its first instruction under Xen."""
    entry = _number(image, "ENTRY")
    return image.entry if entry is None else entry


def as_pvh() -> bool:
    """Whether this boot is to be by the note PHYS32_ENTRY: PVH= of the environment, as for tools/boot. (With domU
    it is another's image that is entered so.)"""
    return os.environ.get("PVH", "n") not in ("", "n", "domU")


def pvh_entry(image: Image) -> int:
    """The paddr of its first instruction as PVH."""
    entry = _number(image, "PHYS32_ENTRY")
    if entry is None:
        raise ElfError(f"{image.path} has no note PHYS32_ENTRY: it cannot be entered as PVH (PVH=n)")
    return entry


def native_entry(image: Image) -> int:
    """The paddr of its first instruction without Xen: as PVH, or where the unpacker of a bzImage jumps to."""
    if as_pvh():
        return pvh_entry(image)
    startup = image.symbols.get("startup_32")
    if startup is None:
        raise ElfError(f"{image.path} has no startup_32: it boots under Xen only")
    return startup - image.load_offset
