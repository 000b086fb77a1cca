# SPDX-License-Identifier: GPL-2.0-only
"""What the commands know of the boot that this GDB looks at: one `session`."""

import contextlib
import os

import gdb

from xenabi.image import ElfError, Image
from xenabi.notes import NoteError
from xenabi.xensyms import XenSymsError
from xenpt.guest import Guest
from xenpt.memory import BadPage, PAGE_SIZE
from xenpt.paging import PagingError
from xenpt.snapshot import SnapshotError
from xenqemu.monitor import Monitor, MonitorError
from xenqemu.position import NoPosition
from xenqemu.stub import StubError
from xenqemu.timeline import Lost

from . import connection


ERRORS = (PagingError, SnapshotError, ElfError, NoteError, XenSymsError, StubError, MonitorError, NoPosition, Lost, BadPage)


class Session:
    """Set up by `xen attach`; `boot` is known from the image's first instruction on."""

    errors = ERRORS  # what can go wrong outside

    folder = None  # where the sockets and the console's transcript are
    image = None  # xenabi.image.Image
    machine = None  # xenqemu.machine.Machine
    boot = None
    timeline = None  # xenqemu.timeline.Timeline
    gate = None  # see places.hypercall_gate()
    deciding = False  # the machine has stopped, and GDB asks a breakpoint of ours whether to

    def __init__(self):
        self._stub = self._monitor = self._memory_size = self._xen_symbols = None

    def attach(self, folder, image):
        self.__init__()
        self.folder, self.image, self.boot, self.timeline, self.gate = folder, image, None, None, None

    def xen_symbol(self, name):
        """Where something of Xen's is, or None."""
        if self._xen_symbols is None:
            try:
                self._xen_symbols = Image(self.xen_syms).symbols
            except (OSError, ElfError):
                self._xen_symbols = {}
        return self._xen_symbols.get(name)

    @property
    def xen_syms(self):
        """Xen's own file with symbols: it lies beside the hypervisor."""
        return os.path.join(os.path.dirname(os.path.realpath(self.path("xen"))), "xen-syms")

    def path(self, name):
        return os.path.join(self.folder, name)

    @property
    def stub(self):
        """The stub, over GDB's connection. Only when the machine is stopped."""
        if not self.folder or not gdb.selected_inferior().pid:
            raise gdb.GdbError("not connected to QEMU: start with `make gdb STAGE=n`")
        if not self.deciding and gdb.selected_thread() and gdb.selected_thread().is_running():
            raise gdb.GdbError("the machine is running: stop it with Ctrl-C first")
        if not self._stub:
            self._stub = connection.borrow(self.path("stub"))
        return self._stub

    @property
    def monitor(self):
        if not self.folder:
            raise gdb.GdbError("not connected to QEMU: start with `make gdb STAGE=n`")
        if not self._monitor:
            self._monitor = Monitor(self.path("qmp"))
        return self._monitor

    def read_page(self, maddr):
        """A page of machine memory; inside guest() only."""
        if self._memory_size is None:
            self._memory_size = self.monitor.memory_size()
        if not 0 <= maddr <= self._memory_size - PAGE_SIZE:
            raise BadPage(f"maddr {maddr:#x} is beyond the machine's memory")
        return self.stub.read(maddr, PAGE_SIZE)

    @contextlib.contextmanager
    def guest(self):
        """The guest as it is now, readable while this holds. Errors become one line."""
        with plain_errors():
            registers = self.stub.registers()
            with self.stub.physical():
                yield Guest(self, registers, self.image.bits, self.boot)

    def give_back(self):
        """GDB may close its connection now; a later command borrows the new one."""
        if self._stub:
            self._stub.socket.close()
        self._stub = None


@contextlib.contextmanager
def plain_errors():
    """What can go wrong outside comes to the reader as a line."""
    try:
        yield
    except ERRORS as error:
        raise gdb.GdbError(str(error)) from None
    except OSError as error:
        raise gdb.GdbError(f"{error.filename or 'QEMU'}: {error.strerror}") from None


session = Session()
