# SPDX-License-Identifier: GPL-2.0-only
"""Running the machine for a while, and never for ever: what `xen attach` and `xen end` have in common.

The limits are seconds of QEMU's own processor time: on a busy host nothing ends sooner.
"""

import os
import time

import gdb

from xenqemu.patience import patiently

# Boots take about a second, a Linux some thirty.
LIMIT = 120
# A boot prints all the time; if it has not for so long, it ended somewhere. Xen unpacks a large kernel without a word.
SILENCE = 12
# Seconds on the clock without any work: the machine is halted for good. And how often a waiting reader gets a line.
HALTED, NEWS = patiently(5), 3


def run_while_printing(stub, machine, waiting_for):
    """To a breakpoint, or until nothing happens any more."""
    console, began = console_size(machine.folder), machine.processor_time()
    printed, worked, news = began, (began, time.monotonic()), time.monotonic() + NEWS
    while not stub.run(0.5):
        work, now = machine.processor_time(), time.monotonic()
        if console_size(machine.folder) != console:
            console, printed = console_size(machine.folder), work
        if work != worked[0]:
            worked = work, now
        if work - began > LIMIT or work - printed > SILENCE or now - worked[1] > HALTED:
            return
        if now > news:
            gdb.write(f"({waiting_for}: {work - began:.0f} s of QEMU's time so far)\n")
            gdb.flush()
            news = now + NEWS


def console_size(folder):
    try:
        return os.path.getsize(os.path.join(folder, "log"))
    except OSError:
        return 0


def console_end(folder, lines=5):
    try:
        with open(os.path.join(folder, "log"), encoding="latin-1") as log:
            return "".join(log.readlines()[-lines:]).rstrip()
    except OSError:
        return "(nothing)"
