# SPDX-License-Identifier: GPL-2.0-only
"""The setup header of a bzImage, the kernel packed in it, and the bare machine: stage 5."""

import re

from .rule import rule

LESSON = "5-boot-protocol"
# In boot_params, by Linux's boot protocol: offsets, and what hardware_subarch is under Xen.
HEADER, SUBARCH, SUBARCH_XEN, SUBARCH_DATA = 0x202, 0x23C, 2, 0x240
DAMAGED = "data is corrupt|[Cc][Rr][Cc] error|invalid compressed format|violates"  # in Xen's words, of xz, gzip, ...
UNPACK = LESSON + ": What Xen does with the file"


def header(f, words: str) -> str:
    """A line of tools/bzimage's that has these words."""
    return next((line for line in f.bzimage if words in line), "")


def stops(f) -> bool:
    """Whether Xen, or the unpacker of the native way, gave up on the payload."""
    return bool(f.xen("Not enough memory to relocate|not an ELF binary|ran out of input data|" + DAMAGED) or f.guest(r"^bzImage: .*Stop"))


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
    if line and (stops(f) or f.xen("bzimage_headroom|bzimage_parse")) or f.guest("^bzImage: the payload is not inside the file"):
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


@rule("bzimage-payload-length", LESSON + ": A payload that is a byte short", "refusal", "panic", "failure")
def _(f):
    line = header(f, "payload: unpacks to") or ""
    if "but its last 4 bytes say" in line and stops(f) and not f.xen(DAMAGED):
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


@rule("bzimage-refused", LESSON, "failure")
def _(f):
    if f.guest(r"^bzImage: .*\. Stop\.$"):
        return "The unpacker (src/stage5-boot-protocol/boot/unpack.c) could not load the kernel, and says why."


def shim_said_xen(f) -> bool:
    """Whether xen_boot_params, which the shim writes, says that this is Xen."""
    at = f.source.va("xen_boot_params")
    data = f.seen.peek((at - f.source.offset & f.mask) + SUBARCH, 4) if f.seen and at else None
    return bool(data) and int.from_bytes(data, "little") == SUBARCH_XEN


@rule("taken-for-a-pc", LESSON + ": Subarch", "failure")
def _(f):
    said = f.guest("hardware_subarch is ([0-9]+), and this kernel knows only")
    if said and int(said[1]) != SUBARCH_XEN and shim_said_xen(f):
        return f"""boot_params' hardware_subarch (0x23c) is {said[1]}, and that of xen_boot_params, which the shim writes, is {SUBARCH_XEN} (Xen): the common head's copy of it, from ESI (RSI)
            to boot_params, lost that."""


@rule("unknown-subarch", LESSON + ": An unknown subarch", "failure")
def _(f):
    said = f.guest("hardware_subarch is ([0-9]+), and this kernel knows only (.*)")
    if said and said[1] in re.findall(r"(\d+) \(a ", said[2]):
        return f"""boot_params' hardware_subarch (0x23c) is {said[1]}, which is one of those that this kernel knows, and the common head went to bad_subarch() all the same: its table,
            subarch_entries, ends before entry {said[1]}, leads elsewhere there, num_subarch_entries is not its length, or EAX was not loaded from the field."""
    if said:
        return f"""The common head found a hardware_subarch (0x23c) in boot_params, {said[1]}, that is not in its table. Under Xen
            the shim before it writes the field; natively it is what the file's setup header says."""


@rule("taken-for-a-pc", LESSON + ": Subarch", "crash")
def _(f):
    if f.source.va("boot_params") is not None and f.fault and f.fault.vector == 13 and f.function in ("outb", "inb", "serial_init", "serial_write", "native_entry"):
        if shim_said_xen(f):
            return """The kernel drives the serial port itself, as on a bare machine: boot_params says that this is a PC. xen_boot_params, which the shim
                writes, says that it is Xen (hardware_subarch, 0x23c, is 2): the common head's copy of it, or its look at the version (0x206), lost that."""
        return """The kernel drives the serial port itself, as on a bare machine: boot_params says that this is a PC. The shim in front of
            the common head has to write a version (0x206) of 2.07 or more, and a hardware_subarch (0x23c) of 2."""


@rule("start_info-lost", LESSON + ": Subarch", "crash", "failure")
def _(f):
    at = f.source.va("boot_params")
    data = f.seen.peek((at - f.source.offset & f.mask), SUBARCH_DATA + 8) if f.seen and at else None
    told = int.from_bytes(data[SUBARCH_DATA:] if data else b"", "little")
    if data and data[HEADER:HEADER + 4] == b"HdrS" and told != f.seen.start_info:
        return f"""boot_params' hardware_subarch_data (0x240), from which xen_entry() takes the address of start_info, holds {told:#x}
            {f" ({f.number(told)})" if f.number(told) else ""}, and Xen passed P=V {f.seen.start_info:#x} in ESI (RSI). The shim has to store that register there before it
            uses it for anything else, and the common head has to copy the field."""


@rule("native-silent", LESSON, "silence", rank=1)
def _(f):
    if f.native:
        return "The kernel, or what runs before it, loops or has stopped, and says nothing."
