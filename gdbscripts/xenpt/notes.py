# SPDX-License-Identifier: GPL-2.0-only
"""Xen's ELF notes, by name and in words. Source: xen/elfnote.h."""

# Type -> name, and whether its value is text.
_NAMES = {
    0: ("INFO", True), 1: ("ENTRY", False), 2: ("HYPERCALL_PAGE", False), 3: ("VIRT_BASE", False),
    4: ("PADDR_OFFSET", False), 5: ("XEN_VERSION", True), 6: ("GUEST_OS", True),
    7: ("GUEST_VERSION", True), 8: ("LOADER", True), 9: ("PAE_MODE", True), 10: ("FEATURES", True),
    11: ("BSD_SYMTAB", True), 12: ("HV_START_LOW", False), 13: ("L1_MFN_VALID", False),
    14: ("SUSPEND_CANCEL", False), 15: ("INIT_P2M", False), 16: ("MOD_START_PFN", False),
    17: ("SUPPORTED_FEATURES", False), 18: ("PHYS32_ENTRY", False),
}

# What its absence means, for the notes that a loader asks for.
_MISSING = {
    "XEN_VERSION": "without it Xen refuses the image",
    "VIRT_BASE": "so Xen maps the image P=V, where it loads it",
    "ENTRY": "so Xen enters at the ELF header's entry",
    "HYPERCALL_PAGE": "so the image has to ask for a hypercall page by MSR",
}


def lines(image):
    """Each of Xen's notes in the file, then those that are missed and why."""
    found = set()
    for note in image.notes():
        if note.owner != "Xen":
            continue
        name, is_text = _NAMES.get(note.type, (f"type {note.type}", False))
        found.add(name)
        yield f"{name:18} {_value(note.data, is_text)}"
    if not found:
        yield f"{image.path} has no notes of Xen's: Xen does not take it for a kernel of its own kind"
        return
    for name, meaning in _MISSING.items():
        if name not in found:
            yield f"{name:18} absent: {meaning}"
    yield f"{'ELF entry':18} {image.entry:#x}, paddr is VA minus {image.load_offset:#x}"


def _value(data, is_text):
    if is_text:
        return '"' + data.rstrip(b"\0").decode("latin-1") + '"'
    if len(data) in (4, 8):
        return f"{int.from_bytes(data, 'little'):#x}"
    return f"{data.hex()} ({len(data)} bytes)"
