# SPDX-License-Identifier: GPL-2.0-only
"""A random walk through time: wherever it comes to the same instruction again, all registers are the same again.

Run by tests/gdb/session.bash. By hand, from the top of the kit:

    SEED=7 MOVES=200 tools/gdb build/x86_32/stage3.elf -batch -x tests/gdb/walk.py

PLACE in the environment is a function that runs once (remap_kernel). MOVES is how many (20), FAR how far back the
longest is (3000), SEED chooses them (1).
"""

import os
import random

import gdb
from inside import check, registers, run, session

PLACE = os.environ.get("PLACE", "remap_kernel")
MOVES, FAR, SEED = (int(os.environ.get(name, default)) for name, default in (("MOVES", 20), ("FAR", 3000), ("SEED", 1)))

seen = {}  # (landmark, instructions after it) -> the registers there
where = "entry", 0
slowest = 0, ""


def timed(command):
    """Runs a command of GDB's; how long it takes is printed at the end."""
    global slowest
    begin = session.machine.processor_time()
    gdb.execute(command, to_string=True)
    slowest = max(slowest, (session.machine.processor_time() - begin, command))


def arrived(landmark, distance):
    """The walk is there: as it was the first time."""
    global where
    where = landmark, distance
    now = registers().raw
    assert seen.setdefault(where, now) == now, f"other registers at {landmark}{distance:+}"


def end():
    if where != ("end", 0):
        timed("xen end")
        arrived("end", 0)


def restart():
    timed("xen restart entry")
    arrived("entry", 0)


def back():
    most = where[1] if where[0] == "entry" else random.choice((1, 3, 40, FAR))
    if most:
        count = random.randint(1, most)
        try:
            timed(f"xen back {count}")
        except gdb.error as error:
            # It stayed where it was.
            assert "have run since the first checkpoint" in str(error), error
            count = 0
        arrived(where[0], where[1] - count)


def back_to_place():
    if where[0] == "end" or where[0] == "place" and where[1] > 0:
        timed(f"xen back to {PLACE}")
        arrived("place", 0)


def continue_to_place():
    if where == ("entry", 0) or where[0] == "place" and where[1] < 0:
        gdb.execute(f"thbreak {PLACE}", to_string=True)
        timed("continue")
        arrived("place", 0)


def step():
    if where == ("end", 0):
        return
    timed("stepi")
    if registers().in_xen:
        timed("xen back 1")
        arrived(*where)
    else:
        arrived(where[0], where[1] + 1)


def walk(moves):
    made = []
    try:
        for move in moves:
            made.append(move.__name__)
            move()
    except Exception as error:
        raise AssertionError(f"{error}, after {' '.join(made)}") from error


@check
def back_from_the_end_and_further():
    restart()
    end()
    timed("xen back 1")
    arrived("end", -1)
    step()
    for count in (1, 60, 40, 100):  # which are 201
        timed(f"xen back {count}")
        arrived("end", where[1] - count)
    timed("xen restart entry")
    timed("xen end")
    timed("xen back 201")
    arrived("end", -201)
    back_to_place()
    step()
    end()


@check
def a_random_walk():
    random.seed(SEED)
    restart()
    walk(random.choices((end, restart, back, back_to_place, continue_to_place, step), (3, 1, 6, 2, 2, 5), k=MOVES))
    print(f"{len(seen)} moments in {MOVES} moves; the slowest took {slowest[0]:.1f} s: {slowest[1]}")


run()
