# SPDX-License-Identifier: GPL-2.0-only
"""One boot of a toolstack, watched from outside while it builds a guest.

What it asks of Xen is seen at the stubs of dom0's hypercall page. Which machine pages the guest has, Xen says itself, in its
answer to populate_physmap; so the guest's memory can be read whatever the reader's code makes of it. Numbers of the ABI:
xen/memory.h, xen/domctl.h, xen/arch-x86/xen.h.
"""

import re
from types import SimpleNamespace

from grader.checks.frames import frames_of
from grader.machine import Stop
from grader.memory import Memory
from grader.tables import PAGE
from xenabi.headers import value
from xenabi.image import Image
from xenabi.structs import constants, struct

from .guestpages import GuestPages, packed
from .layout import MAPPED, Layout

STUB = 32  # bytes of a stub of the hypercall page
MEMORY_OP, MMUEXT_OP, EVENT_OP, DOMCTL = (value(f"__HYPERVISOR_{name}") for name in ("memory_op", "mmuext_op", "event_channel_op", "domctl"))
POPULATE = value("XENMEM_populate_physmap")
DESTROY, UNPAUSE, INFO, SET_CONTEXT = (value(f"XEN_DOMCTL_{name}") for name in (
    "destroydomain", "unpausedomain", "getdomaininfo", "setvcpucontext"))
NEW_PORT = value("EVTCHNOP_alloc_unbound")
PORT_AT = struct(64, "struct evtchn_alloc_unbound", "port").offset("port")
LAST_ID = "rover"  # Xen's variable: the domain that it has made last
ID = 0x1233  # so the guest's is one more, and no small number
PINS = {value(f"MMUEXT_PIN_L{level}_TABLE"): level for level in (1, 2, 3, 4)}
OP = struct(64, "struct xen_domctl", "u.getdomaininfo.flags", "u.getdomaininfo.shared_info_frame", "u.vcpucontext.ctxt")
INFO_FLAGS, INFO_SHARED, CONTEXT_HANDLE = (field.offset for field in OP.fields.values())
SHUTDOWN, REASON = constants(64, "XEN_DOMINF_shutdown", "XEN_DOMINF_shutdownshift")
UNHEARD_OF = 0x80  # a reason that no Xen gives yet: all bits of it count
NUMBER_AT, SECOND = 0, 1  # of struct guest in src/include/toolstack.h: which of two it is
LATE = b"its last words\n"
ENTRY = "the guest's entry"
OLD = b"\xc2"  # what a page holds that nobody has written to
FOR_EVER = b"\xeb\xfe"  # a jump to itself
MOST = 4000  # hypercalls of a run
SHORT = ("none", "pte", "pmd", "pgd", "pgd", "segments", "shared", "writable")  # page types, as predictions name them


class Building(GuestPages):
    """A boot of stage 6. What it was seen to do is left in attributes; None or empty is what it did not come to."""

    def __init__(self, lab, image, guest, dom0_kind, guest_kind, words, module):
        name = f"{dom0_kind}-builds-{guest_kind}"
        files = packed(lab, f"{name}.tar", guest, module) if module else guest
        super().__init__(lab, image, files, f"transcript-{name}.log", words)
        self.who = f"a guest of {guest_kind[4:]} bits, built by a dom0 of {dom0_kind[4:]}"
        self.words = words
        self.hangs = "seconds=" in words
        self.other_reason = "for another reason" in words  # Xen's answer has another one, whatever the guest does
        mib = re.search(r"guest_mem=(\d+)", words)
        self.layout = Layout(Image(guest), "layout=far" in words, module, int(mib[1]) << 8 if mib else MAPPED)
        self.ports = []  # the guest's: for its console, for its store
        self.strays = []  # function of the reader's, PFN that it should not have written to
        self.pins, self.context, self.shared = [], None, None
        self.sealed = self.list = self.info = self.entry = self.left = None
        self.frames, self.mapped, self.event, self.pinned = {}, {}, None, None
        self.lines, self.verdict = [], None
        self.late = False  # whether the guest's last words were written

    @classmethod
    def run(cls, lab, image, guest, *kind):
        """Boots it to its end."""
        with cls(lab, image, guest, *kind) as run:
            run.watch()
            run.lines, run.ring = run.guest_lines(), b"" if run.machine.ended else run.page(run.layout.console)
            if isinstance(run.event, Stop) and run.event.name == "dom0's end":
                run.verdict = run.event.regs["rdi"] & 0xff if run.guest.bits == 64 else run.number(run.event.regs["rsp"] + 4, 4)
        return run

    def watch(self):
        machine, page = self.machine, self.elf.address("hypercall_page")
        machine.pass_by("pv_inject_event")  # dom0 has handlers of its own, and tries them
        for number in (MEMORY_OP, MMUEXT_OP, EVENT_OP, DOMCTL):
            machine.stop_at(page + STUB * number, number)
        for name in self.layout.writers:
            machine.stop_at(self.elf.address(name), name)
        for name in (name for name in machine.xen_symbols if name.startswith(LAST_ID + ".")):
            machine.stub.write(machine.xen_symbols[name], ID.to_bytes(2, "little"))
        machine.stop_at(self.elf.address("xen_exit"), "dom0's end")
        machine.stop_at(self.layout.entry, ENTRY)
        for _ in range(MOST):
            self.event = machine.go()
            if not isinstance(self.event, Stop) or self.event.name in ("dom0's end", "xen_exit"):
                return
            if self.event.regs["cs"] & 3:  # Xen has code at the same addresses
                {MEMORY_OP: self.memory, MMUEXT_OP: self.mmuext, EVENT_OP: self.new_port, DOMCTL: self.domctl, ENTRY: self.enter_guest,
                 "written": self.written}.get(self.event.name, self.begin_writing)(self.event.regs)

    def begin_writing(self, regs):
        """At the first instruction of a function of the reader's that writes to the guest's memory: to a second guest's, as far as it can tell."""
        pages = SimpleNamespace(p2m=[self.pages[pfn] for pfn in sorted(self.pages)], machine=self.machine,
                                pfn_of={mfn: pfn for pfn, mfn in self.pages.items()})
        guest = self.number(regs["rsp"] + self.guest.word, self.guest.word) if self.guest.bits == 32 else regs["rdi"]
        self.writing = self.event.name, Memory(pages, self.folder), guest
        self.machine.stub.write(guest + NUMBER_AT, SECOND.to_bytes(4, "little"))
        self.machine.stop_at(self.number(regs["rsp"], self.guest.word), "written")

    def written(self, _):
        """Behind it: only what is its own may have changed."""
        name, memory, guest = self.writing
        self.machine.stub.write(guest + NUMBER_AT, bytes(4))
        self.machine.pass_by("written")
        for paddr, _, _ in memory.changes():
            if paddr // PAGE not in self.layout.writers[name]:
                self.strays.append((name, paddr // PAGE))

    def arguments(self, regs):
        names = ("rbx", "rcx", "rdx", "rsi") if self.guest.bits == 32 else ("rdi", "rsi", "rdx", "r10")
        values = [regs[name] & self.guest.mask for name in names]
        if self.guest.bits == 64:
            values[3] = regs["r10"] if regs["r10"] <= 0xffff else regs["rcx"] & 0xffff
        return values

    def returned(self, regs):
        """Lets the hypercall return; its result, or None if it does not."""
        back = self.number(regs["rsp"], self.guest.word)
        self.machine.stop_at(back, "back")
        event = self.machine.go()
        while isinstance(event, Stop) and event.name == ENTRY:  # Xen may run the guest meanwhile
            self.enter_guest(event.regs)
            event = self.machine.go()
        self.machine.pass_by("back")
        if not isinstance(event, Stop) or event.name != "back":
            return None
        value = event.regs["rax"] & 0xffffffff
        return value - ((value & 0x80000000) << 1)

    def memory(self, regs):
        """memory_op: the list goes in with PFNs, and comes back with MFNs."""
        cmd, arg = self.arguments(regs)[:2]
        if cmd & 63 != POPULATE:
            return
        word = self.guest.word
        at, count = self.number(arg, word), self.number(arg + word, word)
        pfns = self.guest.words(self.machine.stub.peek(at, count * word) or b"")
        self.returned(regs)
        self.pages.update(zip(pfns, self.guest.words(self.machine.stub.peek(at, count * word) or b"")))
        for pfn in set(pfns) & set(self.layout.filled) & set(self.pages):  # fresh pages hold anything
            self.put(pfn, 0, OLD * PAGE)

    def new_port(self, regs):
        """Each port of the guest's is asked for twice, so that its numbers are none that one would guess."""
        cmd, op = self.arguments(regs)[:2]
        if cmd != NEW_PORT:
            return
        asked = self.machine.stub.read(op, PORT_AT)
        self.returned(regs)
        self.machine.stub.write(op, asked)
        for name, number in regs.items():
            if name == "rip" or name.startswith("r") or name == "eflags":
                self.machine.stub.set_register(name, number)
        self.returned(regs)
        self.ports.append(self.number(op + PORT_AT, 4))

    def mmuext(self, regs):
        ops, count, _, domain = self.arguments(regs)
        cmd, mfn = self.number(ops, 4), self.number(ops + self.guest.word, self.guest.word)
        if cmd not in PINS or not count:
            return
        self.seal()
        before = self.kinds()
        pin = SimpleNamespace(level=PINS[cmd], mfn=mfn, domain=domain, ret=self.returned(regs))
        self.pins.append(pin)
        self.pinned = self.pinned or (before, self.kinds())

    def kinds(self):
        """By level, for what Xen holds the guest's tables: for predictions."""
        types, held = frames_of(self), {}
        for pfn in set(self.layout.tables) & set(self.pages):
            held.setdefault(self.layout.level_of(pfn), []).append(types.of(self.pages[pfn]))
        return {level: " and ".join(sorted({SHORT[frame.type] for frame in frames})) for level, frames in held.items() if all(frames)}

    def domctl(self, regs):
        op = self.arguments(regs)[0]
        cmd = self.number(op, 4)
        if cmd == SET_CONTEXT:
            self.seal()
            raw = self.machine.stub.peek(self.number(op + CONTEXT_HANDLE, self.guest.word), self.layout.context.size) or b""
            self.context = SimpleNamespace(raw=raw, ret=self.returned(regs))
        elif cmd == UNPAUSE:
            self.seal()
            types = frames_of(self)
            self.frames = {pfn: types.of(self.pages[pfn]) for pfn in self.layout.tables if pfn in self.pages}
        elif cmd == INFO:
            if self.returned(regs) == 0:
                self.informed(op)
        elif cmd == DESTROY and self.left is None:
            self.left = SimpleNamespace(mapped=self.mapped_by_dom0(), ring=self.page(self.layout.console), store=self.page(self.layout.store))

    def informed(self, op):
        """Xen says how the guest is. Once it says that it has shut down, there is more in its ring: it wrote that before its end. And one
        that hangs has said something before."""
        self.shared = self.number(op + INFO_SHARED, 8) or self.shared
        flags = self.number(op + INFO_FLAGS, 4)
        if self.other_reason and flags & SHUTDOWN:
            self.machine.stub.write(op + INFO_FLAGS, (flags & (1 << REASON) - 1 | UNHEARD_OF << REASON).to_bytes(4, "little"))
        ended = self.number(op + INFO_FLAGS, 4) & SHUTDOWN
        if self.entry and not self.late and (ended or self.hangs):
            self.late = True
            self.say(LATE)
            if ended:
                self.late_hour()

    def enter_guest(self, regs):
        if self.entry is None and self.context and regs["cs"] & 3:  # Xen has code there, too
            self.entry = regs
            self.machine.pass_by(ENTRY)
            if self.hangs and self.machine.stub.peek(regs["rip"], len(FOR_EVER)):  # if it is mapped at all
                self.machine.stub.write(regs["rip"], FOR_EVER)

    def seal(self):
        """The guest's memory is as it was filled: before Xen looks at it."""
        if self.sealed is not None or not self.pages:
            return
        self.mapped = self.mapped_by_dom0()
        self.sealed = {pfn: self.page(pfn) for pfn in self.layout.tables}
        self.list = b"".join(self.page(pfn) for pfn in self.layout.list_pages)
        self.info = self.page(self.layout.start_info)
