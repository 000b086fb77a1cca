# SPDX-License-Identifier: GPL-2.0-only
"""The structs of Xen's public headers, for a guest whose own file has no types of them: Linux without symbols, or none.

The headers are compiled for the guest's width, and GDB loads what the compiler says of their types. The object has no
code and no variables, so nothing of the guest's is hidden.
"""

import os
import subprocess
import tempfile

import gdb

from xenabi.headers import FILES
from xenqemu.patience import patiently

_loaded = {}  # bits -> the folder, which has to last as long as GDB does, or None


def load(bits):
    """Makes GDB know them; False without a compiler or the headers."""
    if bits not in _loaded:
        _loaded[bits] = _load(bits)
    return _loaded[bits] is not None


def _load(bits):
    folder = tempfile.TemporaryDirectory(prefix="xen-types.")
    path = os.path.join(folder.name, f"xen-types-{bits}.o")
    text = "".join(f"#include <xen/{name}>\n" for name in ("xen.h", *FILES) if name != "elfnote.h")
    try:
        made = subprocess.run(
            ["gcc", f"-m{bits}", "-ffreestanding", "-g", "-fno-eliminate-unused-debug-types", "-D__XEN_TOOLS__",
             "-D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__", "-include", "stdint.h", "-include", "stddef.h",
             "-x", "c", "-c", "-o", path, "-"], input=text, text=True, capture_output=True, timeout=patiently(300), check=False)
    except OSError:
        return None
    if made.returncode:
        return None
    gdb.execute(f'add-symbol-file "{path}"', to_string=True)
    return folder
