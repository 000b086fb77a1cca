# SPDX-License-Identifier: GPL-2.0-only
"""The setup header of a bzImage, the kernel packed in it, and the bare machine: stage 5."""

from .rule import rule

LESSON = "5-boot-protocol"
SUBARCH, SUBARCH_XEN = 0x23C, 2  # in boot_params: its offset, and what it is under Xen (Linux's boot protocol)
UNPACK = LESSON + ": What Xen does with the file"


def header(f, words: str) -> str:
    """A line of tools/bzimage's that has these words."""
    return next((line for line in f.bzimage if words in line), "")


def stops(f) -> bool:
    """Whether Xen, or the unpacker of the native way, gave up on the payload."""
    return bool(f.xen("Not enough memory to relocate|not an ELF binary|ran out of input data") or f.guest(r"^bzImage: .*Stop"))


@rule("bzimage-too-old", LESSON + ": The protocol before payloads", "refusal", "failure")
def _(f):
    if f.xen(r"^Cannot load bzImage v[0-9.]+ at least v2\.08") or f.guest(r"^bzImage: .*version is below 2\.08"):
        return "The setup header's version field (0x206) is below 0x0208, the first boot protocol with a payload to unpack."


@rule("bzimage-outside", UNPACK, "failure")
def _(f):
    if f.guest("^bzImage: the payload is not inside the file"):
        return "payload_offset plus payload_length (0x248, 0x24c) lead beyond the protected-mode part."


@rule("bzimage-setup-sects", UNPACK)
def _(f):
    if header(f, "setup_sects 0:"):
        return """setup_sects (0x1f1) is 0. An old rule of the protocol reads that as 4, and Xen as none, so it looks for the payload in
            the middle of the setup part. It has to be written."""


@rule("bzimage-payload-not-gzip", UNPACK, "refusal", "panic", "failure")
def _(f):
    if header(f, "payload: not a gzip file") and stops(f):
        return f"""Where the header says, no gzip file begins: payload_offset (0x248, counted from the protected-mode part) is wrong, or
            the kernel was put in without being packed. {header(f, "payload at").removeprefix("bzImage: ")}."""


@rule("bzimage-payload-length", LESSON + ": A payload that is a byte short", "refusal", "panic", "failure")
def _(f):
    line = header(f, "payload: unpacks to") or ""
    if "but its last 4 bytes say" in line and stops(f):
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


@rule("unknown-subarch", LESSON + ": An unknown subarch", "failure")
def _(f):
    said = f.guest("hardware_subarch is ([0-9]+), and this kernel knows only")
    if said:
        return f"""The common head found a hardware_subarch (0x23c) in boot_params, {said[1]}, that is not in its table. Under Xen
            the shim before it writes the field; natively it is what the file's setup header says."""


@rule("taken-for-a-pc", LESSON + ": Subarch", "crash")
def _(f):
    if f.source.va("boot_params") is not None and f.fault and f.fault.vector == 13 and f.function in ("outb", "inb", "serial_init", "serial_write", "native_entry"):
        at = f.source.va("xen_boot_params")
        data = f.seen.peek((at - f.source.offset & f.mask) + SUBARCH, 4) if f.seen and at else None
        if data and int.from_bytes(data, "little") == SUBARCH_XEN:
            return """The kernel drives the serial port itself, as on a bare machine: boot_params says that this is a PC. xen_boot_params, which the shim
                writes, says that it is Xen (hardware_subarch, 0x23c, is 2): the common head's copy of it, or its look at the version (0x206), lost that."""
        return """The kernel drives the serial port itself, as on a bare machine: boot_params says that this is a PC. The shim in front of
            the common head has to write a version (0x206) of 2.07 or more, and a hardware_subarch (0x23c) of 2."""


@rule("start_info-lost", LESSON + ": Subarch", "crash")
def _(f):
    if f.bzimage and f.xen(r"Bad GMFN 0 .*to MSR"):
        return """The p2m said MFN 0, so what xen_entry() found is not start_info. It takes the address from boot_params'
            hardware_subarch_data (0x240), where the shim has to store ESI before it uses that register for anything else."""


@rule("native-reset", LESSON, "vanished")
def _(f):
    if f.native:
        return """Without Xen an exception that nobody handles resets the machine, and nobody handles one here: there is no trap table. The
            last line printed shows how far it came."""


@rule("native-silent", LESSON, "silence")
def _(f):
    if f.native:
        return "The kernel, or what runs before it, loops or has stopped, and says nothing."
