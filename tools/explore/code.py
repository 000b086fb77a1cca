# SPDX-License-Identifier: GPL-2.0-only
"""The instructions that were executed, as text."""

import re
import subprocess
import tempfile

from xenpt.memory import PAGE_SIZE

_LINE = re.compile(r"^ *([0-9a-f]+):\t(.*)$", re.MULTILINE)
_LONGEST = 15  # bytes of an instruction
_FLAVOUR = {32: ("i386",), 64: ("i386", "-M", "x86-64")}


def of_image(path):
    """Linked address -> text of each instruction in an ELF file."""
    return _read(["objdump", "-d", "-z", "--no-show-raw-insn", path])


def of_bytes(data, address, bits):
    """The text of one instruction."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        found = _read(["objdump", "-D", "-z", "-b", "binary", "-m", *_FLAVOUR[bits], "--no-show-raw-insn",
                       f"--adjust-vma={address:#x}", f"--stop-address={address + 1:#x}", file.name])
    return found.get(address, "(unknown)")


def _read(command):
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    # Two comments of objdump's tell nothing that the page does not tell better.
    return {int(address, 16): re.sub(r"\s+(#.*|<.*>)?$", "", text.replace("\t", " ")).rstrip()
            for address, text in _LINE.findall(listing)}


def in_memory(space, address):
    """The bytes of the instruction at a VA, as many as are mapped."""
    for size in (_LONGEST, PAGE_SIZE - address % PAGE_SIZE):
        data = space.read(address, min(size, _LONGEST))
        if data:
            return data
    return b""
