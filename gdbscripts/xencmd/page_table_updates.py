# SPDX-License-Identifier: GPL-2.0-only
"""What mmu_update, mmuext_op and update_va_mapping ask for, entry by entry."""

import struct

from xenpt import paging, text
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .guest_memory import read, structure
from .session import session
from .xen_headers import names

# A longer list is cut.
MOST = 16
# In xen.h: pairs of 64-bit numbers, ptr and val.
UPDATE = struct.Struct("<QQ")


def of(name, arguments):
    """Lines, made before Xen has changed anything."""
    if name == "mmu_update":
        return cut(arguments, updates)
    if name == "mmuext_op":
        return cut(arguments, operations)
    if name == "update_va_mapping":
        value = arguments[1] | (arguments[2] << 32 if session.image.bits == 32 else 0)
        with session.guest() as guest:
            return [f"VA {arguments[0]:#x}: {entry_text(guest, value)}"]
    return []


def cut(arguments, lines):
    va, count = arguments[:2]
    found = lines(va, min(count, MOST))
    return found + [f"and {count - MOST} more"] * (count > MOST)


def updates(va, count):
    """mmu_update: each entry, with the table and the slot that it hits."""
    data = read(va, count * UPDATE.size)
    if data is None:
        return [f"VA {va:#x} cannot be read"]
    with session.guest() as guest:
        tables = {table >> PAGE_SHIFT: depth for depth, table in guest.space.tables(guest.is_guests)}
        return [update(guest, tables, *pair) for pair in UPDATE.iter_unpack(data)]


def update(guest, tables, ptr, value):
    command, maddr = ptr & 3, ptr & ~3
    mfn, offset = divmod(maddr, PAGE_SIZE)
    kind = names("MMU_").get(command, f"command {command}")
    if kind == "MMU_MACHPHYS_UPDATE":
        return f"{kind}: m2p of {text.frame(guest, mfn)} := {value:#x}"
    prefix = "" if command == 0 else f"{kind}: "
    if mfn not in tables:
        return f"{prefix}maddr {maddr:#x}, in {text.frame(guest, mfn)}, which is no table in use: {entry_text(guest, value)}"
    level = guest.mode.levels[tables[mfn]]
    index = offset // guest.mode.entry_size
    old = guest.space.entries(tables[mfn], mfn << PAGE_SHIFT)[index]
    return (f"{prefix}maddr {maddr:#x}, {level.name}[{index}] in {text.frame(guest, mfn)}: "
            f"{old:#x} -> {entry_text(guest, value)}")


def entry_text(guest, value):
    """A new entry: its value, what it leads to, its flags."""
    if not value:
        return "empty"
    if not value & paging.PRESENT:
        return f"{value:#x}, not present"
    return f"{value:#x}, {text.frame(guest, paging.entry_maddr(value) >> PAGE_SHIFT)}, {' '.join(paging.flag_names(value))}"


def operations(va, count):
    """mmuext_op: each operation."""
    lines = []
    for number in range(count):
        operation = structure("mmuext_op", va)
        if operation is None:
            return lines + ["(GDB does not know struct mmuext_op)"]
        command = int(operation["cmd"])
        lines.append(f"{names('MMUEXT_').get(command, command)}, {int(operation['arg1']['mfn']):#x}")
        va += operation.type.sizeof
    return lines
