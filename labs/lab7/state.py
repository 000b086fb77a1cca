# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's state at the moments of its boot, in a form that two kernels can be compared by.

Numbers differ from kernel to kernel with where Xen puts things. So each value is
kept twice: as it is (raw), and as what it is relative to this boot (same). make
turns the second into the first, on this machine: so the right kernel's value can
be said in the broken one's numbers.
"""

from collections import namedtuple

from grader.hypercall_page import good_stub
from grader.machine import Stop
from grader.tables import MFN_MASK, PAGE

Seen = namedtuple("Seen", "raw same make")

FLAGS = 0xfff | 1 << 63
USED = 0x60  # ACCESSED and DIRTY: the processor's, not the kernel's
LEVELS = {32: ("pgd", "pmd"), 64: ("pgd", "pud", "pmd")}

# The moments: where the kernel stops, P=V or linked, and what is looked at there.
MSR, LIMIT, TABLES, START_INFO, END = "verify_hypercall_page", "remap_kernel", "repoint_start_info", "xen_start_kernel", "xen_exit"
MOMENTS = (MSR, LIMIT, TABLES, START_INFO, END)
LINKED = (START_INFO, END)


class State:
    """One boot, from the entry as far as it comes."""

    def __init__(self, boot):
        self.boot, self.guest, self.machine = boot, boot.guest, boot.machine
        self.first_table = self.guest.info["pt_base"] // PAGE
        self.tables = self.upper_tables()
        self.seen = {}
        look = {MSR: self.hypercall_page, LIMIT: self.limit, TABLES: self.entries, START_INFO: self.fields, END: self.p2m}
        for name in MOMENTS:
            address = self.boot.elf.address(name)
            self.machine.stop_at(address if name in LINKED else self.guest.paddr(name), "at " + name)
        for name in MOMENTS:
            if name == END:  # from here on faults are the kernel's own, and one is meant
                self.machine.pass_by("pv_inject_event")
            event = self.machine.go()
            if not isinstance(event, Stop) or event.name != "at " + name:
                break
            self.seen[name] = look[name](event.regs)

    def hypercall_page(self, _):
        """The page that Xen filled: its maddr is what the MSR was given."""
        guest, page = self.guest, self.guest.paddr("hypercall_page")
        start = guest.elf.loaded()[0].paddr & -PAGE
        found = [p for p in range(start, guest.image_end, PAGE) if good_stub(guest.read(p + 32, 32), 1, guest.bits)]
        if not found:
            return {("wrmsr",): Seen(None, None, lambda same: guest.maddr(page + same))}
        return {("wrmsr",): Seen(guest.maddr(found[0]), found[0] - page, lambda same: guest.maddr(page + same))}

    def limit(self, regs):
        """remap_kernel()'s last argument; on 32 bits behind a pointer to the result, info and start."""
        guest = self.guest
        value = regs["rdx"] if guest.bits == 64 else guest.words(self.machine.stub.read(regs["rsp"], 20))[4]
        return {("limit",): Seen(value, value - guest.limit(), lambda same: guest.limit() + same)}

    # ---- page tables: the levels above the pte ------------------------------------

    def rows(self, level):
        """The guest's own entries of a table: the others are Xen's."""
        if self.guest.bits == 64:
            return [i for i in range(512) if level != "pgd" or not 256 <= i < 272]
        return range(4 if level == "pgd" else 428)

    def upper_tables(self):
        """Which of the page tables' frames are upper ones: frame number from pt_base, level."""
        found, todo = {}, [(0, 0)]
        while todo:
            frame, depth = todo.pop()
            level = LEVELS[self.guest.bits][depth]
            if frame in found:
                continue
            found[frame] = level
            if depth + 1 < len(LEVELS[self.guest.bits]):
                table = self.table(frame)
                below = (self.frame(table[i]) for i in self.rows(level) if table[i] & 1)
                todo += [(f, depth + 1) for f in below if f is not None]
        return found

    def table(self, frame):
        data = self.guest.read((self.first_table + frame) * PAGE, PAGE)
        return [int.from_bytes(data[at:at + 8], "little") for at in range(0, PAGE, 8)]

    def frame(self, entry):
        """The table that an entry names, counted from pt_base; None if the page is not the guest's."""
        pfn = self.guest.pfn_of.get((entry & MFN_MASK) // PAGE)
        return None if pfn is None else pfn - self.first_table

    def entry(self, same):
        if not same:
            return 0
        return self.guest.p2m[same[0] + self.first_table] * PAGE | same[1] | USED

    def entries(self, _):
        found = {}
        for frame, level in self.tables.items():
            table = self.table(frame)
            for index in self.rows(level):
                value = table[index]
                same = (self.frame(value), value & FLAGS & ~USED) if value else 0
                found["entry", frame, index] = Seen(value, same, self.entry)
        return found

    # ---- start_info and the p2m -------------------------------------------------------

    def fields(self, _):
        """start_info now, as what was added to it since the entry."""
        guest = self.guest
        now = guest.parse_info(guest.read(guest.info_paddr, guest.info_size))
        return {("field", name): Seen(value, value - guest.info[name] & guest.mask,
                                      lambda same, old=guest.info[name]: old + same & guest.mask)
                for name, value in now.items() if guest.fields[name].size <= 8}

    def p2m(self, _):
        guest = self.guest
        now = guest.words(guest.read(guest.info["mfn_list"], len(guest.p2m) * guest.word))
        return {("p2m", pfn): Seen(mfn, mfn - guest.p2m[pfn], lambda same, pfn=pfn: guest.p2m[pfn] + same)
                for pfn, mfn in enumerate(now)}

    # ---- where these things are ---------------------------------------------------------

    def place(self, key):
        """Paddr of what is in memory, else None."""
        guest, kind = self.guest, key[0]
        if kind == "entry":
            return (self.first_table + key[1]) * PAGE + 8 * key[2]
        if kind == "field":
            return guest.info_paddr + guest.fields[key[1]].offset
        if kind == "p2m":
            return guest.info["mfn_list"] + key[1] * guest.word
        return None

    def follow(self, path):
        """The key of an entry named by a path, [(level, index), ...]; None if it leads to no upper table."""
        entries = self.seen.get(TABLES)
        levels, frame = LEVELS[self.guest.bits], 0
        key = None
        for depth, (level, index) in enumerate(path):
            if depth >= len(levels) or level != levels[depth] or not entries or ("entry", frame, index) not in entries:
                return None
            key = ("entry", frame, index)
            frame = self.frame(entries[key].raw)
        return key


def differences(right, broken):
    """For each moment that the broken kernel came to, the keys that differ."""
    found = {}
    for name, seen in broken.seen.items():
        good = right.seen[name]
        found[name] = [key for key, value in seen.items() if key in good and value.same != good[key].same]
    return found


def writer(boot, paddr):
    """Name of the function that changes a word after xen_start_kernel(): its VA is watched."""
    machine, guest = boot.machine, boot.guest
    machine.stop_at(boot.elf.address(START_INFO), START_INFO)
    event = machine.go()
    if not isinstance(event, Stop) or event.name != START_INFO:
        return None
    machine.pass_by("pv_inject_event")
    machine.stop_at(boot.elf.address(END), END)
    machine.stub.must(f"Z2,{guest.va(paddr):x},{guest.word}")
    event = machine.go()
    symbol = boot.elf.symbol_at(event.regs["rip"]) if isinstance(event, Stop) else None
    return symbol.name if symbol and event.name != END else None
