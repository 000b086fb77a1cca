# SPDX-License-Identifier: GPL-2.0-only
"""Stands between GDB and QEMU's debugging stub while a guest with a second level of page tables is looked at.

	python3 -m xenqemu.nested_stub STUB ROOT <a listening socket

QEMU's stub takes what the guest's tables say for the machine's addresses, and so gives other memory than the guest's. This
translates in its place, by both levels (ROOT is the second one's), and passes everything else on to QEMU's socket STUB. Ends
when QEMU does, or the process that has started it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
from collections.abc import Iterator

from xenpt import paging
from xenpt.memory import PAGE_SIZE, BadPage, Cached
from xenpt.nested import Nested, has_guest
from xenpt.space import AddressSpace

from .packets import StubError
from .stub import Stub

PHYSICAL = "Qqemu.PhyMemMode:"
_INTERRUPT = b"\x03"


class Nobody(Exception):
    """The other side hung up."""


class Translator:
    """Reads and writes memory for GDB: by maddr, if it has asked for that; otherwise by VA, a guest's through both levels."""

    def __init__(self, stub: Stub, root: int) -> None:
        self._stub, self._root = stub, root
        self.by_maddr = False

    def read_page(self, maddr: int) -> bytes:
        try:
            return self._stub.read(maddr, PAGE_SIZE, physical=True)
        except StubError as error:
            raise BadPage(str(error)) from None

    def answer(self, packet: str) -> str:
        """The answer to a packet about memory."""
        where, _, data = packet[1:].partition(":")
        try:
            address, count = (int(word, 16) for word in where.split(","))
            pieces = list(self._pieces(address, count))
            if packet[0] == "m":
                return b"".join(self._stub.read(*piece) for piece in pieces).hex()
            rest = bytes.fromhex(data)
            for maddr, size, physical in pieces:
                self._stub.write(maddr, rest[:size], physical)
                rest = rest[size:]
            return "OK"
        except (BadPage, StubError, ValueError, paging.PagingError):
            return "E14"  # as QEMU says it

    def _pieces(self, address: int, count: int) -> Iterator[tuple[int, int, bool]]:
        """(address, count, whether it is a maddr) of what QEMU is to be asked for."""
        registers = self._stub.registers()
        if self.by_maddr or not has_guest(registers):
            yield address, count, self.by_maddr
            return
        guest = Nested(Cached(self), self._root)
        tables = None
        if registers.cr0 >> 31:
            tables = AddressSpace(guest, paging.mode_of(registers.cr0, registers.cr4, registers.efer, 64), registers.cr3)
        while count:
            size = min(count, PAGE_SIZE - address % PAGE_SIZE)
            paddr = tables.walk(address).maddr if tables else address
            if paddr is None:
                raise BadPage(f"VA {address:#x} is not mapped")
            yield guest.maddr(paddr), size, True
            address, count = address + size, count - size


class Relay:
    """One client of ours, and a connection to QEMU for it."""

    def __init__(self, client: socket.socket, stub: Stub, root: int) -> None:
        self._client, self._stub = client, stub
        self._translator = Translator(stub, root)
        self._received = b""
        self._expected = 0  # answers that QEMU still owes

    def run(self) -> None:
        """Until one side hangs up."""
        while True:
            readable, _, _ = select.select([self._client, self._stub.socket], [], [])
            if self._stub.socket in readable:
                self._pass_back()
            while self._stub.waiting:
                self._pass_back()
            if self._client in readable:
                data = self._client.recv(65536)
                if not data:
                    raise Nobody
                self._received += data
                for packet in self._packets():
                    self._take(packet)

    def _packets(self) -> Iterator[str]:
        """The whole packets that have come; Ctrl-C goes through at once."""
        while self._received:
            first = self._received[:1]
            if first == b"$":
                end = self._received.find(b"#")
                if end < 0 or len(self._received) < end + 3:
                    return
                packet, self._received = self._received[1:end], self._received[end + 3:]
                self._client.sendall(b"+")
                yield packet.decode("latin-1")
            else:
                if first == _INTERRUPT:
                    self._stub.socket.sendall(first)
                self._received = self._received[1:]

    def _take(self, packet: str) -> None:
        if packet.startswith(PHYSICAL):
            self._translator.by_maddr = packet == f"{PHYSICAL}1"
            self._give("OK")
        elif packet[:1] in ("m", "M"):
            while self._expected:
                self._pass_back()
            self._give(self._translator.answer(packet))
        else:
            self._stub.send(packet)
            self._expected += 1

    def _pass_back(self) -> None:
        """The next packet of QEMU's."""
        packet = self._stub.receive(None)
        if not packet.startswith("O") or packet == "OK":
            self._expected -= 1
        self._give(packet)

    def _give(self, packet: str) -> None:
        data = packet.encode("latin-1")
        self._client.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))


def main() -> None:
    path, root = sys.argv[1], int(sys.argv[2], 16)
    server = socket.socket(fileno=sys.stdin.fileno())
    while os.path.exists(path):
        client, _ = server.accept()
        try:
            with client, contextlib.closing(Stub.connect(path)) as stub:
                Relay(client, stub, root).run()
        except (Nobody, StubError, OSError):
            pass  # whoever is left is told by a closed connection


if __name__ == "__main__":
    main()
