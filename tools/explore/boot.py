# SPDX-License-Identifier: GPL-2.0-only
"""One boot with the plugin in it (recorder/): an ordinary `make run`, which is made to wait here and there.

Everything that QEMU shares with us are files without a name, inherited through tools/boot and tools/machine.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import socket
import struct
import subprocess
from collections.abc import Iterable, Iterator, Sequence

from xenqemu.monitor import Monitor

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
PLUGIN = os.path.join(TOP, "build", "explore", "recorder.so")

# What the plugin writes (recorder/record.h): a head and records; and what it says when it waits.
RECORD = struct.Struct("<IIQQ")
_HEAD = struct.Struct("<4Q16x")
# How many machine pages may be marked as those in which Xen's stores are of interest.
_PAGES = 1 << 20
_WAIT, _ANSWER = struct.Struct("<QQ"), struct.Struct("<Q")
NEVER = (1 << 64) - 1

# At most so many records (24 bytes each), and so much memory of the machine; only what is used is there.
MOST_RECORDS, MOST_RAM = 12_000_000, 8 << 30
# Where QEMU's log leaves Xen out.
_GUEST = "0..0xffff7fffffffffff,0xffff880000000000..0xffffffffffffffff"


class RecordError(Exception):
    """The boot could not be recorded; says why."""


def _plugin_version() -> dict[str, str]:
    """For the environment: as which version of QEMU's interface the plugin is to load, if QEMU refuses the one that it takes
    itself for."""
    said = subprocess.run(["qemu-system-x86_64", "-machine", "none", "-display", "none", "-plugin", PLUGIN],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stderr
    wanted = re.search(r"supports only a minimum version of ([0-9]+)", said)
    return {"RECORDER_API": wanted[1]} if wanted else {}


class Boot:
    """A boot of an image, with more settings for tools/boot. Use: for in_guest, n in boot.waits(): ...; boot.next_stop = n. Then the rest is there."""

    def __init__(self, image: str, flags: Sequence[str] = (), stop_in_xen: int = 0, entry: int = 0, **environment: str) -> None:
        """stop_in_xen: the number of the block before the guest at which QEMU waits, and writes a log from then on. entry: the address
        at which a kernel begins that boots without Xen."""
        self.next_stop = NEVER
        self._log, self._ram, self._wanted, self._out = map(os.memfd_create, ("log", "ram", "wanted", "out"))
        os.truncate(self._wanted, _PAGES)
        os.truncate(self._ram, MOST_RAM)
        os.truncate(self._out, _HEAD.size + MOST_RECORDS * RECORD.size)
        self._control, control = socket.socketpair()
        monitor, theirs = socket.socketpair()
        plugin = os.open(PLUGIN, os.O_RDONLY)
        shared = [control.fileno(), theirs.fileno(), plugin, self._log, self._ram, self._wanted, self._out]
        options = (f"-plugin /proc/self/fd/{plugin},control={control.fileno()},ram={self._ram},wanted={self._wanted},"
                   f"out={self._out},stop={stop_in_xen},entry={entry} -chardev socket,id=qmp,fd={theirs.fileno()} -qmp chardev:qmp")
        if stop_in_xen:
            options += f" -D /proc/self/fd/{self._log} -dfilter {_GUEST}"
        self.process = subprocess.Popen(
            [os.path.join(TOP, "tools", "boot"), *flags, image], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, pass_fds=shared,
            env=dict(os.environ, QEMU_OPTIONS=options, RAM=f"/proc/self/fd/{self._ram}",
                     **_plugin_version(), **environment))
        for end in (control, theirs):
            end.close()
        os.close(plugin)
        self._monitor_end, self._monitor = monitor, None
        self.said = ""

    @property
    def monitor(self) -> Monitor:
        if not self._monitor:
            self._monitor = Monitor("", connection=self._monitor_end)
        return self._monitor

    def waits(self) -> Iterator[tuple[int, int]]:
        """Each time that QEMU waits: (whether in the guest, the number of the next instruction or block)."""
        with contextlib.suppress(ConnectionError):  # the boot may be ended at any time
            while len(wait := self._control.recv(_WAIT.size, socket.MSG_WAITALL)) == _WAIT.size:
                yield _WAIT.unpack(wait)
                self._control.sendall(_ANSWER.pack(self.next_stop))
        self.said = self.process.stdout.read().decode("utf-8", "replace")
        self.process.wait()

    def log(self, on: bool) -> None:
        """From the next block of instructions on, every instruction's registers are logged, or no longer."""
        if on:
            self.monitor.blocks_of_one(True)
            self.monitor.order("log cpu,nochain")
        else:
            # Without nochain QEMU would not look at this again before the guest leaves a loop.
            self.monitor.order("log nochain")
            self.monitor.blocks_of_one(False)

    def log_size(self) -> int:
        return os.fstat(self._log).st_size

    def log_text(self) -> bytes:
        """QEMU's log so far."""
        return self._map(self._log, self.log_size())

    def ram(self) -> bytes:
        """A copy of the machine's memory. Quickly made: for tools/boot a machine that waits here is silent."""
        return mmap.mmap(self._ram, self.monitor.memory_size(), prot=mmap.PROT_READ)[:]

    def want(self, mfns: Iterable[int]) -> None:
        """From now on Xen's stores into these pages are recorded."""
        for mfn in mfns:
            os.pwrite(self._wanted, b"\1", mfn % _PAGES)

    def end(self) -> None:
        """Enough of this boot is known."""
        self.process.terminate()
        self.process.communicate()

    def records(self) -> tuple[bytes, tuple[int, int], bool]:
        """What the plugin has written, as the bytes of RECORDs; (count, period) of a loop in which it ends; whether it ends
        before the boot does."""
        count, period, skipped, full = _HEAD.unpack(self._map(self._out, _HEAD.size))
        return self._map(self._out, _HEAD.size + count * RECORD.size)[_HEAD.size:], (skipped, period), bool(full)

    @staticmethod
    def _map(fd: int, size: int) -> bytes:
        return mmap.mmap(fd, size, prot=mmap.PROT_READ)[:] if size else b""
