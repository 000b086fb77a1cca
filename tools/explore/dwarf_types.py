# SPDX-License-Identifier: GPL-2.0-only
"""The types of an image's variables, as a table that a recording holds.

A row is [kind, name, size, more]: "number" (more: signed), "pointer" (more: row that it points to), "struct" (more: fields
as [name, offset, row]), "array" (more: [row, count]), "text" (characters), "other".
"""

from __future__ import annotations

from elftools.dwarf.die import DIE

# Structures with more fields than this are shown by name.
_MOST_FIELDS = 48
_THROUGH = ("DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_restrict_type")
_SIGNED, _SIGNED_CHAR, _UNSIGNED_CHAR = 5, 6, 8  # DW_ATE_*


def name_of(die: DIE) -> str:
    name = die.attributes.get("DW_AT_name")
    return name.value.decode("utf-8", "replace") if name else ""


def number_of(die: DIE, attribute: str, default: int | None = None) -> int | None:
    found = die.attributes.get(attribute)
    return found.value if found and isinstance(found.value, int) else default


class Types:
    """Rows are made when first asked for."""

    def __init__(self, pointer_size: int) -> None:
        self.rows: list[list] = [["other", "void", 0, None]]
        self._pointer_size = pointer_size
        self._index: dict[int, int] = {}

    def of(self, die: DIE) -> int:
        """The row of the type that a DIE has (DW_AT_type); row 0 if it has none."""
        return self.row(die.get_DIE_from_attribute("DW_AT_type")) if "DW_AT_type" in die.attributes else 0

    def row(self, die: DIE) -> int:
        if die.offset not in self._index:
            if die.tag in _THROUGH:
                self._index[die.offset] = self.of(die)
            else:
                self._index[die.offset] = len(self.rows)
                self.rows.append(["other", name_of(die), 0, None])  # a structure may point to its own kind
                self.rows[self._index[die.offset]] = self._make(die)
        return self._index[die.offset]

    def _make(self, die: DIE) -> list:
        size = number_of(die, "DW_AT_byte_size", 0)
        if die.tag == "DW_TAG_typedef":
            kind, name, size, more = self.rows[self.of(die)]
            # The name that a variable is declared with says more than that of what it stands for.
            return [kind, name_of(die), size, more]
        if die.tag == "DW_TAG_base_type":
            encoding = number_of(die, "DW_AT_encoding")
            kind = "text" if encoding in (_SIGNED_CHAR, _UNSIGNED_CHAR) and name_of(die) == "char" else "number"
            return [kind, name_of(die), size, encoding in (_SIGNED, _SIGNED_CHAR)]
        if die.tag == "DW_TAG_pointer_type":
            target = self.of(die)
            return ["pointer", f"{self.rows[target][1]} *", self._pointer_size, target]
        if die.tag in ("DW_TAG_structure_type", "DW_TAG_union_type"):
            name = f"{'struct' if 'struct' in die.tag else 'union'} {name_of(die)}".strip()
            return ["struct", name, size, self._fields(die)]
        if die.tag == "DW_TAG_array_type":
            return self._array(die)
        if die.tag == "DW_TAG_enumeration_type":
            return ["number", f"enum {name_of(die)}", size, False]
        return ["other", name_of(die), size, None]

    def _fields(self, die: DIE) -> list[list]:
        members = [child for child in die.iter_children() if child.tag == "DW_TAG_member"]
        if len(members) > _MOST_FIELDS or any("DW_AT_data_bit_offset" in m.attributes for m in members):
            return []
        return [[name_of(m), number_of(m, "DW_AT_data_member_location", 0), self.of(m)] for m in members]

    def _array(self, die: DIE) -> list:
        item = self.of(die)
        count = 1
        for child in die.iter_children():
            if child.tag == "DW_TAG_subrange_type":
                count *= number_of(child, "DW_AT_count", number_of(child, "DW_AT_upper_bound", -1) + 1)
        kind, name, size, _ = self.rows[item]
        return ["text" if kind == "text" else "array", f"{name}[{count}]", size * count, [item, count]]
