# SPDX-License-Identifier: GPL-2.0-only
"""What a reader changes is there again after `xen back`, or he is told how to get it back. Run by tests/gdb/session.bash.

START in the environment is a function that begins with a few instructions that leave memory's first word alone.
"""

import os

import gdb
from inside import check, registers, run, xen

WORD = "*(unsigned *)0x1000"  # of the guest's memory, which nobody uses


def word():
    return int(gdb.parse_and_eval(WORD))


def steps(count):
    gdb.execute(f"stepi {count}", to_string=True)


@check
def a_register_is_changed_and_no_other():
    before = dict(registers().values)
    wide = "e" if gdb.selected_frame().architecture().name() == "i386" else "r"
    for register in ("ax", "cx", "di"):
        gdb.execute(f"set var ${wide}{register} = 5", to_string=True)
        assert registers().values == {**before, f"r{register}": 5}, register
        gdb.execute(f"set var ${wide}{register} = {before[f'r{register}']}", to_string=True)
    xen("restart entry")


@check
def what_is_changed_is_kept():
    gdb.execute(f"thbreak {os.environ['START']}", to_string=True)
    gdb.execute("continue", to_string=True)
    gdb.execute(f"set var {WORD} = 0x11111111", to_string=True)
    here = registers().raw
    steps(3)
    assert "undone" not in xen("back 3")
    assert word() == 0x11111111 and registers().raw == here
    gdb.execute(f"set var {WORD} = 0x22222222", to_string=True)
    steps(1)
    xen("back 1")
    assert word() == 0x22222222
    assert "checkpoints: entry, change1, change2\n" == xen("restart")


@check
def a_register_too_a_few_steps_after_a_stop():
    steps(2)
    gdb.execute("set var $edi = 0x1234567", to_string=True)
    steps(1)
    xen("back 1")
    assert registers().rdi == 0x1234567


@check
def before_it_he_is_told_that_it_is_undone():
    said = xen("back 1")
    assert "this is before your change, which is undone here: `xen restart change3` comes back to it" in said, said
    assert registers().rdi != 0x1234567 and word() == 0x22222222
    said = xen("back 2")
    assert "`xen restart change2`" in said and word() != 0x22222222, said
    xen("restart change3")
    assert registers().rdi == 0x1234567 and word() == 0x22222222


@check
def code_that_was_changed_runs_as_it_was_again():
    """QEMU may have kept what it had translated of it."""
    xen("restart entry")
    before = registers().rip
    gdb.execute("set var *(unsigned short *)$pc = 0x0b0f", to_string=True)  # ud2
    steps(1)
    assert registers().in_xen
    xen("restart entry")
    steps(1)
    assert registers().rip == before + 1, hex(registers().rip)  # cld


@check
def a_breakpoint_that_gdb_leaves_inserted_is_in_nobodys_way():
    xen("restart entry")
    entry = registers().raw
    gdb.execute("set breakpoint always-inserted on")
    gdb.execute(f"break {os.environ['START']}", to_string=True)
    gdb.execute("continue", to_string=True)
    xen("restart entry")
    assert registers().raw == entry
    gdb.execute("delete")
    gdb.execute("set breakpoint always-inserted off")


run()
