# SPDX-License-Identifier: GPL-2.0-only
"""What Xen keeps of a guest's processor, its handlers and its event channels: struct vcpu, struct domain, struct evtchn.

Where the fields lie is read from xen-syms (Layout); what their numbers mean stands here.
Source: xen/include/xen/sched.h in Xen 4.17, the states of event channels and of vcpus.
"""

import struct
from typing import NamedTuple

_IDLE = 0x7FFF
_RUNSTATES = "running", "runnable", "blocked", "offline"
_CHANNELS = "free", "reserved", "unbound", "interdomain", "pirq", "virq", "ipi"
_TRAP = struct.Struct("<BBHxxxxQ")
_VECTORS = 256
_IN_FIRST_BUCKET = 64


class Layout(NamedTuple):
    """Sizes and offsets, in bytes, of this Xen's structures."""
    current: int
    top: int
    vcpu_id: int
    domain: int
    traps: int
    kernel_ss: int
    kernel_sp: int
    upcall: int
    failsafe: int
    syscall: int
    iopl: int
    runstate: int
    domain_id: int
    vcpus: int
    evtchn: int
    valid_evtchns: int
    evtchn_size: int
    evtchn_state: int
    evtchn_port: int
    evtchn_bound: int

    # How to ask a GDB that has loaded xen-syms, in the same order.
    EXPRESSIONS = (
        "(long)&((struct cpu_info *)0)->current_vcpu", "(long)&((struct cpu_info *)0)->guest_cpu_user_regs.es",
        *(f"(long)&((struct vcpu *)0)->{field}" for field in (
            "vcpu_id", "domain", "arch.pv.trap_ctxt", "arch.pv.kernel_ss", "arch.pv.kernel_sp", "arch.pv.event_callback_eip",
            "arch.pv.failsafe_callback_eip", "arch.pv.syscall_callback_eip", "arch.pv.iopl",
            "runstate.state")),
        *(f"(long)&((struct domain *)0)->{field}" for field in ("domain_id", "vcpu", "evtchn", "valid_evtchns")),
        "sizeof(struct evtchn)", *(f"(long)&((struct evtchn *)0)->{field}" for field in ("state", "port", "u")),
    )


class NoVcpu(Exception):
    """There is none to look at; says why."""


class Vcpu:
    """The one that runs, or that Xen has interrupted; while Xen idles, the first of dom0."""

    def __init__(self, guest, layout, top, hardware_domain):
        """top is what the processor takes for its stack when it enters Xen, hardware_domain the address of that variable."""
        self._space, self.layout, self.bits = guest.xen_space, layout, guest.bits
        self.va = self._word(top - layout.top + layout.current)
        self.domain = self._word(self.va + layout.domain)
        if self.domain_id == _IDLE and hardware_domain:
            self.domain = self._word(hardware_domain)
            self.va = self._word(self._word(self.domain + layout.vcpus))
        self.idle = self.domain_id == _IDLE

    def _read(self, va, count):
        data = self._space.read(va, count)
        if data is None:
            raise NoVcpu(f"Xen's memory at VA {va:#x} cannot be read: xen-syms belongs to another Xen, or Xen is not that far")
        return data

    def _word(self, va, size=8):
        return int.from_bytes(self._read(va, size), "little")

    def field(self, name, size=8):
        return self._word(self.va + getattr(self.layout, name), size)

    @property
    def domain_id(self):
        return self._word(self.domain + self.layout.domain_id, 2)

    def lines(self, place):
        """What `xen vcpu` prints; place names what is at a VA."""
        def at(name):
            va = self.field(name)
            return f"VA {va:#x} {place(va)}".rstrip() if va else "none"
        state = self.field("runstate", 4)
        yield f"vcpu {self.field('vcpu_id', 4)} of dom{self.domain_id}, {_RUNSTATES[state] if state < 4 else state}; struct vcpu at {self.va:#x}"
        stack = self.field("kernel_sp")
        yield "  kernel's stack   " + (f"{self.field('kernel_ss'):#x}:VA {stack:#x}, for traps out of user mode" if stack
                                       else "none: stack_switch was not called yet")
        yield f"  event upcall     {at('upcall')}"
        yield f"  failsafe         {at('failsafe')}"
        if self.bits == 64:
            yield f"  syscall          {at('syscall')}"
        yield f"  I/O privilege    {self.field('iopl', 4) >> 12 & 3} (PHYSDEVOP_set_iopl)"

    def traps(self, place):
        """What `xen traps` prints: the handlers of set_trap_table."""
        table, found = self.field("traps"), 0
        for vector, (_, flags, selector, va) in enumerate(_TRAP.iter_unpack(self._read(table, _VECTORS * _TRAP.size))):
            if not va:
                continue
            found += 1
            notes = [f"from ring {flags & 3} on"] * bool(flags & 3) + ["events masked on entry"] * bool(flags & 4)
            yield f"vector {vector:3}: {selector:#x}:VA {va:#x} {place(va)}".rstrip() + (f", {', '.join(notes)}" if notes else "")
        yield f"{found} handlers" if found else "no handlers: set_trap_table was not called yet, so any fault ends the guest"

    def channels(self):
        """Port -> what it is bound to, of the first event channels."""
        count = min(self._word(self.domain + self.layout.valid_evtchns, 4), _IN_FIRST_BUCKET)
        base, size, found = self._word(self.domain + self.layout.evtchn), self.layout.evtchn_size, {}
        for number in range(count):
            at = base + number * size
            state = self._word(at + self.layout.evtchn_state, 1)
            if 2 <= state < len(_CHANNELS):
                bound = self._word(at + self.layout.evtchn_bound, 4)
                what = {"unbound": f" for dom{bound & 0xFFFF}", "interdomain": f", port {bound} there", "ipi": ""}
                found[self._word(at + self.layout.evtchn_port, 4)] = _CHANNELS[state] + what.get(_CHANNELS[state], f" {bound}")
        return found
