#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A reader at a terminal: types commands into `make gdb` and reads what comes back. No end of a session may be a dead end.

	tests/gdb/terminal.py FOLDER IMAGE...

Each image gets a session of its own, in which every boot begins at `entry`. FOLDER is for GDB's own files. Run by
tests/gdb/all.bats, from the top of the tree.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

LIMIT = 600 * int(os.environ.get("SLOW") or "1")  # seconds; only what hangs takes so long
PROMPT = b"(gdb) "
ROWS, COLUMNS = 1000, 200  # nobody is asked whether to go on


class Terminal:
    """GDB in a terminal of its own."""

    def __init__(self, command, folder):
        self._end, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._gdb = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
                                     env=dict(os.environ, TERM="dumb", BUILD=folder, HOME=folder),
                                     preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(terminal)
        self._unread = b""
        self.begin = self._read(PROMPT)

    def type(self, line, until=PROMPT):
        """What comes back, without the line itself, up to the next prompt."""
        os.write(self._end, line.encode() + b"\n")
        return self._read(until).partition(line)[2]

    def control_c(self):
        os.write(self._end, b"\x03")
        return self._read(PROMPT)

    def _read(self, until):
        end = time.monotonic() + LIMIT
        while until not in self._unread:
            assert select.select([self._end], [], [], max(0, end - time.monotonic()))[0], f"no {until!r} after {self._unread[-500:]!r}"
            try:
                self._unread += os.read(self._end, 65536)
            except OSError:
                raise AssertionError(f"GDB ended: {self._unread[-500:]!r}") from None
        said, _, self._unread = self._unread.partition(until)
        return said.decode("utf-8", "replace").replace("\r", "")

    def close(self):
        """quit ends it, whatever state it is in."""
        os.write(self._end, b"quit\n")
        with contextlib.suppress(OSError):
            while os.read(self._end, 65536):
                pass
        return self._gdb.wait(LIMIT)


def expect(gdb, line, *patterns):
    """Types a line; each of these patterns is in the answer, and nothing of Python's."""
    said = gdb.type(line)
    for pattern in patterns:
        assert re.search(pattern, said), f"{line}: no {pattern!r} in {said!r}"
    assert "Traceback" not in said and "Python Exception" not in said, said
    return said


def restart(gdb):
    expect(gdb, "xen restart entry", "startup_xen")


def a_crash(gdb):
    """`continue` stops in it, says why, and the way back leads to the instruction."""
    expect(gdb, "set var *(unsigned short *)$pc = 0x0b0f")  # ud2
    expect(gdb, "continue", "the end: Xen ends the guest, which crashed", "diagnosis: crashed", r"P=V 0x100000: startup_xen")
    expect(gdb, "continue", "this is the end of the boot: `xen back` goes back")
    expect(gdb, "xen back 1", "#0  startup_xen")


def the_end(gdb):
    """The verdict is said, and the session goes on."""
    expect(gdb, "continue", "the end: xen_exit")
    for line in ("continue", "stepi", "next", "finish", "xen step", "xen watch 0x100000"):
        expect(gdb, line, "this is the end of the boot")
    expect(gdb, "xen back 1", "#0  .*xen_entry")
    expect(gdb, "continue", "the end: xen_exit")
    restart(gdb)
    expect(gdb, "xen back 1", "only 0 guest instructions have run")


def the_host(gdb):
    """The kernel is never executed on it; the machine is never ended by a wrong word."""
    for line in ("run", "r", "start", "starti", "kill", "k"):
        expect(gdb, line, "is refused: it would .*; `xen restart entry` begins the boot again")
    expect(gdb, "frame", "#0  startup_xen")


def a_step_into_xen(gdb):
    """By a WRMSR, which Xen has to be asked for: where it went, and back. CPUID's forced emulation by an invalid opcode."""
    def enters(why):
        expect(gdb, "stepi", rf"now in Xen, {why}\+0x0, for the guest's instruction at VA 0x\w+ <.*`xen step` goes on .*`xen back 1` back")
        expect(gdb, "xen where", "^\n?#0  0xffff")

    expect(gdb, "set var *(unsigned short *)$pc = 0x300f")  # wrmsr
    expect(gdb, "set var $ecx = 0x40000000")  # Xen's own: a page that it is to fill
    expect(gdb, "set var $edx = 0")
    expect(gdb, "set var $eax = 0x10000000")  # beyond the guest's memory, so that it is refused
    enters("(general_protection|entry_GP)")  # before Xen 4.20, and since
    expect(gdb, "xen back 1", "#0  startup_xen")
    restart(gdb)
    for function, within, why in (("early_cpuid", "early_cpuid", r"(invalid_op|entry_UD)\+0x0"), ("flush_batch", "hypercall_page", r"entry_int82\+0x0|0x\w+, a stub that Xen has made")):
        expect(gdb, f"thbreak {function}")
        expect(gdb, "continue", function)
        said = ""
        while "now in Xen" not in said:
            before, said = gdb.type("p/x $pc"), gdb.type("stepi")
        assert re.search(rf"now in Xen, ({why}), for the guest's instruction at VA 0x\w+ <{within}", said), said
        expect(gdb, "xen step", within)
        expect(gdb, "xen back 1", within)
        assert gdb.type("p/x $pc").split()[-1] == before.split()[-1], "not back at the instruction"


def a_change(gdb):
    """What the reader changed is there again, or he is told."""
    expect(gdb, "stepi")
    expect(gdb, "set var *(unsigned *)0x1000 = 0x1234567")
    expect(gdb, "stepi 2")
    expect(gdb, "xen back 2")
    expect(gdb, "p/x *(unsigned *)0x1000", "= 0x1234567")
    name = re.search("which is undone here: `(xen restart change[0-9]+)` comes back to it", gdb.type("xen back 1"))[1]
    expect(gdb, "p/x *(unsigned *)0x1000", "= 0x0")
    expect(gdb, name)
    expect(gdb, "p/x *(unsigned *)0x1000", "= 0x1234567")


def control_c(gdb):
    """While a kernel goes round for ever, with hypercalls shown and without, and in our own commands."""
    expect(gdb, "set var *(unsigned short *)$pc = 0xfeeb")  # jmp .
    for line in ("continue", "xen end", "xen watch 0x3000 write", "xen hypercalls on", "continue"):
        if line == "xen hypercalls on":
            expect(gdb, line)
            continue
        gdb.type(line, until=b"\n")
        time.sleep(0.5)
        said = gdb.control_c()
        assert ("SIGINT" if line == "continue" else "interrupted, here:") in said and "Python" not in said, f"{line}: {said}"
        expect(gdb, "xen pt limit 1", "physical reads|Xen is at work for itself")
    expect(gdb, "xen hypercalls off")


def the_connection(gdb):
    """GDB lets go, and an error in connecting ends nothing."""
    again = re.search("`(target remote .*)` connects to it again", (gdb.type("disconnect"), gdb.type("xen pt"))[1])[1]
    for line in ("target remote /nowhere/stub", "target remote 127.0.0.1:1", "xen connect", "xen connect xen-syms /nowhere",
                 "xen attach /nowhere /nowhere/image"):
        said = expect(gdb, line)
        assert said.strip() and said.strip().count("\n") < 2, f"{line}: {said!r}"
    expect(gdb, again)
    expect(gdb, "xen connect xen-syms /nowhere", "is no xen-syms")
    expect(gdb, "xen attach /nowhere /nowhere/image", "this GDB has a machine already")
    restart(gdb)


def session(image, folder):
    kept = os.path.join(folder, "gdb.log")
    with contextlib.suppress(FileNotFoundError):
        os.remove(kept)
    gdb = Terminal(["tools/gdb", image], folder)
    assert "startup_xen" in gdb.begin, gdb.begin
    for scenario in (a_crash, the_end, the_host, a_step_into_xen, a_change, control_c, the_connection):
        restart(gdb)
        scenario(gdb)
        print(f"{image}: {scenario.__doc__.partition(chr(10))[0]}", flush=True)
    said = expect(gdb, "xen log").strip()
    gdb.close()
    with open(kept, encoding="utf-8", errors="replace") as log:
        assert said.splitlines()[-1].strip() in log.read(), "the console is not kept after GDB's end"


def main():
    for image in sys.argv[2:]:
        session(image, sys.argv[1])
    print("no dead end")


if __name__ == "__main__":
    main()
