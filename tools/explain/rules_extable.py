# SPDX-License-Identifier: GPL-2.0-only
"""A fault that was meant, by probe_kernel_read(), and what the kernel's table of such instructions, __ex_table, made of it."""

from .bad_iret import bad_iret
from .calls import IRET
from .facts import Facts
from .fault import Fault
from .frames import frame, gates
from .questions import JUMP, misread, page_fault, vectors
from .rule import rule

NEAR_POINTER = 0x1000  # bytes between a pointer on the stack and what it points to there


def in_table(f: Facts, fault: Fault) -> str:
    """That the table has what the handler did not find."""
    to = dict(f.source.fixups).get(fault.ip)
    return f""". The table in the image is right: an entry for VA {fault.ip:#x}, with VA {to:#x} to go on at. Each is a distance from the field that it stands in, with a sign (s32): fixup_exception() has to add it to that field's own address, to compare the
        sum with regs->ip, for each entry up to __stop___ex_table, and to return true""" if to is not None else ""


@rule("deliberate-fault", JUMP + ": No trap table", "crash", "failure", "silence", "timeout")
def _(f):
    fault = page_fault(f)
    if not fault or f.source.function(fault.ip) != "probe_kernel_read" or misread(f)[0]:
        return None
    meant = [i for i, _ in f.source.fixups]
    if fault.write and fault.ip not in meant and not (f.seen and any(x.ip in meant for x in f.seen.faults)):
        return f"""probe_kernel_read() had read, and was to store what it had read at VA {fault.cr2:#x}, its second argument, {f.number(fault.cr2) or "where nothing is mapped"}. The address to be read comes first, and then that of the variable: were the two
            exchanged?"""
    if fault.ip not in meant:
        caught = any(x.ip in meant for x in f.seen.faults) if f.seen else True
        return None if caught else f"""This fault was meant: probe_kernel_read() reads VA {fault.cr2:#x} to see whether it is mapped. But nobody caught it: __ex_table has no
            entry for the instruction, VA {fault.ip:#x}. {f"Read as distances from themselves, as fixup_exception() does, its entries are about VA {', '.join(f'{i & f.mask:#x}' for i in meant[:3])}."
            if meant else "It is empty: an entry goes there by the section's name, __ex_table, which the linker script gathers."}"""
    table = next((c for c in f.calls if c.name == "set_trap_table"), None)
    registered, listed = table is not None, [vector for vector, _ in gates(f)]
    inner = int.from_bytes(table.data[:f.bits // 8], "little") if table else 0
    if table and fault.vector not in listed and 0 < abs(inner - table.args[0]) < NEAR_POINTER:
        return f"""This fault was meant, and nobody caught it: set_trap_table was given VA {table.args[0]:#x}, and what stands there, {inner:#x}, is itself an address near it: the address of a pointer to the table was passed, and not the pointer. Made at {f.source.place(table.caller)}."""
    if table and fault.vector not in listed and len(listed) > 1 and len(set(listed)) == 1:
        return f"""This fault was meant, and nobody caught it: the trap table that was registered has {len(listed)} entries, and each is for vector {listed[0]}: the number of the exception (trap_info's vector) was not filled in. Made at {f.source.place(table.caller)}."""
    if registered and fault.vector not in vectors(f):
        return f"""This fault was meant: probe_kernel_read() reads VA {fault.cr2:#x} to see whether it is mapped. But nobody caught it: the trap table that was
            registered has no entry for vector {fault.vector}. It ends with the first whose address is 0; entries behind that are not read."""
    begin, end = f.source.va("__start___ex_table"), f.source.va("__stop___ex_table")
    if registered and begin is not None and end is not None and not begin <= f.source.va_of("__ex_table") < end:
        return f"""This fault was meant: probe_kernel_read() reads VA {fault.cr2:#x} to see whether it is mapped. But nobody caught it: the handler looks from __start___ex_table, VA {begin:#x}, to __stop___ex_table{", which is the same place" if begin == end else f", VA {end:#x}"}: the section __ex_table, at VA {f.source.va_of("__ex_table"):#x}, is not
            in between. The linker script (xen.lds.S) has to gather it, by that name, between the two symbols."""
    return f"""This fault was meant: probe_kernel_read() reads VA {fault.cr2:#x} to see whether it is mapped. But nobody caught it:
        {"the handler did not find the instruction in __ex_table, or did not make use of what it found" if registered else
         "no trap table had been registered yet (set_trap_table)"}{in_table(f, fault) if registered else ""}{f"; it came {len(f.repeated)} times" if f.repeated else ""}."""


def went_on_elsewhere(f: Facts, fault: Fault) -> int | None:
    """The address that a fault that was meant was returned from to, if it is another than __ex_table says."""
    right = dict(f.source.fixups).get(fault.ip)
    back = next((c for c in f.calls[fault.calls:] if c.name == IRET), None)
    return frame(f, back) if right is not None and back and frame(f, back) != right else None


@rule("fixup-wrong", JUMP + ": No trap table", "crash", "failure", "silence", "timeout")
def _(f):
    meant = next((x for x in f.seen.faults if f.source.function(x.ip) == "probe_kernel_read"), None) if f.seen else None
    at = went_on_elsewhere(f, meant) if meant else None
    other = next((insn for insn, to in f.source.fixups if to == at and insn != meant.ip), None) if meant else None
    if at is not None and other is not None:
        return f"""The fault at {f.source.place(meant.ip)} was meant, and __ex_table has an entry for it, by which the code goes on at VA {dict(f.source.fixups)[meant.ip]:#x}. The handler returned to VA {at:#x}, as the entry of another instruction says, the one at
            {f.source.place(other)}. fixup_exception() has to take the entry whose instruction is where the exception came, regs->ip, and no other."""
    if at is not None and not bad_iret(f):
        return f"""The fault at {f.source.place(meant.ip)} was meant, and was caught. The code was to go on at VA {dict(f.source.fixups)[meant.ip]:#x}, as __ex_table says, and the handler returned to VA {at:#x}: what it
            put into its frame (fixup_exception(), regs->ip) is not what the table says."""
    fixups, faults = dict(f.source.fixups), f.seen.faults if f.seen else []
    went_on = any(c.name == IRET and frame(f, c) == fixups.get(faults[-2].ip) for c in f.calls[faults[-2].calls:]) if len(faults) > 1 else False
    if f.fault and not went_on and len(faults) > 1 and faults[-2].ip in fixups and f.source.function(f.fault.ip) == f.source.function(faults[-2].ip) and f.fault.ip not in fixups and f.fault.ip != fixups[faults[-2].ip]:
        return f"""The fault at {f.source.place(faults[-2].ip)} was meant, and was caught. The code was to go on at VA {fixups[faults[-2].ip]:#x}, as __ex_table says, and
            the next fault came at VA {f.fault.ip:#x}: the handler set another EIP (RIP), or the table's fixup is not where the code goes on."""
