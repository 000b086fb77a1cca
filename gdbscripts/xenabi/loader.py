# SPDX-License-Identifier: GPL-2.0-only
"""What Xen's loader reads of an ELF file, and whether it takes it: `make notes`, `xen notes`, and why a boot was refused.

Xen reads notes in its own way: those of PT_NOTE segments; only if there is none of its own among them, those of SHT_NOTE
sections. Each begins where the one before ends, padded to four bytes, whatever alignment the file claims.
Source: xen/common/libelf/libelf-dominfo.c and xen/arch/x86/pv/dom0_build.c, of 4.17 to 4.22.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .headers import names
from .notes import Note

if TYPE_CHECKING:
    from .image import Image

_HEADER = struct.Struct("<3I")
_TEXT = "INFO XEN_VERSION GUEST_OS GUEST_VERSION LOADER PAE_MODE FEATURES BSD_SYMTAB".split()
_RAW = ("L1_MFN_VALID", "PHYS32_RELOC")  # neither text nor one number
_FEATURES = ("writable_page_tables", "writable_descriptor_tables", "auto_translated_physmap", "supervisor_mode_kernel",
             "pae_pgdir_above_4gb", "hvm_callback_vector", "dom0")  # those that the loader knows by name
ANY = 7  # of a segment's flags: Xen loads none that has none of them
_OUT_OF_BOUNDS = "ELF start or entries are out of bounds"


class Placed(NamedTuple):
    note: Note
    offset: int  # in the file

    @property
    def text(self) -> str:
        return self.note.data.split(b"\0")[0].decode("latin-1")

    @property
    def number(self) -> int:
        """Xen takes other sizes for 0."""
        return int.from_bytes(self.note.data, "little") if len(self.note.data) in (1, 2, 4, 8) else 0

    @property
    def value(self) -> str:
        if self.note.name in _TEXT:
            return f'"{self.text}"'
        if len(self.note.data) in (1, 2, 4, 8):
            return f"{self.number:#x}"
        return f"{self.note.data.hex() or 'empty'} ({len(self.note.data)} bytes)"


class Fault(NamedTuple):
    note: str  # the one at fault, empty if it is the file
    says: str  # Xen's words for it, empty if it has none
    why: str


class Loading:
    """An image as Xen reads it."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.source, self.all = self._find()
        self.notes = {placed.note.name: placed for placed in self.all}  # of two, the last one counts
        parts = [p for p in image.loaded() if p.flags & ANY]
        self.pstart = min((p.paddr for p in parts), default=0)
        self.pend = max((p.paddr + p.memsz for p in parts), default=0)
        offset = self.number("PADDR_OFFSET", 0)
        self.virt_base = self.number("VIRT_BASE", 0)
        self.kstart, self.kend = self.pstart + self.virt_base - offset, self.pend + self.virt_base - offset
        self.entry = self.number("ENTRY", image.entry)

    def number(self, name: str, otherwise: int) -> int:
        return self.notes[name].number if name in self.notes else otherwise

    def text(self, name: str) -> str:
        return self.notes[name].text if name in self.notes else ""

    # ---- where the notes are -------------------------------------------------

    def _find(self) -> tuple[str, list[Placed]]:
        for what, places in (("PT_NOTE segment", self.image.note_segments()), ("SHT_NOTE section", self.image.note_sections())):
            found = [placed for offset, size in places if offset
                     for placed in _walk(self.image.data, offset, size) if placed.note.owner == "Xen"]
            if found:
                return f"the {what} at file offset {places[0][0]:#x}", found
        return "", []

    def _others(self) -> Iterator[Fault]:
        """Notes that Xen passes by, or comes to at the wrong place."""
        for offset, size in self._places():
            owners = {placed.note.owner for placed in _walk(self.image.data, offset, size)}
            for owner in sorted(owners):
                if owner != "Xen" and owner.lower() == "xen":
                    yield Fault("", "", f'the owner of a note is "{owner}": Xen looks for those of "Xen"')
            seen = [placed.offset for placed in _walk(self.image.data, offset, size) if placed.note.owner == "Xen"]
            meant = [placed.offset for placed in _walk(self.image.data, offset, size, 8) if placed.note.owner == "Xen"]
            if len(meant) > len(seen):
                lost = next(at for at in meant if at not in seen)
                yield Fault("", "", f"the notes are padded to 8 bytes: Xen reads on at the next multiple of 4, which is padding, and "
                            f"does not find the one at file offset {lost:#x} nor any behind it. Pad to 4 (.balign 4)")
                return

    # ---- what Xen refuses, in its order ----------------------------------------

    def faults(self) -> list[Fault]:
        """Why it is not taken as dom0; the first one is what Xen stops at."""
        if self.older:
            return []
        if not self._places():
            return [Fault("", "Not a Xen-ELF image: No ELF notes or '__xen_guest' section found", "there are none in this file")]
        return list(dict.fromkeys([*self._others(), *self._features(), *self._strings(), *self._addresses(), *self._width(),
                                   *self._dom0()]))

    @property
    def older(self) -> bool:
        """Whether it has words in a section instead of notes, as kernels had before there were any: Xen reads those."""
        return not self._places() and self.image.section("__xen_guest") is not None

    def _places(self) -> list[tuple[int, int]]:
        """Where Xen looks. A segment at the file's beginning is an empty one: some linkers leave that behind."""
        return [place for place in self.image.note_segments() if place[0]] + self.image.note_sections()

    def _features(self) -> Iterator[Fault]:
        for word in self.text("FEATURES").split("|"):
            if word.startswith("!") and word[1:] not in _FEATURES:
                yield Fault("FEATURES", "", f'it asks for "{word[1:]}", which no Xen knows; "!" means that the kernel cannot do without')

    def _strings(self) -> Iterator[Fault]:
        if not self.text("LOADER").startswith("generic") and not self.text("GUEST_OS").startswith("linux"):
            yield Fault("LOADER", "Will only load images built for the generic loader or Linux images",
                        f'{self._it("LOADER")} has to begin with "generic", or GUEST_OS with "linux"')
        if not self.text("XEN_VERSION").startswith("xen-3.0"):
            yield Fault("XEN_VERSION", "Xen will only load images built for Xen v3.0",
                        f'{self._it("XEN_VERSION")} has to begin with "xen-3.0"')

    def _it(self, name: str) -> str:
        return "it" if name in self.notes else "there is none; it"

    def _addresses(self) -> Iterator[Fault]:
        unused = [p for p in self.image.loaded() if not p.flags & ANY]
        if unused and self.pend == 0:
            yield Fault("", _OUT_OF_BOUNDS, f"nothing of the image is loaded: of its segments of type PT_LOAD, p_flags is {', '.join(hex(p.flags) for p in unused)}, and Xen "
                        "takes those alone that may be read (4), written (2) or executed (1)")
            return
        if "PADDR_OFFSET" in self.notes and "VIRT_BASE" not in self.notes:
            yield Fault("PADDR_OFFSET", "ELF_PADDR_OFFSET set, VIRT_BASE unset", "it says what to take off, and nothing says of what")
        where = f"the image is at {self.kstart:#x} to {self.kend:#x}"
        if not self.kstart <= self.entry <= self.kend:
            if "ENTRY" in self.notes:
                why = f"the entry is {self.entry:#x}, and {where}"
            elif self.pstart <= self.entry <= self.pend:
                why = (f"VIRT_BASE has Xen map the image by its addresses, {where[13:]}, and without an ENTRY note the entry is the "
                       f"ELF header's, {self.entry:#x}, a paddr")
            else:
                why = f"without an ENTRY note the entry is the ELF header's, {self.entry:#x}, and {where}: it has to be a paddr"
            yield Fault("ENTRY", _OUT_OF_BOUNDS, why)
        if self.virt_base > self.kstart:
            yield Fault("VIRT_BASE", _OUT_OF_BOUNDS, f"it is {self.virt_base:#x}, beyond the image's first address: {where}")
        if self.kstart <= self.number("INIT_P2M", -1) < self.kend:
            yield Fault("INIT_P2M", "P->M table base is out of bounds", f"the p2m would be inside the image: {where}")
        if "HYPERCALL_PAGE" in self.notes and self.number("HYPERCALL_PAGE", 0) < self.virt_base:
            yield Fault("HYPERCALL_PAGE", "Invalid HYPERCALL_PAGE field in ELF notes", f"it is below VIRT_BASE; {where}")

    def _width(self) -> Iterator[Fault]:
        mode = self.text("PAE_MODE")
        if self.image.bits == 32 and mode != "yes" and "bimodal" not in mode:
            yield Fault("PAE_MODE", "Mismatch between Xen and DOM0 kernel",
                        'Xen runs 32-bit kernels with three-level tables only, and has to be told by PAE_MODE "yes"')

    def _dom0(self) -> Iterator[Fault]:
        dom0 = next((number for number, name in names("XENFEAT_").items() if name == "XENFEAT_dom0"), 11)
        words = [word.lstrip("!") for word in self.text("FEATURES").split("|")]
        if "SUPPORTED_FEATURES" in self.notes and not self.number("SUPPORTED_FEATURES", 0) >> dom0 & 1 and "dom0" not in words:
            yield Fault("SUPPORTED_FEATURES", "Kernel does not support Dom0 operation",
                        f"bit {dom0} (XENFEAT_dom0) is not set. As domU this kernel is taken")


def _walk(data: bytes, offset: int, size: int, align: int = 4) -> Iterator[Placed]:
    """As Xen goes from note to note: to the end, or to where it would leave the file."""
    at, end = offset, offset + size
    while at < end and at + _HEADER.size <= len(data):
        owner_size, value_size, kind = _HEADER.unpack_from(data, at)
        name = at + _HEADER.size
        value = offset + _up(name + owner_size - offset, align)
        owner = data[name:name + max(owner_size, 4)].split(b"\0")[0].decode("latin-1")
        yield Placed(Note(owner, kind, data[value:value + value_size]), at)
        at = offset + _up(value + value_size - offset, align)


def _up(number: int, align: int) -> int:
    return -(-number // align) * align
