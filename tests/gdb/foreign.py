# SPDX-License-Identifier: GPL-2.0-only
"""A QEMU that somebody started with a command line of his own: no monitor, no snapshots, no icount. Run by tests/gdb/all.bats.

GDB has just connected, and the machine has not run yet. START in the environment is a function, XEN_SYMS a file.
"""

import os

import gdb
from inside import LOOKS, check, refused, registers, run, session, xen

KITS = "which a machine has that `make gdb` started"
folder = os.environ["BATS_TEST_TMPDIR"]


@check
def before_there_is_paging_each_command_says_so():
    for command in LOOKS:
        refused(command, "paging is off (CR0.PG is 0): there are no page tables yet")
    assert "paging is off" in xen("connect")


@check
def in_the_guest_each_command_works_with_what_is_there():
    gdb.execute(f"hbreak {os.environ['START']}", to_string=True)
    gdb.execute("continue", to_string=True)
    assert gdb.selected_frame().name() == os.environ["START"]
    assert registers().rip < 1 << 31, "symbols at P=V, and not stopped there"
    assert "PFNs are the m2p's alone" in xen("pt")
    assert "of 4 KiB; " in xen("pt all")
    assert ", paddr 0x10" in xen("pt walk $pc")
    assert "as a page" in xen("pt aliases $pc")
    assert f"wrote {folder}/x.svg" in xen(f"pt svg {folder}/x.svg")
    xen(f"pt save {folder}/x.json")
    assert xen(f"pt diff {folder}/x.json") == "no difference\n"
    assert "XEN_VERSION" in xen("notes")


@check
def start_info_is_found_in_memory_and_with_it_the_p2m():
    assert "dom0" in xen("start-info")
    assert "the m2p agrees" in xen("p2m 4")
    assert "PFNs are the m2p's alone" not in xen("pt")
    assert len(session.boot.p2m_frames) > 1


@check
def a_page_is_watched():
    said = xen("watch $sp")
    assert "and at none that comes later" in said and "read at VA" in said or "written at VA" in said, said


@check
def what_needs_more_says_what():
    for command in ("checkpoint", "restart entry", "back", "back 3", "back to start_kernel"):
        refused(command, f"this needs QEMU's monitor (QMP), snapshots and -icount, {KITS}")
    for command in ("end", "log"):
        refused(command, "this needs the console's transcript")
    for command in ("frame pfn 0x100", "hypercalls on"):
        refused(command, "`xen connect xen-syms FILE` names")
    refused("connect xen-syms", "usage: xen connect")
    refused("connect xen-syms /none", "/none is no xen-syms")
    refused(f"connect xen-syms {os.path.dirname(os.environ['XEN_SYMS'])}/xen", "is no xen-syms")


@check
def with_xens_symbols_it_knows_more():
    xen(f"connect xen-syms {os.environ['XEN_SYMS']}")
    assert "owner: dom0" in xen("frame pfn 0x100")
    assert "vcpu 0 of dom0" in xen("vcpu") and "no handlers" in xen("traps") and "0 channels bound" in xen("events")
    refused("where", "the guest runs, not Xen")
    assert "none that comes later" not in xen("watch $sp")
    xen("hypercalls on")
    said = ""
    while gdb.selected_frame().name() != "xen_entry":  # the watchpoint may have stopped it in a function of the compiler's
        said += gdb.execute("finish", to_string=True)
    assert "mmu_update(" in said, said
    xen("hypercalls off")


run()
