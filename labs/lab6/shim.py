# SPDX-License-Identifier: GPL-2.0-only
"""Lab 6: startup_xen, from Xen's jump to startup_32: what must hold there.

It is run twice: as Xen enters it, and with start_info somewhere else and nothing
of use in the other registers, which Xen promises nothing about.
"""


from .bootparams import DATA, MAGIC, NEWEST, PROTOCOL_SUBARCH, SUBARCH, VERSION, WAYS, XEN, Run, field, startup_32, stop_at_ways

ELSEWHERE = 0x30000  # paddr of free memory, for a second start_info
OTHERS = "rax rbx rcx rdx rdi rbp".split()
# Bytes that a loader may fill in as well: setup_sects, boot_flag, jump, type_of_loader, loadflags, heap_end_ptr, ext_loader_ver and _type.
MAY_SAY = {0x1f1, 0x1fe, 0x1ff, 0x200, 0x201, 0x210, 0x211, *range(0x224, 0x228)}
# And these, with what start_info says: ramdisk_image, ramdisk_size, cmd_line_ptr.
MAY_TELL = {0x218: "mod_start", 0x21c: "mod_len", 0x228: "cmd_line"}


def check_shim(task, boot):
    guest = boot.guest
    stop_at_ways(boot)
    run = Run(boot, boot.elf.loaded()[0].paddr, ("startup_32", *WAYS))
    judge(task, boot, run, guest.info_paddr, "")
    if task.state == "right":
        guest.write(ELSEWHERE, guest.read(guest.info_paddr, guest.info_size))
        run = Run(boot, boot.elf.loaded()[0].paddr, ("startup_32", *WAYS), rsi=ELSEWHERE,
                  **{name: 0x80000101 + 0x1010 * i for i, name in enumerate(OTHERS)})
        judge(task, boot, run, ELSEWHERE, f"entered with start_info at P=V {ELSEWHERE:#x} and rubbish in the other registers: ")


def judge(task, boot, run, info, when):
    guest = boot.guest
    if run.arrived != "startup_32":
        return no_arrival(task, boot, run, when)
    if run.esi == info:
        return task.fail("shim-esi-start-info", f"""{when}at startup_32, ESI is {run.esi:#x}: start_info, as Xen passed it. The head takes
            it for boot_params. ESI has to hold the address of the boot_params that you filled.""")
    if run.page is None:
        linked = 0 <= run.esi - guest.load_offset < guest.image_end
        return task.fail("shim-esi-linked" if linked else "shim-esi-nowhere", f"{when}at startup_32, ESI is {run.esi:#x}, where nothing is mapped. "
                         + ("That is a linked address: it runs P=V here, so pa() takes LOAD_OFFSET off." if linked else ""))
    judge_fields(task, guest, run, info, when)
    said = {at for start, name in MAY_TELL.items() if told(guest, info, name) == field(run.page, start) for at in range(start, start + 4)}
    rest = [at for at, byte in enumerate(run.page) if byte and at not in MAY_SAY | said
            and not MAGIC <= at < VERSION + 2 and not SUBARCH <= at < DATA + 8]
    if task.state == "right" and rest:
        task.fail("shim-other-fields", f"""{when}boot_params (P=V {run.esi:#x}) has {run.page[rest[0]]:#04x} at offset {rest[0]:#x}, a field that nobody
            meant to fill: the kernel will believe it. What is not known stays 0.""")
    damaged = run.damage(run.esi)
    if damaged is not None and 0 <= damaged - guest.info_paddr < guest.info_size:
        task.fail("shim-start-info-damaged", f"{when}start_info itself was written to, at P=V {damaged:#x}. boot_params is another page.")
    elif damaged is not None:
        task.fail("shim-damage", f"{when}memory at P=V {damaged:#x} was written to, which is not in the boot_params that ESI names (P=V {run.esi:#x}).")
    if run.stack_moved():
        task.fail("shim-stack", f"""{when}at startup_32, ESP is {run.esp:#x}, and Xen's boot stack is at {boot.calls.saved['rsp']:#x}. The kernel still
            runs on that: leave it.""")
    return None


def told(guest, info, name):
    """What a loader would say of this start_info: a P=V address, or a size."""
    return info + guest.fields[name].offset if name == "cmd_line" else guest.info[name]


def judge_fields(task, guest, run, info, when):
    page = run.page
    magic, version, subarch, data = page[MAGIC:MAGIC + 4], field(page, VERSION, 2), field(page, SUBARCH), field(page, DATA, 8)
    said = f"{when}at startup_32, ESI leads to P=V {run.esi:#x}, and there"
    if magic != b"HdrS":
        why = " The bytes are in the wrong order: as a number, lowest byte first, it is BP_MAGIC." if magic == b"SrdH" else ""
        task.fail("shim-magic", f"""{said} is {magic.hex(' ')} at offset {MAGIC:#x} (header), not "HdrS", 48 64 72 53.{why} By it a kernel knows that
            the other fields mean something.""")
    if not PROTOCOL_SUBARCH <= version <= NEWEST:
        what = "the field does not exist before 2.07, so hardware_subarch counts for nothing" if version < PROTOCOL_SUBARCH \
            else "there is no such version; 2.07 is the number 0x0207"
        task.fail("shim-version", f"{said} is {version:#06x} at offset {VERSION:#x} (version): {what}.")
    if subarch != XEN:
        near = next((at for at in range(0x228, 0x250) if at != SUBARCH and page[at:at + 4] == b"\2\0\0\0"), None)
        why = f" It is at offset {near:#x}." if near else " 0 says that this is a PC." if subarch == 0 else ""
        task.fail("shim-subarch", f"{said} is {subarch:#x} at offset {SUBARCH:#x} (hardware_subarch), where 2 says that this is Xen.{why}")
    if data == info:
        return
    said += f" is {data:#x} at offset {DATA:#x} (hardware_subarch_data), where start_info's address {info:#x} belongs"
    if data == 0:
        task.fail("shim-no-data", f"{said}. Nobody will know where start_info is: ESI is about to be overwritten.")
    elif data == run.esi:
        task.fail("shim-data-overwritten", f"{said}: that is boot_params's own address. ESI was overwritten before it was kept.")
    elif data & guest.mask == info:
        task.fail("shim-data-upper-half", f"{said}: the field has 64 bits, and the upper 32 are not 0.")
    elif data & guest.mask == info + guest.load_offset & guest.mask:
        task.fail("shim-data-linked", f"{said}: that is its linked address, which is not mapped before the remap. xen_entry() reads it P=V.")
    elif info != guest.info_paddr and data == guest.info_paddr:
        task.fail("shim-data-fixed", f"{said}: that is where it was at another time. Only ESI tells where it is.")
    else:
        task.fail("shim-data", f"{said}. ESI holds it when Xen jumps to startup_xen.")


def no_arrival(task, boot, run, when):
    if run.arrived:
        return task.fail("shim-bypasses-head", f"""{when}startup_xen went to {run.arrived}() without the common head at P=V {startup_32(boot.elf):#x}. All loaders
            come in there, with ESI = boot_params; the shim is one of them, and has nothing to choose.""")
    va = run.linked_fault()
    if va:
        return task.fail("shim-linked", f"""{when}startup_xen uses VA {va:#x} ({boot.where(run.event.ip)}), a linked address. Nothing is mapped there
            before the remap: it runs P=V, and pa() takes LOAD_OFFSET off.""")
    return task.fail("shim-no-arrival", f"""{when}startup_xen did not come to startup_32 (P=V {startup_32(boot.elf):#x}): {boot.describe(run.event)}.
        It ends by a jump there.""")
