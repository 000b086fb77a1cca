# SPDX-License-Identifier: GPL-2.0-only
"""Ctrl-C stops a running guest, each time, whether hypercalls are shown or not. Run by tests/gdb/session.bash.

TIMES in the environment is how often (20).
"""

import os
import random
import subprocess
import time

import gdb
from inside import check, registers, run, xen
from xencmd.places import at_end

slowest = []  # seconds from Ctrl-C to the prompt
TIMES = int(os.environ.get("TIMES", "20"))


def interrupted():
    """Lets the guest run, and stops it after a moment. Where it was at its end before, it begins again."""
    delay, begin = random.random() * 0.1, time.monotonic()
    # Not a thread: that would take the signal itself.
    finger = subprocess.Popen(["sh", "-c", f"sleep {delay}; kill -INT {os.getpid()}"], start_new_session=True)
    said = gdb.execute("continue", to_string=True)
    took = time.monotonic() - begin
    finger.wait()
    assert "Traceback" not in said and "Python" not in said, said[-400:]
    registers()
    if "the end: " in said or at_end():  # where Ctrl-C may have come, too
        xen("restart entry")
        return False
    slowest.append(took - delay)
    return True


@check
def control_c_stops_each_time():
    random.seed(1)
    stopped = 0
    for number in range(TIMES):
        if number % 10 == 0:
            xen(f"hypercalls {'on' if number // 10 % 2 else 'off'}")
        try:
            stopped += interrupted()
        except KeyboardInterrupt:
            xen("restart entry")  # it came between two commands, where it has nothing to stop
    print(f"from Ctrl-C to the stop: {max(slowest, default=0):.2f} s at most, {sorted(slowest)[len(slowest) // 2]:.2f} s in the middle")
    assert stopped > TIMES // 4, f"only {stopped} times before the end of the boot"
    xen("hypercalls off")
    xen("restart entry")  # the last stop may be where Xen idles, which has no tables of the guest's
    xen("pt")


run()
