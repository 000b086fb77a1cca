# SPDX-License-Identifier: GPL-2.0-only
"""Where a boot ends, and where it enters Xen, by address."""

import re
import struct

import gdb

from xenpt.pdx import Numbers

from .session import plain_errors, session

# Where a stage ends: src/stage2-hypercall/exit.c, and stage 1's deliberate crash.
GOOD_ENDS = ("xen_exit", "native_exit", "proof_of_life")
# Where Xen ends a guest that did something it could not go on from, and where dom0 ends the machine by a hypercall.
BAD_END, SHUTDOWN = "__domain_crash", "hwdom_shutdown"
# Where Xen takes the hypercalls of 32-bit and of 64-bit guests; the argument is a struct cpu_user_regs *.
HYPERCALL = {32: "do_entry_int82", 64: "pv_hypercall"}
# Who calls that, and how long it is at most.
CALLER = {32: "entry_int82", 64: "lstar_enter"}
CALLER_SIZE = 512
_TASK_REGISTER = re.compile(r"^TR =[0-9a-f]+ ([0-9a-f]+)", re.MULTILINE)


def ends():
    """Address -> what it means to arrive there."""
    image, places = session.image, {}
    for name in GOOD_ENDS if image else ():
        if name in image.symbols:
            places[image.symbols[name]] = f"{name}, at its linked VA"
            places[image.symbols[name] - image.load_offset & (1 << 64) - 1] = f"{name}, P=V"
    for crash in crashes():
        places[crash] = "Xen ends the guest, which crashed (`xen back 1` leads to the instruction)"
    shutdown = session.under_xen and session.xen_symbol(SHUTDOWN)
    if shutdown:
        places[shutdown] = "dom0 has Xen shut the machine down (SCHEDOP_shutdown)"
    return places


def at_end():
    """Whether the boot is over: the machine stands at an end, or has shut itself down where nobody knew of one."""
    return session.stub.registers().rip in ends() or bool(session.folder and session.monitor.shut_down())


def crashes():
    """Where Xen ends a guest that crashed: an address, or nothing without Xen or its symbols."""
    crash = session.under_xen and session.xen_symbol(BAD_END)
    return {crash} if crash else set()


def in_xen():
    """The ends in Xen, if GDB itself cannot set a breakpoint there: when it debugs a 32-bit guest, its addresses are too
    short."""
    return {address for address in ends() if address >> 47 and address >> 32 != 0xFFFFFFFF} if session.bits() == 32 else set()


def hypercall_gate():
    """Where Xen takes a hypercall, and where it is when that is done; nothing without Xen, or without its symbols."""
    if session.gate is None:
        bits = session.bits()
        entry, caller = (session.under_xen and session.xen_symbol(table[bits]) for table in (HYPERCALL, CALLER))
        back = entry and caller and behind_call(caller, session.stub.read(caller, CALLER_SIZE), entry)
        session.gate = (entry, back) if back else ()
    return session.gate


def handler(name):
    """Where Xen begins with a hypercall of this name, of a guest of this kind; None if that is not known."""
    kinds = ("compat", "do") if session.bits() == 32 else ("do",)
    return next(filter(None, (session.xen_symbol(f"{kind}_{name}") for kind in kinds)), None)


def page_numbers():
    """How this Xen numbers the pages that the machine has."""
    with plain_errors():
        return Numbers(session.xen_symbol if session.under_xen else lambda _: None, session.stub.read)


def stack_top(read):
    """What the processor takes for its stack when it enters Xen, by its TSS there; read has memory by VA, or None."""
    base = int(_TASK_REGISTER.search(session.stub.human("info registers"))[1], 16)
    if base < 1 << 32:  # in 32-bit code QEMU prints the lower half; Xen's image, which it is in, has one upper half
        base |= (session.xen_symbol("restore_all_guest") or 0) >> 32 << 32
    stack = read(base + 4, 8)  # its rsp0
    if not stack:
        raise gdb.GdbError("Xen's TSS cannot be read: Xen is not that far")
    return int.from_bytes(stack, "little")


def behind_call(va, code, target):
    """Where code at an address goes on after it called something; None if it does not."""
    for at in range(len(code) - 4):
        distance, = struct.unpack_from("<i", code, at + 1)
        if code[at] == 0xE8 and va + at + 5 + distance == target:
            return va + at + 5
    return None
