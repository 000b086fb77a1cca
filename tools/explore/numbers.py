# SPDX-License-Identifier: GPL-2.0-only
"""Numbers in JSON."""

from __future__ import annotations

# JavaScript's numbers are exact up to here.
_EXACT = 1 << 53


def json_number(value: int) -> int | str:
    """Text, if a reader might round it."""
    return value if -_EXACT < value < _EXACT else hex(value)
