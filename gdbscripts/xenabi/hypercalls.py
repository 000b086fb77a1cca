# SPDX-License-Identifier: GPL-2.0-only
"""A hypercall in words, from its number and the registers that it came with.

Names of numbers come from Xen's headers. Which argument is what stands in the
headers' comments alone, so that is here.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Sequence
from typing import Protocol

from xenpt.guest import Guest

from . import updates
from .headers import errors, names

# A word that ends in _ is an operation; struct: points to what belongs to the operation before it, if that has any.
ARGUMENTS = {
    "callback_op": "CALLBACKOP_ struct:callback",
    "console_io": "CONSOLEIO_ number text",
    "domctl": "va",
    "event_channel_op": "EVTCHNOP_ struct:evtchn",
    "event_channel_op_compat": "va",
    "fpu_taskswitch": "number",
    "get_debugreg": "number",
    "grant_table_op": "GNTTABOP_ struct:gnttab number",
    "hvm_op": "HVMOP_ va",
    "hypfs_op": "number va number va number",
    "kexec_op": "number va",
    "memory_op": "XENMEM_ struct:xen",
    "mmu_update": "va number va domain",
    "mmuext_op": "va number va domain",
    "multicall": "va number",
    "nmi_op": "XENNMI_ va",
    "physdev_op": "PHYSDEVOP_ struct:physdev",
    "physdev_op_compat": "va",
    "platform_op": "va",
    "sched_op": "SCHEDOP_ struct:sched",
    "sched_op_compat": "SCHEDOP_ number",
    "set_debugreg": "number va",
    "set_gdt": "va number",
    "set_segment_base": "number va",
    "set_timer_op": "u64",
    "set_trap_table": "va",
    "stack_switch": "number va",
    "sysctl": "va",
    "update_descriptor": "u64 u64",
    "update_va_mapping": "va u64 flush",
    "update_va_mapping_otherdomain": "va u64 flush domain",
    "vcpu_op": "VCPUOP_ number struct:vcpu",
    "vm_assist": "VMASST_CMD_ VMASST_TYPE_",
    "xen_version": "XENVER_ va",
    "xsm_op": "va",
    "iret": "",
}
CALLBACKS = {32: "number va number va", 64: "va va va"}
# Operations whose struct has another name than theirs.
STRUCTS = {
    **dict.fromkeys("xen_increase_reservation xen_decrease_reservation xen_populate_physmap".split(), "xen_memory_reservation"),
    "xen_exchange": "xen_memory_exchange", "xen_set_memory_map": "xen_foreign_memory_map",
    "xen_machphys_mfn_list": "xen_machphys_mfn_list", "vcpu_get_runstate_info": "vcpu_runstate_info",
    "sched_shutdown_code": "sched_shutdown",
}
# struct trap_info in xen.h: vector, flags, cs, address.
TRAP = {32: struct.Struct("<BBHI"), 64: struct.Struct("<BBH4xQ")}
# struct trap_info's table and console_io's text end somewhere; if not, then here.
MOST_TRAPS, MOST_TEXT = 256, 200


class View(Protocol):
    """The guest that makes the call, as far as a hypercall has to be understood."""

    bits: int

    def read(self, va: int, count: int) -> bytes | None:
        """The guest's memory; None if it is not mapped."""

    def structure(self, name: str, va: int) -> str:
        """A struct of the guest's in words; empty if its type is not known."""

    def place(self, va: int) -> str:
        """The symbol there, as GDB names it; empty if there is none."""

    def guest(self) -> contextlib.AbstractContextManager[Guest]:
        """The guest as it is now, with its page tables."""


class Call:
    """One hypercall, as it comes; details are told when it comes back."""

    def __init__(self, view: View, number: int, arguments: Sequence[int]) -> None:
        self.view, self.bits, self.arguments = view, view.bits, arguments
        self.name = names("__HYPERVISOR_").get(number, f"hypercall {number}").removeprefix("__HYPERVISOR_")
        self._text = None
        if self.name == "console_io":
            self._text = view.read(arguments[2], min(arguments[1], MOST_TEXT))
        self._updates = updates.of(view, self.name, arguments)

    def __str__(self) -> str:
        kinds = CALLBACKS[self.bits] if self.name == "set_callbacks" else ARGUMENTS.get(self.name)
        if kinds is None:
            return f"{self.name}({', '.join(f'{a:#x}' for a in self.arguments[:5])})"
        words, rest, operation = [], list(self.arguments), ""
        for kind in kinds.split():
            value = rest.pop(0)
            if kind == "u64" and self.bits == 32:
                value |= rest.pop(0) << 32
            word = self._word(kind, value, operation)
            if kind.endswith("_"):
                operation = word.removeprefix(kind)
            words.append(word)
        return f"{self.name}({', '.join(words)})"

    def _word(self, kind: str, value: int, operation: str) -> str:
        if kind.endswith("_"):
            return names(kind).get(value, f"{kind}{value}")
        if kind == "number":
            return f"{value:#x}" if value > 4095 else str(value)
        if kind == "u64":
            return f"{value:#x}"
        if kind == "domain":
            return "DOMID_SELF" if names("DOMID_").get(value) == "DOMID_FIRST_RESERVED" else f"dom{value}"
        if kind == "flush":
            return names("UVMF_").get(value & 3, str(value & 3)) + (f" | {value & ~3:#x}" if value & ~3 else "")
        if not value:
            return "NULL"
        return f"VA {value:#x}" + self._content(kind, value, operation)

    def _content(self, kind: str, value: int, operation: str) -> str:
        if kind == "text":
            return "" if self._text is None else " " + quoted(self._text)
        if kind.startswith("struct:"):
            name = f"{kind.removeprefix('struct:')}_{operation}"
            content = self.view.structure(STRUCTS.get(name, name), value)
            return content and " " + content
        return ""

    @property
    def final(self) -> bool:
        """Whether it does not come back, not to where it was made."""
        return self.name == "iret" or (self.name == "sched_op" and
                                       names("SCHEDOP_").get(self.arguments[0]) == "SCHEDOP_shutdown")

    def details(self) -> Iterator[str]:
        """What it asks for, item by item."""
        if self.name == "set_trap_table":
            yield from traps(self.view, self.arguments[0])
        yield from self._updates


def result(value: int, bits: int) -> str:
    """What Xen returned: small negative numbers are errors."""
    value &= (1 << bits) - 1
    if value >> bits - 1:
        value -= 1 << bits
        return f"{value} ({errors()[-value]})" if -value in errors() else str(value)
    return str(value) if value < 4096 else f"{value:#x}"


def quoted(data: bytes) -> str:
    return '"' + data.decode("latin-1").encode("unicode_escape").decode().replace('"', '\\"') + '"'


def traps(view: View, va: int) -> Iterator[str]:
    """set_trap_table: each gate."""
    for _ in range(MOST_TRAPS):
        data = view.read(va, TRAP[view.bits].size)
        vector, flags, selector, address = TRAP[view.bits].unpack(data) if data else (0, 0, 0, 0)
        if not address:
            return
        va += TRAP[view.bits].size
        place = view.place(address)
        yield f"vector {vector}: {selector:#x}:VA {address:#x}{f' <{place}>' if place else ''}, flags {flags}"
