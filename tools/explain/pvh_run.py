# SPDX-License-Identifier: GPL-2.0-only
"""A failed run of stage 7 on Xen, once more: which code of the kernel's ran, and what it asked Xen for.

	with PvhRun(image, source) as ran: ...		ran.calls, ran.functions, ran.msrs

Xen runs such a guest on tables of its own beneath the guest's, and Debian's Xen has no symbols to stop at. So nothing is
stopped: QEMU logs each run of the kernel's instructions, with the registers before it, and that tells of all that is left by
a register: hypercalls with their arguments and results, MSRs, and how often which function was entered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from xenabi.headers import names
from xenabi.loader import Loading
from xenqemu.monitor import MonitorError
from xenqemu.packets import StubError

from .again import LOOK_EVERY, Again
from .bare_state import rests
from .source import Source
from .trail import Step, Trail

TO_ENTRY, TO_END, LEAST = 30.0, 4, 1.0  # seconds that it computes or is idle; multiples of what it took to the entry; seconds
STUB, STUBS = 32, 4096  # bytes of one hypercall's code, and of all
PAGING = 1 << 31  # of CR0
ARGUMENTS = {32: "EBX ECX EDX ESI EDI".split(), 64: "RDI RSI RDX R10 R8".split()}
WRMSR, CPUID = b"\x0f\x30", b"\x0f\xa2"
RESTS = 15  # looks


class PvhCall(NamedTuple):
    name: str
    args: tuple[int, ...]
    result: int | None  # None: it did not come back
    caller: int  # the last address of the kernel's before


class PvhRun(Again):
    """Of the kernel, which is the image that boots, or the module of that."""

    def __init__(self, image: str, source: Source) -> None:
        super().__init__()
        self.source = source
        self.trail = Trail(self.folder)
        self.entered = False
        self.looks = 0
        self.steps: list[Step] = []
        note = Loading(source.image).notes.get("PHYS32_ENTRY") if source.image else None
        low = source.extent.start - source.offset & source.mask
        size = len(source.extent)
        self.start(image, ["-dfilter", f"{low:#x}+{size:#x},{source.extent.start:#x}+{size:#x}"])
        try:
            self.stub = self.machine.connect()
            if note:
                self._run(note.number)
        except (StubError, MonitorError):
            pass
        except BaseException:
            self.close()
            raise
        self.steps = self.trail.steps()

    def _run(self, entry: int) -> None:
        self.stub.breakpoint(entry)
        late = self.late(TO_ENTRY, self.machine.halted)
        while not self.entered:
            if not self.stub.run_till(late, LOOK_EVERY):
                return
            regs = self.stub.registers()
            self.entered = not regs.cr0 & PAGING and regs.rip == entry  # before it Xen itself may have run there
            if not self.entered:
                self.stub.step()
        self.stub.remove_breakpoint(entry)
        self.trail.start(self.machine)
        self.stub.run_till(self.late(TO_END * self.machine.processor_time() + LEAST, self._rests), LOOK_EVERY)

    def _rests(self) -> bool:
        """Whether nobody has computed each of the last times that was looked at: QEMU's time stands then."""
        self.looks = self.looks + 1 if rests(self.machine.monitor.human("info registers")) else 0
        return self.looks > RESTS

    # ---- what the log tells ------------------------------------------------------

    @property
    def functions(self) -> Counter[str]:
        """How often each was entered."""
        begins = {s.value: s.name for s in self.source.image.all_symbols if s.value in self.source.code} if self.source.image else {}
        return Counter(begins[va] for va in map(self.linked, self.steps) if va in begins)

    @property
    def last_code(self) -> int | None:
        """The last address of the kernel's code."""
        return next((s.address for s in reversed(self.steps) if self.source.is_code(s.address)), None)

    def register(self, step: Step, name: str) -> int:
        """RAX, or EAX while the code is one of 32 bits."""
        return step.registers.get(f"R{name}", step.registers.get(f"E{name}", 0))

    def _behind(self, instruction: bytes) -> Iterator[dict[str, int]]:
        """The registers behind each of an instruction that Xen takes: the log begins anew there."""
        for step in self.steps:
            va = self.linked(step)
            if va is not None and self.source.bytes(va - len(instruction), len(instruction)) == instruction:
                yield {name: self.register(step, name) & 0xFFFFFFFF for name in ("AX", "BX", "CX", "DX")}

    @property
    def msrs(self) -> list[tuple[int, int]]:
        """Each that was written to, and what was."""
        return [(r["CX"], r["DX"] << 32 | r["AX"]) for r in self._behind(WRMSR)]

    @property
    def signatures(self) -> list[bytes]:
        """What CPUID answered, in the order of a hypervisor's name."""
        return [b"".join(r[name].to_bytes(4, "little") for name in ("BX", "CX", "DX")) for r in self._behind(CPUID)]

    @property
    def calls(self) -> list[PvhCall]:
        return list(self._calls())

    def _calls(self) -> Iterator[PvhCall]:
        page, bits = self.source.va("hypercall_page") or 0, self.source.bits
        for number, step in enumerate(self.steps):
            offset = (self.linked(step) or 0) - page
            if not 0 <= offset < STUBS or offset % STUB:
                continue
            came = (n for n in range(number + 1, len(self.steps)) if (self.linked(self.steps[n]) or 0) - page not in range(offset + 1, offset + STUB))
            back = next(came, None)
            # Behind VMMCALL, or VMCALL, the stub goes on: if it does not, the call has not come back.
            value = None if back is None or back == number + 1 else self.register(self.steps[back], "AX")
            name = names("__HYPERVISOR_").get(offset // STUB, f"hypercall {offset // STUB}").removeprefix("__HYPERVISOR_")
            yield PvhCall(name, tuple(step.registers.get(r, 0) for r in ARGUMENTS[bits]), None if value is None else value - (value >> bits - 1 << bits), self.steps[number - 1].address)

    def linked(self, step: Step) -> int | None:
        found = self.source.linked(step.address)
        return found[0] if found else None
