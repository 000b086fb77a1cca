# SPDX-License-Identifier: GPL-2.0-only
"""What the commands know of the machine that this GDB looks at: one `session`.

`xen attach` sets it up for a machine of `make gdb`'s. Any other QEMU that GDB has been
connected to will do for all that needs no more than the connection.
"""

import contextlib
import functools
import os

import gdb

from xenabi.image import ElfError, Image
from xenabi.notes import NoteError
from xenabi.xensyms import XenSymsError
from xenpt.guest import NATIVE, PVH, Guest
from xenpt.memory import BadPage, Cached, PAGE_SIZE
from xenpt.nested import Nested, has_guest
from xenpt.paging import PagingError
from xenpt.snapshot import SnapshotError
from xenpt.vcpu import NoVcpu
from xenqemu.monitor import MonitorError
from xenqemu.position import NoPosition
from xenqemu.packets import StubError
from xenqemu.timeline import Lost

from . import connection, find
from .ram import Ram


ERRORS = (PagingError, SnapshotError, ElfError, NoteError, XenSymsError, StubError, MonitorError, NoPosition, Lost, BadPage, NoVcpu)
# The code segments that Xen gives to kernels (xen/arch-x86/xen-x86_*.h), without the ring.
GUEST_CS = {0xE018: 32, 0xE030: 64}


class Session:
    """`boot` is what is known of how the guest was started: see xenpt.guest.Boot."""

    errors = ERRORS  # what can go wrong outside

    def __init__(self):
        self.deciding = False  # the machine has stopped, and GDB asks a breakpoint of ours whether to
        self.begin()

    def begin(self, folder=None, image=None):
        """All that was known is forgotten. folder is make gdb's, with the sockets and the console's transcript."""
        self.folder, self._image = folder, image
        self.stopped_with = None  # see registers.py
        self.machine = self.boot = self.timeline = self.gate = self.xen_file = None
        self.hvm_start_info = None  # its paddr, of a kernel that was entered as PVH
        self.second_level = None  # the root of the tables that lead from its paddrs to the machine's, if Xen is below it
        self.address = None  # what GDB is connected to
        self.cr3 = None  # that of the domain that the commands are about, if the machine has several
        self._stub = self._ram = self._connection = None

    @property
    def image(self):
        """The guest's ELF file: what was attached to, or else what GDB has loaded; None without one."""
        path = gdb.current_progspace().filename
        return self._image or (path and os.path.exists(path) and elf(path)) or None

    # ---- the machine ------------------------------------------------------------------

    @property
    def stub(self):
        """The stub, over GDB's connection. Only when the machine is stopped."""
        remote = connection.remote()
        if not self.deciding and gdb.selected_thread() and gdb.selected_thread().is_running():
            raise gdb.GdbError("the machine is running: stop it with Ctrl-C first")
        if self._connection != remote.num:
            if self._connection and not self.folder:
                self.begin()  # another machine
            self.give_back()
        if not self._stub:
            self._stub, self._connection = connection.borrow(remote), remote.num
            self.address = connection.lasting(remote.details)
        return self._stub

    def kits(self, what):
        """The folder of a machine that `make gdb` has started; others lack what this needs."""
        connection.remote()
        if not self.folder:
            raise gdb.GdbError(f"{what}, which a machine has that `make gdb` started (IMAGE= takes any image)")
        return self.folder

    def path(self, name, what="this needs QEMU's monitor and the console's transcript"):
        return os.path.join(self.kits(what), name)

    @property
    def monitor(self):
        self.kits("this needs QEMU's monitor (QMP), snapshots and -icount")
        return self.machine.monitor

    @property
    def icount(self):
        """The machine's instructions so far; None if they are not counted, or not for us."""
        return self.monitor.icount() if self.folder else None

    def read_page(self, maddr):
        """A page of machine memory; inside guest() only."""
        self._ram = self._ram or Ram(self.stub)
        if maddr not in self._ram:
            raise BadPage(f"maddr {maddr:#x} is beyond the machine's memory")
        return self.stub.read(maddr, PAGE_SIZE)

    # ---- Xen's symbols ------------------------------------------------------------------

    def xen_symbol(self, name):
        """Where something of Xen's is, or None."""
        xen = self.xen_syms and os.path.exists(self.xen_syms) and elf(self.xen_syms)
        return xen.symbols.get(name) if xen else None

    @property
    def xen_syms(self):
        """Xen's own file with symbols: as named to `xen connect`, or beside the hypervisor of `make gdb`; None without."""
        if self.xen_file or not self.folder:
            return self.xen_file
        return os.path.join(os.path.dirname(os.path.realpath(self.path("xen"))), "xen-syms")

    def known_xen_syms(self):
        """The same, if it is there."""
        path = self.xen_syms
        if not path or not os.path.exists(path):
            raise gdb.GdbError(f"{path or 'xen-syms'} is missing, Xen's file with its types and symbols: `make xen` makes one, "
                               "`xen connect xen-syms FILE` names another")
        return path

    # ---- the guest ----------------------------------------------------------------------

    @property
    def under_xen(self):
        return bool(self.second_level) if self.boot == PVH else self.boot != NATIVE

    def bits(self, registers=None):
        """How wide the guest is: its code segment tells; while Xen runs, the image."""
        registers = registers or self.stub.registers()
        wide = 64 if self.image is None else self.image.bits
        return GUEST_CS.get(registers.cs & ~3, wide) if self.under_xen else wide

    @contextlib.contextmanager
    def guest(self, needs_start=False):
        """The guest as it is now, readable while this holds; with needs_start, also where its start_info is. Errors become
        one line."""
        with plain_errors():
            registers = self.stub.registers()
            bits = self.bits(registers)
            with self.stub.physical():
                self.boot = find.boot(self, registers, bits, needs_start)
                yield Guest(self.guest_memory(registers), registers, bits, self.boot)

    def guest_memory(self, registers):
        """What can be read by the addresses in the guest's tables; inside physical() only."""
        if not self.second_level:
            return self
        if not has_guest(registers):
            raise gdb.GdbError("Xen is at work, on tables of its own: let it run on into the guest")
        return Nested(Cached(self), self.second_level)

    def give_back(self):
        """GDB may close its connection now; a later command borrows the new one."""
        if self._stub:
            self._stub.socket.close()
        self._stub = self._connection = None


@functools.lru_cache(maxsize=4)
def elf(path):
    """An ELF file, or None if it is none."""
    try:
        return Image(path)
    except (OSError, ElfError):
        return None


@contextlib.contextmanager
def plain_errors():
    """What can go wrong outside comes to the reader as a line."""
    try:
        yield
    except ERRORS as error:
        raise gdb.GdbError(str(error)) from None
    except gdb.error as error:
        raise gdb.GdbError(f"GDB: {error}") from None
    except OSError as error:
        raise gdb.GdbError(f"{error.filename or 'QEMU'}: {error.strerror}") from None


session = Session()
# After `detach` our end of the connection has to go, too, or QEMU serves nobody else.
gdb.events.connection_removed.connect(lambda _: session.give_back())
