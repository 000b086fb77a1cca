# SPDX-License-Identifier: GPL-2.0-only
"""Stage 3: an update whose val is where an entry is, and not what stands there."""

from xenpt.memory import PAGE_SIZE
from xenpt.paging import PRESENT

from .facts import Facts

ADDRESS = (1 << 52) - 1


def for_value(f: Facts) -> str:
    """Of an entry of the level that ptr is of: its address is no value there, since an entry leads to the level below."""
    ptr, val = f.update
    to = f.va_of_entry(ptr & -8)
    # The flags of an entry may hide which one of a table it is.
    found = ((maddr, f.va_of_entry(maddr)) for maddr in (val & ADDRESS & -8, val & ADDRESS & -PAGE_SIZE))
    maddr, (name, va) = next(((at, entry) for at, entry in found if entry and _stands(f, *entry) & PRESENT), (0, ("", 0)))
    if not to or not name or name.startswith("pte") or to[0][:3] != name[:3]:
        return ""
    return f"""val without its flags is {maddr:#x}, and that is where {name} of VA {va:#x} is: the machine address of an entry, in place of what stands there, {_stands(f, name, va):#x}. ptr, {ptr & -8:#x}, is {to[0]} of VA {to[1]:#x}, an entry of the same level: it would lead to a table of its own level, and not of the one below. To copy a mapping,
        ptr takes an entry's address, and val an entry's value (copy_mapping(), *src)."""


def _stands(f: Facts, name: str, va: int) -> int:
    """What an entry of that name holds, by a walk to a VA that it translates."""
    walk = f.walk(va)
    return next((e.value for e in (walk.path if walk else ()) if e.name == name), 0)
