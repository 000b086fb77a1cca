# SPDX-License-Identifier: GPL-2.0-only
"""A second reader of page tables, as plain as can be, to compare the walker with. Knows nothing of xenpt.

Written from the Intel SDM, volume 3A, chapter 4. Tables must not lead in circles.
"""

LEVELS = {  # (shift, entries, whether PSE makes a page), by the name of the mode
    "two levels": ((22, 1024, True), (12, 1024, False)),
    "PAE": ((30, 4, False), (21, 512, True), (12, 512, False)),
    "four levels": ((39, 512, False), (30, 512, True), (21, 512, True), (12, 512, False)),
}


def number(memory, maddr, width):
    page = memory.get(maddr & ~0xFFF, bytes(4096))
    return int.from_bytes(page[maddr & 0xFFF:][:width], "little")


def pages(memory, size, kind, table, base=0, depth=0, rights=(True, True, True)):
    """(VA, size, maddr, write, user, execute) of every page, by rising VA."""
    shift, entries, large = LEVELS[kind][depth]
    width = 4 if kind == "two levels" else 8
    if table + entries * width > size:
        return
    for index in range(entries):
        value = number(memory, table + index * width, width)
        va = base + (index << shift)
        if kind == "four levels" and va & 1 << 47:
            va |= 0xFFFF << 48
        if not value & 1:
            continue
        write, user, execute = rights
        top = kind == "PAE" and depth == 0
        if not top:
            write, user = write and bool(value & 2), user and bool(value & 4)
            execute = execute and not value >> 63
        address = value & 0x000FFFFFFFFFF000
        if shift == 12:
            yield va, 4096, address, write, user, execute
        elif value & 0x80:
            low = value & (1 << shift) - 1
            if large and width == 4 and not low >> 21:
                yield va, 1 << shift, address >> 22 << 22 | (low >> 13) << 32, write, user, execute
            if large and width == 8 and not low >> 13:
                yield va, 1 << shift, address & -(1 << shift), write, user, execute
        else:
            yield from pages(memory, size, kind, address, va, depth + 1, (write, user, execute))
