# SPDX-License-Identifier: GPL-2.0-only
"""A client for the debugging stub in QEMU (GDB's remote protocol).

Used by the commands over GDB's own connection, which is free while GDB waits
for its user (xencmd/connection.py), and by programs over a socket of their own.
All of it happens with the machine stopped; run() returns when it stops again.

Source: the GDB manual, appendix "Remote Protocol"; QEMU, target/i386/gdbstub.c.
"""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from .packets import Gone, Late, Packets, StubError, TooLate, Unreadable, whole
from .patience import ANSWER
from .registers import GENERAL, LAYOUT, NAMES, SHORT, Registers

# One packet carries at most this many bytes of memory: half of QEMU's limit, a quarter where it is written.
_CHUNK, _WRITE_CHUNK = 0x800, 0x400
# Seconds between two looks whether Ctrl-C was pressed.
_LOOK = 0.1
# Watchpoints: their numbers in packets, and their names in an answer.
WATCH = {"write": 2, "read": 3}
# What steps hold back (qqemu.sstepbits).
_NO_INTERRUPTS = 2
# How an answer begins for a machine that was shut down: signal 3, SIGQUIT.
_SHUT_DOWN = "T03"
_WATCHED = re.compile(r"\b(r?)watch:([0-9a-f]+);")


class Stub(Packets):
    """One connection. `standing` are breakpoints that are there all the time, but for those in which others are set
    (breakpoints()). Past the `deadline`, nothing is run or stepped."""

    def __init__(self, connection: socket.socket, limit: float = ANSWER) -> None:
        super().__init__(connection, limit)
        self.standing: set[int] = set()
        self.deadline: float | None = None
        self.stop = ""  # what QEMU said when the machine stopped last
        self.clock: Callable[[], float] = time.monotonic
        self._by_maddr, self._mode = False, -1  # what is asked for, and what QEMU was told last

    @classmethod
    def connect(cls, path: str, limit: float = ANSWER) -> Stub:
        """A connection of one's own to the UNIX socket at path."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(limit)
        connection.connect(path)
        stub = cls(connection, limit)
        stub.request("qSupported:xmlRegisters=i386")
        # QEMU lets single registers be set only after it was asked how it describes them.
        stub.request("qXfer:features:read:target.xml:0,800")
        stub.request("?")
        return stub

    # ---- state -----------------------------------------------------------------

    def registers(self) -> Registers:
        return Registers(bytes.fromhex(self.request("g")))

    def set_register(self, name: str, value: int) -> None:
        self.set_each({name: value})

    def set_each(self, values: Mapping[str, int]) -> None:
        """Registers by name, in this order."""
        self.must(*(f"P{NAMES.index(name):x}={value.to_bytes(4 if name in SHORT else 8, 'little').hex()}" for name, value in values.items()))

    def set_registers(self, raw: bytes) -> None:
        """All at once, as registers().raw has them, while 32-bit code runs: then QEMU takes four bytes of some where it
        gives eight. CR0, CR4 and EFER need each other, so it takes two rounds."""
        wide = [raw[at:at + 4] for at in range(GENERAL, LAYOUT.size, 8)]
        for _ in range(2):
            self.must(f"G{(raw[:GENERAL] + b''.join(wide) + raw[LAYOUT.size:]).hex()}")
        if self.registers().raw != raw:
            raise StubError("QEMU does not take the registers as it gives them")

    def read(self, address: int, count: int, physical: bool = False) -> bytes:
        """Bytes at a virtual address of the moment, or at a maddr. Unreadable if there is nothing."""
        pieces = [(address + at, min(_CHUNK, count - at)) for at in range(0, count, _CHUNK)]
        data = b"".join(self.read_pieces(pieces, physical))
        if len(data) != count:
            raise Unreadable(f"{address + len(data):#x} cannot be read")
        return data

    def read_pieces(self, pieces: Sequence[tuple[int, int]], physical: bool = False) -> Iterator[bytes]:
        """Bytes at each (address, count) of a list; none where nothing can be read."""
        self._address_mode(physical)
        for (_, count), answer in zip(pieces, self.requests([f"m{at:x},{count:x}" for at, count in pieces])):
            yield bytes.fromhex(answer) if len(answer) == 2 * count else b""

    def peek(self, address: int, count: int, physical: bool = False) -> bytes | None:
        """As read(), but None if there is nothing."""
        try:
            return self.read(address, count, physical)
        except Unreadable:
            return None

    def write(self, address: int, data: bytes, physical: bool = False) -> None:
        self._address_mode(physical)
        parts = [(address + at, data[at:at + _WRITE_CHUNK]) for at in range(0, len(data), _WRITE_CHUNK)]
        self.must(*(f"M{at:x},{len(part):x}:{part.hex()}" for at, part in parts))

    @contextlib.contextmanager
    def physical(self) -> Iterator[Stub]:
        """While this holds, all addresses are maddrs. Afterwards they are virtual again, for GDB too."""
        self._by_maddr = True
        self._address_mode(True)
        try:
            yield self
        finally:
            self._by_maddr = False
            self._address_mode(False)

    def _address_mode(self, physical: bool) -> None:
        mode = int(physical or self._by_maddr)
        if mode != self._mode:
            self.must(f"Qqemu.PhyMemMode:{mode}")
            self._mode = mode

    # ---- running ---------------------------------------------------------------

    def breakpoint(self, address: int) -> None:
        self.must(f"Z1,{address:x},1")

    def remove_breakpoint(self, address: int) -> None:
        self.must(f"z1,{address:x},1")

    def watchpoint(self, access: str, va: int, size: int) -> None:
        """Stops the machine behind an access, one of WATCH's, to these bytes by this VA."""
        self.must(f"Z{WATCH[access]},{va:x},{size:x}")

    def remove_watchpoint(self, access: str, va: int, size: int) -> None:
        self.must(f"z{WATCH[access]},{va:x},{size:x}")

    @property
    def watched(self) -> tuple[str, int] | None:
        """The watchpoint that the machine has stopped at: access and VA."""
        found = _WATCHED.search(self.stop)
        return ("read" if found[1] else "write", int(found[2], 16)) if found else None

    @contextlib.contextmanager
    def breakpoints(self, addresses: Iterable[int]) -> Iterator[None]:
        """These breakpoints, and only these, for a while."""
        standing, addresses = self.standing, frozenset(addresses)
        self.stand(set())
        for address in addresses:
            self.breakpoint(address)
        try:
            yield
        finally:
            for address in addresses:
                self.remove_breakpoint(address)
            self.stand(standing)

    def stand(self, addresses: Iterable[int]) -> None:
        """Sets the standing breakpoints, and takes those away that stood before."""
        for address in self.standing:
            self.request(f"z1,{address:x},1")  # a new connection has taken it away already
        for address in addresses:
            self.breakpoint(address)
        self.standing = set(addresses)

    def step(self) -> str:
        """One instruction, with interrupts and timers held back (QEMU's default)."""
        self._in_time()
        self.stop = _stop(self.request("s"))
        return self.stop

    @contextlib.contextmanager
    def interrupted_steps(self) -> Iterator[None]:
        """While this holds, a step may lead into the handler of an interrupt that is due. Timers are still held back."""
        before = int(self.request("qqemu.sstep"), 16)
        self.must(f"Qqemu.sstep={before & ~_NO_INTERRUPTS:x}")
        try:
            yield
        finally:
            self.must(f"Qqemu.sstep={before:x}")

    def run(self, limit: float | None) -> bool:
        """Until a breakpoint: True. After limit seconds, or by Ctrl-C, it is stopped: False."""
        self._in_time()
        if limit and self.deadline:
            limit = min(limit, max(0.01, self.deadline - self.clock()))
        end = time.monotonic() + (limit or self.limit)
        with whole():
            self.send("c")
            while (remaining := end - time.monotonic()) > 0 and signal.SIGINT not in signal.sigpending():
                with contextlib.suppress(Late):
                    self.stop = _stop(self.receive(min(_LOOK, remaining)))
                    return True
            # A breakpoint and the interruption may have crossed: that stop is not ours.
            stopped = not self._interrupt().startswith("T02")
        if not limit and not stopped:
            raise Late("QEMU's debugging stub does not answer")
        return stopped

    def run_on(self, every: float) -> None:
        """Until a breakpoint; inside patience() no longer than that allows, which is looked at now and then."""
        while not self.run(every):
            pass

    def run_till(self, late: Callable[[], bool], every: float = 0.2) -> bool:
        """Until a breakpoint: True. When late(), asked now and then, says so, it is stopped: False."""
        self.send("c")
        while True:
            try:
                self.stop = _stop(self.receive(every))
                return True
            except Late:
                if late():
                    return not self._interrupt().startswith("T02")

    def _interrupt(self) -> str:
        self._write(b"\x03")
        self.stop = _stop(self.receive())
        return self.stop

    @contextlib.contextmanager
    def patience(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
        """While this holds nothing is run after so many seconds, and Ctrl-C waits until the next run: no packet is cut."""
        self.deadline, self.clock = clock() + seconds, clock
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            self.deadline = None
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @property
    def ended(self) -> bool:
        """Whether the machine has shut itself down when it ran last: it does not run on, and does not answer to that."""
        return self.stop.startswith(_SHUT_DOWN)

    def _in_time(self) -> None:
        if self.ended:
            raise StubError("the machine has shut itself down")
        if not self.deadline:
            return
        if signal.sigtimedwait({signal.SIGINT}, 0):
            raise KeyboardInterrupt
        if self.clock() > self.deadline:
            raise TooLate("this takes too long")


def _stop(answer: str) -> str:
    """What the machine stopped for; a program that ended, in GDB's eyes, is a QEMU that did."""
    if answer[:1] in ("W", "X"):
        raise Gone("QEMU ended")
    return answer
