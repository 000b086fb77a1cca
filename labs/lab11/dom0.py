# SPDX-License-Identifier: GPL-2.0-only
"""A dom0 that the grader plays, for ring_write().

The ring is a page of the guest's that nobody else has mapped, named by a start_info of its own. What the function asks of Xen
is answered here, so that dom0 reads when it is told, and only then; and each store to out_prod is looked at when it is made,
since another processor might read the ring right behind it.
Source: xen/io/console.h, struct xencons_interface.
"""

from contextlib import contextmanager

from grader.tables import PAGE
from xenabi.headers import value
from xenabi.structs import struct

RING = struct(32, "struct xencons_interface", "in", "out", "in_cons", "in_prod", "out_cons", "out_prod")  # the same in both widths
IN, OUT, IN_CONS, IN_PROD, OUT_CONS, OUT_PROD = (field.offset for field in RING.fields.values())
SIZE, END = RING.fields["out"].size, RING.size
SEND, YIELD, BLOCK, POLL = (value(name) for name in ("EVTCHNOP_send", "SCHEDOP_yield", "SCHEDOP_block", "SCHEDOP_poll"))
FREE = 20  # pages behind the limit: what is made up lies there, and is mapped
PORT = 501
SLOW = 3  # how often dom0 is not at it yet
PATIENCE = 30  # hypercalls for which a kernel may wait for a dom0 that was not told
STORM = 4  # events for a few bytes
OLD, STRANGE = 0xc2, 0x5a  # what was in the ring before, and in its other half


@contextmanager
def selected(boot, at, page, port, store=None, store_port=0):
    """Calls console_select_ring() with a made-up start_info at a paddr; what it makes of the image holds meanwhile."""
    guest, calls = boot.guest, boot.calls
    store = guest.p2m[page if store is None else store]
    guest.write_info(at, flags=0, console_mfn=guest.p2m[page], console_1=port, store_mfn=store, store_evtchn=store_port)
    before = calls.image
    try:
        yield calls.call("console_select_ring", at, leave=calls.keep)
    finally:
        calls.forget(before)


class Dom0:
    """The other end of the ring."""

    def __init__(self, boot, page, prod, unread):
        self.boot, self.guest, self.page = boot, boot.guest, page * PAGE
        self.start = prod & 0xffffffff
        self.taken = self.start - unread & 0xffffffff
        contents = bytearray([STRANGE] * OUT + [OLD] * (PAGE - OUT))
        for at, number in ((IN_CONS, 7), (IN_PROD, 12), (OUT_CONS, self.taken), (OUT_PROD, self.start)):
            contents[at:at + 4] = number.to_bytes(4, "little")
        self.before = bytes(contents)
        self.guest.write(self.page, self.before)
        self.sends, self.others, self.early = [], [], None  # (port, out_prod then) of each event; other calls; the first store too early
        self.told = self.waits = 0
        self.stuck = self.by_console_io = False
        self.read, self.overrun = b"", False  # what was read, and whether something was overwritten before
        self.unread = unread
        self.page_after = b""

    def number(self, at):
        return int.from_bytes(self.guest.read(self.page + at, 4), "little")

    def new(self):
        """How many bytes are published that were not read."""
        return self.number(OUT_PROD) - self.taken & 0xffffffff

    def unpublished(self):
        """Whether the ring holds bytes of the text that out_prod does not reach."""
        ring, done = self.guest.read(self.page + OUT, SIZE), len(self.read) - self.unread
        following = self.text[max(done, 0):][:8]
        return bytes(ring[(self.taken + i) % SIZE] for i in range(len(following))) == following

    def take(self):
        count = self.new()
        self.overrun |= count > SIZE
        ring = self.guest.read(self.page + OUT, SIZE)
        self.read += bytes(ring[(self.taken + i) % SIZE] for i in range(min(count, SIZE)))
        self.taken = self.taken + count & 0xffffffff
        self.guest.write(self.page + OUT_CONS, self.taken.to_bytes(4, "little"))
        self.told = 0

    # ---- the function's hypercalls -----------------------------------------------------

    def meet(self, event):
        """At each stop on the way: whether the call ends there."""
        if event.name is None:
            self.look_at_store()
        elif event.name in ("event_channel_op", "sched_op", "console_io"):
            args = self.boot.arguments(event.regs)
            self.boot.calls.come_back(event.regs)
            return getattr(self, event.name)(*args)
        return False

    def event_channel_op(self, cmd, pointer, _):
        if cmd == SEND:
            port = int.from_bytes(self.boot.machine.stub.peek(pointer, 4) or b"", "little")
            self.sends.append((port, self.number(OUT_PROD)))
            self.told = self.told or 1 if port == PORT else self.told
        else:
            self.others.append(cmd)
        return False

    def console_io(self, *_):
        self.by_console_io = True
        return False

    def sched_op(self, cmd, *_):
        """The guest gives the processor away: dom0 may have it, if there is something that it was told of."""
        self.waits += 1
        self.told += bool(self.told)
        if cmd in (YIELD, BLOCK, POLL) and self.told > SLOW and self.new():
            self.take()
            self.waits = 0
        self.stuck = self.waits > PATIENCE
        return self.stuck

    def look_at_store(self):
        """What is published has to be there."""
        ring, prod = self.guest.read(self.page + OUT, SIZE), self.number(OUT_PROD)
        count = prod - self.start & 0xffffffff
        if count <= len(self.text) and any(ring[(self.start + i) % SIZE] != self.text[i] for i in range(count)) and self.early is None:
            self.early = count

    def write(self, text, watched=True):
        """Has ring_write() write it; returns what became of the call."""
        boot, guest = self.boot, self.guest
        self.text = text
        at = self.page + PAGE
        for offset in range(0, len(text), PAGE):
            guest.write(at + offset, text[offset:offset + PAGE])
        boot.calls.stacks.append((self.page, self.page + END))  # the function's to write to: what it may not is looked at here
        if watched:
            with boot.machine.watching(self.page + OUT_PROD, 4):
                result = boot.calls.call("ring_write", at, len(text), meet=self.meet)
        else:
            result = boot.calls.call("ring_write", at, len(text), meet=self.meet)
        self.page_after = guest.read(self.page, PAGE)
        return result
