# SPDX-License-Identifier: GPL-2.0-only
"""Stage 5's common head, at the end: fields of boot_params and of the shim's, what the head copied, and what it jumped by."""

from __future__ import annotations

import re

from .disassembly import instructions

# In boot_params, by Linux's boot protocol: offsets, and what hardware_subarch is under Xen.
HEADER, VERSION, SUBARCH, SUBARCH_XEN, SUBARCH_DATA = 0x202, 0x206, 0x23C, 2, 0x240
INFO_BEGINS = b"xen-3.0-"  # start_info
MAGIC = int.from_bytes(b"HdrS", "little")
HEADS = ("startup_32", "startup_64")
HEAD, AFTER = "startup_32", ("bad_subarch", "native_entry", "xen_entry")


def field(f, symbol: str, offset: int, size: int = 4) -> int | None:
    """A field of boot_params, or of the shim's, at the end."""
    at = f.source.va(symbol)
    paddr = None if at is None else at - f.source.offset & f.mask
    data = None if paddr is None else f.seen.peek(paddr + offset, size) if f.seen else f.bare.read_paddr(paddr + offset, size) if f.bare else None
    return int.from_bytes(data, "little") if data else None


def copied_info(f) -> str:
    """That the common head has copied start_info in place of boot_params."""
    at = f.source.va("boot_params")
    data = f.seen.peek(at - f.source.offset & f.mask, len(INFO_BEGINS) + 16) if at is not None and f.seen else None
    if not data or not data.startswith(INFO_BEGINS):
        return ""
    text = data.split(b"\0")[0].decode("latin-1")
    return f"""boot_params begins with "{text}", and so does start_info: the common head has copied that, all of it. {"RSI" if f.bits == 64 else "ESI"}, from which it copies, was still what Xen had passed in it. The shim (startup_xen, head_{f.bits}.S) has to load the address of xen_boot_params, which it has filled in, into that register before it goes
        on to the common head"""


def loaded_contents(f) -> str:
    """That the shim loads what is in xen_boot_params where it is to load its address."""
    begin, at = f.source.va("startup_xen"), f.source.va("xen_boot_params")
    places = (at, at - f.source.offset & f.mask) if at is not None else ()
    end = next((va for va in map(f.source.va, HEADS) if va is not None), begin)
    for i in instructions(f.source, begin, end) if begin is not None else ():
        direct = re.match(r"(?:%ds:)?(0x[0-9a-f]+),%", i.operands)
        if i.name.startswith("mov") and (i.named or direct and int(direct[1], 16)) in places:
            return f"""The register was loaded with what is in xen_boot_params, which is 0, and not with its address: {i.name.upper()} reads memory, at {f.source.place(i.address)}. {"LEA works out the address" if f.bits == 64 else "An address is an immediate operand, with $ before it, or comes from LEA"}."""
    return ""


def passed(f) -> int | None:
    """ESI when the common head was entered."""
    heads = [va - f.source.offset & f.mask for va in map(f.source.va, HEADS) if va is not None]
    step = next((s for s in f.steps if s.address in heads), None) if not f.cut else None
    return step.registers.get("ESI", step.registers.get("RSI")) if step else None


def index(f) -> int | None:
    """EAX when the common head jumped."""
    after = next((n for n, step in enumerate(f.steps) if n and f.source.function(step.address) in AFTER), None)
    registers = f.steps[after].registers if after else {}
    return registers.get("EAX", registers.get("RAX"))


def jumped(f) -> str:
    """Whether the jump was by the field, if it is known."""
    used, right = index(f), field(f, "boot_params", SUBARCH)
    if used is None or right is None:
        return "its table, subarch_entries, ends before that entry, leads elsewhere there, num_subarch_entries is not its length, or EAX was not loaded from the field"
    if used != right:
        return f"EAX, the index into its table, subarch_entries, was {used:#x} and not {right}: it was not loaded from the field, or was changed"
    return f"""EAX was {used}, as it should be, so it is the comparison with num_subarch_entries that is wrong (its register, or the number), or the jump: its table, subarch_entries, ends before
        entry {used}, or leads elsewhere there"""
