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

from xenpt.frame import Layout

GDB_SECONDS = 60


class XenSymsError(Exception):
    """Nothing is known about this Xen's types; says why."""


def frame_layout(path: str) -> Layout:
    """The layout of the frame table, by the path of xen-syms."""
    if not os.path.exists(path):
        raise XenSymsError(f"{path} is missing: the types of this Xen are not known (`make xen` makes one with it)")
    kept = path + ".frames.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        if os.path.getmtime(kept) >= os.path.getmtime(path):
            with open(kept, encoding="utf-8") as file:
                return Layout(*json.load(file))
    found = _ask(path)
    with contextlib.suppress(OSError):
        with open(f"{kept}.{os.getpid()}", "w", encoding="utf-8") as file:
            json.dump(list(found), file)
        os.replace(f"{kept}.{os.getpid()}", kept)
    return found


def _ask(path: str) -> Layout:
    prints = [word for e in Layout.EXPRESSIONS for word in ("-ex", f"output {e}", "-ex", "echo \\n")]
    try:
        done = subprocess.run(["gdb", "-batch", "-nx", path, *prints], check=False, timeout=GDB_SECONDS,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise XenSymsError(f"GDB cannot be asked about {path}: {error}") from None
    try:
        return Layout(*(int(line) for line in done.stdout.split()))
    except (ValueError, TypeError):
        raise XenSymsError(f"{path} has no types that fit: {done.stderr.strip()[-200:] or done.stdout[-200:]}") from None
