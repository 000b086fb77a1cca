# SPDX-License-Identifier: GPL-2.0-only
"""The files of a run: what was printed, and what booted; of a bzImage that Xen refused, the kernel packed in it, too."""

from __future__ import annotations

import os
import subprocess
import tempfile

from .source import Source

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_MAGIC_AT, _MAGIC = 0x202, b"HdrS"  # where a bzImage says that it is one


def transcript(path: str) -> bytes:
    """What was printed; nothing if QEMU did not even start."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


class Files:
    """source: the image with its symbols; bzimage: what tools/bzimage says of it, lines, if it is one; bzimage_bad: whether
    Xen could not unpack it."""

    def __init__(self, image: str, refused: bool) -> None:
        self.source = Source(image)
        self.bzimage: list[str] = []
        self.bzimage_bad = False
        if not _is_bzimage(image):
            return
        with tempfile.NamedTemporaryFile() as kernel:
            done = subprocess.run([os.path.join(TOOLS, "bzimage"), image, kernel.name], capture_output=True, text=True, check=False,
                                  stdin=subprocess.DEVNULL)
            self.bzimage, self.bzimage_bad = done.stdout.splitlines(), bool(done.returncode)
            if refused and not self.source.image and not self.bzimage_bad:
                self.source = Source(kernel.name)


def _is_bzimage(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            file.seek(_MAGIC_AT)
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False
