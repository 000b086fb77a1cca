# SPDX-License-Identifier: GPL-2.0-only
"""A pointer that is NULL because nobody has set it: which variable that is, and who would have."""

from __future__ import annotations

from .disassembly import function, last_load, symbol_of, variable, writers
from .facts import Facts


def _value(f: Facts, va: int) -> int | None:
    """A variable at the end, with Xen or without."""
    data = f.seen.peek(va, f.bits // 8) if f.seen else f.bare.read(va, f.bits // 8) if f.bare and f.bare.state else None
    return int.from_bytes(data, "little") if data else None


def _empty(f: Facts) -> str:
    """Of a function that everybody calls: the variable that its caller reads, if all of that is 0."""
    call = f.caller_of_helper
    for code in function(f.source, call) if call is not None else ():
        symbol = symbol_of(f.source, code)
        data = f.seen.peek(symbol.value, symbol.size) if f.seen and symbol and symbol.size and symbol.value not in f.source.code else None
        if symbol and data is not None and not any(data):
            return f" {f.source.function(call)}() called this with it, at {f.source.place(call)}, and reads {symbol.name} (VA {symbol.value:#x}, {symbol.size} bytes), which is all zeros: nobody has set it before."
    return ""


def unset(f: Facts, ip: int) -> str:
    """Of an instruction that used an address near 0: what has not been set."""
    return unset_variable(f, ip) or _empty(f)


def unset_variable(f: Facts, ip: int) -> str:
    """The variable that the address was read from, if that is 0."""
    at = f.source.linked(ip)
    load = last_load(f.source, at[0]) if at else None
    name = variable(f.source, load) if load else ""
    if not name or _value(f, f.source.va(name) or 0) != 0:
        return ""
    which = writers(f.source, name)
    ran = {f.source.function(step.address) for step in f.steps}
    known = bool(ran) and not f.cut and f.bare is not None  # of a run under Xen the log has the last part only
    said = f" The pointer is the variable {name} (VA {f.source.va(name):#x}), which was read at {f.source.place(load.address)} and is 0. "
    if not which:
        return said + "No code of the image stores to it: what would do so is not called, and was left out, or is gone."
    names = " and ".join(f"{w}()" for w in which)
    if known and not ran & set(which):
        return said + f"Only {names} {'stores' if len(which) == 1 else 'store'} to it, and {'that was' if len(which) == 1 else 'they were'} never entered: who calls it, and before this?"
    return said + f"It is set in {names}: was that before this, and to what?"
