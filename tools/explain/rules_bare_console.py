# SPDX-License-Identifier: GPL-2.0-only
"""Without Xen: a kernel that prints by Xen's gate all the same."""

from .bare_questions import NAMES, PVH, fault
from .bare_state import IDT
from .missing_call import missing_call
from .rule import rule

XEN_VECTOR = 0x82
INT_XEN, SYSCALL = b"\xcd\x82", b"\x0f\x05"


@rule("bare-console", PVH, "vanished", "failure")
def _(f):
    """Text went by Xen's gate, and there is no Xen."""
    found = fault(f, 6, 13)
    if found and found.vector == 13 and (found.error >> 3 != XEN_VECTOR or not found.error & IDT):
        return None
    if found and found.state.code != f.bits:
        return None  # what ran is not what is written there
    way, gate = f.source.va("console"), f.bare.read(found.ip, 2) if found else b""
    if not found or f.source.function(found.ip) != "console_write" or way is None or gate not in (INT_XEN, SYSCALL):
        return None
    value = f.bare.read(way if f.bare.state.paging else way - f.source.offset & f.mask, 4)
    ran = [f.source.function(s.address) for s in f.steps]
    begun = "pvh_select_console" in ran or "console_select" in ran
    if not value or int.from_bytes(value, "little") or f.cut:
        return None
    who = "console_select() did run, and what it was given, or what it stored, is that again" if begun else \
        f"console_select() was never entered{' (nor pvh_select_console(), which calls it)' if f.source.va('pvh_select_console') is not None else ''}; it has to be called before the first printk().{missing_call(f, f.source, 'pvh_select_console' if f.source.va('pvh_select_console') is not None else 'console_select').rstrip('.')}"
    below = f.source.va("pvh_on_xen")
    known = f.bare.read(below if f.bare.state.paging else below - f.source.offset & f.mask, 1) if below is not None else b""
    return f"""Text was to be printed at {f.place(found.ip)} by Xen's gate ({'INT 0x82' if gate == INT_XEN else 'SYSCALL'}), and there is no Xen{' (pvh_on_xen is false)' if known == bytes(1) else ''}: the exception, {NAMES[found.vector]}, is what a machine of our own makes of that instruction. The variable console is 0, CONSOLE_XEN_GATE,
        as it is from the beginning: {who}. Without Xen it is CONSOLE_SERIAL."""
