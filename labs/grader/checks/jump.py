# SPDX-License-Identifier: GPL-2.0-only
"""The jump, and life without P=V: what must hold.

At xen_start_kernel() the grader itself takes P=V away, behind Xen's back: whatever
still holds a P=V address faults from there on, and is named.
"""

from xenabi.structs import struct
from xenpt.start_info import SIF_MOD_START_PFN

from ..hypercall_page import good_stub
from ..machine import Fault, Stop
from ..tables import PAGE, Tables
from .pages import check_without_pv, explain_page, first_bad_page, pull_pv
from .remap import check_entries, check_left, entry_tables

THREAD_SIZE = 2 * PAGE

# ---- jump_to() --------------------------------------------------------------------------

ROOM = 128  # bytes that a reader may leave free above his stack, as Linux does
UNUSED = b"\x0f\x0b"  # ud2, as code: what lies below the new stack
ABOVE = b"\xcc\x0f\x0b\xcc"  # and what lies above its end, which is nobody's to read
MARK = 0xbad0c0de  # what stands at code, and is no address


def check_jump(task, boot):
    """Called P=V with two addresses that can be recognised; a breakpoint at its target tells."""
    guest, machine = boot.guest, boot.machine
    target = guest.paddr("hypercall_page") + PAGE // 2  # no code, and nobody else comes there
    guest.write(target, MARK.to_bytes(4, "little"))
    stack = (boot.calls.saved["rsp"] & -PAGE) - 0x400
    guest.write(stack - 2 * ROOM, UNUSED * ROOM + ABOVE * (ROOM // 2))  # a target out of the new stack leads nowhere
    machine.stop_at(target, "code P=V")
    machine.stop_at(guest.paddr("xen_start_kernel"), "xen_start_kernel P=V")
    event = boot.calls.call("jump_to", target, stack, meet=lambda event: event.name.endswith("P=V")).event
    for name in ("code", "xen_start_kernel"):
        machine.pass_by(f"{name} P=V")
    if not isinstance(event, Stop) or event.name != "code P=V":
        return explain_jump(task, boot, event, target, stack)
    rsp = event.regs["rsp"] & guest.mask
    if not stack - ROOM <= rsp <= stack:
        where = "is still the caller's" if 0 < boot.calls.saved["rsp"] - rsp < PAGE and abs(rsp - stack) > 2 * ROOM else "is off"
        return task.fail("jump-stack", f"""jump_to(code, stack {stack:#x}) arrives with ESP {rsp:#x}: the stack pointer {where}. The new stack has
            to be in place before the jump, since the old one is mapped P=V only.""")
    if guest.read(stack, len(ABOVE)) != ABOVE:
        return task.fail("jump-above-stack", f"""jump_to(code, stack {stack:#x}) writes to the word at the stack's address. That is the first byte beyond the stack,
            and somebody else's: the first push goes below it.""")
    word = guest.read_word(rsp)
    if rsp != stack and word not in (0, int.from_bytes(UNUSED * (guest.word // 2), "little")):
        return task.fail("jump-return-address", f"""at code, the word at ESP is {word:#x}. There is no way back, so it has to
            be 0: that is where a backtrace ends.""")
    return None


def explain_jump(task, boot, event, target, stack):
    guest, ip = boot.guest, getattr(event, "ip", None)
    said = f"jump_to(code {target:#x}, stack {stack:#x}) did not arrive at code"
    if isinstance(event, Stop) and event.name == "xen_start_kernel P=V":
        task.fail("jump-relative", f"""{said}, but at xen_start_kernel(), P=V: a jmp or call with a label is relative, so it stays in the mapping that
            it runs in. The address to go to is the first argument; a jump through a register goes anywhere.""")
    elif isinstance(event, Stop) and event.name == "startup_xen":
        task.fail("jump-returned", f"""{said}: it went to its own return address. That is the word at 0(%esp); the arguments are above it, code at 4(%esp) and
            stack at 8(%esp).""")
    elif ip in (stack, stack + 1):  # behind the int3 that stands there
        task.fail("jump-swapped", f"{said}: it went to the stack's address. The first argument is the code, the second the stack.")
    elif ip == MARK:
        task.fail("jump-indirect", f"""{said}, but at {ip:#x}, which is what stands in memory there: jmp *(%eax) reads the address to go to at EAX, jmp *%eax
            takes EAX itself.""")
    elif ip is not None and ip & -2 == int.from_bytes(ABOVE, "little") & -2:
        task.fail("jump-elsewhere", f"""{said}: {boot.describe(event)}. That was read from the new stack: the arguments are on the old one, so fetch both
            before ESP changes.""")
    elif ip is not None and ip == boot.calls.saved["rax"] & guest.mask:
        task.fail("jump-not-loaded", f"""{said}, but at {ip:#x}, which EAX held before: it was never loaded. In this assembler's order the source comes first:
            mov 4(%esp), %eax.""")
    else:
        task.fail("jump-elsewhere", f"{said}: {boot.describe(event)}.")


# ---- the sequence -------------------------------------------------------------------------


class Arrival:
    """The run from the entry to xen_start_kernel(), and what it left."""

    def __init__(self, boot):
        self.boot = boot
        machine, guest = boot.machine, boot.guest
        self.before = entry_tables(boot)
        self.linked = boot.elf.address("xen_start_kernel")
        machine.stop_at(self.linked, "xen_start_kernel")
        machine.stop_at(guest.paddr("xen_start_kernel"), "xen_start_kernel P=V")
        machine.stop_at(boot.elf.address("start_kernel"), "start_kernel")
        machine.stop_at(boot.elf.address("xen_exit"), "xen_exit")
        self.event = boot.watch.go("xen_start_kernel", "xen_start_kernel P=V", "start_kernel")


def check_arrival(task, boot, arrival):
    guest, event = boot.guest, arrival.event
    if isinstance(event, Stop) and event.name.endswith("P=V"):
        return task.fail("jump-pv", f"""xen_start_kernel() was reached at P=V {event.regs['rip']:#x}. It has to run at its linked VA
            {arrival.linked:#x}: in position independent code a symbol's address is the one it runs at, so LOAD_OFFSET has to be added.""")
    if isinstance(event, Stop) and event.name == "start_kernel":
        return task.fail("jump-past", """start_kernel() was reached, but not xen_start_kernel(), which has to come first: it sets up what a
            kernel needs under Xen. jump_to() wants linked_va(xen_start_kernel).""")
    if not isinstance(event, Stop) or event.name != "xen_start_kernel":
        return explain_no_arrival(task, boot, arrival)
    after = Tables(guest)
    boot.keep_tables("at xen_start_kernel", after)
    bad = first_bad_page(guest, arrival.before, after)
    if bad:
        explain_page(task, guest, arrival.before, after, *bad)
    else:
        check_without_pv(task, boot)
    rsp, top = event.regs["rsp"] & guest.mask, boot.elf.address("init_stack") + THREAD_SIZE
    if not top - 2 * ROOM <= rsp <= top:
        below = " That is P=V." if rsp + guest.load_offset & guest.mask in range(top - THREAD_SIZE, top + 1) else ""
        task.fail("arrival-stack", f"""xen_start_kernel() begins with ESP {rsp:#x}, and init_stack's top is VA {top:#x}.{below} The stack of
            the kernel's life is init_stack, from its upper end down.""")
    pointer = guest.read_word(guest.paddr("xen_start_info"))
    if pointer != guest.va(guest.info_paddr):
        task.fail("arrival-start-info", f"""xen_start_kernel() begins with xen_start_info {pointer:#x}, and start_info is at VA
            {guest.va(guest.info_paddr):#x}. repoint_start_info() sets it, to the linked address, and has to run before the jump.""")
    check_left(task, boot, event)
    check_entries(task, boot, arrival.before)
    note_repointed(guest)
    base = guest.parse_info(guest.read(guest.info_paddr, guest.info_size))["pt_base"]
    if base == guest.va(guest.va(guest.info["pt_base"])):
        task.fail("arrival-repointed-twice", f"""xen_start_kernel() begins with pt_base {base:#x}: PAGE_OFFSET was added twice. Does
            repoint_start_info() run twice?""")
    return None


def note_repointed(guest):
    """start_info's pointers are the only memory of all that has to be another at xen_start_kernel()."""
    moved = ["pt_base", "mfn_list"] + ["mod_start"] * bool(guest.info["mod_len"] and not guest.info["flags"] & SIF_MOD_START_PFN)
    for name in moved:
        guest.memory.note(guest.info_paddr + guest.fields[name].offset, guest.va(guest.info[name]).to_bytes(guest.word, "little"))


def explain_no_arrival(task, boot, arrival):
    guest, event = boot.guest, arrival.event
    said = f"xen_start_kernel() was not reached: {boot.describe(event)}"
    if boot.machine.ended:
        task.fail("no-arrival", f"{said}.")
        return
    fault = event.cr2 if isinstance(event, Fault) and event.vector == 14 else 0
    symbol = boot.elf.symbol_at(getattr(event, "ip", 0) + guest.load_offset & guest.mask)
    now = guest.parse_info(guest.read(guest.info_paddr, guest.info_size))
    if isinstance(event, Fault) and event.ip == arrival.linked + guest.load_offset & guest.mask:
        task.fail("jump-offset-twice", f"""{said}. That is xen_start_kernel()'s linked VA, with LOAD_OFFSET added once more: linked_va() adds it already, and so
            does the linker.""")
    elif fault >= guest.page_offset and (event.ip == fault or symbol and symbol.name == "jump_to"):
        task.fail("jump-not-mapped", f"{said}. The jump, or its new stack, is at a linked address that is not mapped: the remap has to "
                  "come first, and reach over the image.")
    elif not good_stub(guest.read(guest.paddr("hypercall_page") + 32, 32), 1, guest.bits):
        task.fail("no-hypercall-page", f"{said}. The hypercall page has no stubs: its set-up comes before everything that asks Xen.")
    elif now["pt_base"] != guest.info["pt_base"] and not boot.watch.requests:
        task.fail("repointed-too-early", f"{said}. start_info was repointed already, and the remap not yet done: until then its pointers "
                  "have to be the P=V ones.")
    elif guest.page_offset <= fault < guest.va(guest.info["nr_pages"] * PAGE):
        task.fail("linked-too-early", f"{said}. That is a linked address, used before the remap, or not reached by it.")
    else:
        task.fail("no-arrival", f"{said}.")


# ---- and on, without P=V ----------------------------------------------------------------------


def check_life(task, boot):
    machine, guest = boot.machine, boot.guest
    pull_pv(boot)
    for name in ("start_kernel", "xen_drop_identity_map", "do_trap", "xen_exit"):
        machine.stop_at(boot.elf.address(name), name + " linked" if name == "xen_exit" else name)
    while True:
        event = machine.go()
        if isinstance(event, Stop) and event.name == "xen_drop_identity_map":
            machine.pass_by("pv_inject_event")  # there is a trap table now: faults are the kernel's own
        elif isinstance(event, Stop) and event.name == "do_trap":
            event = own_fault(boot, event)
            if event:
                break
        elif not isinstance(event, Stop) or event.name in ("start_kernel", "xen_exit linked"):
            break
    if isinstance(event, Stop) and event.name == "start_kernel":
        return
    said = boot.describe(event._replace(name="xen_exit") if isinstance(event, Stop) else event)
    if isinstance(event, Fault) and event.vector == 14 and event.cr2 < guest.page_offset:
        task.fail("life-pv-used", f"""after P=V was removed: {said}. VA {event.cr2:#x} is a P=V address that somebody still holds:
            it was not repointed.""")
    else:
        task.fail("life-no-start-kernel", f"start_kernel() was not reached after P=V was removed: {said}.")


def own_fault(boot, stop):
    """A fault that the kernel handles itself; None if it was meant: at an instruction that the kernel's exception table has."""
    guest, stub = boot.guest, boot.machine.stub
    if guest.bits == 64:  # struct pt_regs: in a register and behind 15 others, or on the stack and behind 8
        frame, before = stop.regs["rdi"], 15
    else:
        frame, before = int.from_bytes(stub.read(stop.regs["rsp"] + guest.word, guest.word), "little"), 8
    vector, error, ip = guest.words(stub.read(frame + before * guest.word, 3 * guest.word))
    return None if ip in may_fault(boot) else Fault(vector, error, boot_cr2(boot), ip, stop.regs)


def may_fault(boot):
    """VAs of the instructions in the section __ex_table: pairs of a word each, the distance from the word to the instruction first."""
    start, size = boot.elf.section("__ex_table")
    data = boot.code_at(start, size)
    return {start + at + int.from_bytes(data[at:at + 4], "little", signed=True) & boot.guest.mask for at in range(0, len(data), 8)}


def boot_cr2(boot):
    """The guest's CR2: in vcpu_info, the shared page's first."""
    guest = boot.guest
    offset = struct(guest.bits, "struct vcpu_info", "arch.cr2").offset("arch.cr2")
    data = boot.machine.stub.read(guest.info["shared_info"] + offset, guest.word, physical=True)
    return int.from_bytes(data or b"", "little")
