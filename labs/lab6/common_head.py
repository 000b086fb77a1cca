# SPDX-License-Identifier: GPL-2.0-only
"""Lab 6: startup_32, entered with one boot_params after the other: what is kept, and which way it goes.

Each boot_params is a page of random bytes with only the fields of interest set,
so that no byte of it is kept by accident.
"""

import random

from grader.calls import DIRECTION
from grader.machine import Fault
from grader.tables import PAGE

from .bootparams import MAGIC, PC, PROTOCOL_SUBARCH, SUBARCH, VERSION, WAYS, XEN, Run, put, startup_32, stop_at_ways

RUBBISH = dict(rax=0x87654321, rcx=0xfedcba98, rdx=0x89abcdef)  # the protocol has EBX, EBP and EDI zero, no others
LOADERS = 0x20000  # paddr of free memory: where a loader has its boot_params, and more of its own behind

MAIN = [(PROTOCOL_SUBARCH, XEN, "xen_entry"), (0x208, PC, "native_entry"), (0x20f, XEN, "xen_entry"), (PROTOCOL_SUBARCH, PC, "native_entry")]
OTHERS = [
    *((0x208, bit ^ subarch, "bad_subarch") for subarch in (PC, XEN) for bit in (1 << n for n in range(32)) if bit ^ subarch not in (PC, XEN)),
    (PROTOCOL_SUBARCH, 3, "bad_subarch"), (PROTOCOL_SUBARCH, 0xffffffff, "bad_subarch"),
    (0x206, XEN, "native_entry"), (0x206, 1, "native_entry"), (0x200, 0xffffffff, "native_entry"), (0x107, XEN, "native_entry"),
    (0x2ff, XEN, "xen_entry"), (0x300, XEN, "xen_entry"), (0x8207, XEN, "xen_entry"), (0xffff, XEN, "xen_entry"),
]


def check_head(task, boot):
    stop_at_ways(boot)
    check_cases(task, boot, MAIN)
    if task.state == "right":
        check_direction(task, boot)


def check_others(task, boot):
    check_cases(task, boot, OTHERS)


def check_cases(task, boot, cases):
    source = random.Random(2007)
    for number, (version, subarch, way) in enumerate(cases):
        at = LOADERS + 0x124 * (number % 2)  # nobody says that it is aligned
        page = bytearray(source.randbytes(PAGE))
        page[MAGIC:MAGIC + 4] = b"HdrS"
        put(page, VERSION, version, 2)
        put(page, SUBARCH, subarch)
        loaders = bytes(page) + b"\xa5" * 4 * PAGE
        boot.guest.write(at, loaders)
        run = Run(boot, startup_32(boot.elf), WAYS, rsi=at, **RUBBISH)
        if run.arrived and any(LOADERS <= paddr < at + len(loaders) for paddr, _, _ in run.changes):
            task.fail("head-loaders-memory", f"""startup_32 with a boot_params of version {version >> 8}.{version & 255:02} writes to the loader's boot_params (P=V {at:#x})
                or behind it. That is the loader's; what has to be changed is changed in the kernel's copy.""")
        if version < PROTOCOL_SUBARCH:
            put(page, SUBARCH, PC)
        judge(task, boot, run, version, subarch, way, bytes(page))
        if task.state != "right":
            return


def check_direction(task, boot):
    """No protocol says that the direction flag is clear; the functions behind the head need it so."""
    page = random.Random(2008).randbytes(MAGIC) + b"HdrS" + PROTOCOL_SUBARCH.to_bytes(2, "little")
    page = page.ljust(SUBARCH, b"\x5a") + XEN.to_bytes(4, "little")
    page = page.ljust(PAGE, b"\xa5")
    boot.guest.write(LOADERS - PAGE, bytes(PAGE) + page)
    run = Run(boot, startup_32(boot.elf), WAYS, rsi=LOADERS, eflags=boot.calls.saved["eflags"] | DIRECTION)
    if run.kept != page or run.event.regs["eflags"] & DIRECTION:
        task.fail("head-direction", """startup_32, entered with the direction flag set, copies downwards, or leaves it set for the C code behind. Nobody
            promises that it is clear: cld.""")


def judge(task, boot, run, version, subarch, way, page):
    said = f"startup_32 with a boot_params of version {version >> 8}.{version & 255:02} and hardware_subarch {subarch:#x}"
    if run.arrived != way:
        return wrong_way(task, boot, run, version, subarch, way, said)
    symbol = boot.guest.paddr("boot_params")
    if run.kept != page:
        explain_kept(task, run, version, page, said)
    damaged = run.damage(symbol)
    if damaged is not None:
        beyond = boot.elf.symbol_at(damaged + boot.guest.load_offset)
        task.fail("head-copied-too-much", f"""{said} writes to P=V {damaged:#x} ({beyond.name if beyond else 'behind the image'}) as well, which is not in boot_params
            (P=V {symbol:#x}, {PAGE:#x} bytes). movsl moves four bytes, ECX times.""")
    if run.stack_moved():
        task.fail("head-stack", f"{said} comes to {way}() with ESP {run.esp:#x}. The stack is that of whoever entered: {boot.calls.saved['rsp']:#x}.")
    return None


def explain_kept(task, run, version, page, said):
    bad = next(at for at, (old, new) in enumerate(zip(page, run.kept)) if old != new)
    if not any(run.kept):
        task.fail("head-not-copied", f"""{said} leaves boot_params empty. It is the kernel's own copy, since the loader's memory may be overwritten:
            all {PAGE:#x} bytes from ESI go there.""")
    elif SUBARCH <= bad < SUBARCH + 4 and version < PROTOCOL_SUBARCH:
        task.fail("head-old-subarch-kept", f"""{said} goes the right way, but leaves {run.kept[SUBARCH:SUBARCH + 4][::-1].hex()} in boot_params, where later code
            will find it. Before 2.07 these bytes meant nothing: write the PC's number there.""")
    elif run.kept[:bad] == page[:bad] and not any(run.kept[bad:]):
        task.fail("head-copied-too-little", f"""{said} keeps only the first {bad:#x} bytes of boot_params' {PAGE:#x}. The table of memory ranges, for one, is at
            0x2d0 and beyond.""")
    else:
        task.fail("head-copy-wrong",
                  f"{said} leaves {run.kept[bad]:#04x} in boot_params at offset {bad:#x}, and the loader's had {page[bad]:#04x} there.")


def wrong_way(task, boot, run, version, subarch, way, said):
    event, va = run.event, run.linked_fault()
    where = f"{run.arrived}()" if run.arrived else f"none of the entries: {boot.describe(event)}"
    if isinstance(event, Fault) and va and event.ip == va:
        task.fail("head-table-linked",
                  f"{said} jumps to VA {va:#x}, a linked address. Nothing is mapped there yet: the table needs pa() for each entry.")
    elif va:
        task.fail("head-linked", f"{said} uses VA {va:#x}, a linked address, {boot.where(event.ip)}. It runs P=V, and natively without paging: pa().")
    elif version < PROTOCOL_SUBARCH:
        task.fail("head-old-protocol", f"""{said} goes to {where}. hardware_subarch is of version 2.07; before, these bytes meant nothing, and every
            machine was a PC: native_entry().""")
    elif version > 0x2ff:
        task.fail("head-version-compare", f"""{said} goes to {where}. version is one number of 16 bits, 0x0207 and more, not two numbers to be compared
            one by one.""")
    elif way == "bad_subarch" and subarch >= 0x80000000:
        task.fail("head-signed", f"{said} goes to {where}. The number has no sign: compare it with ja/jae, not with jg/jge.")
    elif way == "bad_subarch":
        task.fail("head-unknown", f"""{said} goes to {where}. Nothing here knows that machine (1 was lguest, 3 and 4 are others): bad_subarch() says so
            and stops.""")
    else:
        task.fail("head-wrong-way" if run.arrived else "head-no-arrival", f"{said} goes to {where}. It should be {way}().")
