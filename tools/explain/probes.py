# SPDX-License-Identifier: GPL-2.0-only
"""Functions of the kit's in an observed boot: what each was asked, what it returned, and what is right.

What such a function has to return is known (right_results.py). So the first that returns something else is where the boot went wrong,
whatever comes of it later. An image without these functions has no probes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from xenpt.memory import BadPage
from xenpt.paging import PagingError

from .right_results import CONTRACTS, REMAP, SELECT

if TYPE_CHECKING:
    from xenqemu.registers import Registers

    from .observe import Observation

MOST = 60  # calls that are looked at, of two stops each
REGISTERS = "rdi rsi rdx".split()  # 64 bits: of the arguments
HANDLER = "do_trap"  # of exceptions; what it returns is of no account


class Told(NamedTuple):
    """A call that came back."""
    name: str
    args: tuple[int, ...]
    result: int
    right: int
    caller: int  # the address behind the call


class Probes:
    """Breakpoints at the functions, and at where they return to."""

    def __init__(self, seen: Observation, functions: dict[int, str]) -> None:
        """functions: their names, by address."""
        self.seen, self.stub, self.bits = seen, seen.stub, seen.bits
        self.told: list[Told] = []
        self.strange: Told | None = None  # the first call that was given something else than start_info
        self.beyond: Told | None = None  # the first that was asked for the maddr of what is beyond the guest's memory
        self.handled: list[tuple[int, int]] = []  # of each call of the handler: its argument, and where what was pushed before begins
        self.selected: list[tuple[int, int]] = []  # of each call of console_select(): its argument, and the address behind it
        self.remap: tuple[int, int] | None = None  # from which paddr to which the remap was to go
        self.entries = functions
        self.pending: list[tuple[int, int, str, list[int], int]] = []  # return address, stack, function, arguments, memory of the result
        for address in functions:
            self.stub.breakpoint(address)

    def visit(self, regs: Registers) -> bool:
        """Whether that stop was one of these."""
        if self.pending and (regs.rip, regs.rsp) == self.pending[-1][:2]:
            self._back(regs)
            return True
        if regs.rip not in self.entries or regs.in_xen:
            return False
        self._called(regs, self.entries[regs.rip])
        return True

    def _handles(self, regs: Registers) -> None:
        word = self.bits // 8
        given = regs.rdi if self.bits == 64 else int.from_bytes(self.seen.peek(regs.rsp + word, word) or b"", "little")
        self.handled.append((given, regs.rsp + (8 if self.bits == 64 else 2 * word) & (1 << self.bits) - 1))

    def _called(self, regs: Registers, name: str) -> None:
        if name == HANDLER:
            return self._handles(regs)
        word, contract = self.bits // 8, CONTRACTS[name]
        in_memory = self.bits == 32 and contract.struct
        count = len(contract.args.split())
        data = self.seen.peek(regs.rsp, word * 5) or bytes(5 * word)
        words = [int.from_bytes(data[at:at + word], "little") for at in range(0, len(data), word)]
        args = words[1 + in_memory:1 + in_memory + count] if self.bits == 32 else [getattr(regs, r) for r in REGISTERS[:count]]
        behind = regs.rsp + word + (word if in_memory else 0) & (1 << self.bits) - 1  # the callee takes the hidden argument away
        if name == REMAP:  # what it returns is of no account, and what it calls is to be the first that is pending
            self.remap = self.remap or (args[1], args[2])
            return None
        if name == SELECT:
            self.selected.append((args[0] & 0xFFFFFFFF, words[0]))
        if contract.args.startswith("info") and args[0] != self.seen.start_info and self.strange is None:
            self.strange = Told(name, tuple(args), 0, self.seen.start_info, words[0])
        self.pending.append((words[0], behind, name, args, words[1] if in_memory else 0))
        self.stub.breakpoint(words[0])
        return None

    def _back(self, regs: Registers) -> None:
        at, _, name, args, memory = self.pending.pop()
        if at not in (p[0] for p in self.pending):
            self.stub.remove_breakpoint(at)
        contract = CONTRACTS[name]
        if contract.args.startswith("info") and args[0] != self.seen.start_info:
            return  # whatever is there, it is not what Xen has told
        bits = contract.bits or self.bits
        result = int.from_bytes(self.seen.peek(memory, bits // 8) or b"", "little") if memory else regs.rax & (1 << min(bits, self.bits)) - 1
        try:
            right = contract.right(self.seen, args)
        except (PagingError, BadPage):
            right = None
        if right is None and self.beyond is None and name in ("early_p2m", "phys_to_machine"):
            self.beyond = Told(name, tuple(args), result, 0, at)
        if right is not None:
            self.told.append(Told(name, tuple(args), result, right, at))
        if len(self.told) == MOST:
            self.forget()

    def forget(self) -> None:
        """No function stops the machine any more."""
        for address in (*self.entries, *(p[0] for p in self.pending)):
            self.stub.remove_breakpoint(address)
        self.entries, self.pending = {}, []

    @property
    def wrong(self) -> Told | None:
        """The first that returned something else than it should."""
        return next((t for t in self.told if t.result != t.right and not (CONTRACTS[t.name].at_least and t.result > t.right)), None)
