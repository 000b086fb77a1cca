# SPDX-License-Identifier: GPL-2.0-only
"""One boot of one image, from Xen's jump to the guest on.

    with Session(lab, image) as boot: ...

begins at the image's first instruction, with the guest as Xen made it in
boot.guest. What a guest prints is kept, and quoted, and counts for nothing.
"""

import os
import re

import explain
from xenabi.image import Image
from xenqemu.packets import Gone, Late

from .calls import DIRECTION, Caller
from .effects import SideEffects
from .guest import Guest
from .machine import BOOT_SECONDS, End, Fault, Loop, Machine, Stop
from .memory import PAGE, Memory
from .processor import state
from .rearrange import rearrange
from .running import running
from .stopped import NotGraded, Stopped
from .telling import Telling

# A machine that has nearly all of its memory above 4 GiB, which Xen need not clear: page tables, p2m and image lie there.
ABOVE = {"MEM": "160", "QEMU_OPTIONS": "-machine max-ram-below-4g=48M", "XEN_OPTIONS": "bootscrub=0"}
COMMAND_LINE = b"words of the grader's"
LOWEST = range(4)  # pages where a NULL leads to
LITTERED, LEFT_BEHIND = 40, b"\xc2"  # pages behind the last that is used; what a debug Xen leaves in such


class Session(SideEffects, Telling):
    native = False  # whether there is no Xen below
    elsewhere = True  # whether everything is put elsewhere at the entry (rearrange.py)

    def __init__(self, lab, image, module=None, name="transcript.log", **settings):
        self.lab, self.image = lab, image
        self.symbols = re.sub(r"\.bzImage$", ".elf", image)  # of the kernel that is packed in it
        self.elf = Image(self.symbols)
        self.folder = lab.run_folder()
        self.kept = os.path.join(lab.out, name)
        lab.report.files[name.partition(".")[0]] = self.kept
        if self.elsewhere and not self.native:
            settings = {**ABOVE, **settings}
        try:
            self.machine = Machine(self.folder, image, self.xen(), module, self.native, **settings)
        except (Gone, Late):
            why = self.text("errors").splitlines()[:1]
            self.clear()
            raise NotGraded("QEMU did not start: " + "".join(why)) from None
        except BaseException:
            self.clear()
            raise
        self.watched = running(self.machine.qemu)
        self.watched.__enter__()
        self.guest = None

    def xen(self):
        return os.environ.get("XEN") or "build/xen/xen"

    def __enter__(self):
        try:
            self.enter()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.machine.close()
        self.watched.__exit__(None, None, None)
        log = os.path.join(self.folder, "log")
        if os.path.exists(log):
            os.replace(log, self.kept)
        self.clear()

    def clear(self):
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        os.rmdir(self.folder)

    def enter(self):
        """To the first instruction of the image: the stop that everything else builds on."""
        start = self.elf.address("startup_xen")
        if start is None:
            raise Stopped("no-start", f"{self.image} has no symbol startup_xen")
        part = self.elf.loaded()[0]
        start -= part.vaddr - part.paddr
        self.machine.stop_at(start, "startup_xen")
        event = self.to_entry()
        if not isinstance(event, Stop):
            raise Stopped(*self.not_entered(event))
        self.guest = self.at_entry()
        if self.elsewhere and rearrange(self.guest, self.guest.memory.page, self.xen(), f"lab {self.lab.number}, {os.path.basename(self.kept)}"):
            self.guest = self.at_entry()
        self.litter()
        self.spoil_registers()
        self.processor = state(self.machine)
        self.calls = Caller(self.guest)
        exit_paddr = self.guest.paddr("xen_exit")
        if exit_paddr:
            self.machine.stop_at(exit_paddr, "xen_exit")

    def to_entry(self):
        """Runs to startup_xen. From then on exceptions stop the machine, too."""
        self.machine.stop_in_xen("pv_inject_event")
        return self.to_first_instruction()

    def to_first_instruction(self):
        event = self.machine.go(BOOT_SECONDS)
        while isinstance(event, Stop) and event.regs["cs"] & 3 == 0:  # Xen passes by there, too
            event = self.machine.go(BOOT_SECONDS)
        return event

    def at_entry(self):
        guest = Guest(self.machine, self.elf)
        guest.memory = Memory(guest, self.folder)
        return guest

    def litter(self):
        """Pages that are mapped and nobody's hold anything, and start_info has a command line: so whatever writes there is seen, zeros too."""
        guest = self.guest
        command = guest.info_paddr + guest.fields["cmd_line"].offset
        if not any(guest.read(command, 1)):
            guest.write(command, COMMAND_LINE)
        free = guest.limit() // PAGE
        for pfn in (*LOWEST, *range(free, min(free + LITTERED, guest.info["nr_pages"]))):
            guest.write(pfn * PAGE, LEFT_BEHIND * PAGE)

    def spoil_registers(self):
        """Xen promises ESI and ESP, and that all others are 0 and the direction flag clear today nobody may count on."""
        names = "rax rbx rcx rdx rdi rbp".split() + [f"r{n}" for n in range(8, 16) if self.guest.bits == 64]
        for number, name in enumerate(names, 1):
            self.machine.stub.set_register(name, 0x80000101 + 0x1010 * number)
        self.machine.stub.set_register("eflags", self.guest.entry_regs["eflags"] | DIRECTION)

    def not_entered(self, event):
        if isinstance(event, End):
            return explain.refusal(os.path.join(self.folder, "log"), self.image)
        if isinstance(event, Fault):
            return "entry-elsewhere", f"Xen entered the image elsewhere than at startup_xen: {self.describe(event)}"
        return "not-entered", "Xen did not come to the image's first instruction; see the transcript"

    def keep_tables(self, when, tables):
        """Adds a view of the page tables to the file that is kept."""
        name = os.path.basename(self.kept).replace("transcript", "pagetables").replace(".log", "")
        path = os.path.join(self.lab.out, name + ".txt")
        first = name not in self.lab.report.files
        self.lab.report.files[name] = path
        with open(path, "w" if first else "a", encoding="utf-8") as file:
            file.write(f"{when}:\n" + "\n".join(tables.lines()) + "\n\n")

    def finish(self):
        """Lets the boot go on to its end, for the transcript."""
        for _ in range(200):
            if self.machine.ended or isinstance(self.machine.go(), (End, Loop)):
                return

    def code_at(self, address, count):
        """Bytes of code, at an address P=V or linked."""
        return self.machine.stub.peek(address, count) or b""

    def on_stack(self, event):
        """Names of functions of the image whose return addresses, P=V, are on the stack where it stopped."""
        guest = self.guest
        words = guest.words(self.machine.stub.peek(event.regs["rsp"], 1024) or b"") if hasattr(event, "regs") else []
        symbols = [self.elf.symbol_at(word - 1 + guest.load_offset & guest.mask) for word in words if word < guest.image_end]
        return {symbol.name for symbol in symbols if symbol}
