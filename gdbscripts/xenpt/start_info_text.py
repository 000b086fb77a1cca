# SPDX-License-Identifier: GPL-2.0-only
"""start_info in words: every field, its address word, and what it means at this moment."""

from . import text
from .memory import PAGE_SHIFT, PAGE_SIZE
from .start_info import SIF_INITDOMAIN, SIF_MOD_START_PFN, SIF_MULTIBOOT_MOD, SIF_PRIVILEGED

_FLAGS = {SIF_PRIVILEGED: "privileged", SIF_INITDOMAIN: "first domain (dom0)",
          SIF_MULTIBOOT_MOD: "mod_start is a list of modules", SIF_MOD_START_PFN: "mod_start is a PFN",
          0xFF00: "bits of power management"}


def lines(guest):
    """A line for each field."""
    info = guest.start_info()
    mfn, offset = divmod(guest.boot.start_info, PAGE_SIZE)
    pfn = guest.pfn(mfn)
    where = f"maddr {guest.boot.start_info:#x}" if pfn is None else f"paddr {(pfn << PAGE_SHIFT) + offset:#x} (PFN {pfn:#x})"
    yield f"start_info is {where}, {_mapped_at(guest, mfn, offset)}"
    rows = [_row(guest, info, name) for name in (
        "magic nr_pages shared_info flags store_mfn store_evtchn console pt_base nr_pt_frames"
        " mfn_list mod_start mod_len cmd_line first_p2m_pfn nr_p2m_frames").split()]
    yield from text.table(rows)


def _row(guest, info, name):
    special = _SPECIAL.get(name)
    if special:
        return (name, *special(guest, info))
    return name, f"{getattr(info, name):#x}", _PLAIN[name]


def _mapped_at(guest, mfn, offset=0):
    vas = [text.va(guest, m.va + ((mfn - m.mfn) << PAGE_SHIFT) + offset) for m in guest.virtual_addresses(mfn)]
    if not vas:
        return "mapped nowhere now"
    return "mapped at VA " + ", ".join(vas[:3]) + (f" and {len(vas) - 3} more" if vas[3:] else "")


def _pointer(guest, value, what):
    """A field that holds a virtual address: P=V or linked, and whether it still leads anywhere."""
    walk = guest.space.walk(value)
    if walk.problem:
        return f"VA {text.va(guest, value)}", f"{what}; NOT mapped now: {walk.problem}"
    pfn = guest.pfn(walk.maddr >> PAGE_SHIFT)
    paddr = None if pfn is None else (pfn << PAGE_SHIFT) + value % PAGE_SIZE
    if paddr is None:
        return f"VA {text.va(guest, value)}", f"{what}; leads to {text.frame(guest, walk.maddr >> PAGE_SHIFT)}"
    word = "P=V" if paddr == value else "VA"
    return f"{word} {text.va(guest, value)}", f"{what}; is paddr {paddr:#x}"


def _shared_info(guest, info):
    mfn = info.shared_info >> PAGE_SHIFT
    return f"maddr {info.shared_info:#x}", f"a machine address, to be mapped by the guest; {_mapped_at(guest, mfn)}"


def _flags(_, info):
    names = [words for bit, words in _FLAGS.items() if info.flags & bit]
    return f"{info.flags:#x}", ", ".join(names) or "an ordinary domain"


def _store(guest, info):
    if info.is_dom0:
        return f"MFN {info.store_mfn:#x}", "means nothing in dom0"
    return f"MFN {info.store_mfn:#x}", f"xenstore's page; {text.frame(guest, info.store_mfn)}"


def _console(guest, info):
    if info.is_dom0:
        return (f"+{info.console_0:#x}, {info.console_1:#x}",
                "dom0's half of a union: offset and size of the video mode's description, no MFN")
    return (f"MFN {info.console_0:#x}, {info.console_1}",
            f"the console's page, {text.frame(guest, info.console_0)}, and its event channel")


def _module(guest, info):
    if not info.mod_len:
        return f"{info.mod_start:#x}", "no module"
    if info.flags & SIF_MOD_START_PFN:
        return f"PFN {info.mod_start:#x}", "the module"
    return _pointer(guest, info.mod_start, "the module")


_SPECIAL = {
    "magic": lambda guest, info: (repr(info.magic.rstrip(b"\0").decode("latin-1")), "who made this"),
    "nr_pages": lambda guest, info: (f"{info.nr_pages:#x}", f"pages of memory: {text.size(info.nr_pages << PAGE_SHIFT)}"),
    "shared_info": _shared_info, "flags": _flags, "store_mfn": _store, "console": _console,
    "pt_base": lambda guest, info: _pointer(guest, info.pt_base, "the pgd"),
    "mfn_list": lambda guest, info: _pointer(guest, info.mfn_list, "the p2m"),
    "mod_start": _module,
    "cmd_line": lambda guest, info: (repr(info.cmd_line.split(b"\0")[0].decode("latin-1")), "the command line"),
}
_PLAIN = {
    "store_evtchn": "event channel to xenstore",
    "nr_pt_frames": "pages of page tables that Xen made, from pt_base on",
    "mod_len": "bytes of the module",
    "first_p2m_pfn": "PFN of the p2m's first page, if Xen put it outside the kernel's mapping",
    "nr_p2m_frames": "and how many there are",
}
