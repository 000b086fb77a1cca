# SPDX-License-Identifier: GPL-2.0-only
"""The guest's instructions, one by one, as QEMU executes them.

QEMU can log each block that it enters; blocks of one instruction make that a
trace. Its address filter (-dfilter, see tools/gdb) leaves Xen's instructions
out, and the machine is not stopped for it. Slow: some 500000 a second.
"""

import contextlib
import itertools
import os

_numbers = itertools.count()


@contextlib.contextmanager
def recording(monitor, folder):
    """A list that has, after this, the address of every guest instruction that was executed inside."""
    name = f"trace{next(_numbers)}"
    path = os.path.join(folder, name)
    addresses = []
    monitor.order(f"logfile {name}")
    monitor.blocks_of_one(True)
    monitor.order("log exec,nochain")
    try:
        yield addresses
    finally:
        monitor.order("log none")
        monitor.blocks_of_one(False)
        if os.path.exists(path):
            with open(path, encoding="latin-1") as log:
                addresses += parse(log)
            os.unlink(path)


def entered(lines):
    """(address, ring, 1) of each block in a log. One that had to wait comes again later: (address, ring, -1) takes it back."""
    last = None
    for line in lines:
        if line.startswith("Trace "):
            _, address, flags, _ = line.split("/", 3)
            last = int(address, 16), int(flags, 16) & 3
            yield *last, 1
        elif line.startswith("Stopped ") and last:
            yield *last, -1


def parse(lines):
    """The addresses in a log."""
    addresses = []
    for address, _, step in entered(lines):
        if step > 0:
            addresses.append(address)
        elif addresses:
            addresses.pop()
    return addresses
