# SPDX-License-Identifier: GPL-2.0-only
"""Where Xen enters an image: what its notes and its ELF header say together."""

from __future__ import annotations

from .image import Image


def _number(image: Image, name: str) -> int | None:
    for note in image.notes():
        if (note.owner, note.name) == ("Xen", name):
            return int.from_bytes(note.data[:8], "little")
    return None


def runs_linked(image: Image) -> bool:
    """Whether Xen enters it at its linked addresses, rather than P=V."""
    return _number(image, "VIRT_BASE") is not None


def xen_entry(image: Image) -> int:
    """The VA of its first instruction under Xen."""
    entry = _number(image, "ENTRY")
    return image.entry if entry is None else entry
