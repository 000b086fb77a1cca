# SPDX-License-Identifier: GPL-2.0-only
"""Functions of an image, their variables and where these are, from its debug information: for the pane of calls.

Places are reduced to what gcc makes of early boot code: {"at": [register, offset]} in memory, "cfa" standing for the frame's
address, {"in": register}, {"is": [register, offset]} the sum itself, {"address": n} of something static, {"value": n}, or a list of these with their
sizes. What is none of these is left out, and the page says that the variable is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from elftools.dwarf.callframe import FDE
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.descriptions import set_global_machine_arch
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarf_expr import DWARFExprOp, DWARFExprParser
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.dwarf.locationlists import LocationEntry, LocationExpr, LocationParser

from .dwarf_types import Types, name_of, number_of

# DWARF's numbers of the registers.
REGISTERS = {
    32: "eax ecx edx ebx esp ebp esi edi eip".split(),
    64: "rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split(),
}

# A function or a variable as a row of the recording, and where a variable is.
Row, Place = dict[str, Any], dict[str, Any]


class Functions:
    """rows: {"name", "ranges", "variables", "inlined"}, and "call", [path, line], of an inlined one; variables: the static ones;
    types.rows; frames: [low, high, register, offset, saved]. path_of(unit, number) gives the path of a file."""

    def __init__(self, dwarf: DWARFInfo, bits: int, path_of: Callable[[CompileUnit, int], str]) -> None:
        set_global_machine_arch("x64" if bits == 64 else "x86")
        self.bits = bits
        self.types = Types(bits // 8)
        self.rows: list[Row] = []
        self.variables: list[Row] = []
        self._dwarf, self._path_of = dwarf, path_of
        self._locations = LocationParser(dwarf.location_lists())
        for unit in dwarf.iter_CUs():
            self._expressions = DWARFExprParser(unit.structs)
            self._unit = unit
            for die in unit.get_top_DIE().iter_children():
                if die.tag == "DW_TAG_subprogram":
                    self._add(die, self.rows)
                elif die.tag == "DW_TAG_variable":
                    self.variables += self._variables([die])
        self.frames = list(self._frames())

    # ---- functions -----------------------------------------------------------------

    def _add(self, die: DIE, rows: list[Row]) -> None:
        ranges = self._ranges(die)
        if not ranges:
            return
        scopes = [(die, ranges)]
        row: Row = {"name": self._name(die), "ranges": ranges, "variables": [], "inlined": []}
        for scope, where in scopes:
            for child in scope.iter_children():
                if child.tag in ("DW_TAG_formal_parameter", "DW_TAG_variable"):
                    row["variables"] += [{**v, "scope": where} for v in self._variables([child])]
                elif child.tag == "DW_TAG_lexical_block":
                    scopes.append((child, self._ranges(child) or where))
                elif child.tag == "DW_TAG_inlined_subroutine":
                    self._add(child, row["inlined"])
        if "DW_AT_call_file" in die.attributes:
            row["call"] = [self._path_of(self._unit, number_of(die, "DW_AT_call_file")), number_of(die, "DW_AT_call_line", 0)]
        rows.append(row)

    def _name(self, die: DIE) -> str:
        return name_of(self._origin(die))

    @staticmethod
    def _origin(die: DIE) -> DIE:
        """Where the name and type of something inlined stand."""
        while "DW_AT_abstract_origin" in die.attributes:
            die = die.get_DIE_from_attribute("DW_AT_abstract_origin")
        return die

    def _ranges(self, die: DIE) -> list[list[int]]:
        low, high = number_of(die, "DW_AT_low_pc"), number_of(die, "DW_AT_high_pc")
        if low is not None and high is not None:
            return [[low, high if die.attributes["DW_AT_high_pc"].form == "DW_FORM_addr" else low + high]]
        if "DW_AT_ranges" not in die.attributes:
            return []
        base = number_of(self._unit.get_top_DIE(), "DW_AT_low_pc", 0)
        found = []
        for item in self._dwarf.range_lists().get_range_list_at_offset(die.attributes["DW_AT_ranges"].value, self._unit):
            if hasattr(item, "base_address"):
                base = item.base_address
            else:
                start = 0 if getattr(item, "is_absolute", False) else base
                found.append([start + item.begin_offset, start + item.end_offset])
        return found

    # ---- variables -----------------------------------------------------------------

    def _variables(self, dies: list[DIE]) -> Iterator[Row]:
        for die in dies:
            origin = self._origin(die)
            places = self._places(die)
            if name_of(origin) and places:
                yield {"name": name_of(origin), "type": self.types.of(origin), "places": places,
                       "argument": die.tag == "DW_TAG_formal_parameter"}

    def _places(self, die: DIE) -> list[list]:
        """[low, high, place] for each stretch of code in which the variable is somewhere; low and high are None for all."""
        if "DW_AT_const_value" in die.attributes:
            value = die.attributes["DW_AT_const_value"].value
            return [[None, None, {"value": value}]] if isinstance(value, int) else []
        attribute = die.attributes.get("DW_AT_location")
        if not attribute:
            return []
        found = self._locations.parse_from_attribute(attribute, self._unit["version"], die)
        if isinstance(found, LocationExpr):
            place = self._place(found.loc_expr)
            return [[None, None, place]] if place else []
        places, base = [], number_of(self._unit.get_top_DIE(), "DW_AT_low_pc", 0)
        for item in found:
            if not isinstance(item, LocationEntry):
                base = getattr(item, "base_address", base)
                continue
            start = 0 if item.is_absolute else base
            place = self._place(item.loc_expr)
            if place:
                places.append([start + item.begin_offset, start + item.end_offset, place])
        return places

    def _place(self, expression: list[int]) -> Place | None:
        pieces, part = [], []
        try:
            ops = self._expressions.parse_expr(expression)
        except KeyError:  # an operation of gcc's own, as for what is not initialised yet
            return None
        for op in ops:
            if op.op_name == "DW_OP_piece":
                pieces.append([self._simple(part), op.args[0]])
                part = []
            else:
                part.append(op)
        if pieces:
            return {"pieces": pieces} if all(place for place, _ in pieces) else None
        return self._simple(part)

    def _simple(self, ops: list[DWARFExprOp]) -> Place | None:
        names = [op.op_name.removeprefix("DW_OP_") for op in ops]
        if not ops:
            return None
        name, args = names[0], ops[0].args
        register = int(name.lstrip("abceghilnortsu_")) if name[-1].isdigit() else None
        registers = REGISTERS[self.bits]
        if name.startswith("reg") and names[1:] == []:
            return {"in": registers[register]} if register < len(registers) else None
        if name == "fbreg" and names[1:] == []:
            return {"at": ["cfa", args[0]]}
        if name == "addr" and names[1:] == []:
            return {"at": [None, args[0]]}
        if name.startswith("breg") and register < len(registers):
            key = {(): "at", ("stack_value",): "is"}.get(tuple(names[1:]))
            return {key: [registers[register], args[0]]} if key else None
        if names[1:] == ["stack_value"]:
            if name == "fbreg":
                return {"is": ["cfa", args[0]]}
            if name.startswith("lit"):
                return {"value": register}
            if name == "addr":
                return {"address": args[0]}
            if name.startswith("const"):
                return {"value": args[0]} if abs(args[0]) < 1 << 53 else None
        return None

    # ---- frames --------------------------------------------------------------------

    def _frames(self) -> Iterator[list]:
        """Where a function's frame is, and where it has saved its caller's registers, by address."""
        registers = REGISTERS[self.bits]
        if not self._dwarf.has_CFI():
            return
        for entry in self._dwarf.CFI_entries():
            if not isinstance(entry, FDE):
                continue
            table = entry.get_decoded().table
            ends = [row["pc"] for row in table[1:]] + [entry["initial_location"] + entry["address_range"]]
            for row, end in zip(table, ends):
                if row["cfa"].reg is None or row["cfa"].reg >= len(registers):
                    continue
                saved = {registers[n]: rule.arg for n, rule in row.items()
                         if isinstance(n, int) and n < len(registers) and rule.type == "OFFSET"}
                yield [row["pc"], end, registers[row["cfa"].reg], row["cfa"].offset, saved]
