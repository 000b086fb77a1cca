# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: whether the linked mapping was right when the kernel jumped to it, and what it was if not."""

from __future__ import annotations

from .facts import Facts


def printed_since(f: Facts) -> bool:
    """Whether the kernel has printed by its linked code: P=V's says no more than that paging is on."""
    on = max((n for n, line in enumerate(f.said.guest) if line.startswith("  paging on: ")), default=-1)
    return any(not line.startswith(("PANIC", "FAULT", "(QEMU)")) for line in f.said.guest[on + 1:])


def first_use(f: Facts, mapped: int) -> str:
    """Of a mapping that was wrong already when the kernel jumped to it."""
    jump = next((s for s in reversed(f.steps) if (f.source.linked(s.address) or (0, ""))[1] == "P=V"), None)
    va = mapped + f.source.offset & f.mask
    walk = f.bare.walk(va)
    entry = walk.path[-1] if walk and walk.path else None
    why = f"What it holds belongs into the entry of VA {va:#x}, and {entry.name} is {entry.value:#x}: " if entry else ""
    same = "each round of the loop that fills them in has stored to one and the same slot, so that this is what the last round left there. The index of what is stored to has to go on with the loop." if entry and not entry.value else \
        "the index of what is stored to and the address that is stored are not of one page." if entry else ""
    return f"""The processor runs at P=V till the jump{f', at {f.source.place(jump.address)},' if jump else ''} which is the first to use this mapping, and the kernel has printed nothing behind it: so the entry was wrong from the beginning, as it was
        filled in. {why}{same}"""
