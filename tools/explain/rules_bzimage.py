# SPDX-License-Identifier: GPL-2.0-only
"""The setup header of a bzImage, and the kernel packed in it: stage 5."""

import re

from .rule import rule
from .rules_image import NOT_ELF

LOADED, UNPACKED = 1 << 20, 2 << 20  # code32_start, and UNPACK_ADDR of bzimage.lds
LESSON = "5-boot-protocol"
DAMAGED = "data is corrupt|[Cc][Rr][Cc] error|invalid compressed format|violates"  # in Xen's words, of xz, gzip, ...
GZIP = b"\x1f\x8b"
JUMP, VERSION, HEADER_END = 0x200, 0x206, 0x250  # of the setup header, of version 2.08
FIELDS = {"the version": (VERSION, 0xFFFF, 0x208), "loadflags": (0x211, 0xFF, 1), "code32_start": (0x214, 0xFFFFFFFF, LOADED), "initrd_addr_max": (
    0x22C, 0xFFFFFFFF, 0x37FFFFFF), "cmdline_size": (0x238, 0xFFFFFFFF, 255)}  # offset, mask, value: those that the file itself gives
UNPACK = LESSON + ": What Xen does with the file"


def header(f, words: str) -> str:
    """A line of tools/bzimage's that has these words."""
    return next((line for line in f.bzimage if words in line), "")


def header_word(f, offset: int) -> int:
    with open(f.boots, "rb") as file:
        file.seek(offset)
        return int.from_bytes(file.read(4), "little")


@rule("setup-header-shifted", LESSON + ": A bzImage", rank=-1)
def _(f):
    """Its first two bytes jump over it, and so they tell where it ends."""
    length = header_word(f, JUMP) >> 8 & 0xFF if f.bzimage and header_word(f, VERSION) & 0xFFFF == 0x208 else 0
    more = JUMP + 2 + length - HEADER_END
    if not length or not more:
        return None
    good = [name for name, (offset, mask, right) in FIELDS.items() if header_word(f, offset) & mask == right]
    moved = next((name for name, (offset, mask, right) in FIELDS.items() if name not in good and header_word(f, offset + more) & mask == right), "")
    return f"""The setup header of version 2.08 ends at {HEADER_END:#x}, behind payload_length, and this one at {HEADER_END + more:#x}, to which its jump at {JUMP:#x} leads: it has {abs(more)} bytes too {"many" if more > 0 else "few"}, for a field that is
        {"one too many or too long" if more > 0 else "left out or too short"}. {f"Up to {good[-1]} ({FIELDS[good[-1]][0]:#x}) each field stands where it should" if good else ""}{f", and {moved} at {FIELDS[moved][0] + more:#x}, not at {FIELDS[moved][0]:#x}: it is between the two" if moved else
        ", so it is behind that"}. A loader goes by the offsets, and reads parts of other fields from there on."""


def stops(f) -> bool:
    """Whether Xen, or the unpacker of the native way, gave up on the payload."""
    return bool(f.xen(f"Not enough memory to relocate|ran out of input data|{NOT_ELF}|{DAMAGED}") or f.guest(r"^bzImage: .*Stop"))


def elsewhere(f, line: str) -> str:
    """Where one does begin, and which field of the header is wrong by as much."""
    found = re.search("one begins at file offset (0x[0-9a-f]+), (-?[0-9]+) bytes on", line)
    if not found:
        return " and nowhere else in the file, either: the kernel was put in without being packed"
    off, sectors = int(found[2]), int((re.search("setup_sects ([0-9]+)", header(f, "setup_sects")) or [0, 0])[1])
    if not off:
        return ""
    if off == -512 * (sectors + 1):
        which = "payload_offset (0x248) counts from the beginning of the protected-mode part, not of the file"
    elif off < 0 and sectors + off // 512 < 1:
        which = f"""payload_offset (0x248) counts from the beginning of the protected-mode part, which is where it is linked to run (unpack_head), and is {-off:#x} too large{", which is what lies between that and code32_start"
            if -off == UNPACKED - LOADED else ""}"""
    elif off % 512 == 0:
        which = f"setup_sects (0x1f1) is {sectors} and should be {sectors + off // 512}: it counts sectors of 512 bytes behind the first"
    else:
        which = """payload_offset (0x248, counted from the beginning of the protected-mode part) is wrong by as much, or that part does not
            begin at a multiple of 512 bytes"""
    return f". A packed file begins at file offset {found[1]}, {abs(off)} bytes {'further on' if off > 0 else 'before'}: {which}"


@rule("bzimage-too-old", LESSON + ": The protocol before payloads", "refusal", "failure")
def _(f):
    if f.xen(r"^Cannot load bzImage v[0-9.]+ at least v2\.08") or f.guest(r"^bzImage: .*version is below 2\.08"):
        return "The setup header's version field (0x206) is below 0x0208, the first boot protocol with a payload to unpack."


@rule("bzimage-outside", UNPACK, "refusal", "panic", "failure")
def _(f):
    line = header(f, "bytes beyond the file, which is whole")
    if line and (stops(f) or f.xen("bzimage_headroom|bzimage_parse")) or f.guest("^bzImage: the payload is not inside the file") and (f.bzimage_bad or not f.bzimage):
        beyond = re.search("lead ([0-9]+ bytes beyond the file)", line)
        return f"""payload_offset plus payload_length (0x248, 0x24c) lead beyond the protected-mode part{f', {beyond[1]}' if beyond else
            ''}{elsewhere(f, line) if "one begins" in line else ""}. payload_length is that of the packed kernel, without padding behind it."""


@rule("bzimage-setup-sects", UNPACK)
def _(f):
    if header(f, "setup_sects 0:"):
        return """setup_sects (0x1f1) is 0. An old rule of the protocol reads that as 4, and Xen as none, so it looks for the payload in
            the middle of the setup part. It has to be written."""


@rule("bzimage-payload-not-gzip", UNPACK, "refusal", "panic", "failure")
def _(f):
    line = header(f, "payload: not a gzip file")
    if line and stops(f):
        return f"""Where the header says, {header(f, "payload at").removeprefix("bzImage: payload ")}, no packed kernel begins{elsewhere(f, line)}."""


@rule("bzimage-payload-damaged", UNPACK, "refusal", "panic")
def _(f):
    said, line = f.xen(DAMAGED), header(f, "payload: unpacks to") or header(f, "finds it damaged")
    if said and "one begins" not in line and line:
        return f"""Xen began to unpack the payload, and found it damaged ("{said.string.strip()}"). So the setup header leads to it, and its contents are not what the packer
            wrote: {line.removeprefix("bzImage: ")}."""


def begins(f) -> tuple[int, bytes] | None:
    """Where the payload is in the file, and its first bytes."""
    at = re.search("payload at file offset 0x([0-9a-f]+)", header(f, "payload at"))
    if not at:
        return None
    with open(f.boots, "rb") as file:
        file.seek(int(at[1], 16))
        return int(at[1], 16), file.read(8)


@rule("bzimage-payload-length", LESSON + ": A payload that is a byte short", "refusal", "panic", "failure")
def _(f):
    line = header(f, "payload: unpacks to") or ""
    first = begins(f)
    if "but its last 4 bytes say" in line and stops(f) and not f.xen(DAMAGED) and first and first[1].startswith(GZIP):
        return f"""The last four bytes of a gzip file are its unpacked size, and payload_length (0x24c) is how Xen finds them. It has to
            be exact: not a byte less, and no padding. Or the payload itself is damaged. Here the {line.removeprefix("bzImage: ")}."""


@rule("bzimage-payload-damaged", UNPACK, "refusal", "panic", "failure")
def _(f):
    if header(f, "payload: gzip finds it damaged"):
        return "The payload is a gzip file whose contents do not fit its checksum or its format."


@rule("bzimage-payload-not-elf", UNPACK, "refusal", "failure")
def _(f):
    if header(f, "kernel: not an ELF file"):
        return """The payload can be unpacked, but what comes out is not an ELF file. It has to be the kernel as the linker wrote it, not one
            that objcopy has made a flat binary of."""


@rule("native-64bit", LESSON, "failure")
def _(f):
    if f.guest("^bzImage: the kernel in it is 64-bit"):
        return """A 64-bit kernel needs page tables before its first instruction. The kit leaves that second way in out: natively it
            boots 32-bit kernels only."""


@rule("native-silent", LESSON, "silence", rank=1)
def _(f):
    if f.native and f.function == "native_exit":
        return """The kernel came to its end, native_exit(), and halts there for good, but the host has had no verdict: tell_host() is to write it to port 0xf4 before that. On a bare machine nobody else can end the run."""
    if f.native:
        return "The kernel, or what runs before it, loops or has stopped, and says nothing."
