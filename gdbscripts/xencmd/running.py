# SPDX-License-Identifier: GPL-2.0-only
"""Running the machine for a while, and never for ever: what `xen attach` and `xen end` have in common."""

import os
import time

from xenqemu.patience import patiently

# Boots take about a second; a machine under load may need several.
LIMIT = patiently(30)
# A boot prints all the time; if it has not for so long, even on a busy machine, it ended somewhere.
SILENCE = patiently(8)


def run_while_printing(stub, folder):
    """To a breakpoint, or until nothing happens any more."""
    deadline = time.monotonic() + LIMIT
    printed, since = None, time.monotonic()
    while not stub.run(0.5):
        now = time.monotonic()
        if console_size(folder) != printed:
            printed, since = console_size(folder), now
        if now > deadline or now - since > SILENCE:
            return


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
