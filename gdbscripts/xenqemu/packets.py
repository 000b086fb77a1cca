# SPDX-License-Identifier: GPL-2.0-only
"""Packets of GDB's remote protocol, as QEMU's debugging stub speaks it: stub.py builds on them.

A packet is $text#checksum, and is acknowledged by a +, which may go with the next packet: that wakes QEMU once, not twice.
Numbers are hexadecimal, registers and memory are bytes in hexadecimal, in the order in which they lie in memory.

Source: the GDB manual, appendix "Remote Protocol".
"""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence

from .patience import ANSWER, COMPUTED

# How many requests are under way at once: QEMU's answers must fit into the socket until they are read.
_AT_ONCE = 16
# Seconds after which it is looked at what QEMU has computed.
_GLANCE = 0.2


class StubError(Exception):
    """The stub refused, fell silent or went away."""


class Gone(StubError):
    """QEMU ended."""


class Late(StubError):
    """QEMU did not answer in time."""


class Stuck(Late):
    """QEMU computes and does not answer. QEMU 10 and 11 do so for good when they translate an instruction that begins on a page
    table and ends on a page that this table maps: they have locked the table as code, and want to set a bit in its entry."""

    WHY = """QEMU 10 and 11 do where a kernel runs on into its own page tables, through what should be code and is zeros, and an
        instruction crosses from a table to a page that this table maps"""


class TooLate(StubError):
    """The deadline has passed."""


class Unreadable(StubError):
    """There is no memory at that address."""


class Packets:
    """One connection."""

    def __init__(self, connection: socket.socket, limit: float = ANSWER) -> None:
        self.socket = connection
        self.limit = limit
        self.computed: Callable[[], float] = lambda: 0  # QEMU's processor time, where it is known (machine.py)
        self._received = b""
        self._owed = b""  # acknowledgements

    def close(self) -> None:
        self.socket.close()

    @property
    def waiting(self) -> bool:
        """Whether a packet, or the beginning of one, has come that was not received yet."""
        return b"$" in self._received

    def send(self, *texts: str) -> None:
        """Sends packets and does not wait for the answers."""
        owed, self._owed = self._owed, b""
        self._write(owed + b"".join(b"$%s#%02x" % (data, sum(data) & 0xFF) for data in (text.encode() for text in texts)))

    def _write(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Gone(f"QEMU is gone ({error})") from error

    def receive(self, limit: float | None = None) -> str:
        """The next packet. Without a limit it is an answer, which QEMU gives at once unless it hangs."""
        deadline, computed = time.monotonic() + (limit or self.limit), None
        while True:
            begin = self._received.find(b"$")
            end = self._received.find(b"#", begin + 1)
            if begin >= 0 and end >= 0 and len(self._received) >= end + 3:
                packet = self._received[begin + 1:end]
                self._received = self._received[end + 3:]
                self._owed += b"+"
                return packet.decode("latin-1")
            if not self._fill(deadline, limit or _GLANCE):
                computed = computed or self.computed()
                if not limit and self.computed() - computed > COMPUTED:
                    raise Stuck("QEMU hangs within an instruction")

    def _fill(self, deadline: float, most: float) -> bool:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise Late("QEMU's debugging stub does not answer")
        self.socket.settimeout(min(remaining, most))
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            return False
        except OSError as error:
            raise Gone(f"QEMU is gone ({error})") from error
        if not data:
            raise Gone("QEMU is gone")
        self._received += data
        return True

    def request(self, text: str) -> str:
        """Sends a packet and returns the answer."""
        with whole():
            self.send(text)
            return self.receive()

    def requests(self, texts: Sequence[str]) -> Iterator[str]:
        """Several at once: the answers come in their order. Saves waiting for each before the next is asked."""
        for first in range(0, len(texts), _AT_ONCE):
            asked = texts[first:first + _AT_ONCE]
            with whole():
                self.send(*asked)
                answers = [self.receive() for _ in asked]
            yield from answers

    def human(self, line: str) -> str:
        """A line for QEMU's monitor, which answers here, too: its output."""
        output = ""
        with whole():
            answer = self.request(f"qRcmd,{line.encode().hex()}")
            while answer.startswith("O") and answer != "OK":
                output += bytes.fromhex(answer[1:]).decode("latin-1")
                answer = self.receive()
        return output

    def must(self, *texts: str) -> None:
        """Requests that have nothing to answer but OK."""
        for text, answer in zip(texts, list(self.requests(texts))):
            if answer != "OK":
                raise StubError(f"QEMU's debugging stub answers {answer!r} to {text[:40]!r}")


@contextlib.contextmanager
def whole() -> Iterator[None]:
    """While this holds Ctrl-C waits: a request without its answer would leave the next one with the wrong answer."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
