# SPDX-License-Identifier: GPL-2.0-only
"""How the image was compiled: options that the code cannot do without, or with, and types of the wrong size."""

import re

from .compiled import options, size_of
from .rule import rule

ENDS = ("crash", "failure", "silence", "timeout", "mute", "vanished")
# An option that must not be there, or (!) has to be; why.
_OPTIONS = {
    r"-mregparm=[1-3]": "functions then take their arguments in registers, and assembly (the head, the stubs) passes them on the stack",
    r"-mrtd": "functions then take their arguments off the stack themselves, and assembly does it once more",
    r"-fstack-protector.*": "functions then compare a word at GS:0x14 (FS:0x28 on 64 bits), which no code here has put there",
    r"-fno-(pie|PIE)": "the compiler then puts linked addresses into the code, and before the remap those are not mapped",
    r"!-f(pie|PIE)": "without it the compiler puts linked addresses into the code, and before the remap those are not mapped",
    r"-mred-zone": "a function then keeps data below its stack pointer, where Xen pushes the frame of the next event",
    r"-fpack-struct.*": "structures then have no padding, and Xen's have",
    r"-malign-double": "a 64-bit member of a structure is then aligned to 8 bytes, and in Xen's 32-bit interface to 4",
    r"-fdelete-null-pointer-checks": "the compiler then takes address 0 for one that is never read, and P=V it is an ordinary page",
}


@rule("compiler-options", "1-notes: Code that is right at two addresses", *ENDS)
def _(f):
    given = options(f.source.image.data) if f.source.image and f.source.va("xen_entry") is not None else set()
    for option, why in _OPTIONS.items():
        found = next((word for word in given if re.fullmatch(option.removeprefix("!"), word)), "")
        if given and (not found if option[0] == "!" else found):
            return f"The image was compiled with{'out -fpie' if not found else f' {found}'}: {why}. The Makefile's flags say what the code needs."
    return None


@rule("entry-size", "6-other-modes", *ENDS)
def _(f):
    """Of a kernel that was compiled for other page tables than it runs on."""
    if not f.seen or not f.seen.boot or not f.source.image:
        return None
    size, right = size_of(f.source.path, "pteval_t"), f.entry_size
    if size and size != right:
        return f"""The kernel takes an entry of a page table for {size} bytes (pteval_t), and in the tables that it runs on an entry has {right}: every index
            leads elsewhere. {"That is how it is with two levels: was CONFIG_X86_PAE seen where pgtable.h chooses the mode?" if size == 4 else "pgtable.h chose another mode's header."}"""
