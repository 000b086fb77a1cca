# SPDX-License-Identifier: GPL-2.0-only
"""ring_write() with an empty ring, over the ring's end, over the index's, and with a ring that is full."""

from grader.machine import Fault
from grader.tables import PAGE

from .dom0 import FREE, OUT, PORT, SIZE, Dom0, selected
from .findings import check_prod, check_stream, check_told, elsewhere, failed


def check_write(task, boot):
    guest = boot.guest
    boot.stop_at_stubs()
    page = guest.limit() // PAGE + FREE
    with selected(boot, guest.limit() + PAGE, page, PORT):
        for examine in (check_few, check_none, check_wrapped, check_overflow, check_exact, check_full):
            if task.state == "right":
                examine(task, boot, page)
    guest.write(page * PAGE, bytes(PAGE))
    for name in ("event_channel_op", "sched_op", "console_io"):
        boot.machine.pass_by(name)


def check_few(task, boot, page):
    """A line, in the middle of an empty ring."""
    text, prod = b"forty-two bytes, somewhere in the middle.\n", 100
    dom0 = Dom0(boot, page, prod, 0)
    result = dom0.write(text)
    said = f"{boot.who}, with {len(text)} bytes for an empty ring (out_prod {prod:#x}), ring_write()"
    if failed(task, boot, said, result, "write-no-answer") or elsewhere(task, said, dom0):
        return
    check_prod(task, said, dom0, text)
    check_told(task, said, dom0)


def check_none(task, boot, page):
    dom0 = Dom0(boot, page, 5, 0)
    result = dom0.write(b"")
    said = f"{boot.who} ring_write() of 0 bytes"
    if not failed(task, boot, said, result, "write-no-answer") and dom0.new():
        task.fail("write-of-nothing", f"{said} moves out_prod on by {dom0.new()}: nothing was to be written.")


def check_wrapped(task, boot, page):
    """Over the ring's end."""
    text, prod = b"over the end\0of the ring\xff", SIZE - 5
    dom0 = Dom0(boot, page, prod, 0)
    result = dom0.write(text)
    said = f"{boot.who}, with {len(text)} bytes and 5 places before the ring's end (out_prod {prod:#x}), ring_write()"
    behind = dom0.page_after[OUT + SIZE:OUT + SIZE + 4]
    if not isinstance(result.event, Fault) and behind != dom0.before[OUT + SIZE:OUT + SIZE + 4]:
        task.fail("write-not-masked", f"{said} writes behind the ring, over the indexes of its other half. An index only grows; where in the ring it is, its "
                  "lower bits say (MASK_XENCONS_IDX).")
    elif not failed(task, boot, said, result, "write-no-answer"):
        check_prod(task, said, dom0, text)


def check_overflow(task, boot, page):
    """An index has 32 bits: not fewer, and not more."""
    text = b"the index begins anew"
    for prod in (0x1_0800 - 8, 0x1_0000_0000 - 8):
        dom0 = Dom0(boot, page, prod, 0)
        result = dom0.write(text)
        said = f"{boot.who}, with {len(text)} bytes at out_prod {prod:#x}, ring_write()"
        if task.state == "right" and not failed(task, boot, said, result, "write-no-answer"):
            check_prod(task, said, dom0, text)


def check_exact(task, boot, page):
    """As many bytes as there are free places."""
    text = b"just what fits"
    dom0 = Dom0(boot, page, 0x7000, SIZE - len(text))
    result = dom0.write(text)
    if not failed(task, boot, "", result, "write-no-answer", dom0):
        dom0.take()
        check_stream(task, f"{boot.who}, with {len(text)} bytes and as many places free, ring_write()", dom0, text)


def check_full(task, boot, page):
    """More than the ring holds, into one that is nearly full, and a dom0 that is slow."""
    text = bytes(33 + i * 7 % 90 for i in range(SIZE + 1000))
    dom0 = Dom0(boot, page, 0x10_0000 - 300, SIZE - 10)
    result = dom0.write(text, watched=False)
    said = f"{boot.who}, with {len(text)} bytes and 10 places free, ring_write()"
    if not failed(task, boot, said, result, "write-full-no-end", dom0):
        dom0.take()
        check_stream(task, said, dom0, text)
