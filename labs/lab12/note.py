# SPDX-License-Identifier: GPL-2.0-only
"""Lab 12: the note PHYS32_ENTRY. Source: xen/elfnote.h."""

from grader.making import NOTES
from xenabi.notes import NoteError


def check_note(task, elf):
    try:
        notes = [note for note in elf.notes() if note.owner == "Xen"]
    except NoteError:
        return task.fail("note-garbled", "the notes cannot be read: a size field is wrong. The elfnote macro gets them right.")
    for name in NOTES:
        if name not in [note.name for note in notes]:
            task.fail("note-lost-one", f"the note {name} of stage 1 is gone: the file has to stay a PV guest's, too.")
    found = [note for note in notes if note.name == "PHYS32_ENTRY"]
    if not found:
        return task.fail("note-none", "there is no note PHYS32_ENTRY of Xen's: nobody knows where to enter this file as PVH.")
    if len(found) > 1:
        return task.fail("note-twice", "there are two notes PHYS32_ENTRY, and each loader may take the one or the other.")
    data, va = found[0].data, elf.address("startup_pvh")
    entry = int.from_bytes(data, "little")
    if len(data) not in (4, 8):
        return task.fail("note-size", f"the note PHYS32_ENTRY has {len(data)} bytes. It is an address: 4 bytes, and loaders take 8.")
    if va is None:
        return task.fail("note-no-symbol", "the image has no symbol startup_pvh: it has to be global.")
    if entry == va or entry == va & 0xffffffff:
        return task.fail("note-virtual", f"the note PHYS32_ENTRY has {entry:#x}, where startup_pvh is linked. There is no paging when it is used.")
    if entry != va - elf.load_offset:
        return task.fail("note-elsewhere", f"the note PHYS32_ENTRY has {entry:#x}, and startup_pvh is loaded at paddr {va - elf.load_offset:#x}.")
    return None
