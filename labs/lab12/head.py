# SPDX-License-Identifier: GPL-2.0-only
"""Lab 12: what has to hold when C begins."""

import os

from grader.machine import Stop
from grader.tables import PAGE, MachineMemory
from xenpt import paging
from xenpt.memory import Cached
from xenpt.space import AddressSpace

LARGE, MAPPED = 2 << 20, 1 << 30  # bytes
THREAD_SIZE = 2 * PAGE
LONG_MODE, PAGING = 0x400, 1 << 31  # EFER.LMA, CR0.PG
INTERRUPTS, DIRECTION, NESTED = 0x200, 0x400, 0x4000
CACHES_OFF = 0x60000000  # CR0.CD, CR0.NW
PVH_CS, PVH_DS = 0x08, 0x10  # src/include/pvh.h
UNCACHED, GLOBAL = 0x18, 0x100  # PWT and PCD; G
PGE = 0x80  # in CR4


def check_head(task, boot):
    machine, guest = boot.machine, boot.guest
    before = outside(boot)
    machine.stop_at(guest.paddr("pvh_entry"), "pvh_entry")
    event = machine.go()
    if not isinstance(event, Stop) or event.name != "pvh_entry":
        return task.fail("head-not-c", f"""the head does not come to pvh_entry(): {boot.describe(event)}. It was entered with ESP = 0, the direction
            flag set, and junk in all registers but EBX: the contract promises no more. An exception resets the machine, since nobody handles one yet.""")
    machine.pass_by("pvh_entry")
    regs = event.regs
    if not regs["efer"] & LONG_MODE or not regs["cr0"] & PAGING:
        return task.fail("head-not-long", "pvh_entry() is 64-bit code, and the processor is not in long mode when it comes there.")
    if regs["rdi"] != boot.info_paddr:
        task.fail("head-argument", f"pvh_entry()'s argument, RDI, is {regs['rdi']:#x}. EBX had the paddr of hvm_start_info, {boot.info_paddr:#x}.")
    check_stack(task, guest, regs)
    if regs["eflags"] & DIRECTION:
        task.fail("head-direction", "C counts on string instructions that go upwards: cld. The contract does not promise it.")
    if regs["ss"] not in (0, PVH_DS) or regs["cs"] != PVH_CS:
        task.fail("head-selectors", f"""at pvh_entry() CS is {regs['cs']:#x}, and SS {regs['ss']:#x}. An interrupt saves both, and IRET loads them again: CS has to
            be PVH_CS, and SS PVH_DS or 0.""")
    if regs["cr0"] & CACHES_OFF:
        task.fail("head-map-uncached", f"CR0 is {regs['cr0']:#x} at pvh_entry(): with CD or NW set the processor's caches are off.")
    if regs["eflags"] & NESTED:
        task.fail("head-nested", "the flag NT is set at pvh_entry(): in long mode the first IRET is a general protection fault.")
    if regs["eflags"] & INTERRUPTS:
        task.fail("head-interrupts", "interrupts are on at pvh_entry(), and there is no IDT.")
    check_mappings(task, guest, regs)
    changed = first_difference(before, outside(boot))
    if changed is not None:
        task.fail("head-damage", f"the byte at paddr {changed:#x} is not what the loader left there, and none of the image's variables.")
    return None


def outside(boot):
    """All of the machine's memory, with zeros in place of what the head may write to: the image's variables, and the descriptors, in which the
    processor notes that they were used."""
    path, size = os.path.abspath(os.path.join(boot.folder, "memory")), boot.machine.monitor.memory_size()
    boot.machine.monitor.execute("pmemsave", val=0, size=size, filename=path)
    with open(path, "rb") as file:
        memory = bytearray(file.read())
    os.unlink(path)
    guest = boot.guest
    variables = (guest.elf.section(".data") or guest.elf.section(".bss"))[0] - guest.load_offset & guest.mask
    for start, end in (variables, guest.image_end), (guest.paddr("gdt"), guest.paddr("gdt_pointer")):
        memory[start:end] = bytes(end - start)
    return memory


def first_difference(old, new):
    """Where two memories differ first; None if nowhere."""
    for at in range(0, len(old), PAGE):
        if old[at:at + PAGE] != new[at:at + PAGE]:
            return next(paddr for paddr in range(at, at + PAGE) if old[paddr] != new[paddr])
    return None


def check_stack(task, guest, regs):
    bottom = guest.paddr("init_stack")
    if not bottom < regs["rsp"] <= bottom + THREAD_SIZE:
        task.fail("head-stack", f"RSP is {regs['rsp']:#x} at pvh_entry(), and init_stack has paddr {bottom:#x} to {bottom + THREAD_SIZE - 1:#x}.")
    elif regs["rsp"] % 16 != 8:
        task.fail("head-stack-aligned", f"""RSP is {regs['rsp']:#x} at pvh_entry(). Before the call that leads there it is to be a multiple of 16: that is
            the compiler's convention on 64 bits.""")


def check_mappings(task, guest, regs):
    space = AddressSpace(Cached(MachineMemory(guest.machine.stub)), paging.FOUR_LEVEL, regs["cr3"])
    image = guest.image_end - guest.elf.loaded()[0].paddr
    for name, offset, size in ("P=V", 0, MAPPED), ("PAGE_OFFSET", guest.page_offset, MAPPED), ("LOAD_OFFSET", guest.load_offset, image + LARGE):
        for paddr in range(0, size, LARGE):
            walk = space.walk(offset + paddr)
            if walk.problem or walk.maddr != paddr:
                which = name.lower().replace("=", "-is-").replace("_", "-")
                led = walk.problem or f"leads to paddr {walk.maddr:#x}"
                task.fail(f"head-map-{which}", f"""{name}: paddr {paddr:#x} should be at VA {offset + paddr:#x}, and there the walk {led}. PVH_MAPPED
                    promises 1 GiB at P=V and at PAGE_OFFSET, and the image at LOAD_OFFSET.""")
                break
            if not walk.rights.write:
                task.fail("head-map-read-only", f"VA {offset + paddr:#x} is mapped read-only.")
                break
            if regs["cr4"] & PGE and walk.path[-1].value & GLOBAL:
                task.fail("head-map-global", f"""the entry for VA {offset + paddr:#x} is {walk.path[-1].value:#x}, and CR4.PGE is set: a global page stays in the TLB when
                    CR3 is loaded, so P=V could not be dropped.""")
                break
            if walk.path[-1].value & UNCACHED:
                task.fail("head-map-uncached", f"""the entry for VA {offset + paddr:#x} is {walk.path[-1].value:#x}: with PCD or PWT set each access goes past the
                    processor's caches, which is for devices.""")
                break
