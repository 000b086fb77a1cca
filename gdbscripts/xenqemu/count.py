# SPDX-License-Identifier: GPL-2.0-only
"""Counts what a kernel does from its entry to start_kernel, or to the proof of the remap (verify_remap, in stage 3), or
to its end, whichever it comes to first: tools/count-instructions, called by `make bench` and `make matrix`.

QEMU runs to the kernel's entry. From there it executes one instruction at a time and logs those whose address is in the
image's text or in its hypercall page, at either of their addresses (P=V and linked). Firmware and Xen, should they come
by, run in ring 0: those do not count. (A kernel that was entered as PVH is in ring 0 itself; the addresses are its own.)
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator

from xenabi.entry import as_pvh, pvh_entry
from xenabi.headers import names
from xenabi.image import ElfError, Image
from xenabi.loader import Loading

from .machine import Machine
from .monitor import MonitorError
from .patience import patiently
from .packets import Gone, StubError
from .trace import entered

HYPERCALL_STUB, PAGE_SIZE = 32, 4096  # bytes
ENDS = ("start_kernel", "verify_remap")
ENDED = (0, 33, 35)  # QEMU's exit status after a reset, a verdict of success, one of failure
PATIENCE = 10  # how many times as long as the processor's time it may take by the clock


class NotCounted(Exception):
    """Says why."""


class Places:
    """What is at an address: at the VA when linked, at the VA less a constant while P=V."""

    def __init__(self, image: Image, functions: list[str]) -> None:
        self.image = image
        self.at: dict[int, tuple[str, str]] = {}
        self.ranges = [self.text()]
        page = image.address("hypercall_page")
        if page:
            self.ranges.append((page, PAGE_SIZE))
            for number, name in names("__HYPERVISOR_").items():
                self.name(page + HYPERCALL_STUB * number, "hypercall", name.removeprefix("__HYPERVISOR_"))
        for gate in self.gates():
            self.name(gate, "hypercall", "(by Xen's gate)")
        for kind, wanted in ("call", functions), ("end", ENDS):
            for name in wanted:
                va = image.symbols.get(name)
                if va is not None:
                    self.name(va, kind, name)

    def both(self, va: int) -> tuple[int, int]:
        return va, va - self.image.load_offset & 0xFFFFFFFFFFFFFFFF

    def name(self, va: int, kind: str, name: str) -> None:
        self.at.update(dict.fromkeys(self.both(va), (kind, name)))

    def text(self) -> tuple[int, int]:
        """VA and bytes of the section .text."""
        found = self.image.section(".text")
        if not found:
            raise NotCounted(f"{self.image.path} has no section .text")
        return found

    def gates(self) -> Iterator[int]:
        """The VAs of `int $0x82`: a hypercall, too, only that its number is not in the address."""
        code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-j", ".text", self.image.path], check=True,
                              capture_output=True, text=True).stdout
        yield from (int(at, 16) for at in re.findall(r"^ *([0-9a-f]+):\tint +\$0x82", code, re.M))

    def filter(self) -> str:
        """For QEMU's -dfilter."""
        return ",".join(f"{start:#x}+{size:#x}" for va, size in self.ranges for start in self.both(va))


def count(path: str, places: Places, seconds: float) -> tuple[int, Counter[tuple[str, str]]]:
    """Instructions of the guest, and how often each named place came by."""
    build = os.environ.get("BUILD") or "build"
    os.makedirs(build, exist_ok=True)
    environment = dict(XEN_OPTIONS=os.environ.get("XEN_OPTIONS", "") + " noreboot=no")  # a crash ends the machine
    with tempfile.TemporaryDirectory(prefix="count.", dir=build) as folder:
        trace = os.path.join(folder, "trace")
        os.mkfifo(trace)
        reader = os.open(trace, os.O_RDONLY | os.O_NONBLOCK)
        with open(reader, "rb") as log, Machine(
                folder, path, module=os.environ.get("MODULE", ""), cmdline=os.environ.get("CMDLINE", ""),
                options=("-dfilter", places.filter(), "-D", "trace"), native=os.environ.get("NATIVE") == "y", **environment) as machine:
            to_entry(machine, pvh_entry(places.image) if as_pvh() else Loading(places.image).entry, seconds)
            return add_up(lines(machine, log.fileno(), seconds), places)


def to_entry(machine: Machine, entry: int, seconds: float) -> None:
    """From there on QEMU goes slowly, and logs."""
    stub = machine.connect()
    late = too_late(machine, seconds)
    with stub.breakpoints({entry}):
        if not stub.run_till(late) or late():  # it is asked now and then, and the machine may come there in between
            raise NotCounted(f"was not at its entry after {seconds:g} s")
    machine.monitor.blocks_of_one(True)
    machine.monitor.order("log exec,nochain")
    with contextlib.suppress(Gone):  # a short boot is over before that is answered
        stub.must("D")
        stub.close()


def too_late(machine: Machine, seconds: float):
    begin = time.monotonic()
    return lambda: machine.processor_time() > seconds or time.monotonic() - begin > seconds * PATIENCE


def lines(machine: Machine, log: int, seconds: float) -> Iterator[str]:
    """The log as it is written, to the machine's end."""
    late, rest = too_late(machine, seconds), b""
    while not late():
        ended = machine.qemu.poll()
        more = os.read(log, 1 << 20) if select.select([log], [], [], 0.1)[0] else b""
        *whole, rest = (rest + more).split(b"\n")
        yield from (line.decode("latin-1") for line in whole)
        if not more and ended is not None:
            if ended not in ENDED:
                raise NotCounted(f"QEMU failed (exit status {ended}): {machine.errors()}")
            return
    raise NotCounted(f"was not at its end after {seconds:g} s")


def add_up(log: Iterator[str], places: Places) -> tuple[int, Counter[tuple[str, str]]]:
    """What QEMU was stopped at, it logs once more later: entered() gives that as -1."""
    instructions, times = 0, Counter[tuple[str, str]]()
    for address, ring, step in entered(log):
        if ring == 0 and not as_pvh():
            continue
        place = places.at.get(address)
        if place and place[0] == "end":
            break
        instructions += step
        if place:
            times[place] += step
    return instructions, times


def report(instructions: int, times: Counter[tuple[str, str]], functions: list[str]) -> Iterator[str]:
    hypercalls = {name: n for (kind, name), n in times.items() if kind == "hypercall" and n}
    yield f"{'instructions':24} {instructions:8}"
    yield f"{'hypercalls':24} {sum(hypercalls.values()):8}"
    for name, n in sorted(hypercalls.items()):
        yield f"  {name:22} {n:8}"
    for name in functions:
        yield f"{name + '()':24} {times['call', name]:8}"


def main() -> int:
    parser = argparse.ArgumentParser("tools/count-instructions", description="Counts a kernel's instructions and hypercalls.")
    parser.add_argument("--symbols", metavar="ELF", help="for an IMAGE that has no symbols of its own")
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument("functions", metavar="FUNCTION", nargs="*", help="how often it is called")
    arguments = parser.parse_args()
    try:
        seconds = patiently(float(os.environ.get("TIMEOUT") or 60))
        try:
            image = Image(arguments.symbols or arguments.image)
        except (ElfError, OSError):
            image = None
        if not image or image.address("startup_xen") is None:
            raise NotCounted("has no symbol startup_xen: name an ELF file that has, with --symbols")
        found = count(arguments.image, Places(image, arguments.functions), seconds)
    except (NotCounted, StubError, MonitorError, OSError, ValueError) as error:
        print(f"count-instructions: {arguments.image} {error}", file=sys.stderr)
        return 2
    print("\n".join(report(*found, arguments.functions)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
