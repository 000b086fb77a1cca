# SPDX-License-Identifier: GPL-2.0-only
"""Stage 5's common head: boot_params, which the shim in front of it writes under Xen, and the jump by hardware_subarch."""

from __future__ import annotations

import re

from .rule import rule
from .rules_bzimage import LESSON
from .subarch import HEAD, HEADER, HEADS, MAGIC, SUBARCH, SUBARCH_XEN, VERSION, copied_info, field, index, jumped, loaded_contents, passed

WITH_SUBARCH = 0x207  # the first version that has the field


@rule("shim-elsewhere", LESSON, "failure")
def _(f):
    if not f.panic.startswith("xen_boot_params at P=V"):
        return None
    page0 = f.seen.peek(HEADER, 4) if f.seen else b""
    copied, held = field(f, "boot_params", SUBARCH), field(f, "xen_boot_params", SUBARCH)
    if held == SUBARCH_XEN:
        return f"""xen_boot_params, which startup_xen fills in, has the subarch (0x23c is {held}) and not the magic number: at 0x202 there is {field(f, "xen_boot_params", HEADER):#x}, and should be {MAGIC:#x}, "HdrS". It was left out, or stored
            at another offset (head_{f.bits}.S, BP_header)."""
    if copied != SUBARCH_XEN:
        return None
    there = " They stand in page 0, at 0x202 and behind: the register was 0." if page0 == b"HdrS" else ""
    return f"""startup_xen is to write the magic number, the version, the subarch and start_info into xen_boot_params, and then to pass its address on. They were written elsewhere: xen_boot_params is empty, and what the common head copied is right.{there}
        {loaded_contents(f) or f"Is the register that the stores go by the one that its address was loaded into (head_{f.bits}.S)?"}"""


@rule("taken-for-a-pc", LESSON + ": Subarch", "failure")
def _(f):
    said = f.guest("hardware_subarch is ([0-9]+), and this kernel knows only")
    if not said or int(said[1]) == SUBARCH_XEN or field(f, "xen_boot_params", SUBARCH) != SUBARCH_XEN or f.native:
        return None
    there, told = field(f, "boot_params", VERSION, 2), field(f, "xen_boot_params", VERSION, 2)
    lost = f"""the common head's copy is good (the version, 0x206, is {there:#x} in both), so the field was written to afterwards: only where the version is below {WITH_SUBARCH:#x} may the head put 0 there""" \
        if there and there == told and not int(said[1]) else copied_info(f) or "the common head's copy of it, from ESI (RSI) to boot_params, lost that"
    return f"boot_params' hardware_subarch (0x23c) is {said[1]}, and that of xen_boot_params, which the shim writes, is {SUBARCH_XEN} (Xen): {lost}."


@rule("unknown-subarch", LESSON + ": An unknown subarch", "failure")
def _(f):
    said = f.guest("hardware_subarch is ([0-9]+), and this kernel knows only (.*)")
    if said and said[1] in re.findall(r"(\d+) \(a ", said[2]):
        return f"""boot_params' hardware_subarch (0x23c) is {said[1]}, which is one of those that this kernel knows, and the common head went to bad_subarch() all the same:
            {jumped(f)}."""
    started = bool(said and f.seen and f.info) and int(said[1]) == f.seen.start_info
    if started:
        return f"""The common head found {int(said[1]):#x} in boot_params' hardware_subarch (0x23c), and that is the address of start_info, which belongs into hardware_subarch_data (0x240): the shim (head_{f.bits}.S) stores it in the other's place."""
    if said:
        return f"""The common head found a hardware_subarch (0x23c) in boot_params, {said[1]}, that is not in its table. Under Xen
            the shim before it writes the field; natively it is what the file's setup header says."""


@rule("taken-for-a-pc", LESSON + ": Subarch", "crash")
def _(f):
    if f.source.va("boot_params") is None or not f.fault or f.fault.vector != 13 or f.function not in ("outb", "inb", "serial_init", "serial_write", "native_entry"):
        return None
    drives = "The kernel drives the serial port itself, as on a bare machine"
    if field(f, "boot_params", SUBARCH) == SUBARCH_XEN:
        return f"{drives}, and boot_params says that this is Xen (hardware_subarch, 0x23c, is {SUBARCH_XEN}). The common head went to native_entry() all the same: {jumped(f)}."
    if field(f, "xen_boot_params", SUBARCH) == SUBARCH_XEN and f.steps and not f.cut and HEAD not in {f.source.function(s.address) for s in f.steps}:
        return f"""{drives}: native_entry() was entered without the common head, startup_32, which never ran, and which looks at hardware_subarch. xen_boot_params, which the shim writes, says that it is Xen
            (0x23c is 2); from there the shim has to go on at startup_32."""
    shim, came = (f.source.va("xen_boot_params") or 0) - f.source.offset & f.mask, passed(f)
    if field(f, "xen_boot_params", SUBARCH) == SUBARCH_XEN and copied_info(f):
        return f"{drives}: boot_params says that this is a PC. {copied_info(f)}."
    if field(f, "xen_boot_params", SUBARCH) == SUBARCH_XEN and came not in (None, shim):
        return f"""{drives}: boot_params says that this is a PC. The common head copied it from where ESI (RSI) led, and that was {came:#x}{f" ({f.number(came)})" if f.number(came) else ""}: the shim has filled in xen_boot_params, at P=V {shim:#x}, and has to pass that address on."""
    if field(f, "xen_boot_params", SUBARCH) == SUBARCH_XEN:
        version = field(f, "xen_boot_params", VERSION, 2) or 0
        if version < WITH_SUBARCH:
            return f"""{drives}: boot_params says that this is a PC. xen_boot_params, which the shim writes, says that it is Xen (hardware_subarch, 0x23c, is 2), and its version (0x206) is {version:#x}: before {WITH_SUBARCH:#x} there was no such field, so the common head does not look at it. The shim
                has to write the version, too."""
        if field(f, "boot_params", VERSION, 2) == version:
            return f"""{drives}: boot_params says that this is a PC. The common head has copied it from xen_boot_params, where it was Xen (hardware_subarch, 0x23c, was 2), and the version (0x206) is {version:#x} in both. Only with one below {WITH_SUBARCH:#x} has startup_32 to put 0 there: see its
                comparison, and the jump behind it."""
        return f"""{drives}: boot_params says that this is a PC. xen_boot_params, which the shim
            writes, says that it is Xen (hardware_subarch, 0x23c, is 2): the common head's copy of it lost that."""
    return f"""{drives}: boot_params says that this is a PC. The shim in front of
        the common head has to write a version (0x206) of 2.07 or more, and a hardware_subarch (0x23c) of 2."""


@rule("subarch-jump", LESSON + ": Subarch", "crash", "silence", "vanished", "timeout")
def _(f):
    """The jump itself fell, or led nowhere."""
    right = field(f, "boot_params", SUBARCH)
    if right is not None and f.function == HEAD and f.fault and (f.fault.page or f.fault.vector == 13) and f.source.va("subarch_entries") is not None \
            and f.code(f.fault.ip, 2) in (b"\xff\x24", b"\xff\x27"):
        table = f.source.va("subarch_entries") - f.source.offset
        used = next(((name, n) for name, n in f.fault.regs.values.items() if (table + n * f.bits // 8) & f.mask == f.fault.cr2), None)
        return used and f"""The common head's jump through subarch_entries took its entry from VA {f.fault.cr2:#x}, which is not in the table: the index was {used[0].upper()} ({used[1]:#x}), and hardware_subarch
            is {right}, which belongs in EAX."""


@rule("subarch-jump", LESSON + ": Subarch", "crash", rank=-1)
def _(f):
    """It led to what is no code, by a number that no entry of the table makes."""
    table, to = f.source.va("subarch_entries"), f.fault.cr2 if f.fault and f.fault.fetch and not f.source.is_code(f.fault.ip) else None
    if table is None or to is None or f.left_by not in HEADS:
        return None
    size = 4  # bytes of an entry, in either width: an address, or a distance from the table
    right = [int.from_bytes(f.source.bytes(table + n * size, size), "little", signed=f.bits == 64) +
             (table - f.source.offset) * (f.bits == 64) & f.mask for n in (0, SUBARCH_XEN)]
    if to in right:
        return None
    plain = [n for n in (0, SUBARCH_XEN) if f.bits == 64 and to == right[n // SUBARCH_XEN] - (table - f.source.offset) & f.mask]
    if plain:
        return f"""The common head jumped, at {f.left_at}, to {to:#x}. That is entry {plain[-1]} of its table, subarch_entries, as it stands there, which is a distance from the table: the table's address, {table - f.source.offset & f.mask:#x}, was not added to it. The sum is {right[plain[-1] // SUBARCH_XEN]:#x}."""
    what = "the distance of 4 bytes that stands at subarch_entries + 4 * RAX, with its sign, plus the address of subarch_entries" if f.bits == 64 else "the word that stands at subarch_entries + 4 * EAX"
    return f"""The common head jumped, at {f.left_at}, to {to:#x}, which is none of the addresses that its table, subarch_entries, leads to: entry 0 to {right[0]:#x}, entry {SUBARCH_XEN} to {right[1]:#x}. The address is {what}; hardware_subarch is {field(f, "boot_params", SUBARCH)}."""


@rule("xen-way-natively", LESSON + ": Subarch", "failure")
def _(f):
    if not f.native or not f.guest("^not under Xen: running in ring 0"):
        return None
    subarch, used = field(f, "boot_params", SUBARCH), index(f)
    if subarch == SUBARCH_XEN:
        return None  # then it is not the jump that is wrong
    why = f"its index, EAX, was {used}, and not {subarch}" if used is not None and used != subarch else f"entry {subarch} of its table, subarch_entries, leads to xen_entry(), or the field was not what it jumped by"
    return f"""The kernel runs on a bare machine, and went to xen_entry(), which is for a Xen guest: that has looked at its ring, and found 0. boot_params' hardware_subarch (0x23c) is {subarch}, where 0 is a PC and {SUBARCH_XEN} is Xen. So it is the common head's jump: {why} (head_32.S)."""
