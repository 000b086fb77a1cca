# SPDX-License-Identifier: GPL-2.0-only
"""The memory operand of an instruction: what address it meant, by objdump's words and the registers."""

from __future__ import annotations

import re
import subprocess

from .calls import Saved
from .source import Source

_OPERAND = re.compile(r"(-?0x[0-9a-f]+)?\((%\w+)?(?:,(%\w+),(\d))?\)")
_LONGEST = 15  # bytes


def operand(source: Source, ip: int, regs: Saved) -> tuple[int, int, int] | None:
    """The address, and the two registers that it is made of; None if there is none, or they are not known."""
    found = source.linked(ip)
    if not found:
        return None
    said = subprocess.run(["objdump", "-d", "--no-show-raw-insn", f"--start-address={found[0]:#x}", f"--stop-address={found[0] + _LONGEST:#x}", source.path],
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL).stdout
    first = next((line for line in said.splitlines() if line.strip().startswith(f"{found[0]:x}:")), "")
    match = _OPERAND.search(first)
    if not match:
        return None
    try:
        base, index = (regs.values[name[1:]] if name else 0 for name in match.group(2, 3))
    except KeyError:
        return None
    return int(match[1] or "0", 16) + base + index * int(match[4] or 0) & source.mask, base, index
