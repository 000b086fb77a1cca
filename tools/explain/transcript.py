# SPDX-License-Identifier: GPL-2.0-only
"""What was printed, apart by who printed it.

A guest can print anything, also what looks like a line of Xen's. So what can be seen in the machine is not taken from
here; and a line counts as Xen's only if Xen's prefix begins it.
"""

from __future__ import annotations

import functools
import re

XEN = "(XEN) "
# Xen's dump of registers and stack: the machine tells the same, and better.
_DUMP = re.compile(r"----\[|^(CPU|RIP|RFLAGS|r[a-z0-9]+|cr0|cr3|fsb|ds|Guest stack|Xen call trace|Xen stack): |^ +[0-9a-f]{8}|^ L[1-4]\["
                   r"|^Pagetable walk from|^domain_crash_sync called|^x86_64/|^Guest stack|^Reboot in|^\*+$|^Manual reset|^Panic on CPU|^$")
_ALWAYS = "Could not construct domain 0"
_GUEST = re.compile(r"\bd[0-9]+v[0-9]+\b|extable")
_LAYOUT = re.compile(r"^ (Loaded kernel|Phys-Mach map|Start info|Page tables|Boot stack|Init\. ramdisk|TOTAL): +([0-9a-f]+)->([0-9a-f]+)")


class Transcript:
    def __init__(self, data: bytes) -> None:
        text = data.replace(b"\r", b"").replace(b"\0", b"").decode("utf-8", "replace")
        # A line of Xen's begins a line here, even if the guest had left the cursor behind something.
        self.lines = re.sub(r"(?<=[^\n])\(XEN\) ", "\n(XEN) ", text).split("\n")
        self.xen = [line.removeprefix(XEN) for line in self.lines if line.startswith(XEN)]
        self.guest = [line for line in self.lines if line and not line.startswith("(XEN)")]

    def xen_said(self, pattern: str) -> re.Match[str] | None:
        """The last line of Xen's that has this."""
        return _last(pattern, self.xen)

    def guest_said(self, pattern: str) -> re.Match[str] | None:
        return _last(pattern, self.guest)

    @functools.cached_property
    def layout(self) -> dict[str, range]:
        """Where Xen put the guest's things, P=V for an image without VIRT_BASE."""
        found = (_LAYOUT.match(line) for line in self.xen)
        return {m[1]: range(int(m[2], 16), int(m[3], 16)) for m in found if m}

    @property
    def entry(self) -> int | None:
        """Where Xen enters the guest; None if it did not come so far."""
        match = self.xen_said(r"^ ENTRY ADDRESS: ([0-9a-f]+)")
        return int(match[1], 16) if match else None

    @property
    def reasons(self) -> list[str]:
        """Xen's last words, without the dump: in front of a panic they are its reason, in front of a crash about the guest."""
        ends = [i for i, line in enumerate(self.xen) if line.startswith(("Panic on CPU", "Hardware Dom0", "Domain 0 (vcpu"))]
        panics = bool(ends) and self.xen[ends[-1]].startswith("Panic")
        lines = [line for line in self.xen[:ends[0] if ends else None] if not _DUMP.search(line)]
        if not panics:
            return [line for line in lines if _GUEST.search(line)][-2:]
        reason = lines[-1:] if lines and lines[-1].startswith("ERROR") else lines[-2:]
        return reason + [line for line in self.xen[ends[-1] + 1:] if not _DUMP.search(line) and line != _ALWAYS][:1]


def _last(pattern: str, lines: list[str]) -> re.Match[str] | None:
    regex = re.compile(pattern)
    for line in reversed(lines):
        match = regex.search(line)
        if match:
            return match
    return None
