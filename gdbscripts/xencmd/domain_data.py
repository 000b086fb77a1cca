# SPDX-License-Identifier: GPL-2.0-only
"""What Xen and the guest keep of each other while it runs: `xen shared-info`, `xen events`, `xen vcpu`, `xen traps`."""

import contextlib

import gdb

from xenabi.headers import names
from xenabi.xensyms import vcpu_layout
from xenpt import shared_info, text
from xenpt.memory import PAGE_SHIFT
from xenpt.vcpu import Vcpu

from .arguments import none
from .connection import symbol_at
from .places import stack_top
from .session import session
from .style import say
from .translate import under_xen


@contextlib.contextmanager
def shared():
    """The guest, and its shared_info as it is now."""
    with session.guest(needs_start=True) as guest:
        under_xen(guest)
        if not guest.boot.shared_info:
            raise gdb.GdbError("where shared_info is, is not known: there is no start_info")
        yield guest, shared_info.SharedInfo(guest.memory.read_page(guest.boot.shared_info), guest.bits)


def vcpu(guest):
    """The vcpu that runs, by Xen's own memory."""
    layout = vcpu_layout(session.known_xen_syms())
    return Vcpu(guest, layout, stack_top(guest.xen_space.read), session.xen_symbol("hardware_domain"))


def place(va):
    """<symbol>, or nothing."""
    return f"<{name}>" if (name := symbol_at(va)) else ""


class SharedInfoCommand(gdb.Command):
    """shared_info as it is now: upcall, time, clock, where the p2m is: xen shared-info."""

    def __init__(self):
        super().__init__("xen shared-info", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen shared-info")
        with shared() as (guest, info):
            mfn = guest.boot.shared_info >> PAGE_SHIFT
            vas = [text.va(guest, m.va) for m in guest.virtual_addresses(mfn)]
            say(f"shared_info is maddr {guest.boot.shared_info:#x}, mapped " + (f"at VA {', '.join(vas)}" if vas else "nowhere now"))
            say(shared_info.lines(info))


class Events(gdb.Command):
    """The event channels: pending, masked, and what each is bound to: xen events.

    What they are bound to is told by Xen's own memory, by xen-syms."""

    def __init__(self):
        super().__init__("xen events", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen events")
        with shared() as (guest, info):
            bound = vcpu(guest).channels() if session.xen_syms else {}
        # A guest masks all ports first, or none; without Xen's word the others are those in use.
        unmasked = set(range(info.ports)) - info.masked if info.masked and not session.xen_syms else set()
        for port in sorted(bound.keys() | info.pending | unmasked):
            what = bound.get(port, "")
            if what.startswith("virq "):
                what += f" ({names('VIRQ_').get(int(what.split()[1]), '?')})"
            print(f"port {port:4}  {'pending' if port in info.pending else '-':7}  {'masked' if port in info.masked else '-':6}  {what}".rstrip())
        print(f"upcalls {'masked' if info.evtchn_upcall_mask else 'not masked'}, "
              f"{'one pending' if info.evtchn_upcall_pending else 'none pending'}; "
              f"{text.plural(len(bound), 'channel')} bound" + ("" if session.xen_syms else " (unknown without xen-syms)"))


class VcpuCommand(gdb.Command):
    """What Xen keeps of the guest's processor: stack, callbacks, CR3: xen vcpu."""

    def __init__(self):
        super().__init__("xen vcpu", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen vcpu")
        with session.guest() as guest:
            under_xen(guest)
            say(vcpu(guest).lines(place))


class Traps(gdb.Command):
    """The guest's handlers of exceptions, as set_trap_table has told Xen: xen traps."""

    def __init__(self):
        super().__init__("xen traps", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen traps")
        with session.guest() as guest:
            under_xen(guest)
            say(vcpu(guest).traps(place))


SharedInfoCommand()
Events()
VcpuCommand()
Traps()
