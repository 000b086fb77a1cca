# SPDX-License-Identifier: GPL-2.0-only
"""How a kernel tells the host how it went: two digits and a q to a port, by which QEMU ends. Source: src/stage2-hypercall/exit-verdict.c."""

from __future__ import annotations

import re

from .disassembly import function
from .facts import Facts
from .returns import entered

TELLS, PORT, VERDICTS = "tell_host", 0xF4, {16: "success", 17: "failure"}


def ports(f: Facts) -> list[int]:
    """Those that the function writes to."""
    code = function(f.source, f.source.va(TELLS) or 0)
    by_dx = any(i.name == "out" and "%dx" in i.operands for i in code)
    direct = [re.search(r"\$(0x[0-9a-f]+)$", i.operands) for i in code if i.name == "out"]
    found = [*direct, *(re.fullmatch(r"\$(0x[0-9a-f]{1,4}),%e?dx", i.operands) for i in code if by_dx)]
    return [int(m[1], 16) for m in found if m]


def nothing_written(f: Facts) -> str:
    """Why nothing was written to the port, as far as that is seen."""
    asked = [c for c in f.calls if c.name == "physdev_op"]
    if not f.calls or f.calls[-1].name != "sched_op":
        return ""
    if not asked:
        return """ Here xen_exit() did not ask Xen for the right to touch ports (PHYSDEVOP_set_iopl): it took itself for another domain than the first, or the
            call was left out."""
    if asked[-1].result:
        return f" Here Xen refused the right to touch ports: physdev_op({asked[-1].args[0]:#x}, {asked[-1].args[1]:#x}) returned {asked[-1].result}."
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
