# SPDX-License-Identifier: GPL-2.0-only
"""Lab 6: the real boot under Xen, from its first instruction to start_kernel()."""

from grader.checks.remap import check_left
from grader.machine import MOST_STOPS, Stop

from .bootparams import DATA, SUBARCH, XEN, field, kept, stop_at_ways


def check_xen(task, boot):
    machine, guest = boot.machine, boot.guest
    stop_at_ways(boot)
    way = []
    event = machine.go()
    while isinstance(event, Stop) and event.name == "startup_32" and len(way) < 2:
        way.append(event.name)
        event = machine.go()
    if not isinstance(event, Stop) or event.name != "xen_entry" or way != ["startup_32"]:
        return task.fail("xen-wrong-way", f"""under Xen, the way was {', '.join(['startup_xen', *way])}, and then: {boot.describe(event)}. It should be
            startup_xen, startup_32, xen_entry.""")
    params = kept(boot)
    if field(params, SUBARCH) != XEN or field(params, DATA, 8) != guest.info_paddr:
        return task.fail("xen-params", f"""at xen_entry(), boot_params has hardware_subarch {field(params, SUBARCH):#x} and hardware_subarch_data
            {field(params, DATA, 8):#x}. It should be 2, and start_info at P=V {guest.info_paddr:#x}.""")
    check_left(task, boot, event)
    boot.side_effects(task)
    event = to_start_kernel(boot)
    if not isinstance(event, Stop) or event.name != "start_kernel":
        return task.fail("xen-no-start-kernel", f"under Xen, start_kernel() was not reached: {boot.describe(event)}.")
    if kept(boot) != params:
        task.fail("xen-params-changed", "boot_params at start_kernel() is not what it was at xen_entry().")
    guest.memory.accept()  # behind xen_entry() it is the kit's own code that writes
    return None


def to_start_kernel(boot):
    """From xen_entry() on; the kernel has a fault on purpose when P=V is gone, and handles it."""
    for name in ("start_kernel", "xen_drop_identity_map", "xen_exit"):
        boot.machine.stop_at(boot.elf.address(name), name)
    for _ in range(MOST_STOPS):
        event = boot.machine.go()
        if not isinstance(event, Stop) or event.name in ("start_kernel", "xen_exit"):
            break
        if event.name == "xen_drop_identity_map":
            boot.machine.pass_by("pv_inject_event")
    return event
