# SPDX-License-Identifier: GPL-2.0-only
"""What Xen makes of an image's notes: its own rules, and the six of the patch.

outcome() says what Xen will do with a set of notes. `make check-labs` boots every
set that is asked about and compares, so the rules here are Xen's and not ours.
Source: xen/common/libelf/libelf-dominfo.c; xen/elfnote.h.
"""

from grader.making import NOTES as SIX
from grader.predictions import read
from grader.stopped import Stopped
from xenabi.notes import NoteError

ASKED = ("GUEST_OS", "GUEST_VERSION", "XEN_VERSION", "FEATURES", "PAE_MODE", "LOADER", "GUEST_OS+LOADER", "all")
WORDS = ("starts", "not-xen", "loader", "version", "mismatch")

THE_SIX = {"GUEST_OS": "linux", "GUEST_VERSION": "2.6", "XEN_VERSION": "xen-3.0",
           "FEATURES": "!writable_page_tables|pae_pgdir_above_4gb", "PAE_MODE": "yes", "LOADER": "generic"}
FEATURES = ("writable_page_tables", "writable_descriptor_tables", "auto_translated_physmap", "supervisor_mode_kernel",
            "pae_pgdir_above_4gb", "gnttab_map_avail_bits", "hvm_callback_vector", "hvm_safe_pvclock", "hvm_pirqs",
            "dom0", "memory_op_vnode_supported", "ARM_SMCCC_supported", "linux_rsdp_unrestricted")


def text(note):
    return note.data.split(b"\0")[0].decode("ascii", errors="replace")


def outcome(values):
    """What Xen does with these notes of a 32-bit image: name -> string."""
    if not values:
        return "not-xen"
    if not values.get("LOADER", "").startswith("generic") and not values.get("GUEST_OS", "").startswith("linux"):
        return "loader"
    if not values.get("XEN_VERSION", "").startswith("xen-3.0"):
        return "version"
    if values.get("PAE_MODE") not in ("yes", "bimodal"):
        return "mismatch"
    return "starts"


def without(asked):
    """The six without those that a question leaves out."""
    gone = SIX if asked == "all" else asked.split("+")
    return {name: value for name, value in THE_SIX.items() if name not in gone}


# ---- the reader's notes --------------------------------------------------------------


def check_six(task, elf, version):
    """version is the GUEST_VERSION of a variant, if this is one."""
    try:
        notes = elf.notes()
    except NoteError:
        return task.fail("notes-garbled", """the notes cannot be read: a size field is wrong. Each is three words (name size, desc size,
            type), then name and desc, each padded to 4 bytes. The elfnote macro does that.""")
    if not notes:
        return task.fail("notes-none", "there is no note in the image. Are they written with elfnote, so that they go into section .note.Xen?")
    found = {}
    for note in notes:
        if note.owner != "Xen":
            task.fail("notes-owner", f'a note is named "{note.owner}": Xen looks at those named "Xen" only.')
            continue
        if not note.ended:
            task.fail("notes-garbled", f"""the note {note.name} says that its name has fewer than 4 bytes. The 0 behind "Xen" is one of them: the elfnote macro
                counts it.""")
        name = note.name
        if name in found:
            task.fail("notes-twice", f"there are two notes {name}.")
        found[name] = note
    for name in SIX:
        if name in found:
            check_value(task, name, found[name], version)
        else:
            task.fail(f"notes-no-{name.lower().replace('_', '-')}", f"the note {name} is missing. " + {
                "starts": "Xen does not mind, but it is one of the six.",
                "version": "Xen asks it for the interface that the kernel speaks, and refuses without.",
                "mismatch": "Without it a 32-bit kernel counts as one with two levels of page tables, and Xen refuses.",
            }.get(outcome(without(name)), ""))
    for name in found:
        if name in ("VIRT_BASE", "ENTRY", "HYPERCALL_PAGE", "PADDR_OFFSET", "INIT_P2M", "PHYS32_ENTRY", "HV_START_LOW"):
            task.fail("notes-address", f"the note {name} holds an address. The point of the patch is that none does: the notes can "
                      "then be put into a file that knows nothing of the kernel's layout.")
        elif name not in SIX:
            task.fail("notes-surplus", f"the note {name} is none of the six.")
    return None


def check_value(task, name, note, version):
    value = text(note)
    said = f'the note {name} says "{value}"' if value.isprintable() else f"the note {name} is no text, but the bytes {note.data.hex(' ')}"
    if b"\0" not in note.data:
        task.fail("notes-no-nul", f"{said} without a final zero byte: .asciz adds one, .ascii does not.")
    elif note.data.strip(b"\0").count(b"\0"):
        task.fail("notes-surplus", f"{said}, and goes on behind the zero byte where it ends: {note.data!r}. One string a note.")
    elif name == "XEN_VERSION" and not value.startswith("xen-3.0"):
        task.fail("notes-version-value", f'{said}. It has to begin with "xen-3.0" on every Xen: it names the interface, not the release.')
    elif name == "PAE_MODE" and value != "yes":
        task.fail("notes-pae-value", f'{said}. Three levels of page tables are "yes", exactly: it is compared as a string.')
    elif name == "LOADER" and value != "generic":
        task.fail("notes-loader-value", f'{said}. What it means is "generic": load the image as its ELF headers say.')
    elif name == "GUEST_OS" and value != "linux":
        task.fail("notes-os-value", f'{said}. The patch says "linux".')
    elif name == "GUEST_VERSION" and version and value != version:
        task.fail("notes-guest-version-value", f'{said}. In this variant it says "{version}".')
    elif name == "GUEST_VERSION" and not value:
        task.fail("notes-guest-version-value", f"{said}. It is for people to read, but should say something.")
    elif name == "FEATURES":
        check_features(task, said, value)


def check_features(task, said, value):
    words = value.split("|")
    for word in words:
        if word.lstrip("!") not in FEATURES:
            task.fail("notes-feature-unknown", f'{said}. "{word.lstrip("!")}" is not a feature that Xen knows'
                      + (", and one behind ! is a reason to refuse, and Xen does not name it." if word.startswith("!") else "."))
            return
    for word in THE_SIX["FEATURES"].split("|"):
        if word not in words:
            task.fail("notes-features-value", f"{said}, and {word} is missing.")
            return


# ---- the predictions ---------------------------------------------------------------------


def check_predictions(task, lab, path):
    try:
        lab.look_at(path)
    except Stopped as stop:
        return task.fail("predictions-missing", stop.finding.text)
    said = read(path)
    for asked in ASKED:
        word = " or ".join(said.get(asked, [])) or "?"
        if word == outcome(without(asked)):
            task.earned += 1
        elif word in ("?", ""):
            task.fail("prediction-open", f"nothing is predicted for the image without {asked}.")
        elif word not in WORDS:
            task.fail("prediction-word", f'without {asked}: "{word}" is none of the words {", ".join(WORDS)}.')
        else:
            name = asked.lower().replace("_", "-").replace("+", "-")
            task.fail(f"prediction-{name}", f'without {asked}: not "{word}". See for yourself: make run LAB=1 WITHOUT={asked}')
    return None
