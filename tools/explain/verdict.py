# SPDX-License-Identifier: GPL-2.0-only
"""How a kernel tells the host how it went: two digits and a q to a port, by which QEMU ends. Source: src/stage2-hypercall/exit-verdict.c."""

from __future__ import annotations

import re
from errno import errorcode

from xenabi.headers import names, value

from .calls import LEVEL, SET_IOPL, Call
from .disassembly import function
from .facts import Facts
from .returns import entered

ASKED, OPERATION = value("__HYPERVISOR_physdev_op"), SET_IOPL  # for the right to touch ports
TELLS, PORT, VERDICTS = "tell_host", 0xF4, {16: "success", 17: "failure"}


def ports(f: Facts) -> list[int]:
    """Those that the function writes to."""
    code = function(f.source, f.source.va(TELLS) or 0)
    by_dx = any(i.name == "out" and "%dx" in i.operands for i in code)
    direct = [re.search(r"\$(0x[0-9a-f]+)$", i.operands) for i in code if i.name == "out"]
    found = [*direct, *(re.fullmatch(r"\$(0x[0-9a-f]{1,4}),%e?dx", i.operands) for i in code if by_dx)]
    return [int(m[1], 16) for m in found if m]


def _not_asked(f: Facts) -> str:
    """Why there was no physdev_op, as far as that is seen."""
    swapped = next((c for c in f.calls if (c.number, c.args[0]) == (OPERATION, ASKED)), None)
    if swapped:
        return f""" Here the right to touch ports was not asked for: Xen got hypercall {OPERATION} ({swapped.name}) with {ASKED} as its first argument. PHYSDEVOP_set_iopl is {OPERATION}, and __HYPERVISOR_physdev_op is {ASKED}:
            the hypercall's number and the operation are exchanged. Made at {f.source.place(swapped.caller)}."""
    said = " Here xen_exit() did not ask Xen for the right to touch ports (physdev_op, PHYSDEVOP_set_iopl):"
    flag = f.word("first_domain")
    if flag is not None and not flag & 0xFF:
        return f"{said} it took itself for another domain than the first, for the variable first_domain is false. exit_without_ports() makes it that."
    last = next((n for n in reversed(range(len(f.calls))) if f.calls[n].name == "console_io"), -1)
    between = [f"{c.name}({', '.join(f'{a:#x}' for a in c.args[:2])})" for c in f.calls[last + 1:-1]]
    return f"{said} {f'what it asked for before it shut down was {between[-1]}' if between else 'the call was left out, or what decides whether it is made'}."


def _refused(f: Facts, call: Call) -> str:
    """Why Xen did not give the right to touch ports."""
    operation, at = names("PHYSDEVOP_").get(call.args[0], f"{call.args[0]:#x}"), call.args[1]
    error = errorcode.get(-(call.result or 0), "no error that Xen has")
    level = f"; this one's is {int.from_bytes(call.data, 'little')}" if len(call.data) == LEVEL and call.args[0] == SET_IOPL else ""
    why = {"EFAULT": f"Xen could not read the argument, a struct physdev_set_iopl. The hypercall takes the struct's address, and {at:#x} is not the VA of one",
           "EINVAL": f"the struct's level, iopl, has to be 0 to 3{level}", "ENOSYS": f"Xen knows no such operation of physdev_op. It is PHYSDEVOP_set_iopl, {SET_IOPL}",
           "EPERM": "the operation is not for this domain"}.get(error, f"the operation is PHYSDEVOP_set_iopl, {SET_IOPL}, and its argument the address of a struct physdev_set_iopl")
    return f""" Here may_use_ports() did not get the right to touch ports, so nothing was written: physdev_op({operation}, {at:#x}), at {f.source.place(call.caller)}, returned {call.result} ({error}): {why}."""


def nothing_written(f: Facts) -> str:
    """Why nothing was written to the port, as far as that is seen."""
    asked = [c for c in f.calls if c.name == "physdev_op"]
    if not f.calls or f.calls[-1].name != "sched_op":
        return ""
    if not asked:
        return _not_asked(f)
    if asked[-1].result:
        return _refused(f, asked[-1])
    given = " Here Xen gave the right to touch ports, physdev_op returned 0, and"
    if f.source.va(TELLS) is not None and not any(TELLS in i.operands for i in function(f.source, f.source.va("xen_exit") or 0)):
        return f"{given} nothing was written: xen_exit() does not call {TELLS}(), which does it."
    if f.source.va(TELLS) is not None and entered(f, TELLS):
        wrong = [port for port in ports(f) if port != PORT]
        where = f"port {wrong[0]:#x}, which is not QEMU's test device" if wrong else "the port. What makes QEMU end is a q behind the number: did that come last, and did the number come before?"
        return f"{given} {TELLS}() wrote to {where}{f', at port {PORT:#x}' if wrong else ''}."
    return f"{given} still nothing was written: was the 0 taken for a refusal?"


def unknown(f: Facts) -> str:
    """Of a verdict that is none, by QEMU's exit status."""
    said = f.guest(r"^\(QEMU\) ended with exit status (\d+)")
    if not said or not int(said[1]) % 2:
        return ""
    number = int(said[1]) // 2
    told = f"QEMU ended with status {said[1]}, which is twice a verdict of {number}, and 1."
    for verdict, word in VERDICTS.items():
        digits = str(verdict)
        how = {digits[1]: f"its second digit alone: the first, {digits[0]}, was not written", digits[0]: f"its first digit alone: the second, {digits[1]}, was not written",
               digits[::-1]: "its digits the other way round", str(int(digits, 16)): "its digits, taken for hexadecimal ones"}.get(str(number))
        if how:
            return f"{told} {word.capitalize()} is {digits} ({verdict:#x}), and {number} is {how}. {TELLS}() writes it to port {PORT:#x} in decimal digits, the upper first, and then a q."
    return told


def level(f: Facts) -> str:
    """Which I/O privilege level was asked for last, and got."""
    asked = [c for c in f.calls if c.name == "physdev_op" and c.args[0] == SET_IOPL and len(c.data) == LEVEL and c.result == 0]
    if asked and not any(asked[-1].data):
        return f""" Xen was asked for level 0, at {f.source.place(asked[-1].caller)}, and gave that. The level is the least privileged ring that may touch ports, and a paravirtual kernel counts as ring 1."""
    return "" if asked or not f.seen or f.seen.deaf else " Xen was not asked for any level before."
