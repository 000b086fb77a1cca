# SPDX-License-Identifier: GPL-2.0-only
"""What Xen thinks of a machine page: its struct page_info.

Where the fields lie is read from xen-syms (Layout); what their bits mean is not
in there, so that stands here. Source: xen/arch/x86/include/asm/mm.h and
config.h in Xen 4.17.
"""

import struct
from typing import NamedTuple

from .memory import PAGE_SHIFT

FRAME_TABLE = 0xFFFF82E000000000

_TYPES = {
    0: ("no type", "it may become anything"),
    1: ("L1 page table", "a pte page: the guest may map it read-only, and Xen checks every change"),
    2: ("L2 page table", "a pmd page: the guest may map it read-only, and Xen checks every change"),
    3: ("L3 page table", "a pgd page of a 32-bit guest, a pud page of a 64-bit one; Xen checks every change"),
    4: ("L4 page table", "a pgd page of a 64-bit guest; Xen checks every change"),
    5: ("segment descriptors", "part of a GDT or LDT; Xen checks every change"),
    6: ("shared", "copied when it is written to"),
    7: ("writable", "an ordinary page: mapped writable somewhere, so it cannot be a page table now"),
}
_TYPE_FLAGS = {59: "pinned", 58: "validated", 57: "holds Xen's slots", 56: "partly validated", 60: "locked"}
_COUNT_FLAGS = {63: "allocated", 62: "Xen's heap", 61: "in use as a page table", 60: "broken"}
_TYPE_COUNT, _COUNT = (1 << 55) - 1, (1 << 57) - 1
_STATES = ["", "being taken offline", "offline", "free"]
_SPECIAL = {0x7FF0: "DOMID_SELF", 0x7FF1: "Xen's DOM_IO (devices)", 0x7FF2: "Xen itself (DOM_XEN)"}


class Layout(NamedTuple):
    """Sizes and offsets, in bytes, of this Xen's structures."""
    page_info: int
    count_info: int
    type_info: int
    owner: int
    domain_id: int

    # How to ask a GDB that has loaded xen-syms, in the same order.
    EXPRESSIONS = (
        "sizeof(struct page_info)",
        "(long)&((struct page_info *)0)->count_info",
        "(long)&((struct page_info *)0)->u.inuse.type_info",
        "(long)&((struct page_info *)0)->v.inuse._domain",
        "(long)&((struct domain *)0)->domain_id",
    )


def address(layout, numbers, mfn):
    """The VA of a page's struct page_info, in Xen."""
    return FRAME_TABLE + numbers.pdx(mfn) * layout.page_info


def lines(guest, layout, numbers, mfn):
    """The page in words, with Xen's pdx.Numbers; None if this Xen's table is not where it should be, or without the page."""
    data = guest.xen_space.read(address(layout, numbers, mfn), layout.page_info)
    if data is None:
        return None
    count, kind = (struct.unpack_from("<Q", data, at)[0] for at in (layout.count_info, layout.type_info))
    pfn = guest.pfn(mfn)
    return list(_words(f"MFN {mfn:#x} = " + ("no PFN" if pfn is None else f"PFN {pfn:#x}"),
                       count, kind, _owner(guest, layout, numbers, data)))


def _owner(guest, layout, numbers, data):
    """The domain that a page belongs to: kept as the pdx of the page that its struct domain begins."""
    number, = struct.unpack_from("<I", data, layout.owner)
    if not number:
        return "nobody"
    page = guest.memory.read_page(numbers.mfn(number) << PAGE_SHIFT)
    domain, = struct.unpack_from("<H", page, layout.domain_id)
    return _SPECIAL.get(domain, f"dom{domain}")


def _words(title, count, kind, owner):
    name, meaning = _TYPES[kind >> 61]
    if not kind & _TYPE_COUNT:
        meaning = "not in use as such now: it may become anything"
    flags = [words for bit, words in _TYPE_FLAGS.items() if kind >> bit & 1]
    yield title
    state = count >> 58 & 3
    if state == 3:
        yield f"  {_STATES[state]}: nobody's"
        return
    yield f"  owner: {owner}"
    yield f"  type: {name}; type count {kind & _TYPE_COUNT}" + "".join(f"; {flag}" for flag in flags)
    yield f"        {meaning}"
    flags = [words for bit, words in _COUNT_FLAGS.items() if count >> bit & 1] + [_STATES[state]] * bool(state)
    yield f"  reference count {count & _COUNT}" + "".join(f"; {flag}" for flag in flags)
