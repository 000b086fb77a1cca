# SPDX-License-Identifier: GPL-2.0-only
"""A step into Xen, its backtrace, and on to the guest; no step beyond the end. Run by tests/gdb/session.bash.

START in the environment is a function that makes a hypercall.
"""

import os
import re

import gdb
from inside import check, refused, registers, run, xen


@check
def a_step_into_xen_says_where_it_went_and_how_to_come_back():
    gdb.execute(f"thbreak {os.environ['START']}", to_string=True)
    gdb.execute("continue", to_string=True)
    refused("where", "the guest runs, not Xen")
    said = ""
    while not registers().in_xen:
        guest = registers()
        said = gdb.execute("stepi", to_string=True)
    assert f"for the guest's instruction at VA {guest.rip:#x} <hypercall_page" in said and "`xen step` goes on" in said, said
    for _ in range(20):  # how far it is to there, each Xen has its own way
        gdb.execute("stepi 100", to_string=True)
        where = xen("where").splitlines()
        if any(" do_mmu_update+" in line for line in where):
            break
    assert where[0].startswith("#0 ") and " at " in where[0] and any(" do_mmu_update+" in line for line in where), where
    xen("step")
    assert not registers().in_xen and registers().rip == guest.rip + 2
    assert registers().rax == 0, "mmu_update's result"
    xen("back 1")
    assert registers().rip == guest.rip  # Xen may have sent it back there in between, with other arguments left to do
    xen("step")
    assert not registers().in_xen and registers().rip == guest.rip + 2


@check
def a_backtrace_leaves_nobody_out():
    xen("restart entry")
    xen("hypercalls break mmu_update")
    gdb.execute("continue", to_string=True)
    xen("hypercalls off")
    for step in range(4):  # over the instructions that put the frame in order
        functions = [line.split()[2].partition("+")[0] for line in xen("where").splitlines()[:-1]]
        assert functions in (["do_mmu_update", "do_entry_int82", "entry_int82"], ["do_mmu_update", "pv_hypercall", "lstar_enter"]), (step, functions)
        gdb.execute("stepi", to_string=True)


@check
def a_program_counter_below_xen_has_no_backtrace():
    gdb.execute("stepi", to_string=True)
    assert registers().in_xen
    gdb.execute("set var $pc = 5", to_string=True)
    assert re.match("#0  (0x(?:ffff82d00000000)?5) \\1 at [?][?]:", xen("where")), xen("where")
    xen("restart entry")


@check
def nothing_steps_beyond_the_end():
    xen("end")
    end = registers().raw
    for command in ("continue", "stepi", "si", "step", "next", "nexti", "finish", "until", "advance *0", "xen step"):
        try:
            gdb.execute(command, to_string=True)
        except gdb.error as error:
            assert "this is the end of the boot" in str(error), error
        else:
            raise AssertionError(f"{command} left the end")
    assert registers().raw == end


run()
