# SPDX-License-Identifier: GPL-2.0-only
"""The guest's own data, by VA, as a hypercall names it."""

import gdb

from .session import session


def read(va, count):
    """The guest's memory, None if it is not mapped."""
    try:
        return session.stub.read(va, count)
    except session.errors:
        return None


def structure(name, va):
    """A structure in the guest's memory, None if GDB does not know it."""
    try:
        kind = gdb.lookup_type(f"struct {name}")
    except gdb.error:
        return None
    data = read(va, kind.sizeof)
    return data and gdb.Value(data, kind)
