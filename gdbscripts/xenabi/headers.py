# SPDX-License-Identifier: GPL-2.0-only
"""Names for numbers, from Xen's public headers as they are installed (Debian: libxen-dev)."""

import functools
import os
import re
import subprocess

USUAL = "/usr/include/xen"
FILES = "xen.h event_channel.h sched.h memory.h physdev.h vcpu.h version.h elfnote.h grant_table.h callback.h nmi.h hvm/hvm_op.h hvm/params.h domctl.h".split()

_DEFINE = re.compile(r"^#define\s+(\w+)\s+\(?(?:xen_mk_u(?:int|long)\()?(0x[0-9a-fA-F]+|\d+)\)?(?:<<(\d+)\))?\s*(?:/\*.*)?$",
                     re.MULTILINE)
_ERROR = re.compile(r"^XEN_ERRNO\((\w+),\s*(\d+)\)", re.MULTILINE)


@functools.lru_cache(maxsize=None)
def _folder():
    """Where they are; a compiler may find them elsewhere than most systems have them."""
    if not os.path.isdir(USUAL):
        compiler = [os.environ.get("CC") or "gcc", *os.environ.get("CFLAGS", "").split(), "-E", "-x", "c", "-"]
        try:
            found = subprocess.run(compiler, input="#include <xen/xen.h>\n", capture_output=True, text=True, check=False).stdout
        except OSError:
            found = ""
        if place := re.search(r'^# \d+ "(.*)/xen\.h"', found, re.MULTILINE):
            return place[1]
    return USUAL


def _read(name):
    try:
        with open(os.path.join(_folder(), name), encoding="latin-1") as header:
            return header.read()
    except OSError:
        return ""  # then numbers have no names


@functools.lru_cache(maxsize=None)
def _defines():
    return [(name, int(value, 0) << int(shift or 0))
            for file in FILES for name, value, shift in _DEFINE.findall(_read(file))]


@functools.lru_cache(maxsize=None)
def names(prefix):
    """Number -> name, of the defines that begin so; the first of each number."""
    found = {}
    for name, value in _defines():
        if name.startswith(prefix):
            found.setdefault(value, name)
    return found


@functools.lru_cache(maxsize=None)
def value(name):
    """The number that a define is; LookupError if there is none, or if the headers are not installed."""
    for defined, number in _defines():
        if defined == name:
            return number
    raise LookupError(f"no header of Xen's below {_folder()} defines {name} (Debian: libxen-dev)")


@functools.lru_cache(maxsize=None)
def errors():
    """Number -> name of an error."""
    return {int(value): name for name, value in _ERROR.findall(_read("errno.h"))}
