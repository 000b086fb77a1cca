# SPDX-License-Identifier: GPL-2.0-only
"""`continue` stops at the end of a boot and in a crash, and the session goes on. Run by tests/gdb/session.bash."""

import re

import gdb
from inside import check, registers, run, session, xen
from xencmd import running


@check
def continue_stops_at_the_end_and_does_not_leave_it():
    assert "the end: " in gdb.execute("continue", to_string=True)
    end = registers().raw
    try:
        gdb.execute("continue", to_string=True)
    except gdb.error as error:
        assert "this is the end of the boot" in str(error), error
    else:
        raise AssertionError("continue left the end")
    assert registers().raw == end
    xen("back 1")
    assert registers().raw != end


@check
def continue_stops_in_a_crash_and_explains_it():
    if not session.boot.p2m_frames:
        return
    xen("restart entry")
    entry = registers().rip
    gdb.execute("set var *(unsigned short *)$pc = 0x0b0f", to_string=True)  # ud2
    xen("checkpoint broken")
    said = gdb.execute("continue", to_string=True)
    assert "Xen ends the guest, which crashed" in said and f"P=V {entry:#x}" in said, said
    try:
        gdb.execute("continue", to_string=True)
    except gdb.error as error:
        assert "this is the end of the boot" in str(error), error
    xen("back 1")
    assert registers().rip == entry


@check
def a_kernel_that_goes_round_for_ever_is_left_by_a_count_of_instructions():
    xen("restart entry")
    gdb.execute("set var *(unsigned short *)$pc = 0xfeeb", to_string=True)  # jmp .
    begin, usual = session.monitor.icount(), running.SILENCE
    running.SILENCE = 100
    try:
        said = xen("end")
    finally:
        running.SILENCE = usual
    assert "the end: nothing was printed for " in said and " million instructions" in said, said
    assert "in Xen, for the guest's instruction at VA 0x" in said or "startup_" in said, said
    assert session.monitor.icount() - begin > 100_000_000


@check
def what_gdb_lets_go_of_it_can_connect_to_again():
    for letting_go in ("disconnect", "detach"):
        xen("restart entry")
        gdb.execute(letting_go, to_string=True)
        try:
            xen("pt")
        except gdb.error as error:
            again = re.search("`(target remote .*)` connects to it again", str(error))[1]
        gdb.execute(again, to_string=True)
        xen("restart entry")
        assert gdb.selected_frame().name().startswith("startup_")


run()
