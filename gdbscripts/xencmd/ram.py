# SPDX-License-Identifier: GPL-2.0-only
"""The machine's memory, by the map that QEMU's monitor has of it: elsewhere a read would hit a device, or nothing."""

import re

from xenpt.memory import PAGE_SIZE

_RANGE = re.compile(r"^ +([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (?:ram|rom)\)", re.MULTILINE)


class Ram:
    """Where there is memory."""

    def __init__(self, stub):
        views = stub.human("info mtree -f").split("FlatView #")
        memory = next((view for view in views if ' AS "memory"' in view), "")
        self.ranges = [(int(first, 16), int(last, 16)) for first, last in _RANGE.findall(memory)]

    def __contains__(self, maddr):
        return any(first <= maddr <= last + 1 - PAGE_SIZE for first, last in self.ranges)
