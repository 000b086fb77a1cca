# SPDX-License-Identifier: GPL-2.0-only
"""Where things lie in this Xen's own memory: asked of xen-syms, its file with symbols and types.

A GDB of its own answers that, once for each Xen; the answer is kept beside the file, if that can be written. In the GDB
that debugs a guest Xen's symbols would get in the way of the guest's.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Sequence

from xenpt.frame import Layout
from xenpt.vcpu import Layout as VcpuLayout

GDB_SECONDS = 600  # against a GDB that hangs: it needs less than one


class XenSymsError(Exception):
    """Nothing is known about this Xen's types; says why."""


def frame_layout(path: str) -> Layout:
    """The layout of the frame table, by the path of xen-syms."""
    return Layout(*layout(path, "frames", Layout.EXPRESSIONS))


def vcpu_layout(path: str) -> VcpuLayout:
    """The layout of what Xen keeps of a guest's processor."""
    return VcpuLayout(*layout(path, "vcpus", VcpuLayout.EXPRESSIONS))


def layout(path: str, name: str, expressions: Sequence[str]) -> list[int]:
    """The values of these expressions in Xen's types; kept beside xen-syms, under a name."""
    if not os.path.exists(path):
        raise XenSymsError(f"{path} is missing: the types of this Xen are not known (`make xen` makes one with it)")
    kept = f"{path}.{name}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        if os.path.getmtime(kept) >= os.path.getmtime(path):
            with open(kept, encoding="utf-8") as file:
                numbers = [int(number) for number in json.load(file)]
            if len(numbers) == len(expressions):
                return numbers
    found = _ask(path, expressions)
    with contextlib.suppress(OSError):
        with open(f"{kept}.{os.getpid()}", "w", encoding="utf-8") as file:
            json.dump(found, file)
        os.replace(f"{kept}.{os.getpid()}", kept)
    return found


def _ask(path: str, expressions: Sequence[str]) -> list[int]:
    prints = [word for e in expressions for word in ("-ex", f"output {e}", "-ex", "echo \\n")]
    try:
        done = subprocess.run(["gdb", "-batch", "-nx", path, *prints], check=False, timeout=GDB_SECONDS,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise XenSymsError(f"GDB cannot be asked about {path}: {error}") from None
    with contextlib.suppress(ValueError):
        numbers = [int(line) for line in done.stdout.split()]
        if len(numbers) == len(expressions):
            return numbers
    raise XenSymsError(f"{path} has no types that fit: {done.stderr.strip()[-200:] or done.stdout[-200:]}")
