# SPDX-License-Identifier: GPL-2.0-only
"""What Xen and the guest keep of each other while it runs, and hypercalls by name. Run by tests/gdb/session.bash, on stage 4."""

import re

import gdb
from inside import check, refused, registers, run, xen
from xenabi.hypercalls import ARGUMENTS, CALLBACKS
from xenabi.headers import names
from xencmd import hypercall_watch


@check
def at_the_entry_nothing_is_set_up():
    assert "no handlers: set_trap_table was not called yet" in xen("traps")
    assert "event upcall     none" in xen("vcpu") and "vcpu 0 of dom0" in xen("vcpu")
    assert "0 channels bound" in xen("events")
    said = xen("shared-info")
    assert "mapped nowhere now" in said and "p2m      not registered" in said and "masked (evtchn_upcall_mask 1)" in said, said


@check
def a_stop_at_a_hypercall_of_this_name_on_this_condition():
    xen("hypercalls break event_channel_op if $arg1 == 1000")
    xen("hypercalls break set_timer_op")
    said = gdb.execute("continue", to_string=True)
    assert said.startswith("at set_timer_op("), said
    xen("step")
    assert not registers().in_xen and registers().rax & 0xFFFFFFFF == 0
    xen("hypercalls off")


@check
def names_filter_and_unknown_ones_are_refused():
    xen("restart entry")
    xen("hypercalls on update_va_mapping mmuext_op set_callbacks")
    lines = xen("end").splitlines()
    calls = {line.partition("(")[0] for line in lines if "(" in line and not line.startswith((" ", "(", "the end", "xen_exit"))}
    assert calls == {"update_va_mapping", "mmuext_op", "set_callbacks"}, calls
    assert any(" -> " in line and "PRESENT RW" in line for line in lines), lines  # the old entry and the new one
    assert any("MMUEXT_" in line for line in lines), lines
    xen("hypercalls off")
    for command in ("hypercalls on frobnicate", "hypercalls break frobnicate"):
        refused(command, "frobnicate is no hypercall of xen.h")
    refused("hypercalls break", "usage: xen hypercalls on [NAME...]")
    refused("hypercalls off mmu_update", "usage: xen hypercalls on [NAME...]")


@check
def so_many_at_a_time():
    def calls(said):
        return re.findall(r"^(\w+)\(.*\)(?: = |$)", said, re.M)

    xen("restart entry")
    xen("hypercalls on")
    whole = calls(xen("end"))
    xen("hypercalls off")
    xen("restart entry")
    usual, hypercall_watch.MOST = hypercall_watch.MOST, 10
    xen("hypercalls on")
    said = xen("end")
    assert calls(said) == whole[:10] and "10 hypercalls were shown; to go on shows 10 more" in said and "\nthe end: " not in said, said
    said = gdb.execute("continue", to_string=True)
    assert calls(said) == whole[10:20] and "10 hypercalls were shown" in said, said
    xen("hypercalls on mmuext_op update_va_mapping console_io")
    said = xen("end")
    assert "hypercalls were shown" not in said and "the end: xen_exit" in said, said
    xen("hypercalls off")
    hypercall_watch.MOST = usual


@check
def a_call_that_xen_sends_back_is_not_stopped_at_each_time():
    xen("restart entry")
    visits, visit = [], hypercall_watch.Watch.visit
    hypercall_watch.Watch.visit = lambda watch, stub: visits.append(watch) or visit(watch, stub)
    xen("hypercalls on")
    xen("end")  # a table that was emptied is freed entry by entry
    xen("hypercalls off")
    hypercall_watch.Watch.visit = visit
    assert 40 < len(visits) < 150, len(visits)


@check
def at_the_end_they_tell_what_the_guest_has_set_up():
    assert "<xen_hypervisor_callback>" in xen("vcpu")
    traps = xen("traps").splitlines()
    assert traps[-1] == f"{len(traps) - 1} handlers" and "vector  14: " in xen("traps")
    assert "virq 0 (VIRQ_TIMER)" in xen("events")
    assert "mapped at VA 0x" in xen("shared-info")


@check
def tables_against_a_checkpoint():
    here = registers().raw
    assert "unmapped -> PFN" in xen("pt diff checkpoint entry") and registers().raw == here
    refused("pt diff checkpoint nowhere", "there is no checkpoint nowhere")


@check
def every_hypercall_of_the_headers_has_its_arguments_named():
    public = {name.removeprefix("__HYPERVISOR_") for name in names("__HYPERVISOR_").values()}
    unused = {"acm_op", "argo_op", "dm_op", "tmem_op", "xenpmu_op", "set_callbacks", "xc_reserved_op", "xenoprof_op"}
    plain = public - ARGUMENTS.keys() - unused
    assert CALLBACKS and not {name for name in plain if not name.startswith("arch_")}, plain


run()
