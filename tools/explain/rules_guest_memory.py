# SPDX-License-Identifier: GPL-2.0-only
"""Stage 6: the memory of a domain that it builds: how much, what lies where, and where the guest is told that it does."""

import os
import re

from xenabi.headers import value
from xenabi.structs import struct
from xenpt.memory import PAGE_SHIFT, PAGE_SIZE

from .contract_tables import SPARE, VA_MASK, needed_tables
from .guest_tables import WRITERS
from .questions import hexadecimals
from .rule import rule
from .rules_domains import LESSON

MAP_UNIT = 1024  # pages, of toolstack.h
ENDING = ("panic", "xen_exit", "vprintk", "printk", "guest_mfn")


@rule("guest-domain-layout", LESSON, "failure")
def _(f):
    twice = re.match(r"toolstack: PFN 0x([0-9a-f]+) was given out twice, for (.*) and for (.*)", f.panic)
    if not twice:
        return None
    far = ", or move_far(), since LAYOUT=far is asked for," if "layout=far" in os.environ.get("CMDLINE", "") else ""
    empty = " 0 is what such a field has that nobody has filled in." if not int(twice[1], 16) else ""
    return f"""PFN 0x{twice[1]} is to be a page of {twice[2]}, and of {twice[3]}, too. place() and place_tables() (src/stage6-toolstack/layout.c){far} give out one after the other: take() has to move `next` on by as many pages as each has,
        and its answer is to be kept in the field that belongs to it.{empty}"""


@rule("guest-domain-memory", LESSON + ": No memory allowed", "failure")
def _(f):
    done = re.match(r"memory_op\(populate_physmap\): (\d+) of \d+ pages at PFN 0x([0-9a-f]+)", f.panic)
    if not done:
        return None
    asked = re.match(r"memory_op\(populate_physmap\): \d+ of (\d+) pages", f.panic)
    if asked and int(done[1]) > int(asked[1]):
        return f"""Xen gave {done[1]} pages in one call, where {asked[1]} were to be asked for: nr_extents in the struct that populate_physmap was given is larger than that. It counts extents, here pages, and not bytes."""
    over, order, at = f.xen(r"Over-allocation for d\d+: (\d+) > (\d+)"), extent_order(f), int(done[2], 16) + int(done[1])
    allows = f"max_mem lets the domain that stage 6 builds have {over[2]} pages (max_memkb was {4 * int(over[2])}, in KiB, 4 for each)" if over else ""
    if order:
        return f"""The struct that populate_physmap was given has extent_order {order}: each extent is then {1 << order} pages, 2 to the power of {order}, and not one, for which the order is 0. {
            f"{allows}, and with the first extent that was refused it would have had {over[1]}." if over else "Xen had no extent of that size."}"""
    if over and at < int(over[2]):
        return f"""{allows}, and it had them all when PFN {at:#x} was asked for: some were asked for more than once. Does the loop in populate() come to each PFN once?"""
    if over:
        return f"""{allows}, and it had them when PFN {at:#x} was asked for: it is to have more. max_memkb is in KiB: guest->nr_pages times PAGE_SIZE / 1024, and nr_pages is as many as the loop in populate() asks for."""
    return """Xen gave the domain that stage 6 builds fewer pages than it was asked for, and max_mem is not the reason (Xen would say Over-allocation): the machine has no more. GUEST_MEM=MiB makes it larger."""


def extent_order(f) -> int:
    """Of the memory that was asked for last."""
    asked = next((c for c in reversed(f.calls) if c.name == "memory_op" and c.args[0] == value("XENMEM_populate_physmap")), None)
    layout = struct(f.bits, "struct xen_memory_reservation", "extent_order")
    data = f.seen.peek(asked.args[1], layout.size) if asked and f.seen else None
    return layout.number(data, "extent_order") if data else 0


@rule("guest-domain-pfn", LESSON, "failure")
def _(f):
    said = re.match(r"toolstack: the guest has no PFN 0x([0-9a-f]+), only (\d+) pages", f.panic)
    if not said:
        return None
    pfn, pages = int(said[1], 16), int(said[2])
    shifted = f"As a paddr it is that of PFN {pfn >> PAGE_SHIFT:#x}, which the guest has: it was not shifted by PAGE_SHIFT. " if 0 < pfn >> PAGE_SHIFT < pages else ""
    ways = [f.source.place(a) for a in f.callers() if f.source.function(a) not in (*ENDING, "fail", "guest_mfn")] if f.seen and f.seen.regs else []
    return f"""guest_mfn() was asked for PFN {pfn:#x}, and the guest has {pages} ({pages:#x}). {shifted}{f"It was called by way of {', '.join(dict.fromkeys(ways[:3]))}." if ways else ""}"""


@rule("guest-domain-table-count", LESSON, "failure")
def _(f):
    told = re.match(r"toolstack: an entry is for table 0x([0-9a-f]+) of level (\d), which has (\d+)", f.panic)
    laid = f.guest(r"^toolstack: layout, PFNs: .* stack 0x([0-9a-f]+)")
    image = f.guest(r"^toolstack: image of (\d+) bits, .* paddr 0 at VA 0x([0-9a-f]+)")
    if not told or not laid or not image:
        return None
    table, level, count, stack = int(told[1], 16), int(told[2]), int(told[3]), int(laid[1], 16)
    base, below = int(image[2], 16), PAGE_SHIFT + 9 * level
    mapped = -(-(stack + 1 + SPARE) // MAP_UNIT) * MAP_UNIT
    wanted = needed_tables(int(image[1]), base, mapped)[level]
    one = f"one stands for {1 << below:#x} bytes, 2 to the {below} (bits_below_table(): PAGE_SHIFT, and LEVEL_BITS for each level from 1 to {level})"
    if count < wanted:
        return f"""count_tables() (src/stage6-toolstack/pagetables.c) counted {count} table{"s" * (count != 1)} of level {level}, and now an entry is for number {table:#x}, counted from 0. From VA {base:#x} on {mapped:#x} pages are mapped (all to the stack, PFN {stack:#x}, {SPARE} more, and up to a multiple of MAP_UNIT), which takes {wanted} of that level: {one}. The first and the last
            VA, each shifted right by so many bits, give level->base and level->count."""
    first, last = ((base + (pages << PAGE_SHIFT) & VA_MASK) >> below for pages in (0, mapped - 1))
    return f"""set_entry() was given an entry of level {level} whose table would be number {table:#x}, counted from the level's first, and there are {count}, which do for what is mapped: {one}. The index that it is given counts entries of that level from VA 0 on, so that index >> LEVEL_BITS
        is the table's number, {first:#x} to {last:#x} for this guest, and level->base the number of the first: is the level right that {WRITERS} give to it, is it the index of that level, and is level->base what count_tables() has to find?"""


@rule("guest-domain-pointer", "10-the-other-side: Who makes the guarantees", "failure")
def _(f):
    """The toolstack has looked at what it told the guest."""
    told = re.match(r"toolstack: (start_info|hvm_start_info)'s (\w+)", f.panic)
    numbers = hexadecimals(f.panic)
    if not told:
        return None
    value, pvh, inside = numbers[0], told[1] == "hvm_start_info", told[2] == "module"
    first, pages = (0, numbers[1]) if inside else (numbers[1], 1) if pvh else (numbers[1], numbers[2] + 1 - numbers[1] >> PAGE_SHIFT)
    kind = f.number(value, "linked")
    what = f"an address of dom0's, {kind}" if kind else "outside of struct start_page" if pvh and not inside else "where no page of the guest's begins"
    page = first >> PAGE_SHIFT
    if pvh and not inside and page <= value < page + PAGE_SIZE:
        what = f"not much above {page:#x}, the PFN of the page that it has to lie in: that page's paddr is {first:#x}"
    elif pvh and not inside and value < page:
        what = f"an offset in struct start_page, without the paddr of that page, {first:#x}"
    elif value % PAGE_SIZE == 0 and value >> PAGE_SHIFT < pages and first:
        what = f"a paddr: to find PFN {value >> PAGE_SHIFT:#x}, the guest takes VA {first + value:#x}, which is guest_va() of that PFN"
    elif value < pages:
        what = f"a PFN: {f'its paddr is {value << PAGE_SHIFT:#x}' if pvh else f'the VA of that page is {first + (value << PAGE_SHIFT):#x}, guest_va() of it'}"
    by = "pvh_write_start_info() (src/stage6-toolstack/pvh.c)" if pvh else "FILL, for write_start_info() (src/stage6-toolstack/start-info.c)"
    return f"""The toolstack told the guest a wrong place. {told[2]} of {told[1]} is {value:#x}, and that is {what}. It is filled in by {by}."""
