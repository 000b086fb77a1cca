# SPDX-License-Identifier: GPL-2.0-only
"""Stage 7 on Xen: what functions were given, and which never ran, by the log of its kernel's instructions."""

from xenpt.memory import PAGE_SIZE

from .disassembly import last_load, variable, writers
from .missing_call import missing_call
from .questions import hexadecimals
from .rule import rule
from .rules_pvh_guest import LESSON, kernel
from .rules_pvh_run import ran
from .rules_pvh_waits import trapped

RAM, MOST_RANGES = 1, 6  # the type of usable memory; ranges that are named


@rule("pvh-ram-not-taken", LESSON, "failure")
def _(f):
    """The map of memory, range by range, as the kernel's own function was given it."""
    said = f.guest(r"PANIC: memory map: no RAM at paddr 0x[0-9a-f]+")
    source = kernel(f).source
    begin = source.va("show_range")
    whole = said and ran(f) and not ran(f).trail.cut and begin is not None and source.bits == 64
    steps = [s for s in ran(f).steps if ran(f).linked(s) == begin] if whole else []
    if not steps:
        return None
    ranges, at = [tuple(ran(f).register(s, name) for name in ("DI", "SI", "DX")) for s in steps], hexadecimals(said[0])[-1]
    named = "; ".join(f"paddr {first:#x}, {size:#x} bytes, type {kind & 0xFFFFFFFF}" for first, size, kind in ranges[:MOST_RANGES])
    holds = [first for first, size, kind in ranges if kind & 0xFFFFFFFF == RAM and first <= at < first + size]
    printed = f.guest(rf"memory: paddr {holds[0]:#x} to") if holds else None
    why = "None of them is of type 1 (RAM) and has that paddr: so the map itself, or how its entries are read, is wrong" if not holds else \
        f"The one from {holds[0]:#x} on is of type 1 (RAM), has that paddr, and was {'printed' if printed else 'passed over'}: see " + \
        ("how show_range() compares a range with the kernel's paddr" if printed else "which types show_range() returns for at once; XEN_HVM_MEMMAP_TYPE_RAM is 1")
    pages = f.guest(r"^toolstack: (\d+) pages")
    counted = next((first for first, size, kind in ranges if kind & 0xFFFFFFFF == RAM and pages and size == int(pages[1])), None)
    if counted is not None:
        why = f"The size of the one from {counted:#x} on is {int(pages[1]):#x}, and so many pages the domain has: that is their number, and a range has its size in bytes (<< PAGE_SHIFT). The toolstack writes the map, pvh_write_start_info() (src/stage6-toolstack/pvh.c)"
    return f"The kernel found no RAM at paddr {at:#x}, where it lies itself. show_range() (pvh-memory.c) was given {named}{' and more' if len(ranges) > MOST_RANGES else ''}. {why}."


@rule("pvh-null-variable", LESSON, "failure")
def _(f):
    """A pointer of the kernel's that nobody has stored to."""
    vector, _, ip = trapped(f) or (0, 0, 0)
    source = kernel(f).source
    used = f.guest(r"FAULT: vector 14, error code 0x[0-9a-f]+, CR2 VA 0x([0-9a-f]+)")
    load = last_load(source, ip) if vector == 14 and ran(f) and used and int(used[1], 16) < PAGE_SIZE else None
    name = variable(source, load) if load else ""
    who = writers(source, name) if name else []
    if not who or any(ran(f).functions[w] for w in who) or ran(f).trail.cut:
        return None
    way = [source.function(s.address) for s in ran(f).steps if source.is_code(s.address)]
    came = list(dict.fromkeys(reversed(way[:_last(way, source.function(ip))])))[:3]
    return f"""VA 0x{used[1]} was used at {source.place(ip)}: that is 0x{used[1]} bytes behind the pointer {name}, which is 0, since {' and '.join(f'{w}()' for w in who)}, which stores to it, was never called.{''.join(missing_call(f, source, w) for w in who) or " No code of the image calls it."} Or the code was not to come here on this machine. The functions
        that ran last before, the latest first: {', '.join(f'{c}()' for c in came)}."""


def _last(way: list[str], name: str) -> int:
    """Where a function was last entered."""
    return next((n for n in range(len(way) - 1, -1, -1) if way[n] == name), 0)
