# SPDX-License-Identifier: GPL-2.0-only
"""The second level of page tables: from the paddrs of a guest to the machine's, where the processor does that.

A guest with virtualization never sees it. On AMD's processors, which QEMU imitates, the hypervisor describes a guest's
processor in a page, the VMCB, and that names these tables. No register shows where it is while the guest runs, so it is looked
for in the machine's memory, by what the processor insists on.

Source: AMD64 Architecture Programmer's Manual volume 2, chapter 15 and appendix B (layout of the VMCB).
"""

import struct

from . import paging
from .memory import PAGE_SHIFT, PAGE_SIZE, BadPage
from .space import AddressSpace

# Of the VMCB: offset and length of what is looked at first, and its fields.
_CONTROL = struct.Struct("<I68xI52xQ24xQ")  # intercepts, ASID, nested paging or not, root of the tables
_CONTROL_AT = 0x10
_EFER_AT = 0x4D0
_VMRUN, _NESTED, _SVME = 1 << 0, 1 << 0, 1 << 12
# Pages that are looked at at once.
STEP = 1024

LEVELS = paging.FOUR_LEVEL
# The bits of an entry that are not left to the hypervisor, which keeps a page's kind in them.
_HARDWARE = paging.NX | 0x1FF


class Nested:
    """A guest's memory, by its own paddrs; and the tables that lead there."""

    def __init__(self, memory, root):
        self._memory = memory
        self.space = AddressSpace(memory, LEVELS, root)

    def maddr(self, paddr):
        """Where it is in the machine's memory."""
        walk = self.space.walk(paddr)
        if walk.maddr is None:
            raise BadPage(f"Xen has no page for the guest's paddr {paddr:#x}")
        return walk.maddr

    def read_page(self, paddr):
        return self._memory.read_page(self.maddr(paddr))


def lines(memory, pfn):
    """How the processor comes from a page of the guest's to the machine's, level by level; memory is a Nested."""
    walk = memory.space.walk(pfn << PAGE_SHIFT)
    if walk.maddr is None:
        yield f"PFN {pfn:#x} is no page of this guest's: {walk.problem}"
    else:
        yield f"PFN {pfn:#x} is MFN {walk.maddr >> PAGE_SHIFT:#x}, by the second level of page tables"
    yield f"{LEVELS.name}. Their root is MFN {memory.space.root >> PAGE_SHIFT:#x}:"
    for entry in walk.path:
        yield (f"  {entry.name:9} at maddr {entry.maddr:#x}: {entry.value:#018x}  "
               f"{' '.join(paging.flag_names(entry.value & _HARDWARE)) or 'no flags'}")
        if entry.present:
            yield f"  {'':9} -> {'page' if entry.is_page else 'table'} MFN {entry.mfn:#x}"


def root_of(read_pieces, ranges):
    """The root of a guest's second level, None without such a guest. read_pieces([(maddr, count), ...]) gives bytes; ranges are
    the machine's memory, as pairs of its first and its last maddr. Xen takes its own pages from the end."""
    for first, last in sorted(ranges, reverse=True):
        for end in range((last + 1) // PAGE_SIZE, first // PAGE_SIZE, -STEP):
            pages = [number * PAGE_SIZE for number in range(end - 1, max(end - STEP, -(-first // PAGE_SIZE)) - 1, -1)]
            controls = read_pieces([(page + _CONTROL_AT, _CONTROL.size) for page in pages])
            for page, root in [(page, root) for page, data in zip(pages, list(controls)) for root in _roots(data)]:
                efer, = read_pieces([(page + _EFER_AT, 8)])
                if int.from_bytes(efer, "little") & _SVME and any(first <= root < last for first, last in ranges):
                    return root
    return None


def _roots(data):
    """The root that a page names, if it may be a VMCB, by its control area."""
    if len(data) == _CONTROL.size:
        intercepts, asid, nested, root = _CONTROL.unpack(data)
        if intercepts & _VMRUN and asid and nested & _NESTED and root and root % PAGE_SIZE == 0:
            yield root


def has_guest(registers):
    """Whether such a guest runs: its own segments, and the bit without which the processor does not run one."""
    return bool(registers.efer & _SVME) and registers.cs < 0xE000
