# SPDX-License-Identifier: GPL-2.0-only
"""repoint_start_info(), asked about start_infos of many kinds: three pointers move to linked addresses, and nothing else does.

Whether the kernel calls it at the right moment is seen at its arrival (jump.py).
"""

from xenpt.start_info import SIF_INITDOMAIN, SIF_MOD_START_PFN

from ..tables import PAGE
from .asking import no_answer

SIZES = (100, 1, 65, 5 << 20)  # of modules

MEANT = {
    "pt_base": "the address of the page tables", "mfn_list": "the address of the p2m", "mod_start": "the address of the module",
    "shared_info": "a machine address", "store_mfn": "an MFN", "console_mfn": "an MFN (or dom0's offset and size)",
    "nr_pages": "a count", "nr_pt_frames": "a count", "mod_len": "a size", "flags": "flags",
}


def check_repoint(task, boot):
    guest = boot.guest
    places = guest.limit() + PAGE, guest.limit() + 2 * PAGE  # in turn: what was right for one start_info is not for the next
    module = places[-1] + PAGE
    all_moved = ("pt_base", "mfn_list", "mod_start")
    cases = [  # what is different in start_info, and which fields have to move
        ("", dict(mod_start=0, mod_len=0), ("pt_base", "mfn_list")),
        *((f"with a module of {size} bytes, ", dict(mod_start=module, mod_len=size), all_moved) for size in SIZES),
        ("with a module that lies lower than all else, ", dict(mod_start=PAGE, mod_len=100), all_moved),
        ("in a guest of 800 MiB with a module at its end, ", dict(mod_start=0x30ff0000, mod_len=0x1001234, nr_pages=800 << 8), all_moved),
        *((f"with a module of {size} bytes that is named by its PFN (SIF_MOD_START_PFN), ",
           dict(mod_start=5, mod_len=size, flags=SIF_MOD_START_PFN | more), ("pt_base", "mfn_list"))
          for size, more in ((100, SIF_INITDOMAIN), (65, 0), (5 << 20, SIF_INITDOMAIN))),
        ("as domU, ", dict(mod_start=0, mod_len=0, flags=0, store_mfn=guest.p2m[7], console_mfn=guest.p2m[8]), ("pt_base", "mfn_list")),
    ]
    with boot.calls.in_a_row():
        for number, case in enumerate(cases):
            judge_repoint(task, boot, places[number % 2], *case)
            if task.state != "right":
                return


def judge_repoint(task, boot, here, when, fields, moved):
    """One start_info, written to paddr here."""
    guest = boot.guest
    guest.write_info(here, **fields)
    raw, pointer = guest.read(here, guest.info_size), []
    result = boot.calls.call("repoint_start_info", here, leave=lambda: pointer.append(guest.read_word(guest.paddr("xen_start_info"))))
    if result.value is None:
        no_answer(boot, f"{when}repoint_start_info()", result, task, "repoint-no-answer")
        return
    now = guest.read(here, guest.info_size)
    guest.write(here, now)  # what is wrong with it is said here, and is not damage
    if not judge_fields(task, guest, when, guest.parse_info(raw), guest.parse_info(now), moved):
        return
    changed = first_change(guest, raw, now)
    if changed is not None:
        task.fail("repoint-damage", f"{when}repoint_start_info() changes byte {changed:#x} of start_info, in a field that is none of the three: whoever "
                  "reads it next will not find what Xen wrote.")
    elif pointer[0] != guest.va(here):
        task.fail("repoint-pointer", f"""start_info is at P=V {here:#x}, and repoint_start_info() leaves {pointer[0]:#x} in xen_start_info, where its linked VA
            {guest.va(here):#x} belongs.""")


def first_change(guest, before, after):
    """Offset of the first byte that differs, in none of the pointers; None if there is none."""
    moved = [guest.fields[name] for name in ("pt_base", "mfn_list", "mod_start")]
    return next((at for at in range(guest.info_size) if before[at] != after[at]
                 and not any(f.offset <= at < f.offset + f.size for f in moved)), None)


def judge_fields(task, guest, when, before, after, moved):
    for name in MEANT:
        old = before[name]
        want = guest.va(old) if name in moved else old
        got = after[name]
        if got == want:
            continue
        said = f"{when}repoint_start_info() leaves {got:#x} in {name} ({MEANT[name]}), where {want:#x} belongs"
        if name in moved and got == old:
            task.fail(f"repoint-not-{name.replace('_', '-')}", f"""{said}: it is still the P=V address. Nobody notices before P=V is gone;
                then whoever uses it faults.""")
        elif name in moved and got == guest.va(want):
            task.fail("repoint-twice", f"{said}: PAGE_OFFSET was added twice.")
        elif name in moved:
            task.fail("repoint-wrong", f"{said}: VA = paddr + PAGE_OFFSET.")
        elif name == "mod_start" and not before["mod_len"]:
            task.fail("repoint-no-module", f"{said}: there is no module (mod_len is 0), and 0 has to stay 0.")
        elif name == "mod_start":
            task.fail("repoint-module-pfn", f"{said}: a flag says that it is a PFN, no address. Only addresses move.")
        else:
            task.fail("repoint-machine-value", f"{said}: it is no pointer into this kernel's memory. It must stay.")
        return False
    return True
