# SPDX-License-Identifier: GPL-2.0-only
"""One boot of one image, from Xen's jump to the guest on; and how to speak of it.

    with Session(lab, image) as boot: ...

begins at the image's first instruction, with the guest as Xen made it in
boot.guest. What a guest prints is kept, and quoted, and counts for nothing.
"""

import os
import re
import subprocess

import explain
from xenabi.image import Image
from xenqemu.packets import Gone, Late, Stuck
from xenqemu.patience import patiently

from .calls import DIRECTION, Caller
from .guest import Guest
from .hypercall_page import bad_stubs
from .lab import NotGraded, Stopped
from .machine import BOOT_SECONDS, End, Fault, Loop, Machine, Stop
from .memory import PAGE, Memory, first_difference
from .processor import changed, state
from .rearrange import rearrange
from .running import running

EXCEPTIONS = {0: "division error", 3: "breakpoint", 6: "undefined instruction", 8: "double fault",
              13: "general protection fault", 14: "page fault"}

# A machine that has nearly all of its memory above 4 GiB, which Xen need not clear: page tables, p2m and image lie there.
ABOVE = {"MEM": "160", "QEMU_OPTIONS": "-machine max-ram-below-4g=48M", "XEN_OPTIONS": "bootscrub=0"}
COMMAND_LINE = b"words of the grader's"
LOWEST = range(4)  # pages where a NULL leads to
LITTERED, LEFT_BEHIND = 40, b"\xc2"  # pages behind the last that is used; what a debug Xen leaves in such


class Session:
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

    # ---- what has to stay as it was -------------------------------------------

    def side_effects(self, task):
        """Notes what a task's code did that it has no business with; called when nothing else was found."""
        if self.native or self.machine.ended:
            return
        broken, self.calls.broken = self.calls.broken, ""
        if broken:
            task.fail("call-broken", broken)
        before, self.processor = self.processor, state(self.machine)
        if changed(before, self.processor):
            task.fail("state-left", f"what you wrote leaves the processor in another state than it found it in: {changed(before, self.processor)}")
        bad = bad_stubs(self.guest)
        if bad:
            task.fail("page-damaged", f"entry {bad[0]} of the hypercall page is not Xen's stub any more: something wrote over it.")
        changes = self.guest.memory.changes()
        found = first_difference(changes, self.may_change())
        if found:
            paddr, old, new = found
            task.fail("memory-damaged", f"""what you wrote changes memory that it has no business with: the byte at paddr {paddr:#x},
                {self.name_of(paddr)}, was {old:#04x} and is {new:#04x} now. Whoever reads it next will not find what was there.""")
        if changes:
            self.guest.memory.accept()

    def forget_effects(self):
        """What a task left that is wrong is not the next one's fault."""
        if not self.native and not self.machine.ended:
            self.calls.broken = ""
            self.processor = state(self.machine)
            self.guest.memory.accept()

    def may_change(self):
        """The paddrs that any code may write to: the image's variables, the stack; and the page tables, which are looked at entry by entry."""
        guest = self.guest
        variables = self.elf.section(".data") or self.elf.section(".bss")
        start = variables[0] - guest.load_offset & guest.mask
        top = guest.entry_regs["rsp"]
        tables = guest.info["pt_base"], guest.info["pt_base"] + guest.info["nr_pt_frames"] * PAGE
        return [(start, guest.image_end), (top - PAGE, top), tables, *self.calls.stacks]

    def name_of(self, paddr):
        """What lies at a paddr."""
        guest = self.guest
        info, table = paddr - guest.info_paddr, paddr - guest.info["mfn_list"]
        symbol = self.elf.symbol_at(paddr + guest.load_offset & guest.mask)
        if 0 <= info < guest.info_size:
            field = next((name for name, f in guest.fields.items() if f.offset <= info < f.offset + f.size), "")
            return f"start_info.{field}" if field else "in start_info"
        if 0 <= table < guest.info["nr_pages"] * guest.word:
            return f"mfn_list[{table // guest.word:#x}], which is the p2m's"
        if symbol:
            return f"in {symbol.name}"
        if guest.info["mod_start"] <= paddr < guest.info["mod_start"] + guest.info["mod_len"]:
            return "in the module"
        return "in a page that nobody uses yet"

    # ---- how to speak of it --------------------------------------------------

    def text(self, name):
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def guest_lines(self):
        return [line.rstrip("\r") for line in self.text("log").split("\n")
                if line.strip() and not line.startswith("(XEN)")]

    def xen_says(self):
        """Xen's last word on what the guest asked for, without its prefix; empty if there is none."""
        lines = re.findall(r"^\(XEN\) (?:\S+:\d+:)?d\d+v\d+ (.*?)\r?$", self.text("log"), re.M)
        return lines[-1] if lines else ""

    def where(self, address):
        """Function and line, for an address P=V or linked."""
        guest = self.guest
        linked = address if self.elf.symbol_at(address) else address + guest.load_offset & guest.mask
        symbol = self.elf.symbol_at(linked)
        if not symbol:
            return f"at {address:#x}, where the image has no code"
        try:
            hidden = ["tools/sandbox", "-r", self.symbols] if os.environ.get("SANDBOX") else []
            found = subprocess.run([*hidden, "addr2line", "-e", self.symbols, f"{linked:#x}"], capture_output=True,
                                   text=True, timeout=patiently(300), check=False).stdout.split()[0]
        except (OSError, IndexError, subprocess.TimeoutExpired):
            found = "?"
        line = re.sub(r"^.*/((work|src|labs)/)", r"\1", found)
        line = re.sub(rf"^.*{re.escape(self.lab.work)}/", self.lab.work + "/", line)
        return f"in {symbol.name}()" + ("" if "?" in line else f", {line}")

    def how_it_ended(self, event):
        """A sentence, if the kernel did not get where it should."""
        if isinstance(event, Stop) and event.name not in ("xen_exit", "not_under_xen"):
            return ""
        return "Instead: " + self.describe(event) + "."

    def describe(self, event):
        """How the kernel ended, or where it stopped."""
        if isinstance(event, Fault):
            name = EXCEPTIONS.get(event.vector, f"exception {event.vector}")
            about = f" at VA {event.cr2:#x}" if event.vector == 14 else ""
            return f"{name}{about} {self.where(event.ip)}"
        if isinstance(event, Loop):
            return f"no end in sight: still running after some seconds, {self.where(event.regs['rip'])}"
        if isinstance(event, Stop) and event.name == "xen_exit":
            said = [line for line in self.guest_lines() if "PANIC" in line][-1:]
            return f'the kernel gave up: "{said[0].strip()}"' if said else "the kernel ended itself"
        if isinstance(event, End) and event.stuck_at is not None:
            return f"QEMU hangs {self.where(event.stuck_at)}. {Stuck.WHY}"
        if isinstance(event, End):
            return "the machine ended" + (f" (Xen: {self.xen_says()})" if self.xen_says() else "")
        return f"stopped at {event.name}"
