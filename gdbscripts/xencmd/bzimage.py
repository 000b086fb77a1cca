# SPDX-License-Identifier: GPL-2.0-only
"""The kernel in a bzImage, for what GDB wants to know of it: Xen unpacks it just so.

Source: Linux's Documentation/x86/boot.rst, payload_offset and payload_length.
"""

import bz2
import lzma
import os
import struct
import zlib

from xenabi.image import ElfError


def _lzma(data):
    return lzma.LZMADecompressor().decompress(data)


_PACKERS = {
    b"\x1f\x8b": lambda data: zlib.decompressobj(31).decompress(data),
    b"\xfd7zXZ": _lzma, b"\x5d\x00\x00": _lzma,
    b"BZh": lambda data: bz2.BZ2Decompressor().decompress(data),
    b"\x7fELF": lambda data: data,
}


def kernel_of(path, folder):
    """The path of an ELF file: the one given, or the kernel in a bzImage, written into a folder."""
    with open(path, "rb") as file:
        if file.read(4) == b"\x7fELF":
            return path
        file.seek(0)
        kernel = unpack(path, file.read())
    out = os.path.join(folder, os.path.basename(path) + ".elf")
    with open(out, "wb") as file:
        file.write(kernel)
    return out


def unpack(path, data):
    """The ELF file in a bzImage."""
    if data[0x202:0x206] != b"HdrS" or len(data) < 0x250:
        raise ElfError(f"{path} is neither an ELF file nor a bzImage")
    start = ((data[0x1F1] or 4) + 1) * 512 + struct.unpack_from("<I", data, 0x248)[0]
    payload = data[start:start + struct.unpack_from("<I", data, 0x24C)[0]]
    for magic, function in _PACKERS.items():
        if payload.startswith(magic):
            try:
                return function(payload)
            except (zlib.error, lzma.LZMAError, OSError) as error:
                raise ElfError(f"{path}: its kernel cannot be unpacked: {error}") from None
    raise ElfError(f"{path}: its kernel is packed in a way that is not known here; unpack it (Linux has "
                   "scripts/extract-vmlinux) and give it as SYMBOLS=vmlinux")
