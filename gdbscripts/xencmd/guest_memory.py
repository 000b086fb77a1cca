# SPDX-License-Identifier: GPL-2.0-only
"""The guest that GDB debugs, as xenabi.hypercalls has to know it."""

import gdb

from .session import session


class View:
    """See xenabi.hypercalls.View. Types come from the image's own debug information."""

    @property
    def bits(self):
        return session.bits()

    def read(self, va, count):
        try:
            return session.stub.read(va, count)
        except session.errors:
            return None

    def structure(self, name, va):
        try:
            kind = gdb.lookup_type(f"struct {name}")
        except gdb.error:
            return ""
        data = self.read(va, kind.sizeof)
        return gdb.Value(data, kind).format_string(max_elements=8) if data else ""

    def place(self, va):
        return gdb.execute(f"info symbol {va:#x}", to_string=True).partition(" in section")[0].strip()

    def guest(self):
        return session.guest()
