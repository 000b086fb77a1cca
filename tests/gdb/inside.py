# SPDX-License-Identifier: GPL-2.0-only
"""For checks that run inside GDB, at the first instruction of an image (tools/gdb IMAGE -batch -x FILE.py).

A check is a function; what it asserts fails it and nothing else. Each prints `passed NAME`, `skipped NAME: why`, or
`FAILED NAME: why`, and the last line is `all checks ran`: tests/gdb/session.bash reads that.
"""

import contextlib
import re
import traceback

import gdb
from xencmd.session import session

# Every command that looks at the machine, and every one that moves it.
LOOKS = ("pt", "pt all", "pt walk 0", "pt aliases 0", "pt save x", "pt svg x", "p2m 0", "m2p 0", "frame 0", "start-info")
TRAVELS = ("checkpoint", "restart entry", "back", "back 3", "end")

_checks = []


class Skip(Exception):
    """There is nothing to check, because of this."""


def check(function):
    """Marks a function as a check."""
    _checks.append(function)
    return function


def run():
    """All checks of a file, in its order."""
    while _checks:
        function = _checks.pop(0)
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"passed {name}", flush=True)
        except Skip as reason:
            print(f"skipped {name}: {reason}", flush=True)
        except Exception as error:  # pylint: disable=broad-except # also gdb.error
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FAILED {name}: {type(error).__name__} {str(error)[:500]} "
                  f"({where.name}:{where.lineno}: {where.line})", flush=True)
    print("all checks ran", flush=True)


def xen(command):
    """What a command prints."""
    return gdb.execute(f"xen {command}", to_string=True)


def refused(command, words):
    """The command fails with one line, in which these words are."""
    try:
        output = xen(command)
    except gdb.error as error:
        line = str(error)
        assert words in line, f"xen {command} says: {line}"
        assert "\n" not in line and "Python" not in line, line
        return
    raise AssertionError(f"xen {command} is not refused: {output}")


def registers():
    return session.stub.registers()


# ---- QEMU's own view of the page tables ---------------------------------------------

_FLAGS = {"X": 63, "G": 8, "P": 7, "D": 6, "A": 5, "C": 4, "T": 3, "U": 2, "W": 1}


def info_tlb():
    """VA -> (maddr, flags as bits) of all pages, by QEMU's monitor."""
    pages = {}
    for line in session.monitor.human("info tlb").splitlines():
        va, maddr, flags = re.fullmatch(r"([0-9a-f]+): ([0-9a-f]+) ([-XGPDACTUW]+)", line).groups()
        pages[int(va, 16)] = int(maddr, 16), sum(1 << _FLAGS[letter] for letter in flags if letter != "-")
    return pages


def gva2gpa(va):
    """Where one VA leads, by QEMU's monitor; None if nowhere."""
    answer = session.monitor.human(f"gva2gpa {va:#x}").strip()
    return None if answer == "Unmapped" else int(answer.removeprefix("gpa: "), 16)


# ---- changing the tables under the guest's feet ------------------------------------------

@contextlib.contextmanager
def poked(maddr, value, width=8):
    """While this holds, something else is in memory."""
    with session.stub.physical() as stub:
        old = stub.read(maddr, width)
        write(stub, maddr, value.to_bytes(width, "little"))
    try:
        yield
    finally:
        with session.stub.physical() as stub:
            write(stub, maddr, old)


def write(stub, maddr, data):
    answer = stub.request(f"M{maddr:x},{len(data):x}:{data.hex()}")
    assert answer == "OK", answer
