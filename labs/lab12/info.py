# SPDX-License-Identifier: GPL-2.0-only
"""Lab 12: pvh_check_start_info(), asked about what the loaders at hand do not say.

Source: xen/arch-x86/hvm/start_info.h.
"""

from grader.machine import End, Stop
from xenabi.structs import constants, struct

(MAGIC,) = constants(64, "XEN_HVM_START_MAGIC_VALUE")
INFO = struct(64, "struct hvm_start_info", "magic", "version", "flags", "nr_modules", "modlist_paddr", "cmdline_paddr", "memmap_paddr",
              "memmap_entries")
MODULE = struct(64, "struct hvm_modlist_entry", "paddr", "size")
AT = 16 << 20  # paddr: nobody's yet
MODULES, MAP = AT + 0x200, AT + 0x800
GIB = 1 << 30
MAPPED = GIB - (2 << 20)  # PVH_MAPPED
BEYOND = 2 << 30  # paddr: the machine has none there, and nothing is mapped
HIGH = 1 << 32  # what 32 bits have no room for


def start_info(magic=MAGIC, version=1, flags=0, modules=0, modlist=0, cmdline=0, memmap=0, entries=0):
    return INFO.bytes_of(magic=magic, version=version, flags=flags, nr_modules=modules, modlist_paddr=modlist, cmdline_paddr=cmdline, memmap_paddr=memmap,
                         memmap_entries=entries)


ONE = MODULE.bytes_of(paddr=AT + 0x1000, size=5000)
FAR = MODULE.bytes_of(paddr=BEYOND, size=5000)
LONG = MODULE.bytes_of(paddr=AT, size=BEYOND)
WRAPS = MODULE.bytes_of(paddr=AT, size=2 ** 64 - AT)
LAST = MODULE.bytes_of(paddr=MAPPED - 5000, size=5000)
MAP_ENTRY = struct(64, "struct hvm_memmap_table_entry").size
LONGEST = (MAPPED - MAP) // MAP_ENTRY  # a memory map that is mapped to its end

# What it is called for the reader, the finding's name, the struct, its modules.
GOOD = (
    ("one with nothing but its magic", "refuses-plain", start_info(), b""),
    ("one with a map and a command line", "refuses-plain", start_info(cmdline=AT + 0x400, memmap=MAP, entries=2), b""),
    ("version 0, which ends before the memory map; behind it lies something else", "version-0", start_info(version=0, memmap=BEYOND, entries=9), b""),
    ("version 2, which has more fields and all of version 1", "version-2", start_info(version=2, memmap=MAP, entries=1), b""),
    ("version 1 with no ranges, and no address for them", "empty-map", start_info(memmap=BEYOND), b""),
    ("one without modules, and with an address for them", "no-modules", start_info(modlist=BEYOND), b""),
    ("two modules", "refuses-modules", start_info(modules=2, modlist=MODULES), ONE + ONE),
    ("40 modules", "refuses-modules", start_info(modules=40, modlist=MODULES), 40 * ONE),
    ("flags of which nobody has heard yet", "refuses-plain", start_info(flags=0x80000002), b""),
    ("a memory map that ends where the mapping does", "refuses-last", start_info(memmap=MAPPED - 2 * MAP_ENTRY, entries=2), b""),
    ("the longest memory map that there can be", "refuses-last", start_info(memmap=MAP, entries=LONGEST), b""),
    ("a command line in the last byte that is mapped", "refuses-last", start_info(cmdline=MAPPED - 1), b""),
    ("a module that ends where the mapping does", "refuses-last", start_info(modules=2, modlist=MODULES), ONE + LAST),
)
BAD = (
    ("another magic", "magic", start_info(magic=0x336ec579), b""),
    ("the magic of a PV guest, xen-", "magic", start_info(magic=0x2d6e6578), b""),
    *((f"the magic but for bit {bit}", "magic", start_info(magic=MAGIC ^ 1 << bit), b"") for bit in range(32)),
    ("a memory map beyond 1 GiB", "map-beyond", start_info(memmap=BEYOND, entries=1), b""),
    ("a memory map of 4 GiB and 8 bytes", "map-long", start_info(memmap=MAP, entries=0x0aaaaaab), b""),
    ("a memory map whose entries, of 24 bytes each, take 1.2 GiB", "map-end", start_info(memmap=MAP, entries=GIB // 20), b""),
    ("version 2 with a memory map beyond 1 GiB", "map-version-2", start_info(version=2, memmap=BEYOND, entries=1), b""),
    ("a command line beyond 1 GiB", "cmdline-beyond", start_info(cmdline=BEYOND), b""),
    ("a command line at the first byte that is not mapped", "cmdline-edge", start_info(cmdline=MAPPED), b""),
    ("a list of modules beyond 1 GiB", "modlist-beyond", start_info(modules=1, modlist=BEYOND), b""),
    ("version 0 with a list of modules beyond 1 GiB", "modules-version-0", start_info(version=0, modules=1, modlist=BEYOND), b""),
    ("version 256 with a memory map beyond 1 GiB", "map-version-256", start_info(version=256, memmap=BEYOND, entries=1), b""),
    ("a memory map of one range, whose end is not mapped", "map-edge", start_info(memmap=MAPPED - 8, entries=1), b""),
    ("a list of one module, whose end is not mapped", "modlist-edge", start_info(modules=1, modlist=MAPPED - 8), b""),
    ("a memory map above 4 GiB", "map-high", start_info(memmap=HIGH + MAP, entries=1), b""),
    ("a command line above 4 GiB", "cmdline-high", start_info(cmdline=HIGH + AT), b""),
    ("a list of modules above 4 GiB", "modlist-high", start_info(modules=1, modlist=HIGH + MODULES), ONE),
    ("a list of modules of 4 GiB and 32 bytes", "modlist-long", start_info(modules=(HIGH >> 5) + 1, modlist=MODULES), ONE),
    ("a memory map that is one entry too long", "map-end", start_info(memmap=MAP, entries=LONGEST + 1), b""),
    ("a second module beyond 1 GiB", "module-beyond", start_info(modules=2, modlist=MODULES), ONE + FAR),
    ("version 2 with a second module beyond 1 GiB", "module-beyond", start_info(version=2, modules=2, modlist=MODULES), ONE + FAR),
    ("a 40th module beyond 1 GiB", "module-beyond", start_info(modules=40, modlist=MODULES), 39 * ONE + FAR),
    ("a first module beyond 1 GiB", "module-beyond", start_info(modules=2, modlist=MODULES), FAR + ONE),
    ("a module above 4 GiB", "module-high", start_info(modules=1, modlist=MODULES), MODULE.bytes_of(paddr=HIGH + AT, size=5000)),
    ("a module of 4 GiB and a page", "module-high", start_info(modules=1, modlist=MODULES), MODULE.bytes_of(paddr=AT, size=HIGH + 4096)),
    ("a module whose last byte is not mapped", "module-edge", start_info(modules=1, modlist=MODULES), MODULE.bytes_of(paddr=MAPPED - 5000, size=5001)),
    ("a module of 2 GiB", "module-long", start_info(modules=1, modlist=MODULES), LONG),
    ("a module whose end wraps around", "module-wraps", start_info(modules=1, modlist=MODULES), WRAPS),
)


def check_info(task, boot):
    event = boot.machine.go()
    if not isinstance(event, Stop) or event.name != "pvh_check_start_info":
        return task.fail("info-not-reached", f"pvh_entry() did not come to pvh_check_start_info(): {boot.describe(event)}.")
    boot.begin_calls()
    with boot.calls.in_a_row():
        for case, taken in [*((case, True) for case in GOOD), *((case, False) for case in BAD)]:
            ask(task, boot, case, taken)
            if boot.machine.ended or task.findings:
                break
    return None


def ask(task, boot, case, taken):
    what, name, info, modules = case
    boot.guest.write(AT, info)
    boot.guest.write(MODULES, modules or bytes(64))
    boot.calls.broken = ""
    result = boot.calls.call("pvh_check_start_info", AT)
    now = None if boot.machine.ended else (boot.guest.read(AT, len(info)), boot.guest.read(MODULES, len(modules)))
    if now and now != (info, modules):
        task.fail("info-changed", f"asked about {what}, pvh_check_start_info() writes to the loader's structs. They are read again later.")
    elif boot.calls.broken:
        task.fail("call-broken", boot.calls.broken)
    elif isinstance(result.event, End):
        task.fail("info-fell", f"asked about {what}, pvh_check_start_info() resets the machine: it reads what is not mapped, or does not return.")
    elif taken and result.value is None:
        task.fail(f"info-{name}", f"asked about {what}, pvh_check_start_info() does not return: {boot.describe(result.event)}. That is a good one.")
    elif not taken and result.value is not None:
        task.fail(f"info-{name}", f"asked about {what}, pvh_check_start_info() returns. Whoever reads that later reads what is not mapped: panic().")
    elif not taken and not (isinstance(result.event, Stop) and result.event.name == "xen_exit"):
        task.fail("info-no-panic", f"asked about {what}, pvh_check_start_info() neither returns nor panics: {boot.describe(result.event)}.")
