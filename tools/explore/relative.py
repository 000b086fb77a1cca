# SPDX-License-Identifier: GPL-2.0-only
"""Functions, variables, types and frames, with addresses counted from the image's base: small numbers in JSON."""

from __future__ import annotations

from typing import Any

from .debug_info import DebugInfo


def debug(info: DebugInfo, base: int) -> dict[str, list]:
    """Functions, types and frames, with addresses counted from the image's base."""
    functions = info.functions
    if not functions:
        return {"functions": [], "types": [], "frames": [], "variables": []}
    return {
        "functions": [_moved(function, base) for function in functions.rows],
        "variables": [_moved_variable(variable, base) for variable in functions.variables],
        "types": functions.types.rows,
        "frames": [[low - base, high - base, *rest] for low, high, *rest in sorted(functions.frames)],
    }


def _moved(function: dict[str, Any], base: int) -> dict[str, Any]:
    return {**function, "ranges": _moved_ranges(function["ranges"], base),
            "variables": [_moved_variable(variable, base) for variable in function["variables"]],
            "inlined": [_moved(row, base) for row in function["inlined"]]}


def _moved_ranges(ranges: list[list[int]], base: int) -> list[list[int]]:
    return [[low - base, high - base] for low, high in ranges]


def _moved_variable(variable: dict[str, Any], base: int) -> dict[str, Any]:
    places = [[low and low - base, high and high - base, _moved_place(place, base)] for low, high, place in variable["places"]]
    row = {"name": variable["name"], "type": variable["type"], "places": places}
    if variable["argument"]:
        row["argument"] = True
    if "scope" in variable:
        row["scope"] = _moved_ranges(variable["scope"], base)
    return row


def _moved_place(place: dict[str, Any], base: int) -> dict[str, Any]:
    if "address" in place:
        return {"address": place["address"] - base}
    return {"static": place["at"][1] - base} if place.get("at", (0,))[0] is None else place
