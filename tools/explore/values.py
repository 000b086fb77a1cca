# SPDX-License-Identifier: GPL-2.0-only
"""Values of the image's types, as text."""

from __future__ import annotations

from collections.abc import Callable

from .debug_info import DebugInfo

# Items of an array, and levels of structures, that are shown.
_MOST_ITEMS, _DEEPEST = 8, 3


def text_of(info: DebugInfo, name: str, read: Callable[[int], bytes | None]) -> str:
    """A structure by the name of its type; read(size) gives its bytes, or None. Empty if there is nothing to show."""
    types = info.functions.types.rows if info.functions else []
    row = next((row for row in types if row[1] == name and row[0] == "struct" and row[2]), None)
    data = row and read(row[2])
    return _text(types, row, data, _DEEPEST) if data else ""


def _text(types: list[list], row: list, data: bytes, depth: int) -> str:
    kind, _, size, more = row
    data = data[:size]
    if kind == "struct" and depth and more:
        return "{" + ", ".join(f"{name} = {_text(types, types[field], data[at:], depth - 1)}" for name, at, field in more) + "}"
    if kind == "array" and depth:
        item, count = more
        step = types[item][2]
        shown = [_text(types, types[item], data[n * step:], depth - 1) for n in range(min(count, _MOST_ITEMS))]
        return "[" + ", ".join(shown + ["..."] * (count > _MOST_ITEMS)) + "]"
    if kind == "text":
        return '"' + data.split(b"\0")[0].decode("latin-1").encode("unicode_escape").decode() + '"'
    value = int.from_bytes(data, "little", signed=kind == "number" and bool(more))
    return hex(value) if kind == "pointer" or abs(value) > 4095 else str(value)
