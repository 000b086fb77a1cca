# SPDX-License-Identifier: GPL-2.0-only
"""The guest that GDB debugs, as xenabi.hypercalls has to know it."""

import gdb

from . import guest_types
from .connection import symbol_at
from .session import session


class View:
    """See xenabi.hypercalls.View. Types come from the image's own debug information, or else from Xen's headers."""

    @property
    def bits(self):
        return session.bits()

    def read(self, va, count):
        try:
            return session.stub.read(va, count)
        except session.errors:
            return None

    def structure(self, name, va):
        kind = self.type(name)
        if not kind:
            return ""
        data = self.read(va, kind.sizeof)
        return gdb.Value(data, kind).format_string(max_elements=8) if data else ""

    def type(self, name):
        """The struct's type; None if neither the image nor the headers have it."""
        for attempt in (True, False):
            try:
                return gdb.lookup_type(f"struct {name}")
            except gdb.error:
                if not attempt or not guest_types.load(self.bits):
                    break
        return None

    def place(self, va):
        return symbol_at(va)

    def guest(self):
        return session.guest()
