# SPDX-License-Identifier: GPL-2.0-only
"""Whether what is graded is the reader's own: his files, and nothing that they take in from elsewhere.

A file of src/ that is included, linked to or read by .incbin is the solution, not an
answer; and a file of the host's has no business in a kernel. What was taken in is not
searched for in the source: the compiler and the assembler say what they read.
Called by lab.py.
"""

import glob
import os
import re
import stat

from .report import Finding

LONGEST_FILE = 200_000
HEADERS = ("/usr/include/", "/usr/lib/gcc/", "/usr/lib/clang/", "/usr/lib/llvm", "/usr/lib/linux/")


class NotOwn(Exception):
    def __init__(self, identifier, text):
        super().__init__(identifier)
        self.finding = Finding(identifier, text, "")


def look_at(path, again):
    """Raises NotOwn if a file is none that a reader writes; again says how to get a fresh one."""
    try:
        kind = os.stat(path)
    except OSError:
        raise NotOwn("no-file", f"{path} is not there: {again}") from None
    if not stat.S_ISREG(kind.st_mode):
        raise NotOwn("no-file", f"{path} is not an ordinary file: {again}")
    if kind.st_size == 0:
        raise NotOwn("empty-file", f"{path} is empty: {again}")
    if kind.st_size > LONGEST_FILE:
        raise NotOwn("huge-file", f"{path} has {kind.st_size} bytes, which is no file of this lab: {again}")


def look_at_folder(work):
    """Raises NotOwn for what a compiler would wait at without end: a pipe or a device in the work folder."""
    for entry in os.scandir(work):
        if not (entry.is_file() or entry.is_dir() or entry.is_symlink()):
            raise NotOwn("no-file", f"{entry.path} is no ordinary file: take it away")


def look_at_source(path, source, again):
    """The same for a file that stands in for one of src/, which it may not be a link to."""
    look_at(path, again)
    own = os.path.realpath(os.path.dirname(path))
    real = os.path.realpath(path)
    if os.path.dirname(real) != own:
        raise NotOwn("foreign-file", f"{path} is a link to {shown(real)}. What is graded is a file of your own: {again}")
    if own != os.path.realpath(os.path.dirname(source)) and os.path.samefile(path, source):
        raise NotOwn("foreign-file", f"{path} is the same file as {source}, by a hard link. What is graded is a file of your own: {again}")


# ---- what was taken in ------------------------------------------------------------


def taken_in(out):
    """Paths that compiler and assembler read for the objects below a folder: out of their lists for make."""
    for path in glob.glob(os.path.join(glob.escape(out), "**", "*.d"), recursive=True):
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read().replace("\\\n", " ")
        for rule in text.splitlines():
            yield from re.split(r"(?<!\\)\s+", rule.partition(": ")[2].strip())


def is_own(path, work):
    """Whether a kernel of the reader's may be made of a file: his own, a header of the kit's, or one of the system's."""
    real = os.path.realpath(path.replace("\\ ", " "))
    sources, labs = (os.path.realpath(folder) + "/" for folder in ("src", "labs"))
    if real.startswith(HEADERS) or real.startswith(os.path.realpath(work) + "/"):
        return True
    return real.startswith(labs) or real.startswith(sources) and real.endswith(".h")


def refuse_foreign(paths, work):
    for path in paths:
        if os.path.exists(path) and path != "/dev/null" and not is_own(path, work):  # the assembler's input is gone by now
            raise NotOwn("foreign-file", f"a file of yours takes in {shown(path)}. What is graded is made of your own files in {work} "
                         "and of headers, of nothing else: write it yourself.")


def refuse_foreign_errors(errors, work):
    """The same for a compiler that failed: what it complains of may stand in a file that it should not have read."""
    named = re.findall(r"^([^\s:]+):\d+:.*(?:error|Error|warning|Warning): ", errors, re.M)
    refuse_foreign([path for path in named if not os.path.realpath(path).startswith(os.getcwd() + "/")], work)


def shown(path):
    """A path below the tree as the reader knows it."""
    return os.path.relpath(path) if os.path.realpath(path).startswith(os.getcwd() + "/") else path
