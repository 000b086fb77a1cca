# SPDX-License-Identifier: GPL-2.0-only
"""What is wrong with a call of ring_write(), by what the ring holds and by what dom0 has seen."""

from grader.checks.asking import no_answer
from grader.machine import Loop, Stop

from .dom0 import END, IN, IN_CONS, OLD, OUT, OUT_CONS, OUT_PROD, PORT, SIZE, STORM


def failed(task, boot, said, result, identifier, dom0=None):
    """Whether the call did not come back; notes why."""
    if result.value is not None:
        return False
    if dom0 and dom0.overrun:
        task.fail("write-overrun", f"{said} overwrites what dom0 has not read. The ring is full when out_prod - out_cons is its size.")
    elif dom0 and dom0.stuck and not dom0.new() and dom0.unpublished():
        task.fail("write-full-not-published", f"{said} waits for room, and there is nothing published that dom0 could read: out_prod is still where dom0 has read "
                  "to. What is in the ring counts only from then on.")
    elif dom0 and dom0.stuck and dom0.new():
        task.fail("write-full-not-told", f"{said} waits for room, and dom0 does not know: {dom0.new()} bytes are published, and no event was sent for them. Both wait "
                  "for ever.")
    elif dom0 and (dom0.stuck or isinstance(result.event, Loop)):
        task.fail("write-full-no-end", f"{said} waits for room, and does not see that there is some, or does not give the processor away, so that dom0 could make "
                  f"some: {boot.describe(result.event)}. The other side changes the page behind the compiler's back (volatile), and SCHEDOP_yield lets it run.")
    elif isinstance(result.event, Stop) and result.event.name not in ("xen_exit", None):
        task.fail(identifier, f"{said} waits, and there is room.")
    else:
        no_answer(boot, said, result, task, identifier)
    return True


def elsewhere(task, said, dom0):
    """Whether bytes went somewhere else than into the guest's half of the ring; notes where."""
    before, after, text = dom0.before, dom0.page_after, dom0.text
    if dom0.by_console_io:
        task.fail("write-console-io", f"{said} calls console_io, too. Xen's own console is dom0's: a stock Xen prints nothing of a domU's, and a debug build prints each "
                  "line twice.")
    elif before[:END] == after[:END]:
        task.fail("write-nothing", f"{said} leaves the ring as it was.")
    elif before[IN:OUT] != after[IN:OUT] or before[IN_CONS:OUT_CONS] != after[IN_CONS:OUT_CONS]:
        task.fail("write-in", f"{said} writes into the ring's other half: `in` is what dom0 sends, `out` is what the guest says.")
    elif before[OUT_CONS:OUT_PROD] != after[OUT_CONS:OUT_PROD]:
        task.fail("write-out-cons", f"{said} changes out_cons. That is dom0's: it says how far dom0 has read.")
    elif after[OUT:OUT + len(text)] == text:
        task.fail("write-at-0", f"{said} writes at the ring's beginning. It goes on where out_prod is, masked.")
    elif dom0.number(OUT_PROD) == len(text):
        task.fail("write-prod-set", f"{said} sets out_prod to the number of bytes. An index only grows: it goes on from where it was.")
    else:
        return False
    return True


def check_prod(task, said, dom0, text):
    """Index and bytes, where dom0 had room for all."""
    want, got = dom0.start + len(text) & 0xffffffff, dom0.number(OUT_PROD)
    ring = dom0.page_after[OUT:OUT + SIZE]
    stored = bytes(ring[(dom0.start + i) % SIZE] for i in range(len(text)))
    if got == dom0.start:
        task.fail("write-not-published", f"{said} leaves out_prod as it was: the bytes are in the ring, and dom0 will not look at them.")
    elif got != want and got == want % SIZE:
        task.fail("write-index-masked", f"{said} leaves out_prod {got:#x}, not {want:#x}: it keeps the index masked. Then a full ring looks like an empty one; an "
                  "index only grows, and is masked where it is used.")
    elif got != want:
        task.fail("write-prod", f"{said} leaves out_prod {got:#x}, not {want:#x}.")
    elif stored != text:
        task.fail("write-bytes", f"{said} publishes {stored!r} instead of {text!r}.")
    elif dom0.page_after[:OUT] != dom0.before[:OUT] or dom0.page_after[END:] != dom0.before[END:]:
        task.fail("write-damage", f"{said} changes bytes of the page that are not the guest's half of the ring.")
    elif dom0.early is not None:
        task.fail("write-early", f"{said} moves out_prod on by {dom0.early} before these bytes are in the ring. Dom0 may run on another processor, and prints what "
                  "was there before. First the bytes, then the index.")


def check_told(task, said, dom0):
    if task.state != "right":
        return
    ports = {port for port, _ in dom0.sends}
    if not dom0.sends:
        other = f" (event_channel_op {dom0.others[0]} is not EVTCHNOP_send)" if dom0.others else ""
        task.fail("write-not-told", f"{said} sends no event{other}: the bytes are there, and dom0 sleeps.")
    elif ports != {PORT}:
        task.fail("write-port", f"{said} sends an event by port {(ports - {PORT}).pop()}; the console's is {PORT}.")
    elif dom0.sends[-1][1] != dom0.number(OUT_PROD):
        task.fail("write-told-early",
                  f"{said} sends the event before out_prod says that there is something: dom0 looks, finds nothing, and sleeps on.")
    elif len(dom0.sends) > STORM:
        task.fail("write-storm", f"{said} sends {len(dom0.sends)} events: each is a hypercall, and may wake dom0. One says it all.")


def check_stream(task, said, dom0, text):
    """All that dom0 has read: what was there before, then the text."""
    want = bytes([OLD]) * dom0.unread + text
    if dom0.overrun or dom0.read[:dom0.unread] != want[:dom0.unread]:
        task.fail("write-overrun", f"{said} overwrites what dom0 has not read. The ring is full when out_prod - out_cons is its size; and when it has waited once, it may "
                  "be full still.")
    elif len(dom0.read) < len(want) and want.startswith(dom0.read):
        task.fail("write-lost", f"{said} drops {len(want) - len(dom0.read)} bytes. When the ring is full dom0 has to read first: wait for it.")
    elif dom0.read != want:
        task.fail("write-lost", f"{said}: dom0 has read {len(dom0.read)} bytes instead of {len(want)}, and not the same.")
