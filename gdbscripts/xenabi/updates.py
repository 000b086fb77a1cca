# SPDX-License-Identifier: GPL-2.0-only
"""What mmu_update, mmuext_op and update_va_mapping ask for, entry by entry."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from xenpt import paging, text
from xenpt.guest import Guest
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .headers import names

if TYPE_CHECKING:
    from .hypercalls import View

# A longer list is cut.
MOST = 16
# In xen.h: pairs of 64-bit numbers, ptr and val.
UPDATE = struct.Struct("<QQ")
# struct mmuext_op: cmd, arg1, arg2.
OPERATION = {32: struct.Struct("<III"), 64: struct.Struct("<I4xQQ")}


def of(view: View, name: str, arguments: Sequence[int]) -> Iterable[str]:
    """Lines, made before Xen has changed anything."""
    if name == "mmu_update":
        return cut(view, arguments, updates)
    if name == "mmuext_op":
        return cut(view, arguments, operations)
    if name == "update_va_mapping":
        value = arguments[1] | (arguments[2] << 32 if view.bits == 32 else 0)
        with view.guest() as guest:
            path = guest.space.walk(arguments[0]).path
            old = f"{path[-1].value:#x}" if path and path[-1].level.shift == PAGE_SHIFT else "no table"
            return [f"VA {arguments[0]:#x}: {old} -> {entry_text(guest, value)}"]
    return []


def cut(view: View, arguments: Sequence[int], lines: Callable[[View, int, int], list[str]]) -> list[str]:
    va, count = arguments[:2]
    found = lines(view, va, min(count, MOST))
    return found + [f"and {count - MOST} more"] * (count > MOST)


def updates(view: View, va: int, count: int) -> list[str]:
    """mmu_update: each entry, with the table and the slot that it hits."""
    data = view.read(va, count * UPDATE.size)
    if data is None:
        return [f"VA {va:#x} cannot be read"]
    with view.guest() as guest:
        tables = {table >> PAGE_SHIFT: depth for depth, table in guest.space.tables(guest.is_guests)}
        return [update(guest, tables, *pair) for pair in UPDATE.iter_unpack(data)]


def update(guest: Guest, tables: dict[int, int], ptr: int, value: int) -> str:
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


def entry_text(guest: Guest, value: int) -> str:
    """A new entry: its value, what it leads to, its flags."""
    if not value:
        return "empty"
    if not value & paging.PRESENT:
        return f"{value:#x}, not present"
    return f"{value:#x}, {text.frame(guest, paging.entry_maddr(value) >> PAGE_SHIFT)}, {' '.join(paging.flag_names(value))}"


def operations(view: View, va: int, count: int) -> list[str]:
    """mmuext_op: each operation."""
    data = view.read(va, count * OPERATION[view.bits].size)
    if data is None:
        return [f"VA {va:#x} cannot be read"]
    with view.guest() as guest:
        return [operation(guest, *fields) for fields in OPERATION[view.bits].iter_unpack(data)]


def operation(guest: Guest, command: int, first: int, second: int) -> str:
    """One of them: its first number is a frame, or an address of the guest's; some have no arguments."""
    name = names("MMUEXT_").get(command, f"MMUEXT {command}")
    if name.startswith(("MMUEXT_INVLPG", "MMUEXT_SET_LDT")):
        return f"{name}, VA {first:#x}" + (f", {second} entries" if name == "MMUEXT_SET_LDT" else "")
    if name.startswith(("MMUEXT_PIN", "MMUEXT_UNPIN", "MMUEXT_NEW", "MMUEXT_CLEAR", "MMUEXT_COPY", "MMUEXT_MARK", "MMUEXT_UNMARK")):
        return f"{name}, {text.frame(guest, first)}" + (f", from {text.frame(guest, second)}" if "COPY" in name else "")
    return name if name.startswith("MMUEXT_") and ("FLUSH" in name) else f"{name}, {first:#x}"
