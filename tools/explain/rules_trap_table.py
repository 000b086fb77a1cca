# SPDX-License-Identifier: GPL-2.0-only
"""The table of exceptions that a PV kernel gives to Xen, as it is in memory, and the stubs that it leads to."""

import re

from xenabi.hypercalls import TRAP

from .facts import Facts
from .fault import NAMES
from .frames import gates
from .questions import JUMP, misread
from .rule import rule

NR_TRAPS, LEAST_GATES = 20, 4  # exceptions that the kit's kernel has stubs for; so many entries in a row are the table
MASK_EVENTS = 4  # TI_MASK_EVENTS, of an entry's flags
MEANT = 6  # the vector of UD2
ERROR_CODES = (8, 10, 11, 12, 13, 14, 17)  # the vectors for which the processor pushes one
STUB = re.compile(rb"\x59?(?:\x41\x5b)?(\x6a\0)?\x6a(.)[\xe9\xeb]", re.S)  # pop %rcx, pop %r11, push $0, push $vector, jmp


@rule("trap-stubs-count", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    told = re.match(r"trap table: (\d+) vectors, and (\d+) bytes of stubs, each (\d+) bytes long", f.panic)
    if not told:
        return None
    vectors, size, each = map(int, told.groups())
    found = [m.start() for m in STUB.finditer(f.source.bytes(f.source.va("trap_stubs") or 0, size))]
    apart = found[1] - found[0] if len(found) > 1 else 0
    if apart and apart != each:
        return f"""The stubs lie {apart} bytes apart (.balign, entry_{f.bits}.S), and the table takes them to be {each} bytes apart (TRAP_STUB_SIZE). Then vector 1 leads to trap_stubs + {each:#x}, and its stub is at trap_stubs + {apart:#x}."""
    last = f" to {vectors - 1}" if vectors - len(found) > 1 else ""
    lacks = "Who has a stub is to have an entry"
    if len(found) < vectors:
        lacks = f"So vector {len(found)}{last} would lead to what lies behind the last stub"
    return f"""entry_{f.bits}.S makes {len(found)} stubs (.rept), for vectors 0 to {len(found) - 1}, and the table has {vectors} vectors, 0 to {vectors - 1} (NR_TRAPS). {lacks}: the two have to be the same number."""


@rule("trap-events-on", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    if not f.panic.startswith("traps: events are on while an exception is handled"):
        return None
    layout = TRAP[f.bits]
    tables = [c.data[:len(c.data) // layout.size * layout.size] for c in f.calls if c.name == "set_trap_table"]
    entry = next((e for table in tables for e in layout.iter_unpack(table) if e[0] == MEANT), None)
    if entry and not entry[1] & MASK_EVENTS:
        return f"""Xen let events in while the handler of an exception ran. In the table that set_trap_table was given, the entry of vector {MEANT}, which came, has flags {entry[1]:#x}, without bit 2, TI_MASK_EVENTS ({MASK_EVENTS:#x}): by that bit Xen masks events when it enters the handler, as an interrupt
            gate turns interrupts off. xen_init_traps() (src/stage4-start-kernel/traps.c) has to set it in each entry."""
    return f"""The kernel says that events were on while the handler of an exception ran{f", and the entry of vector {MEANT} has TI_MASK_EVENTS in its flags, {entry[1]:#x}" if entry else ""}. So either the handler itself has turned them on (mask_events()), or do_trap() did not keep what it is asked for here (masked_in_handler)."""


@rule("trap-error-code", JUMP + ": What a kernel sets up first", "failure", "crash")
def _(f):
    """A stub that pushes a 0 besides an error code, or neither."""
    real = misread(f)[0] or f.fault
    stub = pushed_zero(f, real.vector) if real else None
    if stub is None or stub != (real.vector in ERROR_CODES):
        return None
    name = f"vector {real.vector}" + (f" ({NAMES[real.vector]})" if real.vector in NAMES else "")
    begin = f"The exception at {f.source.place(real.ip)} was {name}"
    if stub:
        return f"""{begin}, which has an error code, {real.error:#x}: Xen has pushed it, and the stub pushes a 0 on top, as for an exception that has none. So the handler finds everything one word off. HAS_ERROR_CODE (src/include/entry.h) lacks bit {real.vector}."""
    return f"""{begin}, which has no error code, and its stub does not push a 0 in its place. So the handler finds everything one word off. HAS_ERROR_CODE (src/include/entry.h) has bit {real.vector}, and is to have it for exceptions alone that push one."""


def pushed_zero(f: Facts, vector: int) -> bool | None:
    """Whether a vector's stub pushes a 0 before its number; None if the table does not lead to that stub."""
    found = STUB.match(f.source.bytes(dict(gates(f)).get(vector, 0), 16))
    return bool(found[1]) if found and found[2][0] == vector else None


@rule("trap-table-end", JUMP + ": What a kernel sets up first", "failure")
def _(f):
    """The table is on the stack still, when the kernel says of its last entry that it has an address."""
    if not f.panic.startswith("trap table: its last entry") or not f.seen or not f.seen.regs:
        return None
    layout, rsp = TRAP[f.bits], f.seen.regs.rsp & f.mask
    data = f.seen.peek(rsp, (f.source.va("init_stack") or 0) + len(f.source.extent_of("init_stack")) - rsp & f.mask) or b""
    for at in range(0, len(data) - layout.size, 4):
        entries = list(layout.iter_unpack(data[at:at + (len(data) - at) // layout.size * layout.size]))
        count = next((n for n, e in enumerate(entries) if e[0] != n or not e[3]), len(entries))
        if count < LEAST_GATES or count == len(entries):
            continue
        table = f"The table, VA {rsp + at:#x}, has {count} entries with an address, of vectors 0 to {count - 1}"
        return f"{table}, and the next one's address is 0, which is the end: the table is right, so the check at {f.place(f.address)} looks at another entry. Counted from 0, the last is ARRAY_SIZE(table) - 1." \
            if not entries[count][3] and count == NR_TRAPS else f"{table}, and there are {NR_TRAPS} exceptions: the entry behind theirs has to keep its address 0, by which Xen knows the end."
    return None
