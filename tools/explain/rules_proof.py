# SPDX-License-Identifier: GPL-2.0-only
"""Stage 1's sign of life: it cannot print, and dies of an undefined instruction with start_info in ESI."""

from xenpt.start_info import fields

from .facts import Facts
from .rule import rule

UNDEFINED = 6  # the vector
POINTERS = "shared_info pt_base mfn_list mod_start store_mfn console_0 nr_pages".split()


def _field(f: Facts, n: int) -> str:
    """Which of start_info's fields holds a number, or that it is that field's address."""
    holds = [name for name in POINTERS if n and getattr(f.info, name, 0) == n]
    lies = next((name for name, field in fields(f.bits).items() if n == f.seen.start_info + field.offset), "")
    return f"which is what start_info's field {holds[0]} holds" if len(holds) == 1 else \
        f"the address of start_info's field {lies}" if lies else f.number(n) or "nothing that is known here"


@rule("proof-of-life", "1-notes: What it prints", "crash")
def _(f):
    ip = f.source.linked(f.fault.ip) if f.fault and f.fault.vector == UNDEFINED and f.seen and f.info else None
    if not ip or ip[0] != f.source.va("proof_of_life"):
        return None
    register, got, right = "RSI" if f.bits == 64 else "ESI", f.fault.regs.rsi & f.mask, f.seen.start_info
    if got == right:
        return f"The ud2 at {f.source.place(f.fault.ip)} is meant: that dump is stage 1's sign of life, and {register} holds start_info's address in it, as it should. `make run STAGE=1` looks at that."
    if f.seen.argument not in (None, right):
        return None  # it was lost on the way there, which start_info-lost says
    where = f"xen_entry() was given the right address as its argument, so it is the asm at the ud2 that has something else as its input for {register}" if f.seen.argument else ""
    return f"""The ud2 at {f.source.place(f.fault.ip)} is meant: that dump is stage 1's sign of life. What is wrong in it is {register}: it holds {got:#x}, {_field(f, got)}, and is to hold start_info's own address, P=V {right:#x}, as Xen's memory arrangement says. {where}."""
