# SPDX-License-Identifier: GPL-2.0-only
"""Stage 7 on Xen, as dom0 or as a domain of stage 6's: what happened in the guest, by what Xen, and the guest, printed of it."""

import functools
import os
import re

from xenabi.headers import value
from xenpt.memory import PAGE_SIZE

from .disassembly import function
from .facts import Facts
from .fault import NAMES
from .rule import rule
from .rules_stack import STACK_SIZE

LESSON = "11-pvh"
MAPPED = 0x40000000  # PVH_MAPPED of src/include/pvh.h: so far memory is mapped
STACK_AT = r"stack: \w+'s is at VA 0x([0-9a-f]+), not at the top of init_stack, VA 0x([0-9a-f]+)"


@functools.lru_cache(maxsize=1)
def kernel(f) -> Facts:
    """What can be asked of the guest's image: addresses, and what numbers are."""
    return Facts(f.log, "", os.environ.get("MODULE", "")) if f.pvh == "domU" else f


def address(f, va: int, translated: bool = True) -> str:
    """An address that was used, what it is, and what it should have been if it is a paddr; before paging is on (translated), a paddr is right."""
    put = f.guest(r"^(?:toolstack: hvm_start_info is|.*hvm_start_info) at paddr 0x([0-9a-f]+)")
    offset = va - int(put[1], 16) if put else -1
    kind = f"hvm_start_info + {offset:#x}" if 0 <= offset < PAGE_SIZE else kernel(f).number(va)
    whose = r"^(?:\[domain \d+\]|\(d[1-9]\d*\)) .*" if f.pvh == "domU" else ""  # dom0 says the same of itself
    dropped = f.guest(f"{whose}(?:P=V dropped|pvh_start_kernel at VA)")  # or about to be
    low = translated and dropped and (PAGE_SIZE <= va < MAPPED or kernel(f).is_a(va, "pv"))
    return f"VA {va:#x}{f' ({kind})' if kind else ''}" + \
        (f". That is a paddr, and as a VA it is mapped no more once P=V was dropped: it lacks {'LOAD_OFFSET (linked_va())' if kernel(f).source.linked(va) else 'PAGE_OFFSET (__va())'}" if low else "")


@rule("pvh-pv-address", LESSON, "failure")
def _(f):
    """Dom0's own: a paddr was used when P=V was gone."""
    fell, at = f.guest(r"^FAULT: vector 14, error code 0x[0-9a-f]+, CR2 VA 0x([0-9a-f]+)"), f.guest(r"^ +[ER]IP VA 0x([0-9a-f]+)")
    told = address(f, int(fell[1], 16)) if f.pvh == "dom0" and not f.native and fell and at else ""
    return "a paddr" in told and f"The kernel fell over a page fault at {f.source.place(int(at[1], 16))}. It used {told}. {'What a loader passes are paddrs: each' if 'hvm_start_info' in told else 'A paddr'} has to be repointed before P=V is dropped."


@rule("pvh-guest-halted", LESSON, "failure")
def _(f):
    waits = bool(f.ran and f.ran.last_code and kernel(f).source.function(f.ran.last_code) == "wait_for_tick")
    if f.pvh == "domU" and not waits and f.guest(r"^toolstack: the guest ended .*: it halted with interrupts off"):
        return """Nothing wakes a processor that halts with interrupts off, so Xen took the domain from it, with the word for success: the kernel did
            not ask for its end by sched_op(SCHEDOP_shutdown), and gave no reason. native_exit() does that, src/stage7-pvh/pvh-exit.c; elsewhere "cli; hlt" is
            the end of a way that should not come to its end."""


def _ports(f, said: str) -> str:
    """Of a port that is said to be both console's and xenstore's: which parameter has the other's, and who has to set or read it."""
    told = re.match(r"console: port (\d+) is that of xenstore", said)
    opened = f.guest(r"^toolstack: channels: the guest's port (\d+) for the console, (\d+) for the store")
    if not told or not opened or told[1] not in opened.groups():
        return ""
    wrong = "STORE" if told[1] == opened[1] else "CONSOLE"
    wanted = {value("HVM_PARAM_CONSOLE_EVTCHN"), value("HVM_PARAM_STORE_EVTCHN")}
    source = kernel(f).source
    code = [i for name in ("find_ring", "pvh_select_console") for i in function(source, source.va(name) or 0)]
    both = wanted <= {int(n, 16) for i in code for n in re.findall(r"\$0x([0-9a-f]+)", i.operands)}
    who = "The kernel asks for both, so it is the toolstack that has set it so: pvh_set_parameters() (src/stage6-toolstack/pvh.c)." if both else \
        "Either the kernel asks for the other one, find_ring() (src/stage7-pvh/pvh-console.c), or the toolstack has set it so, pvh_set_parameters() (src/stage6-toolstack/pvh.c)."
    return f" The toolstack has opened port {opened[1]} for the console and {opened[2]} for xenstore, so what was taken for HVM_PARAM_{wrong}_EVTCHN is the other's. {who}"


@rule("pvh-guest-failed", LESSON, "failure")
def _(f):
    fell = f.guest(r"^\[domain \d+\] FAULT: vector (\d+), error code 0x([0-9a-f]+), CR2 VA 0x([0-9a-f]+)")
    at = f.guest(r"^\[domain \d+\] +[ER]IP VA 0x([0-9a-f]+)")
    said = f.guest(r"^\[domain \d+\] PANIC: (.*)")
    if f.pvh == "domU" and fell and at:
        vector = int(fell[1])
        used = f"It used {address(f, int(fell[3], 16))}." if vector == 14 else ""
        return f"The kernel in the PVH domain fell over {NAMES.get(vector, f'vector {vector}')} at {kernel(f).source.place(int(at[1], 16))}. {used}"
    stack = re.match(STACK_AT, said[1]) if said and f.pvh == "domU" else None
    below = int(stack[2], 16) - kernel(f).source.offset - int(stack[1], 16) if stack else STACK_SIZE
    if 0 <= below < STACK_SIZE:
        return f"""The kernel in the PVH domain runs on its own stack, init_stack, at that stack's P=V address: VA 0x{stack[1]} is LOAD_OFFSET ({kernel(f).source.offset:#x}) below where the stack is linked, but for {below} bytes. The jump to the linked
            address takes the stack along by linked_va(init_stack + THREAD_SIZE), or the stack goes when P=V is dropped."""
    refused = re.match(r"hypercall refused: (.*): -\d+ \((\w+)\)", said[1]) if said and f.pvh == "domU" else None
    version = f.guest(r"^\[domain \d+\] +hvm_start_info: version (\d+)")
    if refused and "XENMEM_memory_map" in refused[1] and version:
        return f"""The kernel in the PVH domain asked Xen for the map of its memory, and Xen has none for such a domain ({refused[2]}): it stands in hvm_start_info, if that is of version 1 or later and has memmap_entries. The kernel found version {version[1]} there, {"" if version[1] == "0" else "and no entries, "}and took that for a loader
            that gives no map. pvh_write_start_info() (src/stage6-toolstack/pvh.c) has to fill both in, and memmap_paddr."""
    if refused:
        unknown = " That is no operation of the hypercall that it was sent to: is it the right one?" if refused[2] == "ENOSYS" else ""
        if refused[2] in ("EACCES", "EPERM", "ESRCH"):
            unknown = " It may ask that of itself only: the struct's domid has to be DOMID_SELF."
        return f"The kernel in the PVH domain asked Xen for {refused[1]}, and Xen refused: {refused[2]}.{unknown}"
    paddr = re.match("hvm_start_info: (.*) at paddr 0x([0-9a-f]+)", said[1]) if said and f.pvh == "domU" else None
    if paddr:
        kind = f.number(int(paddr[2], 16))
        return f"""The kernel in the PVH domain found that {said[1].removeprefix("hvm_start_info: ")}. The toolstack fills that in, pvh_write_start_info() (src/stage6-toolstack/pvh.c): a paddr of the guest's.{f" 0x{paddr[2]} is an address of dom0's, {kind}." if kind else ""}"""
    if said and f.pvh == "domU" and "hvm_start_info at paddr" not in said[1]:
        return f"The kernel in the PVH domain found something wrong, and says what: {said[1]}.{_ports(f, said[1])}"
