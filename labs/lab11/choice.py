# SPDX-License-Identifier: GPL-2.0-only
"""Which console: what console_select_ring() makes of start_infos, and who calls it at all."""

from contextlib import ExitStack

from grader.machine import Stop
from grader.tables import PAGE
from xenpt.start_info import SIF_INITDOMAIN, SIF_PRIVILEGED

from .dom0 import FREE, selected
from .findings import failed

PORTS, STORE_PORT = (501, 0x1a5a5, 0x7ffffffe), 13  # a port has 32 bits


def check_select(task, boot):
    guest = boot.guest
    first = guest.limit() // PAGE + FREE
    with ExitStack() as asked:  # each finds what the one before has kept
        for page, port in zip((first, guest.info["nr_pages"] - 1, 3), PORTS):
            result = asked.enter_context(selected(boot, guest.limit() + PAGE, page, port, first + 3, STORE_PORT))
            judge_select(task, boot, page, port, first + 3, result)
            if task.state != "right":
                return


def judge_select(task, boot, page, wanted, store, result):
    guest = boot.guest
    mfn = guest.p2m[page]
    what = f"{boot.who}, whose console page is MFN {mfn:#x} (PFN {page:#x}), console_select_ring()"
    if failed(task, boot, what, result, "select-no-answer"):
        return
    got, port = (int.from_bytes(guest.read(guest.paddr(name), size), "little")
                 for name, size in (("ring_paddr", guest.word), ("ring_port", 4)))
    judge_page(task, f"{what} leaves paddr {got:#x} in ring_paddr", guest, got, page, store)
    judge_port(task, f"{boot.who} console_select_ring() leaves {port:#x} in ring_port", port, wanted)
    if task.state == "right":
        judge_selected(task, boot)


def judge_page(task, said, guest, got, page, store):
    mfn, paddr = guest.p2m[page], page * PAGE
    if got == paddr:
        return
    if got == 0:
        task.fail("select-nothing", f"{said}: nothing was found, or nothing is kept.")
    elif got == mfn * PAGE & guest.mask:
        task.fail("select-mfn-as-pfn", f"{said}: that is the MFN times the page size. start_info names the page by its MFN, and code reaches it "
                  "by its PFN: the m2p has it.")
    elif got in (mfn, page):
        task.fail("select-number", f"{said}: that is the page's number. A paddr is the PFN times the page size.")
    elif got == guest.va(paddr):
        task.fail("select-va", f"{said}: a linked address. It is not mapped yet; and ring_paddr holds a paddr, since no pointer is right both "
                  "before and after the jump.")
    elif got in (store * PAGE, guest.p2m[store] * PAGE):
        task.fail("select-store", f"{said}: that is xenstore's page, PFN {store:#x}.")
    else:
        task.fail("select-wrong-page", f"{said}, and the page is at paddr {paddr:#x}.")


def judge_port(task, said, port, wanted):
    if port == 0:
        task.fail("select-no-port", f"{said}: nobody would be told of what you write. start_info has the port beside the page.")
    elif port == STORE_PORT:
        task.fail("select-store-port", f"{said}: that is xenstore's. The console's is {wanted:#x}.")
    elif port != wanted:
        task.fail("select-port", f"{said}, and the console's port is {wanted:#x}.")


def judge_selected(task, boot):
    """console_write() has to come to ring_write() from then on."""
    boot.machine.stop_at(boot.guest.paddr("ring_write"), "ring_write")
    result = boot.calls.call("console_write", boot.calls.scratch(b"x"), 1, meet=lambda event: event.name == "ring_write")
    boot.machine.pass_by("ring_write")
    if not isinstance(result.event, Stop) or result.event.name != "ring_write":
        task.fail("select-not-selected", f"{boot.who} console_write() does not come to ring_write() after console_select_ring(): who prints has to be "
                  "told of the new way (console_select(), CONSOLE_RING).")


# ---- who takes which ------------------------------------------------------------------


def check_choice(task, *boots):
    for boot in boots:
        if task.state == "right":
            check_chosen(task, boot)


def check_chosen(task, boot):
    """The true boot, up to the remap: what setup_hypercall_page() has made of the true start_info."""
    guest, machine = boot.guest, boot.machine
    domu = not guest.info["flags"] & SIF_INITDOMAIN
    who = boot.who if domu else "as dom0"
    if domu and guest.bits == 64:  # one that drives a device: still not the first
        guest.write_info(guest.info_paddr, flags=SIF_PRIVILEGED)
    machine.stop_at(guest.paddr("remap_kernel"), "remap_kernel")
    event = machine.go()
    machine.pass_by("remap_kernel")
    if not isinstance(event, Stop) or event.name != "remap_kernel":
        inverted = not domu and "select_ring" in boot.where(getattr(event, "ip", 0))
        task.fail("choose-inverted" if inverted else "choose-no-end", f"{who} the kernel does not come to its remap: {boot.describe(event)}." + (
            " Dom0 has no such page: the union holds console.dom0 there." if not domu else ""))
        return
    first = guest.read(guest.paddr("first_domain"), 1) != b"\0"
    ring = int.from_bytes(guest.read(guest.paddr("ring_paddr"), guest.word), "little")
    if domu and not ring:
        task.fail("choose-not-ring", f"{who} nobody has called console_select_ring() when the hypercall page is set up: the kernel goes on with "
                  "console_io, and with a stock Xen below nobody sees any of it. Which flag in start_info is dom0's alone?")
    elif domu and first:
        task.fail("choose-ports", f"{who} exit_without_ports() was not called: at its end the kernel takes itself for dom0, asks for the right to touch "
                  "ports, and ends with the reason that means a reboot.")
    elif not domu and (ring or not first):
        task.fail("choose-inverted", f"{who} " + ("console_select_ring()" if ring else "exit_without_ports()") + " was called: dom0 has no ring, and "
                  "the host learns by a port how it ended. The flag SIF_INITDOMAIN is set in dom0's start_info, and in no other's.")
