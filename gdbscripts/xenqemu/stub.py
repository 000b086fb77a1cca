# SPDX-License-Identifier: GPL-2.0-only
"""A client for the debugging stub in QEMU (GDB's remote protocol).

Used by the commands over GDB's own connection, which is free while GDB waits
for its user (xencmd/connection.py), and by scripts over a socket of their own.
All of it happens with the machine stopped; run() returns when it stops again.
"""

import contextlib
import signal
import socket
import struct
import time


class StubError(Exception):
    """The stub refused, fell silent or went away."""


class TooLate(StubError):
    """The deadline has passed."""


# Offsets into the registers as QEMU sends them (its gdb-xml/i386-64bit.xml).
_GPRS = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split()
_SYSTEM = "fs_base gs_base k_gs_base cr0 cr2 cr3 cr4 cr8 efer".split()
_SEGMENTS = "cs ss ds es fs gs".split()

# One packet carries at most this many bytes of memory: half of QEMU's limit.
_CHUNK = 0x800


class Registers:
    """The processor's registers at a stop. `raw` compares equal if all are."""

    def __init__(self, raw):
        self.raw = raw
        values = struct.unpack_from("<17QI6I9Q", raw)
        names = _GPRS + ["eflags"] + _SEGMENTS + _SYSTEM
        self.__dict__.update(zip(names, values))

    def in_the_order_of_xen(self):
        """The general registers as Xen saves a guest's (struct cpu_user_regs)."""
        names = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi".split()
        return [getattr(self, name) for name in names]

    @property
    def in_xen(self):
        """Whether Xen itself runs: ring 0 with one of the selectors that Xen reserves."""
        return self.cs & 3 == 0 and self.cs >= 0xE000


class Stub:
    """One connection. `packets` counts the requests sent; `standing` are breakpoints that are there all the time,
    but for those in which others are set (breakpoints()). Past the `deadline`, nothing is run or stepped."""

    def __init__(self, connection, limit=10.0):
        self.socket = connection
        self.limit = limit
        self.packets = 0
        self.standing = set()
        self.deadline = None
        self._received = b""

    @classmethod
    def connect(cls, path, limit=10.0):
        """A connection of one's own to the UNIX socket at path."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(limit)
        connection.connect(path)
        stub = cls(connection, limit)
        stub.request("qSupported:xmlRegisters=i386")
        stub.request("?")
        return stub

    # ---- packets ---------------------------------------------------------------

    def send(self, text):
        """Sends a packet and does not wait for the answer."""
        data = text.encode()
        self.packets += 1
        try:
            self.socket.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))
        except OSError as error:
            raise StubError(f"QEMU is gone ({error})") from error

    def receive(self, limit=None):
        """The next packet; acknowledges it."""
        deadline = time.monotonic() + (limit or self.limit)
        while True:
            begin = self._received.find(b"$")
            end = self._received.find(b"#", begin + 1)
            if begin >= 0 and end >= 0 and len(self._received) >= end + 3:
                packet = self._received[begin + 1:end]
                self._received = self._received[end + 3:]
                self.socket.sendall(b"+")
                return packet.decode("latin-1")
            self._fill(deadline)

    def _fill(self, deadline):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise StubError("QEMU's debugging stub does not answer")
        self.socket.settimeout(remaining)
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            return
        except OSError as error:
            raise StubError(f"QEMU is gone ({error})") from error
        if not data:
            raise StubError("QEMU is gone")
        self._received += data

    def request(self, text):
        """Sends a packet and returns the answer."""
        self.send(text)
        return self.receive()

    def _must(self, text):
        if self.request(text) != "OK":
            raise StubError(f"QEMU's debugging stub refuses {text}")

    # ---- state -----------------------------------------------------------------

    def registers(self):
        return Registers(bytes.fromhex(self.request("g")))

    def read(self, address, count):
        """Bytes at a virtual address of the moment, or physical inside physical()."""
        data = b""
        while len(data) < count:
            size = min(_CHUNK, count - len(data))
            answer = self.request(f"m{address + len(data):x},{size:x}")
            if len(answer) != 2 * size:
                raise StubError(f"{address + len(data):#x} cannot be read")
            data += bytes.fromhex(answer)
        return data

    @contextlib.contextmanager
    def physical(self):
        """While this holds, addresses are machine addresses. Always undone."""
        self._must("Qqemu.PhyMemMode:1")
        try:
            yield self
        finally:
            self._must("Qqemu.PhyMemMode:0")

    # ---- running ---------------------------------------------------------------

    def breakpoint(self, address):
        self._must(f"Z1,{address:x},1")

    def remove_breakpoint(self, address):
        self._must(f"z1,{address:x},1")

    @contextlib.contextmanager
    def breakpoints(self, addresses):
        """These breakpoints, and only these, for a while."""
        standing, addresses = self.standing, set(addresses)
        self.stand(set())
        for address in addresses:
            self.breakpoint(address)
        try:
            yield
        finally:
            for address in addresses:
                self.remove_breakpoint(address)
            self.stand(standing)

    def stand(self, addresses):
        """Sets the standing breakpoints, and takes those away that stood before."""
        for address in self.standing:
            self.request(f"z1,{address:x},1")  # a new connection has taken it away already
        for address in addresses:
            self.breakpoint(address)
        self.standing = set(addresses)

    def step(self):
        """One instruction, with interrupts and timers held back (QEMU's default)."""
        self._in_time()
        return self.request("s")

    def run(self, limit):
        """Until a breakpoint: True. After limit seconds it is stopped: False."""
        self._in_time()
        if limit and self.deadline:
            limit = min(limit, max(0.01, self.deadline - time.monotonic()))
        self.send("c")
        try:
            self.receive(limit)
            return True
        except KeyboardInterrupt:
            self._interrupt()
            raise
        except StubError:
            if limit is None:
                raise
        # A breakpoint and the interruption may have crossed: that stop is not ours.
        return not self._interrupt().startswith("T02")

    def _interrupt(self):
        self.socket.sendall(b"\x03")
        return self.receive()

    @contextlib.contextmanager
    def patience(self, seconds):
        """While this holds nothing is run after so many seconds, and Ctrl-C waits until the next run: no packet is cut."""
        self.deadline = time.monotonic() + seconds
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            self.deadline = None
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _in_time(self):
        if not self.deadline:
            return
        if signal.sigtimedwait({signal.SIGINT}, 0):
            raise KeyboardInterrupt
        if time.monotonic() > self.deadline:
            raise TooLate("this takes too long")
