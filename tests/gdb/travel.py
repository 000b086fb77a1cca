# SPDX-License-Identifier: GPL-2.0-only
"""Checkpoints, and going back: the same registers, all of them.

Run by tests/gdb/session.bash. START in the environment is a function; what follows it is gone back and forth.
STEPS is how many single steps back are tried (50), INSIDE how many instructions deep in Xen (0 1 20 60).
"""

import os

import gdb
from inside import check, refused, registers, run, session, xen

STEPS = int(os.environ.get("STEPS", "50"))
moments = []  # the registers, all of their bytes, at 51 instructions


def here():
    return registers().raw


@check
def fifty_steps_forward():
    gdb.execute(f"thbreak {os.environ['START']}", to_string=True)
    gdb.execute("continue", to_string=True)
    for _ in range(50):
        moments.append(here())
        gdb.execute("stepi", to_string=True)
        assert not registers().in_xen, "Xen was called here: START has to be somewhere else"
    moments.append(here())
    assert len(set(moments)) == 51
    xen("checkpoint after")


@check
def and_fifty_back_one_by_one():
    for number in range(49, 49 - STEPS, -1):
        xen("back 1")
        assert here() == moments[number], f"another state at instruction {number}"


@check
def forward_again_the_same_way():
    for number in range(50 - STEPS + 1, 51):
        gdb.execute("stepi", to_string=True)
        assert here() == moments[number], f"another state at instruction {number}"


@check
def all_at_once():
    xen("back 50")
    assert here() == moments[0]


@check
def a_checkpoint_is_come_back_to():
    for _ in range(3):
        xen("restart after")
        assert here() == moments[50]
        xen("back 7")
        assert here() == moments[43]


@check
def back_to_a_place():
    xen("restart after")
    xen(f"back to {os.environ['START']}")
    assert gdb.selected_frame().name() == os.environ["START"]
    gdb.execute("stepi", to_string=True)
    xen("restart entry")
    assert gdb.selected_frame().name().startswith("startup_")


@check
def out_of_xen_to_the_instruction_that_led_there():
    """Emulated CPUID from xen_entry on, a hypercall from START on; wherever in Xen the machine was stopped."""
    for place in ("xen_entry", os.environ["START"]):
        xen("restart entry")
        gdb.execute(f"thbreak {place}", to_string=True)
        gdb.execute("continue", to_string=True)
        xen("checkpoint place")
        steps = 0
        while not registers().in_xen:
            assert steps < 1000, "Xen was not called"
            last, steps = here(), steps + 1
            gdb.execute("stepi", to_string=True)
        for inside in map(int, os.environ.get("INSIDE", "0 1 20 60").split()):
            xen("restart place")
            gdb.execute(f"stepi {steps + inside}", to_string=True)
            assert registers().in_xen
            xen("back 1")
            assert here() == last, f"from instruction {inside} in Xen, after {place}"


@check
def from_the_end_and_there_again():
    xen("restart entry")
    xen("end")
    end = here()
    xen("back 1")
    assert here() != end
    gdb.execute("stepi", to_string=True)
    assert here() == end
    xen("restart entry")


@check
def what_cannot_be_is_refused():
    refused("back 1", "only 0 guest instructions have run since the first checkpoint")
    refused("back 0", "between 1 and 1000000 instructions")
    refused("back to nowhere_at_all", "nowhere_at_all: ")
    refused("restart nobody", "there is no checkpoint nobody; there are: entry, after, place")
    refused(f"back to {os.environ['START']}", "it has not run since the first checkpoint")
    assert gdb.selected_frame().name().startswith("startup_") and session.timeline.here.name == "entry"


run()
